"""A text that a generator wrote, and what it is checked against."""

from __future__ import annotations

from dataclasses import dataclass

from rasa_llm_components.knowledge.passage import Passage
from rasa_llm_components.models.protocols import SentenceEncoder


@dataclass(frozen=True)
class Draft:
    """A generated answer before anybody may see it.

    Attributes:
        text: as the generator wrote it, cleaned.
        question: the customer's own words.
        passages: all that the answer may be made of.
        instructions: the prompt's own part, which must stay inside.
        encoder: measures nearness.
        longest: characters at most.
        banned_phrases: never to be sent, in any case of letters.
        nearness: cosine between a sentence and its source, at least.
        quoted: the sentences that would be quoted instead; none to compare with nothing.
        within: whole questions within `question`.
    """

    text: str
    question: str
    passages: tuple[Passage, ...]
    instructions: str
    encoder: SentenceEncoder
    longest: int
    banned_phrases: tuple[str, ...]
    nearness: float
    quoted: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
