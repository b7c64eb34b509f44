"""Sentiment's own two top layers: what the package ships of them, and the layers themselves on an encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rasa_llm_components.models.finetuning.branch_states import BranchStates
from rasa_llm_components.models.finetuning.low_rank import LowRankDifference
from rasa_llm_components.models.finetuning.lower_layers import LowerLayers, can_be_tuned
from rasa_llm_components.models.finetuning.quick_layers import QuickLayers, export, opened
from rasa_llm_components.models.finetuning.tuned_layers import TunedLayers
from rasa_llm_components.models.npz_file import read_npz
from rasa_llm_components.models.sentiment_head import LABELS, same_encoder, shipped_files

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
    """The layers at work, above the lower layers that everything else reads as well."""

    def __init__(self, encoder: Any, tuning: SentimentTuning) -> None:
        """Copies the encoder's top layers and adds the difference.

        Args:
            encoder: in this process, of a known family (`lower_layers.can_be_tuned`).
            tuning: made for it.

        Raises:
            ValueError: the encoder's layers have another shape.
        """
        self.layers = TunedLayers.from_encoder(encoder._model, tuning.layers)
        tuning.difference.added_to(self.layers)
        self.layers.to(encoder.device).eval()
        self._lower = LowerLayers(encoder, self.layers.branch)
        self._output, self._bias = tuning.output.astype(np.float32), tuning.bias.astype(np.float32)
        self._quick: QuickLayers | None = None

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
        return BranchStates(self._lower, texts, memory_mb=_MEMORY_MB)

    def _vector_of_one(self, text: str) -> np.ndarray:
        states = self._lower.states_of_one(text)
        if self._quick is not None and states is not None:
            return self._quick(states)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # one message is too little work to be shared out
        try:
            read = self._lower.states(self._lower.ids([text])) if states is None else [torch.from_numpy(states)]
            return self.layers.vectors(read)[0]
        finally:
            torch.set_num_threads(threads)

    def export(self, texts: Sequence[str], folder: Path) -> None:
        """Stores the quick form of the layers, compared on texts (`quick_layers.py`)."""
        if self.layers.device.type == "cpu":
            states = self._states(texts).of(range(len(texts)))
            export(self.layers, states, lambda vectors: self.logits_of(vectors).argmax(axis=1), folder)

    def open_quick(self, folder: Path) -> None:
        """Takes the quick form that `export` left in a folder, if it is there and whole."""
        self._quick = opened(folder)


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
