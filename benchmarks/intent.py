"""How well and how fast messages are understood, trained and parsed through Rasa itself.

    python benchmarks/intent.py --data DIR --train train_10 --json OUT [--peer frozen] [--peer diet] [--seeds 3]

DIR holds folders (`train_10`, `test`, ...), each with `seq.in` (one sentence a line) and `label` (its intent).
`frozen` is ours without fine-tuning, `diet` Rasa's default pipeline. Every pipeline runs in a process of its own, so
that its peak memory is its own; imports are not timed. With `--seeds` ours is trained so many times, and its figures
are means. With `--parse-only` DIET trains for one epoch, and only the times of parsing, which do not depend on it,
are measured. `ece` is the expected calibration error; `reliability.py` draws it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from reliability import at_thresholds, expected_calibration_error, pooled, reliability

OURS = [
    {"name": "WhitespaceTokenizer"},
    {"name": "rasa_llm_components.nlu.TransformerFeaturizer"},
    {"name": "rasa_llm_components.nlu.TransformerIntentClassifier"},
]
FROZEN = [*OURS[:-1], {**OURS[-1], "finetune": False}]
RASA_DEFAULT = [
    {"name": "WhitespaceTokenizer"},
    {"name": "RegexFeaturizer"},
    {"name": "LexicalSyntacticFeaturizer"},
    {"name": "CountVectorsFeaturizer"},
    {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4},
    {"name": "DIETClassifier", "epochs": 100, "constrain_similarities": True, "random_seed": 42},
    {"name": "EntitySynonymMapper"},
    {"name": "ResponseSelector", "epochs": 100, "constrain_similarities": True},
    {"name": "FallbackClassifier", "threshold": 0.3, "ambiguity_threshold": 0.1},
]
PIPELINES = {"rasa-llm-components": OURS, "frozen": FROZEN, "diet": RASA_DEFAULT}
FIRST_SEED = 42
"""Our default; further ones follow it."""


def main() -> None:
    """Runs ours, then the peers asked for, prints a table and writes the records."""
    options = _options()
    if options.run:
        record = run(
            options.run, options.data, options.train, options.test, options.limit, options.parse_only, options.seed
        )
        options.json.write_text(json.dumps(record), encoding="utf-8")
        return
    ours = [_in_own_process("rasa-llm-components", options, FIRST_SEED + number) for number in range(options.seeds)]
    records = [over_seeds(ours), *(_in_own_process(name, options, FIRST_SEED) for name in options.peer)]
    if options.parse_only:
        print(
            "\n".join(f"{one['name']:24} p50 {one['parse_p50_ms']} ms, p99 {one['parse_p99_ms']} ms" for one in records)
        )
    else:
        print_table(records)
    if options.json:
        options.json.write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")


def run(
    name: str, data: Path, train: str, test: str, limit: int, parse_only: bool = False, seed: int = FIRST_SEED
) -> dict[str, Any]:
    """Trains one pipeline on `data/train`, parses `data/test` message by message, and measures both."""
    _be_quiet()
    from rasa.core.agent import Agent

    _import_what_the_pipeline_uses(name)
    with tempfile.TemporaryDirectory() as folder:
        bot = Path(folder)
        pipeline = [_seeded(one, seed) for one in PIPELINES[name]]
        pipeline = [_for_one_epoch(one) for one in pipeline] if parse_only else pipeline
        _write_bot(bot, pipeline, *read_split(data / train))
        model, train_seconds = _train(bot)
        agent = Agent.load(model)
        texts, labels = read_split(data / test)
        texts, labels = texts[: limit or None], labels[: limit or None]
        predicted, confidences, milliseconds = asyncio.run(_parse(agent, texts))
    from sklearn.metrics import accuracy_score, f1_score

    if parse_only:
        return {"name": name, **_times(milliseconds), "data": data.name, "train": train, "test_examples": len(texts)}
    right = [one == other for one, other in zip(predicted, labels)]
    bins = reliability(confidences, right)
    return {
        "name": name,
        "accuracy": round(float(accuracy_score(labels, predicted)), 4),
        "macro_f1": round(float(f1_score(labels, predicted, average="macro")), 4),
        "ece": round(expected_calibration_error(bins), 4),
        "train_seconds": round(train_seconds, 2),
        **_times(milliseconds),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "data": data.name,
        "train": train,
        "train_examples": len(read_split(data / train)[0]),
        "test_examples": len(texts),
        "reliability": bins,
        "thresholds": at_thresholds(confidences, right),
    }


def over_seeds(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One record of several trainings: means, and accuracy and calibration error of each."""
    together = dict(records[0])
    if len(records) == 1:
        return together
    for key in (key for key, value in records[0].items() if isinstance(value, (int, float))):
        mean = float(np.mean([record[key] for record in records]))
        together[key] = round(mean) if isinstance(records[0][key], int) else round(mean, 4)
    if "ece" in together:
        together |= {f"{key}_by_seed": [record[key] for record in records] for key in ("accuracy", "ece")}
        together["reliability"] = pooled([record["reliability"] for record in records])
        thresholds = np.mean([record["thresholds"] for record in records], axis=0)
        together["thresholds"] = [[round(float(value), 4) for value in row] for row in thresholds]
    return together


