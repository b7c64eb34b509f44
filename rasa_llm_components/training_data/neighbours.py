"""Which examples are most alike."""

from __future__ import annotations

import numpy as np

_ROWS = 1024


def nearest(vectors: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Each example's nearest others, exactly, in blocks: memory stays flat.

    Args:
        vectors: `(examples, hidden)`, each of length 1.
        count: how many; at most `examples - 1` are given.

    Returns:
        Indices and cosines, both `(examples, count)`, nearest first.
    """
    total = len(vectors)
    count = min(count, total - 1)
    indices = np.zeros((total, count), dtype=np.int64)
    cosines = np.zeros((total, count), dtype=np.float32)
    for start in range(0, total, _ROWS):
        block = vectors[start : start + _ROWS] @ vectors.T
        rows = np.arange(len(block))
        block[rows, start + rows] = -np.inf
        some = np.argpartition(-block, count - 1, axis=1)[:, :count]
        order = np.argsort(-np.take_along_axis(block, some, axis=1), axis=1, kind="stable")
        indices[start : start + len(block)] = np.take_along_axis(some, order, axis=1)
        cosines[start : start + len(block)] = np.take_along_axis(block, indices[start : start + len(block)], axis=1)
    return indices, cosines
