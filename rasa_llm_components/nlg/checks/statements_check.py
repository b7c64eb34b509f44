"""Statements: a reply says something. Small generators like to repeat the question, which answers nothing."""

from __future__ import annotations

from rasa_llm_components.knowledge.sentences import split_sentences


def check_statements(text: str, passages: str) -> str:
    """The first sentence that asks something and stands in no passage; empty when there is none.

    Args:
        text: the reply.
        passages: what it is made from; a question that they ask themselves may be repeated.
    """
    asking = (sentence for sentence in split_sentences(text) if sentence.rstrip("\"'”’)）」 ").endswith(("?", "？")))
    return next((f"asks {sentence!r}" for sentence in asking if sentence not in passages), "")
