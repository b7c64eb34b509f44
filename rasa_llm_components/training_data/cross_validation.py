"""What the intent head says of each example when it has not seen it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rasa_llm_components.models.calibration import fit_temperature, softmax
from rasa_llm_components.models.intent_head import INVERSE_REGULARISATION
from rasa_llm_components.models.logistic_regression import logistic_regression

_FOLDS = 5
_FOLDS_OF_MANY = 4
_MANY = 4000


@dataclass(frozen=True)
class Judged:
    """Held-out probabilities of all examples.

    Attributes:
        classes: the intents, sorted.
        labels: `(examples,)` the intent that each was written under, as an index.
        probabilities: `(examples, classes)`; a row of zeros for the only example of its intent.
    """

    classes: list[str]
    labels: np.ndarray
    probabilities: np.ndarray

    @property
    def tested(self) -> np.ndarray:
        """`(examples,)` whether anything could be said of it."""
        return np.asarray(self.probabilities.sum(axis=1) > 0)

    @property
    def predicted(self) -> np.ndarray:
        """`(examples,)` the most probable intent."""
        return np.asarray(self.probabilities.argmax(axis=1))

    @property
    def accuracy(self) -> float:
        """Share of the tested examples that were told rightly; 0 when there are none."""
        tested = self.tested
        return float((self.predicted == self.labels)[tested].mean()) if tested.any() else 0.0


def cross_validate(vectors: np.ndarray, labels: Sequence[str], *, seed: int = 42) -> Judged:
    """Fits the intent head without each fifth of the examples in turn (a quarter when there are many).

    Args:
        vectors: `(examples, hidden)`, each of length 1.
        labels: their intents, two different ones at least.
        seed: decides which example falls into which fold.
    """
    classes = sorted(set(labels))
    targets = np.searchsorted(classes, labels)
    folds = _folds(targets, _FOLDS if len(targets) <= _MANY else _FOLDS_OF_MANY, seed)
    logits = np.zeros((len(targets), len(classes)), dtype=np.float32)
    for fold in np.unique(folds[folds >= 0]):
        held_out = folds == fold
        weights, bias = logistic_regression(
            vectors[~held_out], targets[~held_out], inverse_regularisation=INVERSE_REGULARISATION
        )
        logits[held_out] = vectors[held_out] @ weights.T + bias
    tested = folds >= 0
    probabilities = np.zeros_like(logits)
    if tested.any():
        temperature = fit_temperature(logits[tested], targets[tested])
        probabilities[tested] = softmax(logits[tested] / temperature)
    return Judged(classes, targets, probabilities)


def _folds(targets: np.ndarray, count: int, seed: int) -> np.ndarray:
    """A fold for each example, an intent's examples in as many as can be; -1 for the only example of its intent."""
    generator = np.random.default_rng(seed)
    folds = np.full(len(targets), -1)
    for target in np.unique(targets):
        own = generator.permutation(np.flatnonzero(targets == target))
        if len(own) > 1:
            folds[own] = (np.arange(len(own)) + generator.integers(count)) % count
    return folds
