"""Four small classifiers on one vector, and the mean of their probabilities.

They err differently: logistic regression, the cosine head that was tuned with the layers (Gidaris and Komodakis
2018), class means (Snell et al. 2017) and a vote of the nearest examples (Vinyals et al. 2016, matching networks).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rasa_llm_components.models.calibration import softmax
from rasa_llm_components.models.finetuning.class_means import class_means
from rasa_llm_components.models.logistic_regression import logistic_regression

TEMPERATURE = 0.05
"""Cosines are divided by this, in training too."""

_NAME_SHARE = 0.1
_INVERSE_REGULARISATION = 10.0
_REMEMBERED = 10_000
"""Examples that may vote; of more, a share of each class, drawn by lot."""


@dataclass(frozen=True)
class VotingHead:
    """What was fitted.

    Attributes:
        weights: `(classes, hidden)` of the logistic regression.
        bias: `(classes,)` of the logistic regression.
        cosine: `(classes, hidden)` the tuned vectors of the intents.
        means: `(classes, hidden)` means of the examples.
        examples: `(examples, hidden)` that vote.
        targets: `(examples,)` their classes, in order; each class has one at least.
    """

    weights: np.ndarray
    bias: np.ndarray
    cosine: np.ndarray
    means: np.ndarray
    examples: np.ndarray
    targets: np.ndarray

    @classmethod
    def fit(
        cls,
        vectors: np.ndarray,
        targets: np.ndarray,
        *,
        cosine: np.ndarray,
        names: dict[int, np.ndarray],
        seed: int,
    ) -> VotingHead:
        """Fits what is fitted on vectors.

        Args:
            vectors: `(examples, hidden)` of length 1, from the tuned layers.
            targets: `(examples,)`; at least two classes.
            cosine: `(classes, hidden)` from the tuning.
            names: vectors of the classes' names, one more example of each.
            seed: draws the examples that vote, when there are too many.
        """
        classes = len(cosine)
        means = class_means(vectors, targets, classes, names=names, name_share=_NAME_SHARE)
        all_vectors = np.vstack([vectors, *[name[None, :] for name in names.values()]])
        all_targets = np.concatenate([targets, np.array(list(names), dtype=int)])
        weights, bias = logistic_regression(all_vectors, all_targets, inverse_regularisation=_INVERSE_REGULARISATION)
        voters = _drawn(all_targets, seed)
        voters = voters[np.argsort(all_targets[voters], kind="stable")]
        return cls(weights, bias, cosine, means, all_vectors[voters], all_targets[voters])

    def predict_proba(self, vectors: np.ndarray) -> np.ndarray:
        """Probabilities `(batch, classes)` of vectors `(batch, hidden)`, not yet calibrated."""
        votes = np.exp((vectors @ self.examples.T - 1.0) / TEMPERATURE)
        firsts = np.searchsorted(self.targets, np.arange(len(self.cosine)))
        by_class = np.add.reduceat(votes, firsts, axis=1)
        total = by_class.sum(axis=1, keepdims=True)
        return np.asarray(
            (
                softmax(vectors @ self.weights.T + self.bias)
                + softmax(vectors @ self.cosine.T / TEMPERATURE)
                + softmax(vectors @ self.means.T / TEMPERATURE)
                + by_class / np.maximum(total, 1e-30)
            )
            / 4
        )


def _drawn(targets: np.ndarray, seed: int) -> np.ndarray:
    """Indices of the examples that vote: all, or the same share of every class."""
    if len(targets) <= _REMEMBERED:
        return np.arange(len(targets))
    generator = np.random.default_rng(seed)
    rank = np.zeros(len(targets), dtype=int)
    for target in np.unique(targets):
        own = np.flatnonzero(targets == target)
        rank[own] = generator.permutation(len(own))
    share = len(targets) / _REMEMBERED
    sizes = np.bincount(targets)[targets]
    return np.flatnonzero(rank < np.maximum(sizes / share, 1))
