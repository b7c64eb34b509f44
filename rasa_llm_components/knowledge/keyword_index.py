"""BM25 over the words of passages (Robertson and Zaragoza 2009), by the bm25s library."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import log

import numpy as np

from rasa_llm_components.knowledge.words import content_words


class KeywordIndex:
    """Finds passages by the words they share with a question."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Indexes the texts.

        Args:
            texts: one for each passage, at least one.
        """
        import bm25s

        words = [content_words(text) for text in texts]
        self._texts_with = Counter(word for text in words for word in set(text))
        self._size = len(texts)
        self._index = bm25s.BM25(k1=1.2, b=0.75, method="lucene")
        if self._texts_with:
            self._index.index(words, show_progress=False)

    def scores(self, question: str) -> np.ndarray:
        """How much of the question each passage's words cover, `(passages,)`, 0 … 1.

        BM25, divided by what a passage would get that repeats all of the question's words for ever;
        so a question's rare words count more, and a word that no passage has counts as missing.
        """
        asked = content_words(question)
        known = [word for word in asked if word in self._texts_with]
        if not known:
            return np.zeros(self._size, np.float32)
        bm25 = np.asarray(self._index.get_scores(known), dtype=np.float32)
        return bm25 / sum(self._inverse_frequency(word) for word in asked)

    def weight(self, word: str) -> float:
        """How telling a word is among these texts: 1 for one that none of them has, near 0 for one that all have."""
        return self._inverse_frequency(word) / log(1 + (self._size + 0.5) / 0.5)

    def _inverse_frequency(self, word: str) -> float:
        texts = self._texts_with[word]
        return log(1 + (self._size - texts + 0.5) / (texts + 0.5))
