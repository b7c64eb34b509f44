"""Messages of unknown topics, in a bot trained and asked through Rasa."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from rasa.shared.exceptions import InvalidConfigException

from rasa_llm_components.nlu import OutOfScopeDetector

from .conftest import CLASSIFIER, FEATURIZER, SHOP, Bot

DETECTOR = {"name": "rasa_llm_components.nlu.OutOfScopeDetector"}
MORE = {
    **SHOP,
    "opening_hours": ["when are you open", "are you open on sunday", "what are your hours", "do you close at six"],
    "payment": ["can I pay by card", "do you take paypal", "which cards do you accept", "can I pay on invoice"],
}
UNKNOWN = ("how do volcanoes erupt", "is the moon made of cheese", "write me a poem about penguins")


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Bot:
    from .conftest import as_nlu, train

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RASA_MAX_CACHE_SIZE", "0")
        pipeline = [{"name": "WhitespaceTokenizer"}, FEATURIZER, CLASSIFIER, DETECTOR]
        return Bot(train(tmp_path_factory.mktemp("scope"), pipeline, as_nlu(MORE)))


@pytest.mark.parametrize("text", UNKNOWN)
def test_an_unknown_topic_is_a_fallback_with_the_true_first_intent_second(bot: Bot, text: str) -> None:
    parsed = bot.parse(text)
    assert parsed["intent"]["name"] == "nlu_fallback"
    assert parsed["intent"] == parsed["intent_ranking"][0]
    assert parsed["intent_ranking"][1]["name"] in MORE
    assert len(parsed["intent_ranking"]) == len(MORE) + 1
    assert parsed["out_of_scope"]["score"] < parsed["out_of_scope"]["threshold"]
    assert 0.5 < parsed["intent"]["confidence"] <= 1


@pytest.mark.parametrize(
    ("text", "intent"), [("where is my package", "order_status"), ("do you accept visa", "payment")]
)
def test_a_known_topic_keeps_its_intent(bot: Bot, text: str, intent: str) -> None:
    parsed = bot.parse(text)
    assert parsed["intent"]["name"] == intent
    assert parsed["out_of_scope"]["score"] >= parsed["out_of_scope"]["threshold"]


@pytest.mark.parametrize("text", ["", "   "])
def test_a_message_without_a_word_is_out_of_scope(bot: Bot, text: str) -> None:
    parsed = bot.parse(text)
    assert parsed["intent"] == {"name": "nlu_fallback", "confidence": 1.0}
    assert parsed["out_of_scope"]["score"] is None


def test_an_invisible_message_breaks_nothing(bot: Bot) -> None:
    assert "intent" in bot.parse("\u200b")


def test_it_works_behind_rasas_own_classifier_and_names_the_intent_as_asked(trained: Callable[..., Bot]) -> None:
    examples = {**MORE, "off_topic": ["sing me a song", "what is the weather like", "who won the match"]}
    bot = trained([FEATURIZER, {"name": "LogisticRegressionClassifier"}, {**DETECTOR, "intent": "off_topic"}], examples)
    parsed = bot.parse("how do volcanoes erupt")
    assert parsed["intent"]["name"] == "off_topic"
    assert [intent["name"] for intent in parsed["intent_ranking"]].count("off_topic") == 1
    assert bot.intent("do you accept visa") == "payment"


def test_a_fallback_that_is_one_already_is_left_alone(trained: Callable[..., Bot]) -> None:
    fallback = {"name": "FallbackClassifier", "threshold": 0.99, "ambiguity_threshold": 0.01}
    bot = trained([FEATURIZER, CLASSIFIER, fallback, DETECTOR], MORE)
    ranking = bot.parse(UNKNOWN[0])["intent_ranking"]
    assert [intent["name"] for intent in ranking].count("nlu_fallback") == 1


def test_the_log_names_the_score_and_what_it_catches(
    trained: Callable[..., Bot], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="rasa_llm_components"):
        trained([FEATURIZER, CLASSIFIER, DETECTOR], MORE)
    assert "Area under the curve of each score: " in caplog.text
    assert "of examples whose intent was left out of the training" in caplog.text


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("false_alarm_rate", 0.0, "Write 0.025"),
        ("false_alarm_rate", 2, "no share between 0 and 0.5"),
        ("score", "softmax", "One of auto, expected_affinity"),
        ("intent", " ", "Write nlu_fallback"),
        ("false_alarm", 0.1, "false_alarm_rate"),
    ],
)
def test_a_wrong_key_is_named_with_its_fix(key: str, value: Any, said: str) -> None:
    with pytest.raises(InvalidConfigException, match="OutOfScopeDetector") as caught:
        OutOfScopeDetector.validate_config({**OutOfScopeDetector.get_default_config(), key: value})
    assert said in str(caught.value)


def test_without_the_featurizer_the_line_to_add_is_named(trained: Callable[..., Bot]) -> None:
    with pytest.raises(InvalidConfigException, match=r"- name: rasa_llm_components\.nlu\.TransformerFeaturizer"):
        trained([{"name": "CountVectorsFeaturizer"}, {"name": "LogisticRegressionClassifier"}, DETECTOR], MORE)


def test_one_intent_is_too_few(trained: Callable[..., Bot]) -> None:
    with pytest.raises(InvalidConfigException, match="1 intent"):
        trained([FEATURIZER, DETECTOR], {"greet": SHOP["greet"]})
