"""The tuned weights are averaged with the original ones: what the encoder knew is not forgotten.

Wortsman et al. 2022, "Robust fine-tuning of zero-shot models" (WiSE-FT).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

Weights = Mapping[str, torch.Tensor]


def averaged(tuned: Weights, original: Weights, share: float) -> dict[str, torch.Tensor]:
    """`share` of the tuned weights and the rest of the original ones, name by name."""
    return {name: torch.lerp(original[name], weight, share) for name, weight in tuned.items()}


def snapshot(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A copy of a module's weights, on the device where they are."""
    return {name: weight.detach().clone() for name, weight in module.state_dict().items()}
