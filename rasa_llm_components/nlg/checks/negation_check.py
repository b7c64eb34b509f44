"""Negation: a clause denies where the source's clause denies, and only there."""

from __future__ import annotations

from rasa_llm_components.nlg.checks.clauses import clauses
from rasa_llm_components.nlg.checks.polarity import is_negated, limits, turning_words
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


def check_meaning(sentence: str, source: Source) -> str:
    """A small word that the source lacks (before, all, free …) or a limit of the source that is left out."""
    added = turning_words(sentence) - turning_words(source.text)
    if added:
        return f"the source does not say {', '.join(sorted(added))}"
    if is_negated(sentence) != is_negated(source.text):
        return "the sentence and its source do not both say no"
    dropped = limits(source.text) ^ limits(sentence)
    return f"the limit {', '.join(sorted(dropped))} differs" if dropped else ""
