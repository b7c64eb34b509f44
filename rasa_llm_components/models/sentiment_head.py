"""How a message sounds, from its sentence vector: a small head that is shipped, and learns a bot's own labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from rasa_llm_components.errors import ConfigurationError

LABELS = ("negative", "neutral", "positive")
PROBE = "Hello, where can I find the opening hours of your shop?"
"""Encoders that give this sentence the same vector are the same encoder, whatever server or file they come from."""

_SHIPPED = Path(__file__).parent / "heads"
_SAME_ENCODER = 0.99
_NEVER = -20.0
_ITERATIONS = 200


@dataclass(frozen=True)
class SentimentHead:
    """A network with one hidden layer, `output @ relu(hidden @ vector + hidden_bias) + own @ vector + bias`.

    Attributes:
        hidden: `(units, dimension)`; an encoder that no head is shipped for has 0 units.
        hidden_bias: `(units,)`.
        output: `(3, units)`, one row a label, in the order of `LABELS`.
        bias: `(3,)`.
        own: `(3, dimension)`, what the bot's own labels have changed; zeros in a shipped head.
        encoder: fingerprint of the encoder whose vectors it reads.
        probe: `(dimension,)`, that encoder's vector of `PROBE`.
    """

    hidden: np.ndarray
    hidden_bias: np.ndarray
    output: np.ndarray
    bias: np.ndarray
    own: np.ndarray
    encoder: str
    probe: np.ndarray

    @classmethod
    def without_opinion(cls, encoder: str, probe: np.ndarray) -> SentimentHead:
        """A head that finds everything equally likely, for an encoder that none is shipped for."""
        dimension, labels = len(probe), len(LABELS)
        return cls(
            hidden=np.zeros((0, dimension)),
            hidden_bias=np.zeros(0),
            output=np.zeros((labels, 0)),
            bias=np.zeros(labels),
            own=np.zeros((labels, dimension)),
            encoder=encoder,
            probe=probe,
        )

    def predict_proba(self, vectors: np.ndarray) -> np.ndarray:
        """Probabilities `(batch, 3)` in the order of `LABELS`, for vectors `(batch, dimension)`."""
        return _softmax(self._logits(vectors))

    def _logits(self, vectors: np.ndarray) -> np.ndarray:
        active = np.maximum(vectors @ self.hidden.T + self.hidden_bias, 0.0)
        logits: np.ndarray = active @ self.output.T + vectors @ self.own.T + self.bias
        return logits

    def fits(self, encoder: str, probe: np.ndarray) -> bool:
        """Whether vectors of this encoder can be read: the same files, or the same vector for `PROBE`."""
        if encoder and encoder == self.encoder:
            return True
        return probe.shape == self.probe.shape and _cosine(probe, self.probe) > _SAME_ENCODER

    def adapted(self, vectors: np.ndarray, labels: Sequence[str], *, strength: float) -> SentimentHead:
        """This head with a bot's own labels learnt on top of it.

        A linear change is added, as small as the examples allow: a Gaussian prior around the present
        head (Chelba and Acero 2004). It reaches as far as sentences are alike, and the bias stays, so
        that many examples of one label do not make that label likelier everywhere.

        Args:
            vectors: `(examples, dimension)`, each of length 1.
            labels: one of `LABELS` for each.
            strength: how much an example counts against the prior; the prior's variance.
        """
        targets = np.eye(len(LABELS))[[LABELS.index(label) for label in labels]]
        change = _fit_change(vectors.astype(np.float64), targets, self._logits(vectors), strength)
        return replace(self, own=self.own + change)

    @classmethod
    def fit_own(
        cls, vectors: np.ndarray, labels: Sequence[str], *, encoder: str, probe: np.ndarray, strength: float
    ) -> SentimentHead:
        """A head from a bot's own labels alone; a label without examples never wins."""
        bias = np.array([0.0 if label in labels else _NEVER for label in LABELS])
        start = replace(cls.without_opinion(encoder, probe), bias=bias)
        return start.adapted(vectors, labels, strength=strength)

    def save_pretrained(self, file: Path) -> None:
        """Writes an `.npz` file of plain numbers; the hidden layer takes one byte a weight."""
        arrays = {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}
        scale = np.abs(self.hidden).max(axis=1, initial=1e-9) / 127
        arrays["hidden"] = np.round(self.hidden / scale[:, None]).astype(np.int8)
        arrays["probe"] = self.probe.astype(np.float16)
        arrays["own"] = self.own.astype(np.float32)
        np.savez_compressed(file, labels=np.array(LABELS), hidden_scale=scale.astype(np.float32), **arrays)

    @classmethod
    def from_pretrained(cls, file: Path) -> SentimentHead:
        """Reads what `save_pretrained` wrote.

        Raises:
            ValueError: this is no head, or one with other labels.
            OSError: the file can't be read.
        """
        try:
            with np.load(file, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
        except BadZipFile as error:
            raise ValueError(f"{file} is no whole .npz file") from error
        if tuple(arrays.pop("labels", ())) != LABELS:
            raise ValueError(f"{file} holds no sentiment head with the labels {', '.join(LABELS)}")
        try:
            arrays["hidden"] = arrays["hidden"] * arrays.pop("hidden_scale")[:, None]
            encoder = str(arrays.pop("encoder"))
            return cls(encoder=encoder, **{name: array.astype(np.float32) for name, array in arrays.items()})
        except (KeyError, TypeError) as error:
            raise ValueError(f"{file} holds no whole sentiment head") from error


def shipped_head(encoder: str, probe: np.ndarray) -> SentimentHead | None:
    """The head that comes with this package for an encoder, or None.

    Args:
        encoder: the encoder's fingerprint.
        probe: `(dimension,)`, the encoder's vector of `PROBE`.
    """
    heads = (SentimentHead.from_pretrained(file) for file in _shipped_files())
    return next((head for head in heads if head.fits(encoder, probe)), None)


def shipped_heads_fingerprint() -> str:
    """Changes when a shipped head changes."""
    import hashlib

    digest = hashlib.sha256()
    for file in _shipped_files():
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


def _shipped_files() -> list[Path]:
    return sorted(_SHIPPED.glob("*.sentiment.npz"))


def _fit_change(vectors: np.ndarray, targets: np.ndarray, start: np.ndarray, strength: float) -> np.ndarray:
    """The `(3, dimension)` change that explains the targets, by L-BFGS on the penalised likelihood."""
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
