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
            tuned = _tuned(part)
            count = tuned or _of_encoder(part)
            if count and id(part) not in seen:
                seen.add(id(part))
                passed.append(Layers(name, count, bool(tuned)))
    return passed


def _of_encoder(part: Any) -> int:
    configuration = getattr(getattr(part, "_model", None), "config", None)
    return int(getattr(configuration, "num_hidden_layers", 0) or 0)


def _tuned(part: Any) -> int:
    """Top layers that were fine-tuned for the bot's intents."""
    own: Any = getattr(part, "layers", None)
    return len(own.layers) if hasattr(own, "branch") and hasattr(own, "layers") else 0
