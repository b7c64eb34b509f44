"""Splits a message that may want several things into the parts that say one thing each.

spaCy finds the sentences. Within one, a conjunction only *may* part two wishes ("cancel it and tell me when the money
is back", but also "milk and honey"): whoever reads the parts decides, by whether each of them means something alone.
"""

from __future__ import annotations

import re

from rasa_llm_components.knowledge.sentences import split_sentences

FEWEST_WORDS = 2
"""Words that a part has at least; Chinese characters count as half a word each."""

_CONJUNCTIONS = re.compile(
    r"\s*[,;]?\s+(?:and\s+also|and\s+then|and|as well as|but)\s+|,\s+(?:also|then|plus)\s+|\s*[;；]\s*"
    r"|[，,、]?\s*(?:然后|并且|而且|还有|另外|顺便|同时)\s*[，,]?",
    re.IGNORECASE,
)
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


def message_parts(text: str) -> list[str]:
    """The parts in their order; the whole text alone when there is nothing to split.

    Splitting at every conjunction gives short parts; one that is too short to mean something stays with the one
    before it.
    """
    parts: list[str] = []
    for sentence in split_sentences(text):
        start = len(parts)
        for piece in _CONJUNCTIONS.split(sentence):
            part = piece.strip(" ,.;，。；")
            if len(parts) > start and (_words(part) < FEWEST_WORDS or _words(parts[-1]) < FEWEST_WORDS):
                parts[-1] = f"{parts[-1]} {part}"
            elif part:
                parts.append(part)
    return parts if len(parts) > 1 else [text]


def _words(part: str) -> float:
    chinese = len(_CHINESE.findall(part))
    return chinese / 2 + len(_CHINESE.sub(" ", part).split())
