"""Nearness: the sentence says what the source says, in the same words or nearly."""

from __future__ import annotations

from collections import Counter

from rasa_llm_components.nlg.checks.sources import Source
from rasa_llm_components.nlg.checks.words import content_words, shared_part

SHARED_WORDS = 0.75
"""Share of a sentence's content words that its source must hold."""


def check_nearness(sentence: str, source: Source, least: float) -> str:
    """How far the sentence is from its source; empty when near enough.

    Args:
        sentence: one sentence of the reply.
        source: what it is held against.
        least: the cosine that is near enough.
    """
    repeated = Counter(content_words(sentence)) - Counter(content_words(source.with_headings))
    again = next((word for word in repeated if word in content_words(source.text)), "")
    if again:
        return f"{again} more often than in the source"
    shared = shared_part(sentence, source.with_headings)
    if shared < SHARED_WORDS:
        return f"only {shared:.0%} of its words are the source's"
    return f"cosine {source.nearness:.2f} to the source" if source.nearness < least else ""
