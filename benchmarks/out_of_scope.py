"""How well messages of unknown topics are told from those the bot was trained on.

    python benchmarks/out_of_scope.py --data DIR --train train --oos id-oos ood-oos --json OUT [--test test]

DIR holds folders with `seq.in` and `label`. The bot, featurizer, classifier and detector with their default
configuration, is trained on one and parses the others through Rasa itself. Of an `--oos` folder every message is
out of scope; one that has no `seq.in` but a `test` folder within it is read there. Messages of the test folder whose
label is no intent of the training data count as out of scope too, as a further folder `test`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from intent import OURS, _be_quiet, _import_what_the_pipeline_uses, _train, _write_bot, read_split

DETECTOR = {"name": "rasa_llm_components.nlu.OutOfScopeDetector"}
NOTHING = "nlu_fallback"
LOWEST = -1e9


def main() -> None:
    """Trains, parses, prints and writes one record."""
    options = _options()
    record = run(options.data, options.train, options.test, options.oos)
    print(json.dumps(record, indent=2))
    if options.json:
        options.json.write_text(json.dumps([record], indent=2) + "\n", encoding="utf-8")


def run(data: Path, train: str, test: str, oos: Sequence[str]) -> dict[str, Any]:
    """One trained bot, asked all messages once."""
    _be_quiet()
    from rasa.core.agent import Agent

    _import_what_the_pipeline_uses("rasa-llm-components")
    texts, labels = read_split(data / train)
    asked, expected = read_split(data / test)
    known = set(labels)
    strangers = [text for text, label in zip(asked, expected) if label not in known]
    inside = [(text, label) for text, label in zip(asked, expected) if label in known]
    folders = {name: read_split(_folder(data, name))[0] for name in oos}
    if strangers:
        folders[test] = strangers
    with tempfile.TemporaryDirectory() as folder:
        bot = Path(folder)
        _write_bot(bot, [*OURS, DETECTOR], texts, labels)
        model, train_seconds = _train(bot)
        agent = Agent.load(model)
        parsed = asyncio.run(_parse(agent, [text for text, _ in inside]))
        declined = {name: asyncio.run(_parse(agent, messages)) for name, messages in folders.items()}
    return {
        "name": "rasa-llm-components",
        "data": data.name,
        "train": train,
        "train_examples": len(texts),
        "train_seconds": round(train_seconds, 2),
        "folders": [
            {
                "folder": name,
                "messages": len(folders[name]),
                **figures(parsed, [label for _, label in inside], messages),
            }
            for name, messages in declined.items()
        ],
    }


def figures(
    inside: Sequence[dict[str, Any]], labels: Sequence[str], outside: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """The measures of one folder.

    Args:
        inside: what was parsed of messages in scope.
        labels: their intents.
        outside: what was parsed of messages out of scope.
    """
    from sklearn.metrics import matthews_corrcoef, roc_auc_score

    scores = np.array([_score(one) for one in (*inside, *outside)])
    known = np.arange(len(scores)) < len(inside)
    said = np.array([one["intent"]["name"] for one in inside])
    first = np.array([_first_intent(one) for one in inside])
    expected = np.array(labels)
    everything = [*said, *(one["intent"]["name"] for one in outside)]
    threshold = inside[0]["out_of_scope"]["threshold"]
    return {
        "auroc": round(float(roc_auc_score(known, scores)), 4),
        "fpr95": round(float((scores[~known] >= np.percentile(scores[known], 5)).mean()), 4),
        "caught": round(float(np.mean([one["intent"]["name"] == NOTHING for one in outside])), 4),
        "in_scope_accuracy": round(float((first == expected).mean()), 4),
        "in_scope_accuracy_with_threshold": round(float((said == expected).mean()), 4),
        "mcc": round(float(matthews_corrcoef([*expected, *[NOTHING] * len(outside)], everything)), 4),
        "threshold": round(float(threshold), 4),
    }


def _score(parsed: dict[str, Any]) -> float:
    """The detector's; a message without a word, which has none, is below all others."""
    score = parsed.get("out_of_scope", {}).get("score")
    return LOWEST if score is None else float(score)


def _first_intent(parsed: dict[str, Any]) -> str:
    """The intent before anything was declined."""
    ranking = [intent["name"] for intent in parsed["intent_ranking"] if intent["name"] != NOTHING]
    return ranking[0] if ranking else NOTHING


def _folder(data: Path, name: str) -> Path:
    own = data / name
    return own if (own / "seq.in").exists() else own / "test"


async def _parse(agent: Any, texts: Sequence[str]) -> list[dict[str, Any]]:
    return [await agent.parse_message(text) for text in texts]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure how unknown topics are told.")
    parser.add_argument("--data", type=Path, required=True, help="folder with the splits")
    parser.add_argument("--train", default="train")
    parser.add_argument("--test", default="test")
    parser.add_argument("--oos", nargs="*", default=[], help="folders of messages out of scope")
    parser.add_argument("--json", type=Path, help="file for the record")
    options = parser.parse_args()
    os.environ["RASA_MAX_CACHE_SIZE"] = "0"
    return options


if __name__ == "__main__":
    main()
