"""BM25 over the words of passages (Robertson and Zaragoza 2009), by the bm25s library."""

from __future__ import annotations

from collections.abc import Sequence

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

        self._index = bm25s.BM25(k1=1.2, b=0.75)
        self._index.index([content_words(text) for text in texts], show_progress=False)
        self._known = set(self._index.vocab_dict)
        self._size = len(texts)

    def scores(self, question: str) -> np.ndarray:
        """BM25 score of each passage, `(passages,)` float32; zeros where no word is shared."""
        known = [word for word in content_words(question) if word in self._known]
        if not known:
            return np.zeros(self._size, np.float32)
        return np.asarray(self._index.get_scores(known), dtype=np.float32)
