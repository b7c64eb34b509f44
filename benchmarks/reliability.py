"""Whether a confidence means what it says: expected calibration error, and a picture of it.

    python benchmarks/reliability.py --json OUT --picture docs/images/reliability.png

Reads the records that `benchmarks/intent.py --json OUT` wrote, draws them, and says what each threshold would do.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

BINS = 15
"""Of equal width, as in Guo et al. 2017."""

THRESHOLDS = (0.3, 0.5, 0.7, 0.9)
_FEWEST = 10
"""Messages below which a bin's accuracy is chance, and is not drawn."""

Bins = list[list[float]]
"""One row a bin, from 0 to 1: mean confidence, accuracy, count. An empty bin has its middle, 0 and 0."""


def main() -> None:
    """Draws, and prints a line a threshold."""
    parser = argparse.ArgumentParser(description="Draw how honest the confidences are.")
    parser.add_argument("--json", type=Path, required=True, help="records of benchmarks/intent.py")
    parser.add_argument("--picture", type=Path, required=True, help="PNG file to write")
    options = parser.parse_args()
    records = [record for record in json.loads(options.json.read_text()) if record.get("reliability")]
    if not records:
        raise SystemExit(f"{options.json} holds no record with `reliability`: run benchmarks/intent.py again.")
    draw(records, options.picture)
    for record in records:
        print(f"{record['name']}: expected calibration error {record['ece']:.4f}")
        for threshold, answered, accuracy in record["thresholds"]:
            print(
                f"  threshold {threshold}: {answered:.1%} of the messages are answered, {accuracy:.1%} of them rightly"
            )


def reliability(confidences: Sequence[float], right: Sequence[bool]) -> Bins:
    """Messages sorted into bins by their confidence.

    Args:
        confidences: of each message's first intent, from 0 to 1.
        right: whether that intent was the expected one.
    """
    sure, correct = np.asarray(confidences, dtype=float), np.asarray(right, dtype=float)
    # A bin holds its upper edge: 1.0 belongs to the last one.
    numbers = np.clip(np.ceil(sure * BINS).astype(int) - 1, 0, BINS - 1)
    bins = []
    for number in range(BINS):
        own = numbers == number
        count = int(own.sum())
        bins.append([sure[own].mean(), correct[own].mean(), count] if count else [(number + 0.5) / BINS, 0.0, 0])
    return [[round(float(confidence), 6), round(float(accuracy), 6), count] for confidence, accuracy, count in bins]


def expected_calibration_error(bins: Bins) -> float:
    """Mean distance between confidence and accuracy, weighted by the bins' counts (Guo et al. 2017, equation 5)."""
    counts = np.array([count for *_, count in bins])
    gaps = np.array([abs(confidence - accuracy) for confidence, accuracy, _ in bins])
    return float((gaps * counts).sum() / max(counts.sum(), 1))


def pooled(runs: Sequence[Bins]) -> Bins:
    """The bins of several runs as those of one."""
    together = []
    for rows in zip(*runs):
        counts = np.array([count for *_, count in rows], dtype=float)
        weights = counts if counts.sum() else np.ones(len(rows))
        confidence, accuracy = (float(np.average([row[column] for row in rows], weights=weights)) for column in (0, 1))
        together.append([round(confidence, 6), round(accuracy, 6), int(counts.sum())])
    return together


def at_thresholds(confidences: Sequence[float], right: Sequence[bool]) -> list[list[float]]:
    """What a FallbackClassifier would do: rows of threshold, share of messages answered, accuracy of those."""
    sure, correct = np.asarray(confidences, dtype=float), np.asarray(right, dtype=bool)
    rows = []
    for threshold in THRESHOLDS:
        answered = sure >= threshold
        accuracy = float(correct[answered].mean()) if answered.any() else 0.0
        rows.append([threshold, round(float(answered.mean()), 4), round(accuracy, 4)])
    return rows


def draw(records: Sequence[dict[str, Any]], picture: Path) -> None:
    """Accuracy over confidence, one line a record, above the share of messages in each bin."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5.5), layout="constrained")
    honest, messages = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [3, 1]})
    honest.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1, label="as sure as it is right")
    for number, record in enumerate(records):
        bins = np.array(record["reliability"])
        told, counts = bins[bins[:, 2] >= _FEWEST], bins[:, 2]
        label = f"{record['name']}, calibration error {record['ece']:.3f}"
        honest.plot(told[:, 0], told[:, 1], marker="o", markersize=4, label=label)
        width = 1 / BINS / (len(records) + 1)
        lefts = np.arange(BINS) / BINS + number * width
        messages.bar(lefts, counts / counts.sum(), width=width, align="edge")
    honest.set(ylabel="share that is right", xlim=(0, 1), ylim=(0, 1))
    honest.legend(fontsize="small", loc="upper left")
    messages.set(xlabel="confidence of the first intent", ylabel="messages")
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    main()
