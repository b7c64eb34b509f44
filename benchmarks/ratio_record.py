"""How a figure is written down that stands beside a peer's."""

from __future__ import annotations

from typing import Any

OURS = "rasa-llm-components"


def ratio_record(measure: str, value: float, unit: str, peer: str, peer_value: float) -> dict[str, Any]:
    """`{name, measure, value, unit, peer, peer_value, ratio}`, for the benchmarks' JSON."""
    ratio = round(value / peer_value, 3) if peer_value else None
    values = {"value": round(value, 2), "unit": unit, "peer": peer, "peer_value": round(peer_value, 2), "ratio": ratio}
    return {"name": OURS, "measure": measure, **values}
