"""How a message sounds, from its sentence vector: a small head that is shipped, and learns a bot's own labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rasa_llm_components.errors import ConfigurationError

LABELS = ("negative", "neutral", "positive")
PROBE = "Hello, where can I find the opening hours of your shop?"
"""Encoders that give this sentence the same vector are the same encoder, whatever server or file they come from."""

_SHIPPED = Path(__file__).parent / "heads"
_SAME_ENCODER = 0.99
_ITERATIONS = 200


@dataclass(frozen=True)
class SentimentHead:
    """Multinomial logistic regression: `softmax(vectors @ weights.T + bias)`.

    Attributes:
        weights: `(3, hidden)`, one row a label, in the order of `LABELS`.
        bias: `(3,)`.
        encoder: fingerprint of the encoder whose vectors it reads.
        probe: `(hidden,)`, that encoder's vector of `PROBE`.
    """

    weights: np.ndarray
    bias: np.ndarray
    encoder: str
    probe: np.ndarray

    def predict_proba(self, vectors: np.ndarray) -> np.ndarray:
        """Probabilities `(batch, 3)` in the order of `LABELS`, for vectors `(batch, hidden)`."""
        return _softmax(vectors @ self.weights.T + self.bias)

    def fits(self, encoder: str, probe: np.ndarray) -> bool:
        """Whether vectors of this encoder can be read: the same files, or the same vector for `PROBE`."""
        if encoder and encoder == self.encoder:
            return True
        return probe.shape == self.probe.shape and _cosine(probe, self.probe) > _SAME_ENCODER

    def adapted(self, vectors: np.ndarray, labels: Sequence[str], *, strength: float) -> SentimentHead:
        """This head with a bot's own labels learnt on top of it.

        The weights move away from where they are as little as the examples allow (a Gaussian prior around
        the present weights, Chelba and Acero 2004): a change of the answer reaches as far as sentences
        are alike. The bias stays, so that many examples of one label do not make that label likelier everywhere.

        Args:
            vectors: `(examples, hidden)`, each of length 1.
            labels: one of `LABELS` for each.
            strength: how much one example counts against the prior; the prior's variance.
        """
        targets = np.eye(len(LABELS))[[LABELS.index(label) for label in labels]]
        change = _fit_change(vectors.astype(np.float64), targets, self._logits(vectors), strength)
        return replace(self, weights=self.weights + change)

    @classmethod
    def untrained(cls, encoder: str, probe: np.ndarray) -> SentimentHead:
        """A head without an opinion, for an encoder that none is shipped for."""
        return cls(np.zeros((len(LABELS), len(probe))), np.zeros(len(LABELS)), encoder, probe)

    @classmethod
    def fit_own(
        cls, vectors: np.ndarray, labels: Sequence[str], *, encoder: str, probe: np.ndarray, strength: float
    ) -> SentimentHead:
        """A head from a bot's own labels alone; a label without examples never wins."""
        absent = np.array([label not in labels for label in LABELS])
        start = replace(cls.untrained(encoder, probe), bias=np.where(absent, -20.0, 0.0))
        return start.adapted(vectors, labels, strength=strength)

    def _logits(self, vectors: np.ndarray) -> np.ndarray:
        logits: np.ndarray = vectors @ self.weights.T + self.bias
        return logits

    def to_json(self) -> str:
        """The head as a text, weights with four digits."""
        return json.dumps(
            {
                "labels": LABELS,
                "encoder": self.encoder,
                "bias": np.round(self.bias, 4).tolist(),
                "weights": np.round(self.weights, 4).tolist(),
                "probe": np.round(self.probe, 3).tolist(),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> SentimentHead:
        """Reads what `to_json` wrote.

        Raises:
            ValueError: this is no head, or one with other labels.
        """
        stored: dict[str, Any] = json.loads(text)
        if not isinstance(stored, dict) or tuple(stored.get("labels", ())) != LABELS:
            raise ValueError(f"this is no sentiment head with the labels {', '.join(LABELS)}")
        parts = {key: np.asarray(stored[key], dtype=np.float32) for key in ("weights", "bias", "probe")}
        if parts["weights"].shape != (len(LABELS), parts["probe"].shape[0]):
            raise ValueError("the sentiment head is not whole")
        return cls(encoder=stored["encoder"], **parts)


def shipped_head(encoder: str, probe: np.ndarray) -> SentimentHead | None:
    """The head that comes with this package for an encoder, or None.

    Args:
        encoder: the encoder's fingerprint.
        probe: `(hidden,)`, the encoder's vector of `PROBE`.
    """
    for file in sorted(_SHIPPED.glob("*.json")):
        head = SentimentHead.from_json(file.read_text(encoding="utf-8"))
        if head.fits(encoder, probe):
            return head
    return None


def shipped_heads_fingerprint() -> str:
    """Changes when a shipped head changes."""
    import hashlib

    digest = hashlib.sha256()
    for file in sorted(_SHIPPED.glob("*.json")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def check_label(label: object, example: str) -> str:
    """The label, if it is one of the three.

    Raises:
        ConfigurationError: it is another.
    """
    if label in LABELS:
        return str(label)
    raise ConfigurationError(
        f"no such sentiment, on the example {example[:60]!r}.",
        key="sentiment",
        value=label,
        fix=f"Write one of: {', '.join(LABELS)}.",
    )


def _fit_change(vectors: np.ndarray, targets: np.ndarray, start: np.ndarray, strength: float) -> np.ndarray:
    """The `(3, hidden)` change of the weights that explains the targets, by L-BFGS on the penalised likelihood."""
    from scipy.optimize import minimize

    shape = (targets.shape[1], vectors.shape[1])

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        change = flat.reshape(shape)
        probabilities = _softmax(start + vectors @ change.T)
        likelihood = float((targets * np.log(probabilities + 1e-12)).sum())
        gradient = (probabilities - targets).T @ vectors + change / strength
        return float((change**2).sum()) / (2 * strength) - likelihood, gradient.ravel()

    found = minimize(loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS})
    return np.asarray(found.x).reshape(shape)


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: np.ndarray = exponents / exponents.sum(axis=1, keepdims=True)
    return probabilities


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-12))
