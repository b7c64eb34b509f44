"""An encoder as a module of token ids alone, the form that tracers and exporters take."""

from __future__ import annotations

from typing import Any


def whole_encoder(model: Any) -> Any:
    """A `torch.nn.Module`: ids `(1, tokens)` -> states `(1, tokens, hidden)`. Nothing is padded, every token counts."""
    import torch

    class WholeEncoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            states: torch.Tensor = self.model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
            return states

    return WholeEncoder().eval()
