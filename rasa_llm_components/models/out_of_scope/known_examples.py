"""The training examples that a score compares a message with."""

from __future__ import annotations

from functools import cached_property

import numpy as np

MOST = 100
"""Examples kept for each intent, so that a large bot's messages cost no more than a small one's."""

_NEAREST = 20


class KnownExamples:
    """Sentence vectors of the training examples, by intent."""

    def __init__(self, vectors: np.ndarray, targets: np.ndarray) -> None:
        """Keeps examples.

        Args:
            vectors: `(examples, hidden)`, each of length 1.
            targets: `(examples,)` the examples' classes, from 0 without a gap.
        """
        order = np.argsort(targets, kind="stable")
        self.vectors, self.targets = vectors[order].astype(np.float32), targets[order]
        self.sizes = np.bincount(self.targets)
        # One row a class, filled up with a column that never is among the nearest.
        self._columns = np.full((len(self.sizes), int(self.sizes.max())), len(self.vectors))
        for target, size in enumerate(self.sizes):
            self._columns[target, :size] = np.flatnonzero(self.targets == target)

    @classmethod
    def sampled(cls, vectors: np.ndarray, targets: np.ndarray, seed: int) -> KnownExamples:
        """At most `MOST` of each class, drawn by chance."""
        generator = np.random.default_rng(seed)
        kept = [generator.permutation(np.flatnonzero(targets == target))[:MOST] for target in np.unique(targets)]
        chosen = np.sort(np.concatenate(kept))
        return cls(vectors[chosen], targets[chosen])

    def affinities(self, vectors: np.ndarray) -> np.ndarray:
        """How near each class is: the mean cosine to the nearest half of its examples, to 20 at most.

        Args:
            vectors: `(batch, hidden)`.

        Returns:
            `(batch, classes)`.
        """
        cosines = np.pad(vectors @ self.vectors.T, ((0, 0), (0, 1)), constant_values=-2.0)
        most = int(self._nearest.max())
        found = np.empty((len(vectors), len(self.sizes)), dtype=np.float32)
        ranks = np.arange(most) < self._nearest[:, None]
        for row, similar in enumerate(cosines):
            nearest = -np.sort(np.partition(-similar[self._columns], most - 1, axis=1)[:, :most], axis=1)
            found[row] = np.where(ranks, nearest, 0.0).sum(axis=1) / self._nearest
        return found

    def nearest(self, vectors: np.ndarray, count: int) -> np.ndarray:
        """Mean cosine to the nearest examples of whatever class, `(batch,)`."""
        count = min(count, len(self.vectors))
        return np.asarray(np.partition(vectors @ self.vectors.T, -count, axis=1)[:, -count:].mean(axis=1))

    @cached_property
    def closeness(self) -> np.ndarray:
        """How much nearer than usual each class's own examples are to each other, `(classes,)`, 0 on average.

        A class with one example is as usual.
        """
        typical = np.full(len(self.sizes), np.nan)
        for target, size in enumerate(self.sizes):
            if size > 1:
                own = self.vectors[self.targets == target]
                cosines = own @ own.T
                np.fill_diagonal(cosines, -2.0)
                nearest = int(np.clip(size // 2, 1, _NEAREST))
                typical[target] = np.partition(cosines, -nearest, axis=1)[:, -nearest:].mean()
        usual = float(np.nanmean(typical)) if (self.sizes > 1).any() else 0.0
        return np.asarray(np.nan_to_num(typical - usual, nan=0.0))

    @cached_property
    def means(self) -> np.ndarray:
        """Each class's mean vector, `(classes, hidden)`."""
        totals = np.zeros((len(self.sizes), self.vectors.shape[1]), dtype=np.float32)
        np.add.at(totals, self.targets, self.vectors)
        return np.asarray(totals / self.sizes[:, None])

    @cached_property
    def precision(self) -> np.ndarray:
        """Inverse of the covariance within classes, shrunk towards a sphere, `(hidden, hidden)`."""
        residuals = self.vectors - self.means[self.targets]
        covariance = residuals.T @ residuals / len(residuals)
        hidden = len(covariance)
        sphere = max(float(np.trace(covariance)) / hidden, 1e-6) * np.eye(hidden)
        return np.asarray(np.linalg.inv(0.8 * covariance + 0.2 * sphere))

    @cached_property
    def _nearest(self) -> np.ndarray:
        return np.clip((self.sizes + 1) // 2, 1, _NEAREST)
