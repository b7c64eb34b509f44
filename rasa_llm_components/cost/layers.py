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
        tuned: whether they are the bot's own, on top of shared ones.
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
    """Weights with layers that a component holds: how many, and whether they were tuned for the bot's intents."""
    own: Any = getattr(part, "layers", None)
    if hasattr(own, "branch") and hasattr(own, "layers"):
        return own, len(own.layers), True
    model: Any = getattr(getattr(part, "_encoder", part), "_model", None)  # an encoder, or what reads states of one
    return model, int(getattr(getattr(model, "config", None), "num_hidden_layers", 0) or 0), False
