"""Calibration error and what thresholds do, on confidences whose answer is known."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import BENCHMARKS


@pytest.mark.parametrize(
    ("confidences", "right", "error"),
    [
        ([0.75] * 4, [True, True, True, False], 0.0),
        ([1.0] * 4, [True, True, True, False], 0.25),
        ([0.0] * 4, [False] * 4, 0.0),
        # Two bins: three messages are 0.2 too sure, one is 0.4 too unsure.
        ([0.2, 0.2, 0.2, 0.6], [False, False, False, True], (3 * 0.2 + 0.4) / 4),
        # Both in one bin (12/15 to 13/15): errors within a bin cancel each other.
        ([0.81, 0.85], [True, False], 0.33),
    ],
)
def test_the_error_is_the_mean_distance_of_confidence_and_accuracy(
    confidences: list[float], right: list[bool], error: float
) -> None:
    from reliability import expected_calibration_error, reliability

    bins = reliability(confidences, right)
    assert expected_calibration_error(bins) == pytest.approx(error, abs=1e-6)
    assert sum(count for *_, count in bins) == len(confidences)
    assert len(bins) == 15


def test_several_runs_are_counted_as_one() -> None:
    from reliability import pooled, reliability

    one, other = ([0.9, 0.2, 0.92], [True, False, False]), ([0.91, 0.5], [True, True])
    together = reliability([*one[0], *other[0]], [*one[1], *other[1]])
    assert pooled([reliability(*one), reliability(*other)]) == [pytest.approx(row, abs=1e-5) for row in together]


def test_a_threshold_answers_what_is_at_or_above_it() -> None:
    from reliability import at_thresholds

    rows = at_thresholds([0.2, 0.5, 0.6, 0.95], [False, False, True, True])
    assert rows == [[0.3, 0.75, 0.6667], [0.5, 0.75, 0.6667], [0.7, 0.25, 1.0], [0.9, 0.25, 1.0]]


def test_several_seeds_give_means_and_each_one() -> None:
    from intent import over_seeds
    from reliability import at_thresholds, reliability

    runs = [
        {
            "name": "ours",
            "accuracy": accuracy,
            "ece": error,
            "peak_memory_mb": 10,
            "reliability": reliability([0.9], [True]),
            "thresholds": at_thresholds([0.9], [True]),
        }
        for accuracy, error in ((0.8, 0.02), (0.9, 0.04))
    ]
    together = over_seeds(runs)
    assert (together["accuracy"], together["ece"]) == (pytest.approx(0.85), pytest.approx(0.03))
    assert (together["accuracy_by_seed"], together["ece_by_seed"]) == ([0.8, 0.9], [0.02, 0.04])
    assert together["reliability"][13] == [0.9, 1.0, 2]
    assert "accuracy_by_seed" not in over_seeds(runs[:1])


def test_the_command_draws_what_the_record_holds(tmp_path: Path) -> None:
    script = str(BENCHMARKS / "reliability.py")
    record = {"name": "ours", "ece": 0.1, "reliability": [[0.5, 0.5, 20]] * 15, "thresholds": [[0.5, 0.9, 0.95]]}
    (tmp_path / "out.json").write_text(json.dumps([record, {"name": "without"}]))
    command = [sys.executable, script, "--json", str(tmp_path / "out.json"), "--picture", str(tmp_path / "r.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "threshold 0.5: 90.0% of the messages are answered, 95.0% of them rightly" in done.stdout
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")
