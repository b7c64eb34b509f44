"""Which examples are kept out of a training to see how it goes."""

from __future__ import annotations

import numpy as np

SHARE = 0.2
"""Of the examples of each intent."""

MOST = 2000
"""More tell nothing new and are missed in training."""


def validation_part(targets: np.ndarray, seed: int) -> np.ndarray:
    """A stratified part: every class of three examples or more gives the same share of its own.

    Args:
        targets: `(examples,)` classes.
        seed: decides which ones.

    Returns:
        Indices, in order; empty when no class can spare an example.
    """
    generator = np.random.default_rng(seed)
    share = min(SHARE, MOST / max(len(targets), 1))
    chosen: list[np.ndarray] = []
    owed = 0.0  # what a small class cannot give exactly, the next ones make up for
    for target in np.unique(targets):
        own = generator.permutation(np.flatnonzero(targets == target))
        owed += share * len(own)
        given = min(int(owed), len(own) // 3)
        owed = min(owed - given, 1.0)
        chosen.append(own[:given])
    return np.sort(np.concatenate(chosen)) if chosen else np.zeros(0, dtype=int)
