"""Finds the vectors nearest to a question's: in this process, as long as there are a few thousand."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class VectorStore(Protocol):
    """Vectors by number. Safe to search from several threads."""

    def add(self, vectors: np.ndarray, fingerprint: str) -> None:
        """Takes the vectors `(rows, dimension)`, each of length 1.

        Args:
            vectors: all of them.
            fingerprint: changes with the vectors; a store that has them already need not take them again.
        """
        ...

    def nearest(self, vector: np.ndarray, limit: int) -> np.ndarray:
        """The numbers of the `limit` rows with the largest cosine, the nearest first."""
        ...


class InProcessStore:
    """A matrix: exact, and a millisecond for ten thousand vectors."""

    def __init__(self) -> None:
        """Starts empty."""
        self._vectors = np.zeros((0, 0), np.float32)

    def add(self, vectors: np.ndarray, fingerprint: str) -> None:
        """Keeps the vectors in memory."""
        self._vectors = np.ascontiguousarray(vectors, dtype=np.float32)

    def nearest(self, vector: np.ndarray, limit: int) -> np.ndarray:
        """The numbers of the nearest rows."""
        scores = self._vectors @ vector
        limit = min(limit, len(scores))
        best = np.argpartition(-scores, limit - 1)[:limit]
        return best[np.argsort(-scores[best], kind="stable")]
