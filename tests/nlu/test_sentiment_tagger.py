"""The sentiment of a message, trained and asked through Rasa."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.nlu.tokenizers.whitespace_tokenizer import WhitespaceTokenizer
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.training_data.formats import RasaYAMLReader
from rasa.shared.nlu.training_data.message import Message

from rasa_llm_components.models import shipped
from rasa_llm_components.nlu import SentimentTagger, TransformerFeaturizer

from .conftest import CLASSIFIER, FEATURIZER, Bot

TAGGER = {"name": "rasa_llm_components.nlu.SentimentTagger"}
CONTEXT = ExecutionContext(GraphSchema({}), node_name="test")
NLU = """
version: "3.1"
nlu:
- intent: late
  metadata: {sentiment: negative}
  examples: |
    - the ETA slipped again
    - another ETA change
    - the ETA is later again
- intent: greet
  examples: |
    - hello
    - hi there
- intent: late_but_fine
  examples:
  - text: |
      - ETA moved, no worries
    metadata:
      sentiment: positive
"""


class Tagger:
    """A tagger behind a tokenizer and the featurizer, as in a pipeline, trained on examples in Rasa's format."""

    def __init__(
        self, folder: Path, nlu: str = NLU, featurizer: dict[str, Any] | None = None, reads: str = "", **config: Any
    ) -> None:
        self.config = {**SentimentTagger.get_default_config(), **config}
        self.config["featurizer"] = reads or self.config["featurizer"]
        folder.mkdir(exist_ok=True)
        self.storage, self.resource = LocalModelStorage.create(folder), Resource("sentiment")
        self._tokenizer = WhitespaceTokenizer(WhitespaceTokenizer.get_default_config())
        self._featurizer = TransformerFeaturizer.create(
            {**TransformerFeaturizer.get_default_config(), **(featurizer or {})}, self.storage, self.resource, CONTEXT
        )
        self._tagger = SentimentTagger.create(self.config, self.storage, self.resource, CONTEXT)
        data = self._tokenizer.process_training_data(RasaYAMLReader().reads(nlu))
        self._tagger.train(self._featurizer.process_training_data(data))

    def load(self) -> None:
        self._tagger = SentimentTagger.load(self.config, self.storage, self.resource, CONTEXT)

    def parse(self, text: str) -> dict[str, Any]:
        (message,) = self._tagger.process(self._featurizer.process(self._tokenizer.process([Message({"text": text})])))
        return message.as_dict(only_output_properties=True)

    def sentiment(self, text: str) -> dict[str, Any]:
        return dict(self.parse(text)["sentiment"])


def test_rasas_parse_output_holds_label_score_and_confidences(trained: Callable[..., Bot]) -> None:
    bot = trained([FEATURIZER, CLASSIFIER, TAGGER])
    for text, label in [
        ("my parcel never arrived and nobody answers", "negative"),
        ("where is my parcel?", "neutral"),
        ("thank you so much, it is lovely", "positive"),
    ]:
        sentiment = bot.parse(text)["sentiment"]
        confidences = sentiment["confidences"]
        assert sentiment["label"] == label == max(confidences, key=confidences.__getitem__)
        assert sentiment["score"] == pytest.approx(confidences["positive"] - confidences["negative"])
        assert sum(confidences.values()) == pytest.approx(1, abs=1e-5)
        json.dumps(sentiment)
    assert bot.parse("where is my parcel?")["entities"] == []


def test_without_the_featurizer_the_line_to_add_is_named(trained: Callable[..., Bot]) -> None:
    with pytest.raises(InvalidConfigException, match=r"above SentimentTagger: - name: rasa_llm_components\.nlu\.Trans"):
        trained([TAGGER])


def test_labels_of_intents_and_of_examples_are_learnt(tmp_path: Path) -> None:
    without = Tagger(tmp_path / "without", nlu=NLU.replace("sentiment:", "note:"))
    tagger = Tagger(tmp_path / "with")
    tagger.load()
    assert without.sentiment("and again a later ETA")["label"] != "negative"
    assert tagger.sentiment("and again a later ETA")["label"] == "negative"
    assert tagger.sentiment("ETA moved, no worries at all")["label"] == "positive"
    assert tagger.sentiment("hello there")["label"] == without.sentiment("hello there")["label"] == "neutral"


def test_a_loaded_tagger_keeps_the_configuration_it_was_trained_with(tmp_path: Path) -> None:
    tagger = Tagger(tmp_path, as_entity=True)
    tagger.config = SentimentTagger.get_default_config()
    tagger.load()
    (entity,) = tagger.parse("this is awful")["entities"]
    assert (entity["entity"], entity["value"], entity["start"], entity["end"]) == ("sentiment", "negative", 0, 13)


def test_layers_of_its_own_are_stored_with_the_model_and_read_again(tmp_path: Path) -> None:
    tagger = Tagger(tmp_path)
    before = {text: tagger.sentiment(text)["confidences"] for text in ("it is not good", "hello there")}
    assert {file.name for file in tmp_path.rglob("*.*") if file.is_file()} == {
        "own_labels.npz",
        "sentiment.json",
        "sentiment_layers.npz",
        "tuned_layers.onnx",
    }
    tagger.load()
    for text, confidences in before.items():
        assert tagger.sentiment(text)["confidences"] == pytest.approx(confidences, abs=0.1)


