"""What an `Encoder` needs of the model behind it, whichever library runs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from rasa_llm_components.models.model_facts import ModelFacts

if TYPE_CHECKING:
    from tokenizers import Tokenizer

RUNTIMES = ("auto", "torch", "onnx")
"""What may read texts on a CPU; on a GPU torch does."""


class Reading(Protocol):
    """One text, read as far as somebody asks."""

    @property
    def depth(self) -> int:
        """How many layers it has passed."""
        ...

    def after(self, layer: int) -> np.ndarray:
        """States `(tokens, hidden)` float32 after a layer; 0 is before the first one."""
        ...


@dataclass(frozen=True)
class WholeReading:
    """One text that has been read to the end.

    Attributes:
        states: `(tokens, hidden)` before the first layer and after each.
    """

    states: Sequence[np.ndarray]

    @property
    def depth(self) -> int:
        """All layers."""
        return len(self.states) - 1

    def after(self, layer: int) -> np.ndarray:
        """States `(tokens, hidden)` float32 after a layer; 0 is before the first one."""
        return self.states[layer]


class Reader(Protocol):
    """Token ids in, states out."""

    facts: ModelFacts
    tokenizer: Tokenizer

    @property
    def has_quick_way(self) -> bool:
        """Whether one text alone is read in another way than many at once."""
        ...

    def read(self, ids: Sequence[int]) -> Reading | None:
        """One text, the quick way; None without one."""
        ...

    def states(self, texts: Sequence[Sequence[int]]) -> list[np.ndarray]:
        """The last layer's `(tokens, hidden)` float32 of each text of a batch, shorter ones first."""
        ...
