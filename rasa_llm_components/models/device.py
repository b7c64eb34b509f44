"""Which device and number format a model runs on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rasa_llm_components.errors import ConfigurationError

if TYPE_CHECKING:
    import torch


def choose_device(device: str = "auto") -> torch.device:
    """The device named, or the best one here: CUDA, then Apple's, then the CPU.

    Raises:
        ConfigurationError: the device named is unknown or not on this machine.
    """
    import torch

    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise ConfigurationError(
            "this machine has no such device.", key="device", value=device, fix="Write auto, cpu, cuda, cuda:0 or mps."
        ) from error
    return chosen


def choose_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """The number format named, or the usual one: bfloat16 or float16 on a GPU, float32 on the CPU.

    Raises:
        ConfigurationError: not one of auto, float32, float16, bfloat16.
    """
    import torch

    named = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
    if dtype in named:
        return named[dtype]
    if dtype != "auto":
        raise ConfigurationError(
            "no such number format.", key="dtype", value=dtype, fix="Write auto, float32, float16 or bfloat16."
        )
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.float16 if device.type == "mps" else torch.float32
