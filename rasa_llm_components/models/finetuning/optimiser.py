"""How layers are trained, whatever they learn: AdamW without decay of vectors, and a rate that rises and falls."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

WEIGHT_DECAY = 0.01
_WARM_UP = 0.1
_BETAS = (0.9, 0.98)


def adamw(
    layers: torch.nn.Module,
    learning_rate: float,
    *,
    head: Sequence[torch.nn.Parameter],
    head_learning_rate: float,
    head_decay: float = 0.0,
) -> torch.optim.AdamW:
    """Loshchilov and Hutter 2019; biases and normalisations are not decayed.

    Args:
        layers: to be trained.
        learning_rate: of the layers, at its peak.
        head: what is learnt with the layers.
        head_learning_rate: of the head, at its peak.
        head_decay: weight decay of the head.
    """
    weights = list(layers.parameters())
    return torch.optim.AdamW(
        [
            {"params": [one for one in weights if one.ndim > 1], "lr": learning_rate, "weight_decay": WEIGHT_DECAY},
            {"params": [one for one in weights if one.ndim == 1], "lr": learning_rate, "weight_decay": 0.0},
            {"params": list(head), "lr": head_learning_rate, "weight_decay": head_decay},
        ],
        betas=_BETAS,
    )


def warm_up_then_down(steps: int) -> Callable[[int], float]:
    """Share of the learning rate at each step: a straight line up over a tenth of the steps, and one down to 0."""
    warm = max(1, round(_WARM_UP * steps))
    return lambda step: min((step + 1) / warm, max(0.0, (steps - step) / max(steps - warm, 1)))
