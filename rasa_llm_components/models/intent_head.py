"""A classification head on sentence vectors: logistic regression with calibrated probabilities."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rasa_llm_components.models.calibration import fit_temperature, softmax
from rasa_llm_components.models.logistic_regression import logistic_regression

INVERSE_REGULARISATION = 30.0
"""scikit-learn's C, for vectors of length 1."""

_FOLDS = 3
_FILE = "intent_head.npz"
_Fit = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class HeldOut:
    """What the head says of examples that it was not fitted on.

    Attributes:
        probabilities: `(examples, classes)`.
        labels: `(examples,)` indices into the head's classes.
    """

    probabilities: np.ndarray
    labels: np.ndarray

    @property
    def accuracy(self) -> float:
        """Share of held-out examples that were classified rightly; 0 when there were none."""
        return float((self.probabilities.argmax(axis=1) == self.labels).mean()) if len(self.labels) else 0.0

    def confusable_pairs(self, classes: Sequence[str], most: int = 10) -> list[tuple[str, str, float]]:
        """Pairs of classes that take the most probability from each other.

        Returns:
            `(one, other, share)`, worst first: the mean probability that examples of the two give
            to the wrong one of them.
        """
        count = len(classes)
        mean = np.zeros((count, count))
        for index in range(count):
            own = self.probabilities[self.labels == index]
            if len(own):
                mean[index] = own.mean(axis=0)
        both = np.triu((mean + mean.T) / 2, k=1)
        worst = np.argsort(-both, axis=None)[:most]
        pairs = [np.unravel_index(position, both.shape) for position in worst]
        return [(classes[one], classes[other], float(both[one, other])) for one, other in pairs if both[one, other] > 0]


class IntentHead:
    """Multinomial logistic regression, scaled by a temperature found on held-out folds."""

    def __init__(
        self, weights: np.ndarray, bias: np.ndarray, classes: Sequence[str], *, temperature: float, encoder: str
    ) -> None:
        """Wraps fitted weights. Use `fit` or `from_pretrained`.

        Args:
            weights: `(classes, hidden)`.
            bias: `(classes,)`.
            classes: names, in the order of the rows.
            temperature: what logits are divided by.
            encoder: fingerprint of the encoder whose vectors the head reads.
        """
        self._weights, self._bias = weights.astype(np.float32), bias.astype(np.float32)
        self.classes_ = list(classes)
        self.temperature = temperature
        self.encoder = encoder

    @classmethod
    def fit(
        cls,
        vectors: np.ndarray,
        labels: Sequence[str],
        *,
        name_vectors: dict[str, np.ndarray] | None = None,
        encoder: str = "",
        seed: int = 42,
    ) -> tuple[IntentHead, HeldOut]:
        """Fits the head, and measures it on folds it does not see.

        Args:
            vectors: `(examples, hidden)`.
            labels: the examples' classes, at least two different ones.
            name_vectors: a vector of each class's name, taken as one more example of it.
            encoder: fingerprint of the encoder that made the vectors.
            seed: decides which example falls into which fold.

        Returns:
            The head and what it said of held-out examples.
        """
        classes = sorted(set(labels))
        targets = np.array([classes.index(label) for label in labels])
        names = name_vectors or {}
        extra = np.array([names[label] for label in classes if label in names]).reshape(-1, vectors.shape[1])
        extra_targets = np.array([index for index, label in enumerate(classes) if label in names], dtype=int)

        def fitted(chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return logistic_regression(
                np.vstack([vectors[chosen], extra]),
                np.concatenate([targets[chosen], extra_targets]),
                inverse_regularisation=INVERSE_REGULARISATION,
            )

        held_out_logits, held_out_labels = _held_out_logits(vectors, targets, len(classes), fitted, seed)
        temperature = fit_temperature(held_out_logits, held_out_labels) if len(held_out_labels) else 1.0
        weights, bias = fitted(np.arange(len(targets)))
        head = cls(weights, bias, classes, temperature=temperature, encoder=encoder)
        return head, HeldOut(softmax(held_out_logits / temperature), held_out_labels)

    def predict_proba(self, vectors: np.ndarray) -> np.ndarray:
        """Calibrated probabilities `(batch, classes)` of vectors `(batch, hidden)`."""
        return softmax((vectors @ self._weights.T + self._bias) / self.temperature)

    def save_pretrained(self, folder: Path) -> None:
        """Writes the head into one file."""
        about = json.dumps({"classes": self.classes_, "temperature": self.temperature, "encoder": self.encoder})
        np.savez(folder / _FILE, weights=self._weights, bias=self._bias, about=np.array(about))

    @classmethod
    def from_pretrained(cls, folder: Path) -> IntentHead:
        """Reads what `save_pretrained` wrote. Raises OSError, KeyError or ValueError when it is not whole."""
        with np.load(folder / _FILE, allow_pickle=False) as stored:
            about = json.loads(str(stored["about"]))
            return cls(
                stored["weights"],
                stored["bias"],
                about["classes"],
                temperature=about["temperature"],
                encoder=about["encoder"],
            )


def thin_classes(labels: Sequence[str], fewest: int) -> dict[str, int]:
    """Classes with fewer than `fewest` examples, with their numbers."""
    return {label: count for label, count in sorted(Counter(labels).items()) if count < fewest}


def _held_out_logits(
    vectors: np.ndarray, targets: np.ndarray, classes: int, fitted: _Fit, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Logits of every example from a head fitted without its fold; classes with one example are left out."""
    folds = _folds(targets, seed)
    logits = np.zeros((len(targets), classes), dtype=np.float32)
    for fold in range(_FOLDS):
        held_out = folds == fold
        if held_out.any():
            weights, bias = fitted(np.flatnonzero(~held_out))
            logits[held_out] = vectors[held_out] @ weights.T + bias
    tested = folds >= 0
    return logits[tested], targets[tested]


def _folds(targets: np.ndarray, seed: int) -> np.ndarray:
    """A fold number for each example, classes spread evenly; -1 for the only example of its class."""
    generator = np.random.default_rng(seed)
    folds = np.full(len(targets), -1)
    for target in np.unique(targets):
        own = generator.permutation(np.flatnonzero(targets == target))
        if len(own) > 1:
            folds[own] = np.arange(len(own)) % _FOLDS
    return folds
