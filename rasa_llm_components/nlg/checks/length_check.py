"""Length: something is said, not too much, and nothing over and over."""

from __future__ import annotations

from rasa_llm_components.knowledge.sentences import split_sentences
from rasa_llm_components.nlg.checks.words import words

SHORTEST_WORDS = 3


def check_length(text: str, longest: int) -> str:
    """What is wrong with the text's length; empty when nothing is.

    Args:
        text: the reply.
        longest: characters at most.
    """
    if len(text) > longest:
        return f"{len(text)} characters, {longest} at most"
    said = words(text)
    if len(said) < SHORTEST_WORDS:
        return f"{len(said)} words"
    sentences = [sentence.lower() for sentence in split_sentences(text)]
    if len(set(sentences)) < len(sentences):
        return "a sentence twice"
    longest_run = [" ".join(said[i : i + 5]) for i in range(len(said) - 4)]
    return "the same words again and again" if len(longest_run) - len(set(longest_run)) > 3 else ""
