"""A bot in production reads messages without torch: 600 MB and three seconds less for each of its processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import CLASSIFIER, FEATURIZER, SHOP, Bot, as_nlu, train

ROOT = Path(__file__).parents[2]
SENTIMENT = {"name": "rasa_llm_components.nlu.SentimentTagger"}
DETECTOR = {"name": "rasa_llm_components.nlu.OutOfScopeDetector"}
MESSAGES = ["where is my order?", "", "I am really angry, " * 60, "ok"]

_SERVE = """
import json, sys
from tests.nlu.conftest import Bot
bot = Bot(sys.argv[1])
parsed = [bot.parse(text) for text in json.loads(sys.argv[2])]
labels = [[one["intent"]["name"], one["sentiment"]["label"]] for one in parsed]
heavy = [name for name in ("torch", "transformers") if name in sys.modules]
import spacy
from thinc.compat import has_torch
import torch
print(json.dumps({"labels": labels, "heavy": heavy, "spacy": has_torch, "torch": torch.zeros(2).tolist()}))
"""


@pytest.fixture(scope="module", params=["tuned", "frozen"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    classifier = {**CLASSIFIER, "finetune": {"epochs": 4} if request.param == "tuned" else False}
    pipeline = [{"name": "WhitespaceTokenizer"}, FEATURIZER, classifier, SENTIMENT, DETECTOR]
    return train(tmp_path_factory.mktemp(request.param), pipeline, as_nlu(SHOP))


def test_a_server_imports_neither_torch_nor_transformers(model: str) -> None:
    command = [sys.executable, "-c", _SERVE, model, json.dumps(MESSAGES)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["heavy"] == []
    assert told["spacy"] is False, "spaCy imported torch, only to know that it is there"
    assert told["torch"] == [0.0, 0.0], "who asks for torch afterwards gets it"
    bot = Bot(model)  # here torch has long been imported
    here = [bot.parse(text) for text in MESSAGES]
    assert told["labels"] == [[parsed["intent"]["name"], parsed["sentiment"]["label"]] for parsed in here]
