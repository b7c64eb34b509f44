"""A small bot that a test describes by its pipeline and its examples, trained and asked through Rasa itself."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import yaml

Examples = dict[str, list[str]]
SHOP: Examples = {
    "greet": ["hello", "good morning", "hi there", "hey"],
    "order_status": ["where is my parcel", "track my order", "has my package been shipped", "when will it arrive"],
    "return_item": ["I want to send this back", "how do I return an item", "return my order", "I'd like a refund"],
}
FEATURIZER = {"name": "rasa_llm_components.nlu.TransformerFeaturizer"}
CLASSIFIER = {"name": "rasa_llm_components.nlu.TransformerIntentClassifier"}


class Bot:
    """A trained model that parses messages."""

    def __init__(self, model: str) -> None:
        from rasa.core.agent import Agent

        self.model = model
        self._agent = Agent.load(model)

    def parse(self, text: str) -> dict[str, Any]:
        with redirect_stdout(io.StringIO()):
            return dict(asyncio.run(self._agent.parse_message(text)))

    def intent(self, text: str) -> str:
        return str(self.parse(text)["intent"]["name"])


def train(folder: Path, pipeline: list[dict[str, Any]], nlu: list[dict[str, Any]], **domain: Any) -> str:
    """Trains with Rasa's own function; returns the model's path."""
    from rasa.model_training import train_nlu

    (folder / "data").mkdir(exist_ok=True)
    intents = sorted({item["intent"].split("/")[0] for item in nlu if "intent" in item})
    files = {
        "config.yml": {"recipe": "default.v1", "language": "en", "pipeline": pipeline, "policies": []},
        "data/nlu.yml": {"version": "3.1", "nlu": nlu},
        "domain.yml": {"version": "3.1", "intents": intents, **domain},
    }
    for name, content in files.items():
        (folder / name).write_text(yaml.safe_dump(content, allow_unicode=True, width=10_000), encoding="utf-8")
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        model = train_nlu(
            config=str(folder / "config.yml"),
            nlu_data=str(folder / "data"),
            output=str(folder / "models"),
            domain=str(folder / "domain.yml"),
        )
    assert model is not None
    return model


def as_nlu(examples: Examples) -> list[dict[str, Any]]:
    """Examples in Rasa's training format."""
    return [
        {"intent": intent, "examples": "".join(f"- {text}\n" for text in texts)} for intent, texts in examples.items()
    ]


@pytest.fixture(autouse=True)
def _no_training_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test trains what it asks for."""
    monkeypatch.setenv("RASA_MAX_CACHE_SIZE", "0")


@pytest.fixture
def trained(tmp_path: Path) -> Callable[..., Bot]:
    """Trains a bot: `trained(pipeline, examples)`; a WhitespaceTokenizer stands in front of the pipeline."""

    def make(pipeline: list[dict[str, Any]], examples: Examples | None = None, **domain: Any) -> Bot:
        nlu = as_nlu(SHOP if examples is None else examples)
        return Bot(train(tmp_path, [{"name": "WhitespaceTokenizer"}, *pipeline], nlu, **domain))

    return make
