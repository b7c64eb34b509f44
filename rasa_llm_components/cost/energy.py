"""Energy that was used: read from the processor and the GPU where they tell it, estimated where they don't."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WATTS_PER_CORE = 10.0
"""Of the estimate: what a busy core of a server draws, with its share of the memory. A laptop's draws about 5."""
RAPL = Path("/sys/class/powercap")


@dataclass(frozen=True)
class Energy:
    """What was used between two moments.

    Attributes:
        joules: all of it.
        measured: whether it was read, and not estimated.
        how: where the figure comes from, in words.
    """

    joules: float
    measured: bool
    how: str


class EnergyMeter:
    """Starts when it is made; `read` says what was used since."""

    def __init__(self, *, watts_per_core: float = WATTS_PER_CORE, gpu: bool = False, rapl: Path = RAPL) -> None:
        """Reads all counters once.

        Args:
            watts_per_core: for the estimate, where the processor tells nothing.
            gpu: whether the bot computes on a GPU.
            rapl: the folder of Linux' power counters.
        """
        self._watts = watts_per_core
        self._packages = _packages(rapl)
        self._at_start = [_microjoules(package) for package in self._packages]
        self._cpu_at_start = time.process_time()
        self._gpu = _gpu_counter() if gpu else None
        self._gpu_wanted = gpu
        self._gpu_at_start = self._gpu() if self._gpu else 0.0

    def read(self) -> Energy:
        """What was used since the meter was made."""
        if self._packages:
            joules = sum(map(_used, self._packages, self._at_start))
            how = "read from the processor (RAPL): all that the machine did meanwhile"
        else:
            seconds = time.process_time() - self._cpu_at_start
            joules = seconds * self._watts
            how = f"an estimate: {seconds:.1f} seconds of processor time at {self._watts:g} watts a core"
        if self._gpu:
            return Energy(joules + self._gpu() - self._gpu_at_start, bool(self._packages), f"{how}; the GPU's was read")
        missing = "; the GPU's is not in it, it can't be read" if self._gpu_wanted else ""
        return Energy(joules, bool(self._packages) and not self._gpu_wanted, how + missing)


def _packages(rapl: Path) -> list[Path]:
    """The readable counters of whole processors; their parts (`intel-rapl:0:1`) are within them."""
    found = sorted(path for path in rapl.glob("*-rapl:*") if path.name.count(":") == 1)
    readable = []
    for path in found:
        try:
            if (path / "name").read_text().startswith("package"):
                _microjoules(path)
                readable.append(path)
        except (OSError, ValueError):  # only root may read it on many machines
            return []
    return readable


def _microjoules(package: Path) -> int:
    return int((package / "energy_uj").read_text())


def _used(package: Path, before: int) -> float:
    """Joules since `before`; the counter begins at 0 again now and then."""
    difference = _microjoules(package) - before
    if difference < 0:
        difference += int((package / "max_energy_range_uj").read_text())
    return difference / 1e6


def _gpu_counter() -> Callable[[], float] | None:
    """Joules since the driver was loaded of the GPU that torch uses; None where it can't be read."""
    try:
        import pynvml
        import torch

        pynvml.nvmlInit()
        device: Any = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(0).uuid}")
        pynvml.nvmlDeviceGetTotalEnergyConsumption(device)
    except Exception:
        # Not installed, no such GPU, a driver without the counter: each library has errors of its own for it.
        return None
    return lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(device) / 1000
