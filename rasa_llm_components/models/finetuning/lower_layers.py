"""The layers below the branch: shared with everything else that reads a message, and never tuned."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from rasa_llm_components.models.finetuning import FAMILIES
from rasa_llm_components.models.finetuning.tuned_layers import half_precision
from rasa_llm_components.models.normalisation import normalise

if TYPE_CHECKING:
    from rasa_llm_components.models.encoder import Encoder

LONGEST = 128
"""Tokens of a message that the intent model reads: what it is about has been said by then."""


class LowerLayers:
    """An encoder up to the branch layer, on the encoder's own weights (nothing is copied)."""

    def __init__(self, encoder: Encoder, layers: int) -> None:
        """Shares the first `layers` layers of `encoder`."""
        self.layers = layers
        self._encoder = encoder
        self._model = _up_to(encoder._model, layers)
        self._tokenizer = encoder._tokenizer

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, as the encoder reads a question, at most `LONGEST`."""
        if not texts:
            return []
        cleaned = [self._encoder._prefixes["query"] + normalise(text).text for text in texts]
        encoding = self._tokenizer(cleaned, truncation=True, max_length=min(LONGEST, self._encoder.max_tokens))
        found: list[list[int]] = encoding["input_ids"]
        return found

    def states(self, ids: Sequence[Sequence[int]]) -> list[torch.Tensor]:
        """States `(tokens, hidden)` of each text at the branch layer, on the CPU, in bfloat16."""
        device = self._encoder.device
        lengths = [len(text) for text in ids]
        padding = self._tokenizer.pad_token_id or 0
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

    def states_of_one(self, text: str) -> np.ndarray | None:
        """One short text's states `(tokens, hidden)`, from the pass that the featurizer has made; None for others."""
        return self._encoder.layer_states(text, self.layers)

    def share_of_unknown(self, ids: Sequence[Sequence[int]]) -> float:
        """Share of the tokens that the encoder's vocabulary lacks."""
        unknown = self._tokenizer.unk_token_id
        tokens = [token for text in ids for token in text]
        return tokens.count(unknown) / max(len(tokens), 1) if unknown is not None else 0.0


def can_be_tuned(encoder: object) -> bool:
    """Whether the encoder runs in this process and has layers of a known kind."""
    config = getattr(getattr(encoder, "_model", None), "config", None)
    return getattr(config, "model_type", "") in FAMILIES and getattr(config, "hidden_act", "") == "gelu"


def layers_of(encoder: Any) -> int:
    """How many layers the encoder has."""
    return int(encoder._model.config.num_hidden_layers)


def _up_to(model: Any, layers: int) -> Any:
    """The same model with fewer layers: the objects are copied, the weights are not."""
    lower, stack = copy.copy(model), copy.copy(model.encoder)
    lower._modules, stack._modules = dict(model._modules), dict(model.encoder._modules)
    stack._modules["layer"] = model.encoder.layer[:layers]
    lower._modules["encoder"] = stack
    lower._modules["pooler"] = None
    return lower
