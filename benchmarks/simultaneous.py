"""Several conversations at once with the running example bot: waiting times, and messages a second.

    python benchmarks/simultaneous.py --json OUT [--peer diet] [--peer diet-tensorflow-1] [--messages 200]

One Rasa server process, with its action server, on a copy of example_bot/ that `make train` has trained; programs
talk to it through the REST channel on 127.0.0.1, first one, then eight at once, each in a conversation of its own that
sends its next message when it has read the reply. Replies are quoted from the pages, not generated.

The peers show whether the threads of the encoder and of TensorFlow get in each other's way: `diet` is the same bot
with Rasa's DIETClassifier reading every message too, and the others are that bot with other numbers of threads. The
encoder reads a message on one thread (`models/int8_graph.py`), TensorFlow and OpenMP take what they do by themselves.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import yaml
from intent import RASA_DEFAULT
from running_bot import BOT, PORT, copy_of_bot, running

LONGEST_REPLY = 60.0
"""Seconds; a later reply ends the benchmark."""

_WARM_UP = 12
_TENSORFLOW = {"TF_INTRA_OP_PARALLELISM_THREADS": "1", "TF_INTER_OP_PARALLELISM_THREADS": "1"}

_RASA_WITH = """
import sys, onnxruntime
from rasa_llm_components.models import graph_reader, int8_graph
def session_of(graph, **_):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = {threads}
    options.add_session_config_entry("session.intra_op.allow_spinning", "{spinning}")
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
int8_graph.session_of = graph_reader.session_of = session_of
from rasa.__main__ import main
main()
"""
"""Rasa, with other threads for the encoder than the package sets."""


@dataclass(frozen=True)
class Variant:
    """A server as it is measured.

    Attributes:
        diet: Rasa's DIETClassifier reads every message too.
        rasa: how the interpreter starts Rasa.
        environment: variables beside those of the benchmark.
    """

    diet: bool = True
    rasa: Sequence[str] = ("-m", "rasa")
    environment: dict[str, str] = field(default_factory=dict)


PEERS = {
    "diet": Variant(),
    "diet-tensorflow-1": Variant(environment=_TENSORFLOW),
    "diet-openmp-1": Variant(environment={"OMP_NUM_THREADS": "1"}),
    "diet-encoder-2": Variant(rasa=("-c", _RASA_WITH.format(threads=2, spinning=0))),
    "diet-encoder-spinning": Variant(rasa=("-c", _RASA_WITH.format(threads=2, spinning=1))),
}

OPENINGS = (
    "",
    "Hello! ",
    "Hi there, ",
    "Good morning. ",
    "Quick question: ",
    "Excuse me, ",
    "One more thing, ",
    "And ",
)
QUESTIONS = (
    "can you wrap a present for me?",
    "how long is the warranty on a lamp?",
    "do you deliver to Norway?",
    "how do I look after a linen cushion?",
    "how can I pay?",
    "what does delivery cost?",
    "when are you open on Sunday?",
    "can I send something back?",
    "do you sell gift cards?",
    "are you a robot?",
    "what can you do?",
    "is my data safe with you?",
    "how do voucher codes work?",
    "how quickly does a parcel arrive?",
    "do you engrave names?",
)
CLOSINGS = ("", " Thanks!", " Please tell me.", " I'd like to know.")


def main() -> None:
    """Measures, prints a line a server, and writes the records."""
    options = _options()
    if not (BOT / "models" / "assistant.tar.gz").exists():
        raise SystemExit("The example bot is not trained. Run: make train")
    with tempfile.TemporaryDirectory() as folder:
        plain = _quoting(copy_of_bot(Path(folder) / "plain"))
        bots = {False: plain}
        if options.peer:
            bots[True] = _with_diet(_quoting(copy_of_bot(Path(folder) / "diet")))
        records = [_measured("rasa-llm-components", Variant(diet=False), bots, options)]
        records += [_measured(name, PEERS[name], bots, options) for name in options.peer]
    if options.json:
        options.json.write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")


def _measured(name: str, variant: Variant, bots: dict[bool, Path], options: argparse.Namespace) -> dict[str, Any]:
    record: dict[str, Any] = {"name": name, "cores": os.cpu_count()}
    texts = _texts()
    with running(bots[variant.diet], rasa=variant.rasa, environment=variant.environment):
        # The first messages of a process pay for what later ones re-use; a server without a model says nothing.
        *_, unanswered = asyncio.run(_talk([texts[:_WARM_UP]]))
        if unanswered == _WARM_UP:
            raise SystemExit(f"{name}: the bot says nothing:\n" + _errors(bots[variant.diet] / "output.log"))
        for number, conversations in enumerate(dict.fromkeys((1, options.conversations))):
            own = texts[_WARM_UP + number * options.messages :][: options.messages]
            key = "1_conversation" if conversations == 1 else f"{conversations}_conversations"
            record[key] = figures(
                *asyncio.run(_talk([own[start::conversations] for start in range(conversations)])),
            )
            print(
                f"{name:24} {key}: " + ", ".join(f"{what} {value}" for what, value in record[key].items()), flush=True
            )
    return record


def _errors(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join([line for line in lines if "Error" in line or "Exception" in line] or lines[-15:])


def figures(milliseconds: Sequence[float], seconds: float, unanswered: int) -> dict[str, Any]:
    """What the messages of one round came to.

    Args:
        milliseconds: from sending each message to its reply.
        seconds: from the first message to the last reply.
        unanswered: messages that got no text.
    """
    return {
        "p50_ms": round(float(np.percentile(milliseconds, 50)), 1),
        "p99_ms": round(float(np.percentile(milliseconds, 99)), 1),
        "messages_per_second": round(len(milliseconds) / seconds, 1),
        "messages": len(milliseconds),
        "unanswered": unanswered,
    }


def _texts() -> list[str]:
    """Different texts, because the encoder remembers what it has read; in the same order every time."""
    texts = [f"{opening}{question}{closing}" for opening, question, closing in product(OPENINGS, QUESTIONS, CLOSINGS)]
    random.Random(0).shuffle(texts)
    return texts


async def _talk(conversations: Sequence[Sequence[str]]) -> tuple[list[float], float, int]:
    """All conversations at once: milliseconds of each message, seconds of all, messages without a reply."""
    milliseconds: list[float] = []
    unanswered = 0

    async def one(session: aiohttp.ClientSession, texts: Sequence[str]) -> None:
        nonlocal unanswered
        sender = f"customer-{random.getrandbits(64):x}"
        for text in texts:
            sent = time.perf_counter()
            body = {"sender": sender, "message": text}
            async with session.post(f"http://127.0.0.1:{PORT}/webhooks/rest/webhook", json=body) as reply:
                said = await reply.json()
            milliseconds.append((time.perf_counter() - sent) * 1000)
            unanswered += not any(part.get("text") for part in said)

    limit = aiohttp.ClientTimeout(total=LONGEST_REPLY)
    async with aiohttp.ClientSession(timeout=limit, raise_for_status=True) as session:
        started = time.perf_counter()
        await asyncio.gather(*(one(session, texts) for texts in conversations))
        return milliseconds, time.perf_counter() - started, unanswered


def _quoting(bot: Path) -> Path:
    """Without the text generator, whose seconds would hide the milliseconds that are measured here."""
    endpoints = yaml.safe_load((bot / "endpoints.yml").read_text())
    del endpoints["nlg"]["model"]
    (bot / "endpoints.yml").write_text(yaml.safe_dump(endpoints))
    return bot


def _with_diet(bot: Path) -> Path:
    """With Rasa's default featurizers and DIET in front, trained for one epoch; our classifier has the last word."""
    config = yaml.safe_load((bot / "config.yml").read_text())
    names = [line["name"] for line in config["pipeline"]]
    ours = names.index("rasa_llm_components.nlu.TransformerFeaturizer")
    diet = [{**line, "epochs": 1} if "epochs" in line else line for line in RASA_DEFAULT[1:6]]
    config["pipeline"] = [*config["pipeline"][:ours], *diet, *config["pipeline"][ours:]]
    (bot / "config.yml").write_text(yaml.safe_dump(config, sort_keys=False))
    command = [sys.executable, "-m", "rasa", "train", "--domain", "domain", "--fixed-model-name", "assistant"]
    environment = {**os.environ, "RASA_TELEMETRY_ENABLED": "false", "USE_TF": "0", "RASA_MAX_CACHE_SIZE": "0"}
    trained = subprocess.run(command, cwd=bot, env=environment, capture_output=True, text=True, check=False)
    if trained.returncode:
        raise SystemExit("The bot with DIET was not trained:\n" + trained.stderr[-3000:])
    return bot


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", type=Path, help="write the records here, ours first")
    parser.add_argument("--peer", action="append", default=[], choices=list(PEERS), help="measure this server as well")
    parser.add_argument("--messages", type=int, default=200, help="in each round, of all conversations (default: 200)")
    parser.add_argument("--conversations", type=int, default=8, help="at once, in the second round (default: 8)")
    options = parser.parse_args()
    most = (len(_texts()) - _WARM_UP) // 2
    if not 1 <= options.conversations <= options.messages <= most:
        parser.error(f"--conversations and --messages: from 1, and at most {most} messages")
    return options


if __name__ == "__main__":
    main()
