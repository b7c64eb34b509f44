"""An encoder as a module of token ids alone, the form that tracers and exporters take."""

from __future__ import annotations

from typing import Any


def whole_encoder(model: Any) -> Any:
    """A `torch.nn.Module`: ids `(1, tokens)` -> the states `(1, tokens, hidden)` before the first layer and after each.

    Nothing is padded, every token counts.
    """
    import torch

    class WholeEncoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: torch.Tensor) -> tuple[torch.Tensor, ...]:
            output = self.model(input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True)
            return (*output.hidden_states[:-1], output.last_hidden_state)

    return WholeEncoder().eval()
