"""How many of a transformer's layers a message passes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Layers:
    """Layers of one component.

    Attributes:
        component: its class.
        count: how many a message passes for it.
        tuned: whether they are its own, on top of shared ones.
    """

    component: str
    count: int
    tuned: bool


def layers_passed(components: Mapping[str, Any]) -> list[Layers]:
    """The layers of each component that has some; weights that several share are passed, and counted, once.

    Args:
        components: loaded ones, by name.
    """
    seen: set[int] = set()
    passed = []
    for name, component in components.items():
        for part in vars(component).values():
            weights, count, tuned = _layers(part)
            if count and id(weights) not in seen:
                seen.add(id(weights))
                passed.append(Layers(name, count, tuned))
    return passed


def _layers(part: Any) -> tuple[Any, int, bool]:
    """Weights with layers that a component holds: how many, and whether they are its own."""
    own = getattr(part, "own_layers", 0)
    if own:
        return part, own, True
    encoder: Any = getattr(part, "_encoder", part)  # an encoder, or what reads states of one
    return encoder, int(getattr(encoder, "layers_read", 0)), False
