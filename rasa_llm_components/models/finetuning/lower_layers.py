"""The layers below the branch: shared with everything else that reads a message, and never tuned."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from rasa_llm_components.models.finetuning import LONGEST
from rasa_llm_components.models.finetuning.tuned_layers import half_precision

if TYPE_CHECKING:
    from rasa_llm_components.models.encoder import Encoder


class LowerLayers:
    """An encoder up to the branch layer, on the encoder's own weights (nothing is copied)."""

    def __init__(self, encoder: Encoder, layers: int) -> None:
        """Shares the first `layers` layers of `encoder`."""
        self.layers = layers
        self._encoder = encoder
        self._model = _up_to(encoder.model, layers)

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, as the encoder reads a question, at most `LONGEST`."""
        return self._encoder.token_ids(texts, LONGEST)

    def states(self, ids: Sequence[Sequence[int]]) -> list[torch.Tensor]:
        """States `(tokens, hidden)` of each text at the branch layer, on the CPU, in bfloat16."""
        device = torch.device(self._encoder.device)
        lengths = [len(text) for text in ids]
        padding = self._encoder.facts.padding
        padded = torch.full((len(ids), max(lengths)), padding, dtype=torch.long)
        mask = torch.zeros_like(padded)
        for row, text in enumerate(ids):
            padded[row, : len(text)] = torch.tensor(text)
            mask[row, : len(text)] = 1
        with torch.inference_mode(), half_precision(device):
            output = self._model(input_ids=padded.to(device), attention_mask=mask.to(device))
        states = output.last_hidden_state.to("cpu", torch.bfloat16)
        # A copy leaves inference mode behind, so that what is trained on these states may have gradients.
        return [states[row, :length].clone() for row, length in enumerate(lengths)]

    def share_of_unknown(self, ids: Sequence[Sequence[int]]) -> float:
        """Share of the tokens that the encoder's vocabulary lacks."""
        unknown = self._encoder.facts.unknown
        tokens = [token for text in ids for token in text]
        return tokens.count(unknown) / max(len(tokens), 1) if unknown is not None else 0.0


def _up_to(model: Any, layers: int) -> Any:
    """The same model with fewer layers: the objects are copied, the weights are not."""
    lower, stack = copy.copy(model), copy.copy(model.encoder)
    lower._modules, stack._modules = dict(model._modules), dict(model.encoder._modules)
    stack._modules["layer"] = model.encoder.layer[:layers]
    lower._modules["encoder"] = stack
    lower._modules["pooler"] = None
    return lower
