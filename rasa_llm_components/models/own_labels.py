"""What a bot's own labels change: the answers for sentences like them, and no other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rasa_llm_components.models.calibration import softmax
from rasa_llm_components.models.npz_file import read_npz

UNLIKE = 0.3
"""Two sentences of a smaller cosine have nothing to do with each other, for the encoders that heads ship for."""

_ITERATIONS = 200


@dataclass(frozen=True)
class OwnLabels:
    """Added to the logits that a sentence has without them: `weights @ likeness(examples, vector)`.

    Attributes:
        examples: `(labelled, dimension)` sentence vectors of length 1.
        weights: `(classes, labelled)`, what each of them adds to sentences like it.
    """

    examples: np.ndarray
    weights: np.ndarray

    @classmethod
    def fit(cls, vectors: np.ndarray, labels: np.ndarray, logits: np.ndarray, *, strength: float) -> OwnLabels:
        """Learns from examples, on top of the present answer.

        How much each adds is found by logistic regression with a Gaussian prior around that answer (Chelba and
        Acero 2004).

        Args:
            vectors: `(labelled, dimension)`, each of length 1.
            labels: `(labelled,)` index of each one's class.
            logits: `(labelled, classes)`, the present answer.
            strength: how much an example counts against the prior; the prior's variance.
        """
        return cls(vectors, penalised_fit(_likeness(vectors, vectors), labels, logits, strength))

    def logits(self, vectors: np.ndarray) -> np.ndarray:
        """`(batch, classes)` to be added, exactly 0 for vectors `(batch, dimension)` unlike every example."""
        added: np.ndarray = _likeness(vectors, self.examples) @ self.weights.T
        return added

    def save_pretrained(self, file: Path) -> None:
        """Writes an `.npz` file of plain numbers."""
        np.savez_compressed(file, examples=self.examples.astype(np.float32), weights=self.weights.astype(np.float32))

    @classmethod
    def from_pretrained(cls, file: Path) -> OwnLabels:
        """Reads what `save_pretrained` wrote. Raises OSError, KeyError or ValueError when it is not whole."""
        arrays = read_npz(file)
        return cls(arrays["examples"], arrays["weights"])


def penalised_fit(features: np.ndarray, labels: np.ndarray, start: np.ndarray, strength: float) -> np.ndarray:
    """The `(classes, features)` weights that, added to the logits `start`, explain the labels: penalised likelihood."""
    from scipy.optimize import minimize

    targets = np.eye(start.shape[1])[labels]
    shape = (start.shape[1], features.shape[1])
    features = features.astype(np.float64)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(shape)
        probabilities = softmax(start + features @ weights.T)
        likelihood = float((targets * np.log(probabilities + 1e-12)).sum())
        gradient = (probabilities - targets).T @ features + weights / strength
        return float((weights**2).sum()) / (2 * strength) - likelihood, gradient.ravel()

    found = minimize(loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS})
    return np.asarray(found.x).reshape(shape)


def _likeness(vectors: np.ndarray, examples: np.ndarray) -> np.ndarray:
    """`(batch, examples)`: 1 for the same sentence, 0 from a cosine of `UNLIKE` downwards."""
    likeness: np.ndarray = np.maximum(vectors @ examples.T - UNLIKE, 0.0) / (1.0 - UNLIKE)
    return likeness
