"""How many wrong labels `rasa-llm insights` finds, and how many it suspects that are right.

    python benchmarks/insights.py --data DIR --json OUT [--train train_10 --wrong 20 --seeds 3]

DIR/train_10 holds `seq.in` and `label`. Some examples are put under another intent at random, and the file is looked
at as a bot's own. A data set has wrong labels of its own: what is listed besides the planted ones counts as a false
alarm here, so the precision is the least that it can be; the last record is the data as it is.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from intent import read_split

from rasa_llm_components.training_data.bot_encoder import bot_encoder
from rasa_llm_components.training_data.insights import Insights, examine
from rasa_llm_components.training_data.nlu_file import read_nlu_files


def main() -> None:
    """Plants, looks, prints and writes the records."""
    options = _options()
    texts, labels = read_split(options.data / options.train)
    about = {"data": options.data.name, "train": options.train, "examples": len(texts), "planted": options.wrong}
    runs = [run(texts, *planted(labels, options.wrong, seed)) for seed in range(options.seeds)]
    means = {key: round(float(np.mean([one[key] for one in runs])), 4) for key in runs[0]}
    spread = {f"{key}_spread": round(float(np.std([one[key] for one in runs])), 4) for key in ("found", "precision")}
    clean = run(texts, labels, {})
    records = [
        {"name": "rasa-llm insights", **about, "seeds": options.seeds, **means, **spread},
        {"name": "nothing planted", **{key: clean[key] for key in ("listed", "certain", "seconds")}},
    ]
    print(json.dumps(records, indent=2))
    if options.json:
        options.json.write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")


def planted(labels: Sequence[str], count: int, seed: int) -> tuple[list[str], dict[int, str]]:
    """Labels of which some are wrong, and the right ones of those by their row."""
    generator = np.random.default_rng(seed)
    intents = sorted(set(labels))
    changed, right = list(labels), {}
    for row in generator.choice(len(labels), count, replace=False):
        right[int(row)] = labels[row]
        changed[row] = str(generator.choice([intent for intent in intents if intent != labels[row]]))
    return changed, right


def run(texts: Sequence[str], labels: Sequence[str], right: dict[int, str]) -> dict[str, float]:
    """Figures of one set of labels; `right` are the planted examples' own."""
    with tempfile.TemporaryDirectory() as folder:
        rows = _write(Path(folder, "nlu.yml"), texts, labels)
        started = time.perf_counter()
        files = read_nlu_files(Path(folder))
        insights = examine([example for file in files for example in file.examples], bot_encoder(None))
        seconds = time.perf_counter() - started
    return {**_figures(insights, rows, right), "seconds": round(seconds, 1)}


def _figures(insights: Insights, rows: dict[int, int], right: dict[int, str]) -> dict[str, float]:
    listed = [rows[suspect.example.line] for suspect in insights.suspects]
    certain = [suspect for suspect in insights.suspects if suspect.certain]
    planted_certain = [s for s in certain if rows[s.example.line] in right]
    moved = [s for s in planted_certain if s.suggested == right[rows[s.example.line]]]
    found = sum(row in right for row in listed)
    count = len(right)
    return {
        "listed": len(listed),
        "found": found,
        "precision": found / max(len(listed), 1),
        "precision_of_as_many_as_planted": sum(row in right for row in listed[:count]) / max(count, 1),
        "certain": len(certain),
        "certain_and_planted": len(planted_certain),
        "certain_planted_and_right_intent": len(moved),
    }


def _write(file: Path, texts: Sequence[str], labels: Sequence[str]) -> dict[int, int]:
    """Rasa's format. Returns the row of each line."""
    lines, rows = ['version: "3.1"', "nlu:"], {}
    for intent in sorted(set(labels)):
        lines += [f"- intent: {json.dumps(intent)}", "  examples: |"]
        for row in (row for row, label in enumerate(labels) if label == intent):
            lines.append(f"    - {texts[row]}")
            rows[len(lines)] = row
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return rows


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Plant wrong labels, and look for them.")
    parser.add_argument("--data", type=Path, required=True, help="folder with the splits")
    parser.add_argument("--train", default="train_10")
    parser.add_argument("--wrong", type=int, default=20, help="labels to make wrong")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="file for the records")
    return parser.parse_args()


if __name__ == "__main__":
    main()
