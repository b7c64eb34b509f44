"""The top layers of an encoder, which the intents get for themselves."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from rasa_llm_components.models.finetuning.packed_layer import PackedLayer, Packing


class TunedLayers(nn.Module):
    """States of the branch layer in, one sentence vector of length 1 out."""

    def __init__(self, layers: Sequence[PackedLayer], *, branch: int) -> None:
        """Wraps layers.

        Args:
            layers: in the order in which a message passes them.
            branch: after how many of the encoder's layers the branch begins.
        """
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.branch = branch

    @classmethod
    def from_encoder(cls, model: Any, layers: int) -> TunedLayers:
        """A copy of the top layers of a Hugging Face encoder."""
        found = list(model.encoder.layer)
        top = found[len(found) - layers :]
        heads = model.config.num_attention_heads
        return cls([PackedLayer.from_hugging_face(layer, heads) for layer in top], branch=len(found) - layers)

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Sentence vectors `(batch, hidden)` of padded states `(batch, tokens, hidden)`; this form is exported.

        Args:
            states: of the branch layer.
            mask: `(batch, tokens)`, 1 at tokens and 0 at padding.
        """
        shares = mask.to(states.dtype)
        bias = (1.0 - shares)[:, None, None, :] * -1e9
        for layer in self._own_layers():
            states = layer.padded(states, bias)
        total = (states * shares[:, :, None]).sum(dim=1) / shares.sum(dim=1, keepdim=True)
        return functional.normalize(total, dim=-1)

    def packed(self, texts: Sequence[torch.Tensor]) -> torch.Tensor:
        """Sentence vectors `(texts, hidden)` of states `(tokens, hidden)` each; quicker than padding them."""
        lengths = [len(text) for text in texts]
        device = self.device
        packing = Packing.of(lengths, device)
        states = torch.cat(list(texts)).to(device).float()
        states = functional.pad(states, (0, 0, 0, packing.filling))
        with half_precision(device):
            for layer in self.layers:
                states = layer(states, packing)
        total = states.new_zeros(packing.texts, states.shape[1]).index_add(0, packing.text_of, states)[:-1]
        return functional.normalize(total / torch.tensor(lengths, device=device)[:, None], dim=-1)

    def vectors(self, texts: Sequence[torch.Tensor]) -> np.ndarray:
        """Sentence vectors `(texts, hidden)` float32 of one batch, without dropout and gradients."""
        was_training = self.training
        self.eval()
        with torch.inference_mode():
            found: np.ndarray = self.packed(texts).float().cpu().numpy()
        self.train(was_training)
        return found

    def vector_of_one(self, states: np.ndarray) -> np.ndarray:
        """Sentence vector `(hidden,)` of one text's states `(tokens, hidden)`, on the thread that calls."""
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # one message is too little work to be shared out
        try:
            return self.vectors([torch.from_numpy(states)])[0]
        finally:
            torch.set_num_threads(threads)

    def _own_layers(self) -> list[PackedLayer]:
        return [cast(PackedLayer, layer) for layer in self.layers]

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def hidden(self) -> int:
        """Size of a state."""
        return int(next(self.parameters()).shape[1])


def half_precision(device: torch.device) -> Any:
    """Matrix products in bfloat16 where the machine computes in it: twice as quick, the same accuracy."""
    if device.type == "cuda":
        return torch.autocast("cuda", torch.bfloat16, enabled=torch.cuda.is_bf16_supported())
    if device.type == "cpu" and getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)():
        return torch.autocast("cpu", torch.bfloat16)
    return contextlib.nullcontext()
