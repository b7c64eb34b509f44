"""`rasa test nlu --cross-validation` with every component of ours in the pipeline."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import yaml

from rasa_llm_components import nlu

from .conftest import SHOP, as_nlu

OURS: dict[str, dict[str, Any]] = {
    "TransformerFeaturizer": {},
    "TransformerIntentClassifier": {"epochs": 2},
    "SentimentTagger": {},
    "OutOfScopeDetector": {"false_alarm_rate": 0.4},  # so that some messages are declined
}
EXAMPLES = {
    **SHOP,
    "opening_hours": ["when are you open", "are you open on sunday", "what are your hours", "do you close at six"],
    "payment": ["can I pay by card", "do you take paypal", "which cards do you accept", "can I pay on invoice"],
}


async def test_every_fold_is_trained_and_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rasa.cli.test import run_nlu_test_async

    assert set(OURS) == set(nlu.__all__), "a new component has its place in this pipeline"
    pipeline = [
        {"name": "WhitespaceTokenizer"},
        *({"name": f"rasa_llm_components.nlu.{name}", **keys} for name, keys in OURS.items()),
    ]
    config = {"recipe": "default.v1", "language": "en", "pipeline": pipeline, "policies": []}
    (tmp_path / "config.yml").write_text(yaml.safe_dump(config))
    (tmp_path / "nlu.yml").write_text(yaml.safe_dump({"version": "3.1", "nlu": as_nlu(EXAMPLES)}, width=10_000))
    (tmp_path / "domain.yml").write_text(yaml.safe_dump({"version": "3.1", "intents": sorted(EXAMPLES)}))
    monkeypatch.chdir(tmp_path)
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        await run_nlu_test_async(
            config=["config.yml"],
            data_path="nlu.yml",
            models_path="models",
            output_dir="results",
            cross_validation=True,
            percentages=[0],
            runs=1,
            no_errors=False,
            domain_path="domain.yml",
            all_args={"folds": 2, "disable_plotting": True},
        )
    report = json.loads((tmp_path / "results" / "intent_report.json").read_text())
    tested = {name: report[name]["support"] for name in EXAMPLES}
    assert tested == {name: len(texts) for name, texts in EXAMPLES.items()}
    errors_file = tmp_path / "results" / "intent_errors.json"
    errors = json.loads(errors_file.read_text()) if errors_file.exists() else []
    said = {error["intent_prediction"]["name"] for error in errors}
    assert said <= set(EXAMPLES), "what was declined counts as its true first intent"
    assert report["accuracy"] > 0.6
