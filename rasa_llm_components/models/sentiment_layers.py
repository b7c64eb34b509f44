"""Sentiment's own two top layers: what the package ships of them, and the layers themselves on an encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rasa_llm_components.models.finetuning import LONGEST, can_be_tuned
from rasa_llm_components.models.finetuning.low_rank import LowRankDifference
from rasa_llm_components.models.finetuning.quick_layers import QuickLayers, export, opened
from rasa_llm_components.models.npz_file import read_npz
from rasa_llm_components.models.sentiment_head import LABELS
from rasa_llm_components.models.shipped import same_encoder, shipped_files

if TYPE_CHECKING:
    from rasa_llm_components.models.finetuning.branch_states import BranchStates
    from rasa_llm_components.models.finetuning.tuned_layers import TunedLayers

_MEMORY_MB = 256
"""What the states of a batch of texts may take; beyond it they are computed as they are needed."""


@dataclass(frozen=True)
class SentimentTuning:
    """What is stored: how the layers differ from the encoder's own, and the output that reads them.

    Attributes:
        layers: how many of the encoder's top layers are tuned.
        difference: of their weights.
        output: `(3, hidden)` float16, one row a label, in the order of `LABELS`.
        bias: `(3,)` float16.
        encoder: fingerprint of the encoder whose layers they were.
        probe: `(hidden,)`, that encoder's vector of `PROBE`.
    """

    layers: int
    difference: LowRankDifference
    output: np.ndarray
    bias: np.ndarray
    encoder: str
    probe: np.ndarray

    def fits(self, encoder: str, probe: np.ndarray) -> bool:
        """Whether it was made for this encoder: the same files, or the same vector for `PROBE`."""
        return same_encoder(encoder, probe, self.encoder, self.probe)

    def save_pretrained(self, file: Path) -> None:
        """Writes an `.npz` file of plain numbers, most of them of 8 bits."""
        about = {"labels": np.array(LABELS), "layers": np.array(self.layers), "encoder": np.array(self.encoder)}
        head = {"output": self.output, "bias": self.bias, "probe": self.probe.astype(np.float16)}
        np.savez_compressed(file, **about, **head, **self.difference.to_arrays())

    @classmethod
    def from_pretrained(cls, file: Path) -> SentimentTuning:
        """Reads what `save_pretrained` wrote.

        Raises:
            ValueError: these are no layers, or they have other labels.
            OSError: the file can't be read.
        """
        arrays = read_npz(file)
        if tuple(arrays.get("labels", ())) != LABELS:
            raise ValueError(f"{file} holds no sentiment layers with the labels {', '.join(LABELS)}")
        try:
            return cls(
                layers=int(arrays["layers"]),
                difference=LowRankDifference.from_arrays(arrays),
                output=arrays["output"],
                bias=arrays["bias"],
                encoder=str(arrays["encoder"]),
                probe=arrays["probe"].astype(np.float32),
            )
        except KeyError as error:
            raise ValueError(f"{file} holds no whole sentiment layers") from error


class SentimentLayers:
    """The layers at work, above the lower layers that everything else reads as well.

    One message alone passes the layers' ONNX graph where there is one; torch, and the layers themselves, are loaded
    when they are first asked for.
    """

    def __init__(self, encoder: Any, tuning: SentimentTuning) -> None:
        """Sets the layers on an encoder.

        Args:
            encoder: in this process, of a known family (`finetuning.can_be_tuned`).
            tuning: made for it.
        """
        self._encoder, self._tuning = encoder, tuning
        self._branch: int = encoder.facts.layers - tuning.layers
        self._output, self._bias = tuning.output.astype(np.float32), tuning.bias.astype(np.float32)
        self._quick: QuickLayers | None = None

    @cached_property
    def layers(self) -> TunedLayers:
        """Copies of the encoder's top layers with the difference added. Raises ValueError where it does not fit."""
        from rasa_llm_components.models.finetuning.tuned_layers import TunedLayers

        layers = TunedLayers.from_encoder(self._encoder.model, self._tuning.layers)
        self._tuning.difference.added_to(layers)
        return layers.to(self._encoder.device).eval()

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """`(texts, 3)` in the order of `LABELS`."""
        if len(texts) == 1:
            return self.logits_of(self._vector_of_one(texts[0])[None, :])
        return self.logits_of(self._states(texts).vectors(self.layers, range(len(texts))))

    def logits_of(self, vectors: np.ndarray) -> np.ndarray:
        """`(batch, 3)` of the layers' own sentence vectors `(batch, hidden)`."""
        logits: np.ndarray = vectors @ self._output.T + self._bias
        return logits

    def _states(self, texts: Sequence[str]) -> BranchStates:
        from rasa_llm_components.models.finetuning.branch_states import BranchStates
        from rasa_llm_components.models.finetuning.lower_layers import LowerLayers

        return BranchStates(LowerLayers(self._encoder, self._branch), texts, memory_mb=_MEMORY_MB)

    def _vector_of_one(self, text: str) -> np.ndarray:
        states = self._encoder.layer_states(text, self._branch, LONGEST)
        if states is None:
            vector: np.ndarray = self._states([text]).vectors(self.layers, [0])[0]
            return vector
        return self._quick(states) if self._quick else self.layers.vector_of_one(states)

    def export(self, texts: Sequence[str], folder: Path) -> None:
        """Stores the quick form of the layers, compared on texts (`quick_layers.py`)."""
        if self._encoder.device == "cpu":
            states = self._states(texts).of(range(len(texts)))
            export(self.layers, states, lambda vectors: self.logits_of(vectors).argmax(axis=1), folder)

    def open_quick(self, folder: Path) -> None:
        """Takes the quick form that `export` left in a folder, or loads the layers now, so that no message waits.

        Raises:
            ValueError: there is no quick form, and the layers have another shape than the encoder's.
        """
        self._quick = opened(folder)
        if self._quick is None or not self._encoder.has_quick_way:
            self.logits(["a first message", "a second one"])


def shipped_tuning(encoder: Any, probe: np.ndarray) -> SentimentTuning | None:
    """What comes with this package for an encoder; None where there is nothing, or no layers to be tuned.

    Args:
        encoder: any.
        probe: `(hidden,)`, the encoder's vector of `PROBE`.
    """
    if not can_be_tuned(encoder):
        return None
    stored = (SentimentTuning.from_pretrained(file) for file in shipped_files("sentiment_layers"))
    return next((tuning for tuning in stored if tuning.fits(encoder.fingerprint, probe)), None)
