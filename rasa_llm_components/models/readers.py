"""What an `Encoder` needs of the model behind it, whichever library runs it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from rasa_llm_components.models.model_facts import ModelFacts

if TYPE_CHECKING:
    from tokenizers import Tokenizer

RUNTIMES = ("auto", "torch", "onnx")
"""What may read texts on a CPU; on a GPU torch does."""


class Reader(Protocol):
    """Token ids in, states out."""

    facts: ModelFacts
    tokenizer: Tokenizer

    @property
    def has_quick_way(self) -> bool:
        """Whether one text alone is read in another way than many at once."""
        ...

    def layers(self, ids: Sequence[int]) -> list[np.ndarray] | None:
        """One text quickly: `(tokens, hidden)` float32 before the first layer and after each; None without a way."""
        ...

    def states(self, texts: Sequence[Sequence[int]]) -> list[np.ndarray]:
        """The last layer's `(tokens, hidden)` float32 of each text of a batch, shorter ones first."""
        ...
