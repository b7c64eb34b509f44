"""Negation: a clause denies where the source's clause denies, and only there."""

from __future__ import annotations

import re

from rasa_llm_components.nlg.checks.clauses import clauses
from rasa_llm_components.nlg.checks.names import holds_name, names
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
    return _said_of_another(sentence, source.text) or _lost_condition(sentence, source.text)


def _said_of_another(sentence: str, source: str) -> str:
    """`free within Ireland`, followed by what Norway costs, must not become `free to Norway`."""
    whole = names(source)
    for word in turning_words(sentence):
        homes = [line for line in source.split("\n") if word in turning_words(line)]
        if not all(any(holds_name(home, name) for name in whole) for home in homes):
            continue  # a sentence without a name: its subject stands before it
        for name in names(sentence):
            if holds_name(source, name) and not any(holds_name(home, name) for home in homes):
                return f"the source does not say {word} of {name}"
    return ""


def _lost_condition(sentence: str, source: str) -> str:
    """`free from 60 €` must not become `free`."""
    pieces = clauses(source)
    for clause in clauses(sentence):
        origin = max(pieces, key=lambda piece: shared_part(clause, piece) + shared_part(piece, clause))
        numbers = quantities(origin)
        if numbers and not quantities(sentence) and _CONDITION.search(origin[: numbers[0].start + 1]):
            return f"the condition of {origin!r} is left out"
    return ""
