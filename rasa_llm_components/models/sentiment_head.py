"""How a message sounds, from its sentence vector: a small head that is shipped, or made of a bot's own labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.models.calibration import softmax
from rasa_llm_components.models.npz_file import read_npz
from rasa_llm_components.models.own_labels import penalised_fit
from rasa_llm_components.models.shipped import same_encoder, shipped_files

LABELS = ("negative", "neutral", "positive")
_NEVER = -20.0


@dataclass(frozen=True)
class SentimentHead:
    """A network with one hidden layer: `output @ relu(hidden @ vector + hidden_bias) + direct @ vector + bias`.

    Attributes:
        hidden: `(units, dimension)`; 0 units for an encoder that no head is shipped for.
        hidden_bias: `(units,)`.
        output: `(3, units)`, one row a label, in the order of `LABELS`.
        direct: `(3, dimension)`, a linear head; zeros beside a hidden layer.
        bias: `(3,)`.
        encoder: fingerprint of the encoder whose vectors it reads.
        probe: `(dimension,)`, that encoder's vector of `PROBE`.
    """

    hidden: np.ndarray
    hidden_bias: np.ndarray
    output: np.ndarray
    direct: np.ndarray
    bias: np.ndarray
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
        """A head with a hidden layer and no linear part."""
        return cls(
            hidden=hidden,
            hidden_bias=hidden_bias,
            output=output,
            direct=np.zeros((len(LABELS), len(probe))),
            bias=bias,
            encoder=encoder,
            probe=probe,
        )

    def predict_proba(self, vectors: np.ndarray) -> np.ndarray:
        """Probabilities `(batch, 3)` in the order of `LABELS`, for vectors `(batch, dimension)`."""
        return softmax(self.logits(vectors))

    def logits(self, vectors: np.ndarray) -> np.ndarray:
        """`(batch, 3)` in the order of `LABELS`, for vectors `(batch, dimension)`."""
        active = np.maximum(vectors @ self.hidden.T + self.hidden_bias, 0.0)
        logits: np.ndarray = active @ self.output.T + vectors @ self.direct.T + self.bias
        return logits

    def fits(self, encoder: str, probe: np.ndarray) -> bool:
        """Whether vectors of this encoder can be read: the same files, or the same vector for `PROBE`."""
        return same_encoder(encoder, probe, self.encoder, self.probe)

    @classmethod
    def fit_own(
        cls, vectors: np.ndarray, labels: Sequence[str], *, encoder: str, probe: np.ndarray, strength: float
    ) -> SentimentHead:
        """A linear head from a bot's own labels alone; a label without examples never wins."""
        dimension = len(probe)
        bias = np.array([0.0 if label in labels else _NEVER for label in LABELS])
        indices = np.array([LABELS.index(label) for label in labels])
        return cls(
            hidden=np.zeros((0, dimension)),
            hidden_bias=np.zeros(0),
            output=np.zeros((len(LABELS), 0)),
            direct=penalised_fit(vectors, indices, np.tile(bias, (len(labels), 1)), strength),
            bias=bias,
            encoder=encoder,
            probe=probe,
        )

    def save_pretrained(self, file: Path) -> None:
        """Writes an `.npz` file of plain numbers; the hidden layer takes one byte a weight."""
        arrays = {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}
        scale = np.abs(self.hidden).max(axis=1, initial=1e-9) / 127
        arrays["hidden"] = np.round(self.hidden / scale[:, None]).astype(np.int8)
        arrays["probe"] = self.probe.astype(np.float16)
        arrays["direct"] = self.direct.astype(np.float32)
        np.savez_compressed(file, labels=np.array(LABELS), hidden_scale=scale.astype(np.float32), **arrays)

    @classmethod
    def from_pretrained(cls, file: Path) -> SentimentHead:
        """Reads what `save_pretrained` wrote.

        Raises:
            ValueError: this is no head, or one with other labels.
            OSError: the file can't be read.
        """
        arrays = read_npz(file)
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
    heads = (SentimentHead.from_pretrained(file) for file in shipped_files("sentiment"))
    return next((head for head in heads if head.fits(encoder, probe)), None)


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
