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

UNLIKE = 0.3
"""Two sentences of a smaller cosine have nothing to do with each other, for the encoders that heads ship for."""

_SHIPPED = Path(__file__).parent / "heads"
_SAME_ENCODER = 0.99
_NEVER = -20.0
_ITERATIONS = 200


@dataclass(frozen=True)
class SentimentHead:
    """A network with one hidden layer, and what a bot's own labels add to it.

    `output @ relu(hidden @ vector + hidden_bias) + direct @ vector + own @ likeness(examples, vector) + bias`

    Attributes:
        hidden: `(units, dimension)`; 0 units for an encoder that no head is shipped for.
        hidden_bias: `(units,)`.
        output: `(3, units)`, one row a label, in the order of `LABELS`.
        direct: `(3, dimension)`, a linear head; zeros beside a hidden layer.
        bias: `(3,)`.
        examples: `(labelled, dimension)`, the bot's own examples; none in a shipped head.
        own: `(3, labelled)`, what each of them adds to sentences like it.
        encoder: fingerprint of the encoder whose vectors it reads.
        probe: `(dimension,)`, that encoder's vector of `PROBE`.
    """

    hidden: np.ndarray
    hidden_bias: np.ndarray
    output: np.ndarray
    direct: np.ndarray
    bias: np.ndarray
    examples: np.ndarray
    own: np.ndarray
    encoder: str
    probe: np.ndarray

    @classmethod
    def of_network(
        cls,
        *,
        hidden: np.ndarray,
        hidden_bias: np.ndarray,
        output: np.ndarray,
        bias: np.ndarray,
        encoder: str,
        probe: np.ndarray,
    ) -> SentimentHead:
        """A head with a hidden layer and without examples of its own."""
        dimension = len(probe)
        return cls(
            hidden=hidden,
            hidden_bias=hidden_bias,
            output=output,
            direct=np.zeros((len(LABELS), dimension)),
            bias=bias,
            examples=np.zeros((0, dimension)),
            own=np.zeros((len(LABELS), 0)),
            encoder=encoder,
            probe=probe,
        )

    def predict_proba(self, vectors: np.ndarray) -> np.ndarray:
        """Probabilities `(batch, 3)` in the order of `LABELS`, for vectors `(batch, dimension)`."""
        return _softmax(self._logits(vectors))

    def _logits(self, vectors: np.ndarray) -> np.ndarray:
        active = np.maximum(vectors @ self.hidden.T + self.hidden_bias, 0.0)
        network = active @ self.output.T + vectors @ self.direct.T + self.bias
        logits: np.ndarray = network + _likeness(vectors, self.examples) @ self.own.T
        return logits

    def fits(self, encoder: str, probe: np.ndarray) -> bool:
        """Whether vectors of this encoder can be read: the same files, or the same vector for `PROBE`."""
        if encoder and encoder == self.encoder:
            return True
        return probe.shape == self.probe.shape and _cosine(probe, self.probe) > _SAME_ENCODER

    def adapted(self, vectors: np.ndarray, labels: Sequence[str], *, strength: float) -> SentimentHead:
        """This head with a bot's own labels learnt on top of it.

        Each example adds to the sentences that are like it, and to no other: a sentence whose cosine with
        every example is below `UNLIKE` keeps its answer exactly. How much they add is found by logistic
        regression with a Gaussian prior around the present answer (Chelba and Acero 2004).

        Args:
            vectors: `(examples, dimension)`, each of length 1.
            labels: one of `LABELS` for each.
            strength: how much an example counts against the prior; the prior's variance.
        """
        own = _fit(_likeness(vectors, vectors), labels, self._logits(vectors), strength)
        return replace(
            self, examples=np.concatenate([self.examples, vectors]), own=np.concatenate([self.own, own], axis=1)
        )

    @classmethod
    def fit_own(
        cls, vectors: np.ndarray, labels: Sequence[str], *, encoder: str, probe: np.ndarray, strength: float
    ) -> SentimentHead:
        """A linear head from a bot's own labels alone; a label without examples never wins."""
        bias = np.array([0.0 if label in labels else _NEVER for label in LABELS])
        empty = cls.of_network(
            hidden=np.zeros((0, len(probe))),
            hidden_bias=np.zeros(0),
            output=np.zeros((len(LABELS), 0)),
            bias=bias,
            encoder=encoder,
            probe=probe,
        )
        return replace(empty, direct=_fit(vectors, labels, empty._logits(vectors), strength))

    def save_pretrained(self, file: Path) -> None:
        """Writes an `.npz` file of plain numbers; the hidden layer takes one byte a weight."""
        arrays = {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}
        scale = np.abs(self.hidden).max(axis=1, initial=1e-9) / 127
        arrays["hidden"] = np.round(self.hidden / scale[:, None]).astype(np.int8)
        arrays["probe"] = self.probe.astype(np.float16)
        for name in ("direct", "own", "examples"):
            arrays[name] = arrays[name].astype(np.float32)
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


def _likeness(vectors: np.ndarray, examples: np.ndarray) -> np.ndarray:
    """`(batch, examples)`: 1 for the same sentence, 0 from a cosine of `UNLIKE` downwards."""
    likeness: np.ndarray = np.maximum(vectors @ examples.T - UNLIKE, 0.0) / (1.0 - UNLIKE)
    return likeness


def _fit(features: np.ndarray, labels: Sequence[str], start: np.ndarray, strength: float) -> np.ndarray:
    """The `(3, features)` weights that, added to the logits `start`, explain the labels: penalised likelihood."""
    from scipy.optimize import minimize

    targets = np.eye(len(LABELS))[[LABELS.index(label) for label in labels]]
    shape = (len(LABELS), features.shape[1])
    features = features.astype(np.float64)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(shape)
        probabilities = _softmax(start + features @ weights.T)
        likelihood = float((targets * np.log(probabilities + 1e-12)).sum())
        gradient = (probabilities - targets).T @ features + weights / strength
        return float((weights**2).sum()) / (2 * strength) - likelihood, gradient.ravel()

    found = minimize(loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS})
    return np.asarray(found.x).reshape(shape)


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: np.ndarray = exponents / exponents.sum(axis=1, keepdims=True)
    return probabilities


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-12))