def test_without_own_layers_the_small_head_answers(tmp_path: Path) -> None:
    tagger = Tagger(tmp_path, own_layers=False)
    tagger.load()
    assert not list(tmp_path.rglob("*layers*"))
    assert tagger.sentiment("and again a later ETA")["label"] == "negative"


def test_a_damaged_quick_form_leaves_the_layers_to_torch(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tagger = Tagger(tmp_path)
    (graph,) = tmp_path.rglob("tuned_layers.onnx")
    graph.write_bytes(graph.read_bytes()[:1000])
    tagger.load()
    assert "tuned_layers.onnx is damaged, torch runs" in caplog.text
    assert tagger.sentiment("this is awful")["label"] == "negative"


@pytest.mark.parametrize("file", ["sentiment_layers.npz", "own_labels.npz"])
@pytest.mark.parametrize("left", [0, 100])
def test_a_damaged_or_missing_part_says_train_again(tmp_path: Path, file: str, left: int) -> None:
    tagger = Tagger(tmp_path)
    (damaged,) = tmp_path.rglob(file)
    damaged.write_bytes(damaged.read_bytes()[:left])
    with pytest.raises(InvalidConfigException, match=r"no whole sentiment head\. Train again: rasa train"):
        tagger.load()
    damaged.unlink()
    with pytest.raises(InvalidConfigException, match=r"no whole sentiment head\. Train again: rasa train"):
        tagger.load()


@pytest.mark.parametrize("text", ["", "   ", "\u200b", "\x00"])
def test_a_message_without_words_is_neutral(tmp_path: Path, text: str) -> None:
    assert Tagger(tmp_path).sentiment(text)["label"] == "neutral"


@pytest.mark.parametrize("text", ["😀", "مرحبا", "<b>x</b>", "word " * 2000])
def test_odd_messages_get_a_label(tmp_path: Path, text: str) -> None:
    assert Tagger(tmp_path).sentiment(text)["label"] in ("negative", "neutral", "positive")


def test_an_unknown_label_is_named_with_its_example(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfigException, match=r"SentimentTagger: `sentiment: angry`.*the ETA slipped.*neutral"):
        Tagger(tmp_path, nlu=NLU.replace("sentiment: negative", "sentiment: angry"))


def test_an_encoder_without_a_head_needs_labels_of_two_kinds(tmp_path: Path) -> None:
    other = {"model": "stand-in"}
    with pytest.raises(InvalidConfigException, match=r"SentimentTagger: `featurizer: .*stand-in-64.*labels 0 kinds"):
        Tagger(tmp_path / "none", nlu=NLU.replace("sentiment:", "note:"), featurizer=other)
    tagger = Tagger(tmp_path / "two", featurizer=other)
    tagger.load()
    assert tagger.sentiment("the ETA slipped again")["label"] == "negative"
    assert tagger.sentiment("no worries")["label"] == "positive"


def test_another_encoder_than_at_training_is_refused(tmp_path: Path) -> None:
    tagger = Tagger(tmp_path)
    TransformerFeaturizer.create(
        {**TransformerFeaturizer.get_default_config(), "model": "stand-in"}, tagger.storage, tagger.resource, CONTEXT
    )
    with pytest.raises(InvalidConfigException, match=r"now loads encoder stand-in-64.*rasa train"):
        tagger.load()


def test_a_featurizer_of_another_alias_is_a_mistake_in_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfigException, match=r"`featurizer: Other`.*nlu\.TransformerFeaturizer"):
        Tagger(tmp_path, reads="Other")


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("as_entity", "yes", "`as_entity: yes`: this must be of type bool"),
        ("own_layers", "two", "`own_layers: two`: this must be of type bool"),
        ("own_labels_strength", -1.0, "`own_labels_strength: -1.0`: this must be above 0"),
        ("as_entitty", True, "Did you mean `as_entity`?"),
    ],
)
def test_mistakes_in_config_yml_are_named(tmp_path: Path, key: str, value: object, sentence: str) -> None:
    config = {**SentimentTagger.get_default_config(), key: value}
    with pytest.raises(InvalidConfigException) as mistake:
        SentimentTagger.create(config, LocalModelStorage.create(tmp_path), Resource("sentiment"), CONTEXT)
    assert sentence in str(mistake.value)


def test_a_model_of_another_version_or_a_broken_one_says_train_again(tmp_path: Path) -> None:
    tagger = Tagger(tmp_path)
    (about,) = tmp_path.rglob("sentiment.json")
    about.write_text(json.dumps({**json.loads(about.read_text()), "trained_with": "0.0.7"}))
    with pytest.raises(InvalidConfigException, match=r"trained with rasa-llm-components 0\.0\.7.*rasa train"):
        tagger.load()
    about.write_text("{")
    with pytest.raises(InvalidConfigException, match=r"no whole sentiment head\. Train again: rasa train"):
        tagger.load()


@pytest.mark.parametrize("kind", ["sentiment", "sentiment_layers"])
def test_training_again_is_due_when_head_or_layers_have_changed(
    kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for file in Path(shipped.__file__).parent.joinpath("heads").glob("*.npz"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    before = SentimentTagger.fingerprint_addon({})
    monkeypatch.setattr(shipped, "_SHIPPED", tmp_path)
    assert SentimentTagger.fingerprint_addon({}) == before
    (changed,) = tmp_path.glob(f"*.{kind}.npz")
    changed.write_bytes(b"other weights")
    assert SentimentTagger.fingerprint_addon({}) != before
