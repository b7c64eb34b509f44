"""Very large training data: whether memory stays flat as examples grow, and how long training takes.

    python benchmarks/large_bot.py --json OUT [--sizes 6000 20000 60000] [--intents 60] [--peer NAME]

The examples are made from patterns: up to 500 intents (25 things to do with 20 kinds of object) and some 3,000
sentences for each. Every size is trained through Rasa in a process of its own, with our default configuration, and
its peak memory is the operating system's figure for that process; `tuned` says whether `finetune: auto` tuned layers,
which it does not where that would take longer than its `minutes`. `featurizer` is the same pipeline with Rasa's
KeywordIntentClassifier in place of ours: what Rasa and the features take before a classifier begins. `sentences` is
ours with `word_features: false`, which keeps one vector a sentence and none of its words.
Held-out accuracy says no more than that the training worked: the sentences are easy ones.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from intent import OURS, _be_quiet, _environment, _import_what_the_pipeline_uses, _train, _write_bot

FEATURIZER = [*OURS[:-1], {"name": "KeywordIntentClassifier"}]
SENTENCES = [{**line, "word_features": False} if line["name"].endswith("Featurizer") else line for line in OURS]
PIPELINES = {"rasa-llm-components": OURS, "sentences": SENTENCES, "featurizer": FEATURIZER}
_ASKED = 300
"""Messages held out."""

ACTIONS = {
    "activate": ("activate {}", "switch {} on", "start using {}"),
    "archive": ("archive {}", "put {} into the archive", "store {} away"),
    "block": ("block {}", "lock {}", "stop anyone from using {}"),
    "book": ("book {}", "reserve {}", "make a booking for {}"),
    "buy": ("buy {}", "purchase {}", "pay for {} and have it"),
    "cancel": ("cancel {}", "call {} off", "get rid of {} before it begins"),
    "change_date": ("move {} to another day", "change the date of {}", "postpone {}"),
    "compare": ("compare {} with another one", "see how {} differs from others", "know which is better than {}"),
    "complain": ("complain about {}", "say that I am unhappy with {}", "file a complaint about {}"),
    "copy": ("copy {}", "duplicate {}", "make a second one of {}"),
    "download": ("download {}", "save {} on my computer", "get {} as a file"),
    "explain": ("understand {}", "have {} explained to me", "know what {} means"),
    "extend": ("extend {}", "keep {} for longer", "prolong {}"),
    "find": ("find {}", "search for {}", "look {} up"),
    "give_away": ("give {} to a friend", "pass {} on to somebody else", "transfer {} to my brother"),
    "insure": ("insure {}", "take out insurance for {}", "have {} covered if it is stolen"),
    "lose": ("report that I lost {}", "tell you that {} is gone", "say that {} has disappeared"),
    "price": ("know what {} costs", "ask for the price of {}", "see how much I would pay for {}"),
    "print": ("print {}", "have {} on paper", "send {} to the printer"),
    "rate": ("rate {}", "write a review of {}", "give stars to {}"),
    "rename": ("rename {}", "give {} another name", "call {} something else"),
    "repair": ("have {} repaired", "get {} fixed", "say that {} is broken"),
    "share": ("share {} with my team", "let my colleagues see {}", "show {} to others"),
    "translate": ("translate {}", "read {} in another language", "have {} in Spanish"),
    "verify": ("verify {}", "check that {} is genuine", "confirm {}"),
}
OBJECTS = {
    "account": ("my account", "my user account", "the profile"),
    "appointment": ("my appointment", "the doctor's visit", "the consultation"),
    "bicycle": ("the bicycle", "my bike", "the mountain bike"),
    "camera": ("the camera", "my digital camera", "the webcam"),
    "card": ("my card", "the credit card", "my bank card"),
    "certificate": ("the certificate", "my diploma", "the proof of attendance"),
    "course": ("the course", "my class", "the lessons"),
    "flight": ("my flight", "the plane ticket", "the trip by air"),
    "hotel": ("the hotel room", "my stay at the hotel", "the overnight stay"),
    "invoice": ("my invoice", "the bill", "the receipt"),
    "licence": ("my licence", "the software licence", "the product key"),
    "meal": ("the meal", "my dinner", "the lunch menu"),
    "membership": ("my membership", "the gym subscription", "the club pass"),
    "parcel": ("my parcel", "the package", "the delivery"),
    "password": ("my password", "the login code", "the secret pin"),
    "phone": ("the phone", "my mobile", "the smartphone"),
    "photo_album": ("the photo album", "my pictures", "the holiday photos"),
    "playlist": ("my playlist", "the songs", "the music collection"),
    "report": ("the report", "the monthly statistics", "the summary of sales"),
    "table": ("the wooden table", "my desk", "the kitchen table"),
}
OPENINGS = ("", "Hello, ", "Good morning! ", "Sorry to bother you: ", "Please help, ", "Quick question, ")
WISHES = (
    "I want to {}",
    "how can I {}",
    "I would like to {}",
    "is there a way to {}",
    "can you help me {}",
    "could I {}",
)
MOMENTS = ("", " today", " before the weekend", " as soon as possible", " next month", " while I am abroad", " again")
CLOSINGS = ("", " please", " thanks", ", any idea?")


def main() -> None:
    """Trains every size, ours and the peers, prints and writes the records."""
    options = _options()
    if options.run:
        [size] = options.sizes
        record = run(options.run, size, options.intents)
        options.json.write_text(json.dumps(record), encoding="utf-8")
        return
    records = []
    for name in ["rasa-llm-components", *options.peer]:
        record = {"name": name, "intents": options.intents}
        for size in options.sizes:
            record[f"{size}_examples"] = _in_own_process(name, size, options.intents)
            print(f"{name}, {size} examples of {options.intents} intents: {record[f'{size}_examples']}", flush=True)
        records.append(record)
    if options.json:
        options.json.write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")


def examples(size: int, intents: int, *, seed: int = 0) -> tuple[list[str], list[str]]:
    """Different sentences and their intents, as many of each intent.

    Args:
        size: sentences in all.
        intents: 2 to 500.
        seed: which of the intents and sentences.
    """
    chosen = random.Random(0).sample(sorted(product(ACTIONS, OBJECTS)), intents)
    draw = random.Random(seed)
    texts, labels = [], []
    for number, (action, thing) in enumerate(chosen):
        parts = (OPENINGS, WISHES, ACTIONS[action], OBJECTS[thing], MOMENTS, CLOSINGS)
        share = size // intents + (number < size % intents)
        for index in draw.sample(range(_size(parts)), share):
            texts.append(_sentence(parts, index))
            labels.append(f"{action}_{thing}")
    return texts, labels


def run(name: str, size: int, intents: int) -> dict[str, Any]:
    """Trains one pipeline on so many examples, and asks it what it has not seen."""
    _be_quiet()
    from rasa.core.agent import Agent

    _import_what_the_pipeline_uses(name)
    texts, labels = examples(size, intents)
    known = set(texts)
    unseen = [(text, label) for text, label in zip(*examples(2 * intents, intents, seed=1)) if text not in known]
    asked = random.Random(0).sample(unseen, min(_ASKED, len(unseen)))
    with tempfile.TemporaryDirectory() as folder:
        bot = Path(folder)
        _write_bot(bot, PIPELINES[name], texts, labels)
        del texts, labels, known, unseen
        before = _peak_memory_mb()
        model, seconds = _train(bot)
        peak = _peak_memory_mb()
        record = {
            "train_seconds": round(seconds, 1),
            "peak_memory_mb": peak,
            "memory_before_mb": before,
            "model_mb": round(Path(model).stat().st_size / 2**20, 1),
            "tuned": _holds(model, "tuned_intent_model.npz"),
        }
        if name != "featurizer":
            agent = Agent.load(model)
            record["accuracy"] = round(asyncio.run(_share_right(agent, asked)), 4)
        return record


async def _share_right(agent: Any, asked: Sequence[tuple[str, str]]) -> float:
    said = [(await agent.parse_message(text))["intent"]["name"] for text, _ in asked]
    return sum(one == label for one, (_, label) in zip(said, asked)) / len(asked)


def _holds(model: str, name: str) -> bool:
    with tarfile.open(model) as archive:
        return any(Path(member).name == name for member in archive.getnames())


def _size(parts: Sequence[Sequence[str]]) -> int:
    count = 1
    for part in parts:
        count *= len(part)
    return count


def _sentence(parts: Sequence[Sequence[str]], index: int) -> str:
    """The sentence of this number, of all that the parts make."""
    words = []
    for part in parts:
        index, own = divmod(index, len(part))
        words.append(part[own])
    opening, wish, action, thing, moment, closing = words
    return f"{opening}{wish.format(action.format(thing))}{moment}{closing}"


def _peak_memory_mb() -> int:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _in_own_process(name: str, size: int, intents: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        result, log = Path(folder) / "record.json", Path(folder) / "log.txt"
        command = [sys.executable, __file__, "--run", name, "--sizes", str(size), "--intents", str(intents)]
        with log.open("w") as output:
            ended = subprocess.run(
                [*command, "--json", str(result)],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=_environment(),
                check=False,
            )
        if ended.returncode:
            raise SystemExit(f"{name}, {size} examples failed:\n" + "\n".join(log.read_text().splitlines()[-15:]))
        record: dict[str, Any] = json.loads(result.read_text())
        return record


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sizes", type=int, nargs="+", default=[6_000, 20_000, 60_000], help="examples in all")
    parser.add_argument("--intents", type=int, default=60, help="from 2 to 500 (default: 60)")
    parser.add_argument(
        "--peer", action="append", default=[], choices=["sentences", "featurizer"], help="measure this as well"
    )
    parser.add_argument("--json", type=Path, help="write the records here, ours first")
    parser.add_argument("--run", choices=sorted(PIPELINES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    most = _size((OPENINGS, WISHES, MOMENTS, CLOSINGS, range(3), range(3))) * options.intents
    if not 2 <= options.intents <= len(ACTIONS) * len(OBJECTS) or max(options.sizes) > most:
        parser.error(f"--intents: 2 to 500; --sizes: at most {most} for {options.intents} intents")
    return options


if __name__ == "__main__":
    main()