def _seeded(component: dict[str, Any], seed: int) -> dict[str, Any]:
    ours = component["name"].endswith(".TransformerIntentClassifier")
    return {**component, "random_seed": seed} if ours else component


def _times(milliseconds: Sequence[float]) -> dict[str, float]:
    p50, p99 = (round(float(np.percentile(milliseconds, percent)), 2) for percent in (50, 99))
    return {"parse_p50_ms": p50, "parse_p99_ms": p99}


def _for_one_epoch(component: dict[str, Any]) -> dict[str, Any]:
    return {**component, "epochs": 1} if "epochs" in component else component


def read_split(folder: Path) -> tuple[list[str], list[str]]:
    """Sentences and intents of a folder. Ends the program with a sentence when they are not there or not alike."""
    try:
        texts = (folder / "seq.in").read_text(encoding="utf-8").splitlines()
        labels = (folder / "label").read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SystemExit(f"{folder} must hold seq.in and label: {error.strerror}: {error.filename}") from error
    if len(texts) != len(labels):
        raise SystemExit(f"{folder}: seq.in has {len(texts)} lines and label {len(labels)}.")
    # Square brackets would be read as entities in Rasa's training format.
    return [" ".join(text.replace("[", " ").replace("]", " ").split()) for text in texts], [
        label.strip() for label in labels
    ]


def print_table(records: Sequence[dict[str, Any]]) -> None:
    """Prints the records, one line each, with ratios to the first."""
    ours = records[0]
    print(f"{ours['data']}/{ours['train']}: {ours['train_examples']} examples, {ours['test_examples']} test messages")
    print(f"{'':24}{'accuracy':>9}{'macro F1':>9}{'ECE':>7}{'training s':>11}{'p50 ms':>8}{'p99 ms':>8}{'peak MB':>9}")
    for record in records:
        print(
            f"{record['name']:24}{record['accuracy']:9.3f}{record['macro_f1']:9.3f}{record['ece']:7.3f}"
            f"{record['train_seconds']:11.1f}{record['parse_p50_ms']:8.1f}{record['parse_p99_ms']:8.1f}"
            f"{record['peak_memory_mb']:9d}"
        )
    if "accuracy_by_seed" in ours:
        print(f"ours by seed: accuracy {ours['accuracy_by_seed']}, ECE {ours['ece_by_seed']}")
    for peer in records[1:]:
        ratios = (peer[key] / ours[key] for key in ("train_seconds", "parse_p50_ms", "parse_p99_ms"))
        print("ours is faster than {} by: training {:.1f} x, p50 {:.1f} x, p99 {:.1f} x".format(peer["name"], *ratios))


