"""States of the training examples at the branch layer: computed once, as far as memory allows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from rasa_llm_components.models.finetuning.lower_layers import LowerLayers
from rasa_llm_components.models.finetuning.tuned_layers import TunedLayers

_BATCH = 128


class BranchStates:
    """A list of texts' states. The lower layers stay as they are, so an epoch need not pass them again.

    Texts beyond the budget are kept as token ids and computed whenever they are asked for: memory stays flat.
    """

    def __init__(self, lower: LowerLayers, texts: Sequence[str], *, memory_mb: int) -> None:
        """Computes the states of as many texts as fit.

        Args:
            lower: the shared layers.
            texts: training examples.
            memory_mb: what the kept states may take.
        """
        self._lower = lower
        self.ids = lower.ids(texts)
        self._kept: dict[int, torch.Tensor] = {}
        budget = memory_mb * 2**20
        order = sorted(range(len(self.ids)), key=lambda index: len(self.ids[index]))
        for start in range(0, len(order), _BATCH):
            chosen = order[start : start + _BATCH]
            states = lower.states([self.ids[index] for index in chosen])
            budget -= sum(state.numel() * state.element_size() for state in states)
            if budget < 0:
                break
            self._kept.update(zip(chosen, states))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def kept(self) -> int:
        """How many texts' states are in memory."""
        return len(self._kept)

    def of(self, indices: Sequence[int]) -> list[torch.Tensor]:
        """States `(tokens, hidden)` of these texts."""
        missing = [index for index in indices if index not in self._kept]
        computed = dict(zip(missing, self._lower.states([self.ids[index] for index in missing]))) if missing else {}
        return [self._kept[index] if index in self._kept else computed[index] for index in indices]

    def vectors(self, layers: TunedLayers, indices: Sequence[int]) -> np.ndarray:
        """Sentence vectors `(indices, hidden)` of these texts, in batches of like length."""
        found = np.zeros((len(indices), layers.hidden), np.float32)
        order = sorted(range(len(indices)), key=lambda position: len(self.ids[indices[position]]))
        for start in range(0, len(order), _BATCH):
            chosen = order[start : start + _BATCH]
            found[chosen] = layers.vectors(self.of([indices[position] for position in chosen]))
        return found
