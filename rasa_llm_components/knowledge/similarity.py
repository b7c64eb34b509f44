"""How alike a question and a passage are: as wholes, and word by word."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rasa_llm_components.knowledge.embeddings import Embeddings, unit_rows
from rasa_llm_components.knowledge.passage_text import PassageText
from rasa_llm_components.knowledge.words import words_of
from rasa_llm_components.models.protocols import EncodedText

STOP_WORD_WEIGHT = 0.1
"""Weight of "who" or "in" beside 1 for a rare word: a little, since "who" asks for a person."""

KINDS = 4
"""Similarities of a pair: words in the passage, words in one sentence, the passage, the best sentence."""


@dataclass(frozen=True)
class ReadQuestion:
    """A question after the encoder's pass.

    Attributes:
        vector: `(dimension,)`, length 1.
        tokens: `(tokens, dimension)`, each of length 1; none from an encoder without token vectors.
        weights: `(tokens,)`, how telling each token is; they add up to 1.
    """

    vector: np.ndarray
    tokens: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, text: str, encoded: EncodedText, weight: Callable[[str], float]) -> ReadQuestion:
        """Weighs the tokens by the words they belong to; `weight` is that of a word's stem."""
        weights = np.zeros(len(encoded.tokens), np.float32)
        starts = np.array([start for start, _ in encoded.spans])
        ends = np.array([end for _, end in encoded.spans])
        for word in words_of(text):
            under = (starts < word.end) & (ends > word.start) if len(weights) else np.zeros(0, bool)
            if under.any():
                shared = (weight(word.stem) if word.stem else STOP_WORD_WEIGHT) / under.sum()
                weights[under] = np.maximum(weights[under], shared)
        total = float(weights.sum())
        weights = weights / total if total else np.full_like(weights, 1 / max(len(weights), 1))
        return cls(encoded.sentence, unit_rows(encoded.tokens), weights)


class ReadPassages:
    """Passages with their vectors, in the order of the knowledge base."""

    def __init__(self, texts: Sequence[PassageText], embeddings: Embeddings) -> None:
        """Lays the rows out.

        Args:
            texts: the passages.
            embeddings: of the passages' texts, then of all of their units.
        """
        self._embeddings = embeddings
        self.passage_vectors = embeddings.vectors[: len(texts)]
        self.unit_vectors = embeddings.vectors[len(texts) :]
        self._starts = [np.array(text.starts) for text in texts]
        ends = np.cumsum([len(text.units) for text in texts])
        self.units = [slice(end - len(text.units), end) for text, end in zip(texts, ends)]
        self.owners = np.repeat(np.arange(len(texts)), [len(text.units) for text in texts])

    def similarities(self, question: ReadQuestion, row: int) -> np.ndarray:
        """The four similarities of a question and passage `row`, `(KINDS,)`; without tokens two are NaN."""
        words, in_sentence = np.nan, np.nan
        best = self._best_matches(question, row)
        if best is not None:
            words = float(question.weights @ best.max(axis=1))
            in_sentence = float((question.weights @ np.maximum(best[:, 1:], best[:, :1])).max())
        units = self.unit_vectors[self.units[row]] @ question.vector
        return np.array([words, in_sentence, self.passage_vectors[row] @ question.vector, units.max()])

    def unit_similarities(self, question: ReadQuestion, row: int, *, heading: bool) -> np.ndarray:
        """How alike the question and each unit of a passage are, `(units,)`.

        What the headings say of the question already is counted less: under "Silver" the sentence
        about cleaning answers "How do I clean silver?".

        Args:
            question: what was asked.
            row: the passage.
            heading: the first unit is a heading.
        """
        units = self.unit_vectors[self.units[row]] @ question.vector
        best = self._best_matches(question, row)
        if best is None:
            return units
        above = best[:, : 2 if heading else 1].max(axis=1)
        weights = question.weights * np.clip(1 - above, 0.1, 1)
        weights = weights / weights.sum()
        similarities = (units + 2 * (weights @ best[:, 1:])) / 3
        if heading:
            similarities[0] = (units[0] + 2 * (question.weights @ best[:, 1])) / 3
        return similarities

    def _best_matches(self, question: ReadQuestion, row: int) -> np.ndarray | None:
        """Late interaction (Khattab and Zaharia 2020): each question token's best match in each unit.

        Returns:
            `(question tokens, 1 + units)` cosines, the first column for the title and the headings
            above the units, -1 where there is nothing; None where there are no token vectors.
        """
        start, end = self._embeddings.token_span(row)
        column = np.searchsorted(self._starts[row], self._embeddings.token_starts[start:end], side="right")
        if not len(question.tokens) or not (column > 0).any():
            return None
        order = np.argsort(column, kind="stable")
        columns, firsts = np.unique(column[order], return_index=True)
        cosines = question.tokens @ unit_rows(self._embeddings.tokens[start:end]).T
        best = np.full((len(question.tokens), 1 + len(self._starts[row])), -1.0, np.float32)
        best[:, columns] = np.maximum.reduceat(cosines[:, order], firsts, axis=1)
        return best
