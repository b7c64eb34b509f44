"""What a search gives back."""

from __future__ import annotations

from dataclasses import dataclass

from rasa_llm_components.knowledge.passage import Passage


@dataclass(frozen=True)
class FoundPassage:
    """A passage and how near it is to the question.

    Attributes:
        passage: the passage.
        score: 0 (unrelated) … 1 (answers it). Comparable across questions.
    """

    passage: Passage
    score: float


@dataclass(frozen=True)
class SearchResult:
    """The passages nearest to a question, and whether they are near enough to answer it.

    Attributes:
        question: as it was asked.
        passages: the nearest first.
        answerable: `confidence` reaches the knowledge base's threshold.
        confidence: 0 … 1, that the first passage holds the answer.
    """

    question: str
    passages: tuple[FoundPassage, ...]
    answerable: bool
    confidence: float


@dataclass(frozen=True)
class Quotation:
    """Sentences of one passage that answer a question best.

    Attributes:
        sentences: verbatim, in the document's order.
        passage: where they stand.
        score: of the best of them, 0 … 1.
    """

    sentences: tuple[str, ...]
    passage: Passage
    score: float

    @property
    def text(self) -> str:
        """The sentences as one text; no space between Chinese ones, and lists keep their lines."""
        text = ""
        for sentence in self.sentences:
            text += _gap(text, sentence) + sentence
        return text


def _gap(before: str, sentence: str) -> str:
    if not before or before[-1] in "。！？；":
        return ""
    return " " if before[-1] in ".!?:;…" else "\n"
