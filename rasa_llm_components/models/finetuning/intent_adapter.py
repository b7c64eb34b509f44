"""Where the tuning of a bot's intents begins: top layers that have learnt to tell other bots' intents apart.

Pre-training on many small intent sets before a bot's own few examples (Zhang et al. 2021, "Effectiveness of
Pre-training for Few-shot Intent Classification"). What ships is how the layers differ from the encoder's, at a low rank
and in 8 bits; `benchmarks/intent_adapter.py` makes it from the messages in `benchmarks/intent_data`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rasa_llm_components.models.finetuning.low_rank import LowRankDifference
from rasa_llm_components.models.npz_file import read_npz
from rasa_llm_components.models.protocols import SentenceEncoder
from rasa_llm_components.models.shipped import PROBE, same_encoder, shipped_files

if TYPE_CHECKING:
    from rasa_llm_components.models.finetuning.tuned_layers import TunedLayers


@dataclass(frozen=True)
class IntentAdapter:
    """What is stored.

    Attributes:
        layers: how many of the encoder's top layers it changes.
        difference: of their weights.
        encoder: fingerprint of the encoder whose layers they were.
        probe: `(hidden,)`, that encoder's vector of `PROBE`.
    """

    layers: int
    difference: LowRankDifference
    encoder: str
    probe: np.ndarray

    def fits(self, encoder: str, probe: np.ndarray) -> bool:
        """Whether it was made for this encoder: the same files, or the same vector for `PROBE`."""
        return same_encoder(encoder, probe, self.encoder, self.probe)

    def added_to(self, layers: TunedLayers) -> None:
        """Changes the encoder's top layers in place. Raises ValueError where they have another shape."""
        self.difference.added_to(layers)

    def save_pretrained(self, file: Path) -> None:
        """Writes an `.npz` file of plain numbers, most of them of 8 bits."""
        about = {"layers": np.array(self.layers), "encoder": np.array(self.encoder)}
        np.savez_compressed(file, **about, probe=self.probe.astype(np.float16), **self.difference.to_arrays())

    @classmethod
    def from_pretrained(cls, file: Path) -> IntentAdapter:
        """Reads what `save_pretrained` wrote.

        Raises:
            ValueError: this is no whole adapter.
            OSError: the file can't be read.
        """
        arrays = read_npz(file)
        try:
            return cls(
                layers=int(arrays["layers"]),
                difference=LowRankDifference.from_arrays(arrays),
                encoder=str(arrays["encoder"]),
                probe=arrays["probe"].astype(np.float32),
            )
        except KeyError as error:
            raise ValueError(f"{file} holds no whole intent adapter") from error


def shipped_adapter(encoder: SentenceEncoder) -> IntentAdapter | None:
    """What comes with this package for an encoder; None where there is nothing."""
    stored = [IntentAdapter.from_pretrained(file) for file in shipped_files("intent_adapter")]
    probe = encoder.encode([PROBE])[0] if stored else np.zeros(0)
    return next((adapter for adapter in stored if adapter.fits(encoder.fingerprint, probe)), None)
