"""The figures of unknown topics count every message, the empty one too."""

from __future__ import annotations

from typing import Any


def parsed(intent: str, score: float | None, *, first: str = "") -> dict[str, Any]:
    ranking = [{"name": intent}, *([{"name": first}] if first else [])]
    return {
        "intent": {"name": intent},
        "intent_ranking": ranking,
        "out_of_scope": {"score": score, "threshold": 0.5},
    }


def test_figures_of_a_folder() -> None:
    from out_of_scope import figures

    inside = [parsed("pay", 0.9), parsed("return", 0.8), parsed("nlu_fallback", 0.4, first="pay"), parsed("pay", 0.7)]
    outside = [parsed("nlu_fallback", None), parsed("nlu_fallback", 0.1), parsed("pay", 0.75)]
    found = figures(inside, ["pay", "return", "pay", "return"], outside)
    assert found["caught"] == 0.6667
    assert found["in_scope_accuracy"] == 0.75
    assert found["in_scope_accuracy_with_threshold"] == 0.5
    assert found["auroc"] == round(10 / 12, 4)
    assert found["threshold"] == 0.5