async def _parse(agent: Any, texts: list[str]) -> tuple[list[str], list[float], list[float]]:
    """Intents, confidences and milliseconds. What a FallbackClassifier declined counts as what was declined."""
    for text in texts[:20]:  # the first messages of a process pay for what later ones re-use
        await agent.parse_message(f"{text} please")
    first, milliseconds = [], []
    for text in texts:
        started = time.perf_counter()
        parsed = await agent.parse_message(text)
        milliseconds.append((time.perf_counter() - started) * 1000)
        ranking = parsed.get("intent_ranking") or []
        fallback = parsed["intent"]["name"] == "nlu_fallback" and len(ranking) > 1
        first.append(ranking[1] if fallback else parsed["intent"])
    return [str(one["name"]) for one in first], [float(one["confidence"]) for one in first], milliseconds


def _write_bot(bot: Path, pipeline: list[dict[str, Any]], texts: list[str], labels: list[str]) -> None:
    (bot / "data").mkdir()
    examples: dict[str, list[str]] = {label: [] for label in sorted(set(labels))}
    for text, label in zip(texts, labels):
        examples[label].append(f"- {text}\n")
    nlu = [{"intent": label, "examples": "".join(lines)} for label, lines in examples.items()]
    config = {"recipe": "default.v1", "language": "en", "pipeline": pipeline, "policies": []}
    for name, content in (
        ("data/nlu.yml", {"version": "3.1", "nlu": nlu}),
        ("config.yml", config),
        ("domain.yml", {"version": "3.1", "intents": sorted(examples)}),
    ):
        (bot / name).write_text(yaml.safe_dump(content, allow_unicode=True, width=10_000), encoding="utf-8")


def _import_what_the_pipeline_uses(name: str) -> None:
    ours = ("torch", "transformers.models.bert.modeling_bert", "sklearn.linear_model")
    for module in ("tensorflow",) if name == "diet" else ours:
        import_module(module)


def _be_quiet() -> None:
    import structlog

    warnings.filterwarnings("ignore")
    logging.basicConfig(level=logging.ERROR)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


def _in_own_process(name: str, options: argparse.Namespace, seed: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        result, log = Path(folder) / "record.json", Path(folder) / "log.txt"
        command = [sys.executable, __file__, "--run", name, "--data", str(options.data), "--train", options.train]
        command += ["--test", options.test, "--limit", str(options.limit), "--json", str(result)]
        command += ["--seed", str(seed)]
        command += ["--parse-only"] if options.parse_only else []
        with log.open("w") as output:
            ended = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, env=_environment(), check=False)
        if ended.returncode:
            raise SystemExit(f"{name} failed:\n" + "\n".join(log.read_text().splitlines()[-15:]))
        record: dict[str, Any] = json.loads(result.read_text())
        return record


def _train(bot: Path) -> tuple[str, float]:
    """The model that Rasa trains on what `_write_bot` wrote, and the seconds it took, imports aside."""
    from rasa.model_training import train_nlu

    started = time.perf_counter()
    model = train_nlu(
        config=str(bot / "config.yml"),
        nlu_data=str(bot / "data"),
        output=str(bot / "models"),
        domain=str(bot / "domain.yml"),
    )
    if model is None:
        raise SystemExit("Rasa trained no model; its messages stand above.")
    return model, time.perf_counter() - started


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        "USE_TF": "0",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "RASA_TELEMETRY_ENABLED": "false",
        "RASA_MAX_CACHE_SIZE": "0",  # every run trains
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True, help="folder with the splits")
    parser.add_argument("--train", default="train", help="name of the training split (default: train)")
    parser.add_argument("--test", default="test", help="name of the test split (default: test)")
    parser.add_argument("--limit", type=int, default=0, help="parse only the first N test messages (default: all)")
    parser.add_argument(
        "--peer", action="append", default=[], choices=["frozen", "diet"], help="measure this pipeline as well"
    )
    parser.add_argument("--seeds", type=int, default=1, help="train ours so many times, each with another seed")
    parser.add_argument("--json", type=Path, help="write the records here, ours first")
    parser.add_argument("--parse-only", action="store_true", help="one epoch of DIET, and only the times of parsing")
    parser.add_argument("--run", choices=sorted(PIPELINES), help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=FIRST_SEED, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.seeds < 1:
        parser.error(f"--seeds {options.seeds}: one or more")
    return options


if __name__ == "__main__":
    main()
