"""Which device and number format a model runs on, in torch's names; torch is imported only where a GPU may be."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

from rasa_llm_components.errors import ConfigurationError

DTYPES = ("auto", "float32", "float16", "bfloat16")


def choose_device(device: str = "auto") -> str:
    """The device named, or the best one here: CUDA, then Apple's, then the CPU.

    Raises:
        ConfigurationError: the device named is unknown or not on this machine.
    """
    if device == "cpu" or (device == "auto" and not _may_have_gpu()):
        return "cpu"
    import torch

    if device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        chosen = torch.device(device)
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise ConfigurationError(
            "this machine has no such device.", key="device", value=device, fix="Write auto, cpu, cuda, cuda:0 or mps."
        ) from error
    return str(chosen)


def choose_dtype(dtype: str, device: str) -> str:
    """The number format named, or the usual one: bfloat16 or float16 on a GPU, float32 on the CPU.

    Raises:
        ConfigurationError: not one of `DTYPES`.
    """
    if dtype not in DTYPES:
        raise ConfigurationError(
            "no such number format.", key="dtype", value=dtype, fix=f"Write {', '.join(DTYPES[:-1])} or {DTYPES[-1]}."
        )
    if dtype != "auto":
        return dtype
    if device.startswith("cuda"):
        import torch

        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    return "float16" if device == "mps" else "float32"


def _may_have_gpu() -> bool:
    """Whether it is worth asking torch, whose import takes seconds and 400 MB: a driver is there, or a Mac is it."""
    if sys.platform == "darwin" or Path("/dev/kfd").exists():  # AMD's driver
        return True
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True
