"""Which pieces of the passages a sentence may have been made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rasa_llm_components.knowledge.passage import Passage
from rasa_llm_components.models.protocols import SentenceEncoder
from rasa_llm_components.nlg.checks.words import shared_part

_CANDIDATES = 4


@dataclass(frozen=True)
class Source:
    """One sentence of a passage, or two that follow one another.

    Attributes:
        text: verbatim.
        passage: where it stands.
        nearness: cosine to the sentence that is checked.
    """

    text: str
    passage: Passage
    nearness: float

    @property
    def with_headings(self) -> str:
        """The text below its headings, which may name what the text calls `it`."""
        return f"{self.passage.heading_path}\n{self.text}"


def sources_of(sentences: Sequence[str], passages: Sequence[Passage], encoder: SentenceEncoder) -> list[list[Source]]:
    """For each sentence the pieces it shares most words with, the nearest in meaning first."""
    pieces = [(text, passage) for passage in passages for text in _pieces(passage)]
    chosen = [_most_shared(sentence, pieces) for sentence in sentences]
    texts = list(dict.fromkeys([*sentences, *(text for row in chosen for text, _ in row)]))
    vectors = dict(zip(texts, encoder.encode(texts, kind="passage")))
    found = []
    for sentence, row in zip(sentences, chosen):
        sources = [Source(text, passage, float(np.dot(vectors[sentence], vectors[text]))) for text, passage in row]
        found.append(sorted(sources, key=lambda source: -source.nearness))
    return found


def _pieces(passage: Passage) -> list[str]:
    pairs = zip(passage.sentences, passage.sentences[1:])
    return [*passage.sentences, *(f"{first}\n{second}" for first, second in pairs)]


def _most_shared(sentence: str, pieces: list[tuple[str, Passage]]) -> list[tuple[str, Passage]]:
    return sorted(pieces, key=lambda piece: -shared_part(sentence, piece[0]))[:_CANDIDATES]
