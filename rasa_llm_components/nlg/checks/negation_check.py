"""Negation: a clause denies where the source's clause denies, and only there."""

from __future__ import annotations

import re

from rasa_llm_components.nlg.checks.clauses import clauses
from rasa_llm_components.nlg.checks.polarity import is_negated, limits, turning_words
from rasa_llm_components.nlg.checks.quantities import quantities
from rasa_llm_components.nlg.checks.sources import Source
from rasa_llm_components.nlg.checks.words import shared_part


def check_negation(sentence: str, source: Source) -> str:
    """Which clause turns the source round; empty when none does."""
    pieces = clauses(source.text)
    for clause in clauses(sentence):
        origin = max(pieces, key=lambda piece: shared_part(clause, piece) + shared_part(piece, clause))
        if is_negated(clause) != is_negated(origin):
            return f"{clause!r} and its source {origin!r} do not both say no"
    return ""


_CONDITION = re.compile(
    r"\b(?:from|over|above|under|below|at least|at most|up to|more than|less than|until|before|within)\b[^,.;]{0,40}$"
    r"|满|超过|不足|以上|以下|至少",
    re.IGNORECASE,
)


def check_meaning(sentence: str, source: Source) -> str:
    """A small word that the source lacks (before, all, free …) or a limit of the source that is left out."""
    added = turning_words(sentence) - turning_words(source.text)
    if added:
        return f"the source does not say {', '.join(sorted(added))}"
    if is_negated(sentence) != is_negated(source.text):
        return "the sentence and its source do not both say no"
    dropped = limits(source.text) ^ limits(sentence)
    if dropped:
        return f"the limit {', '.join(sorted(dropped))} differs"
    return _lost_condition(sentence, source.text)


def _lost_condition(sentence: str, source: str) -> str:
    """`free from 60 €` must not become `free`."""
    pieces = clauses(source)
    for clause in clauses(sentence):
        origin = max(pieces, key=lambda piece: shared_part(clause, piece) + shared_part(piece, clause))
        numbers = quantities(origin)
        if numbers and not quantities(sentence) and _CONDITION.search(origin[: numbers[0].start + 1]):
            return f"the condition of {origin!r} is left out"
    return ""
