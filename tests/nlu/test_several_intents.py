"""Two intents in one message, in a bot trained and asked through Rasa."""

from __future__ import annotations

import pytest

from rasa_llm_components.nlu.several_intents import training_parts

from .conftest import FEATURIZER, SHOP, Bot, as_nlu, train

CLASSIFIER = {
    "name": "rasa_llm_components.nlu.TransformerIntentClassifier",
    "multi_intent": True,
    "finetune": False,
}
BOTH = {
    **SHOP,
    "order_status+return_item": [
        "where is my parcel and how do I return an item",
        "track my order and then I'd like a refund",
    ],
}


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Bot:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RASA_MAX_CACHE_SIZE", "0")
        pipeline = [{"name": "WhitespaceTokenizer"}, FEATURIZER, CLASSIFIER]
        return Bot(train(tmp_path_factory.mktemp("several"), pipeline, as_nlu(BOTH)))


def test_two_wishes_are_the_joint_intent_of_the_training_data(bot: Bot) -> None:
    parsed = bot.parse("I want to send this back. Has my package been shipped?")
    assert [intent["name"] for intent in parsed["intents"]] == ["return_item", "order_status"]
    assert parsed["intents"][1]["text"] == "Has my package been shipped?"
    assert parsed["intent"]["name"] == "order_status+return_item"
    assert parsed["intent_ranking"][0] == parsed["intent"]


def test_without_a_joint_intent_the_message_keeps_its_own(bot: Bot) -> None:
    parsed = bot.parse("good morning to you and where is my parcel")
    assert {intent["name"] for intent in parsed["intents"]} == {"greet", "order_status"}
    assert parsed["intent"]["name"] in {"greet", "order_status"}


@pytest.mark.parametrize(
    "text", ["where is my parcel", "track my order and track my parcel", "milk and honey and bread"]
)
def test_one_wish_is_one_intent(bot: Bot, text: str) -> None:
    parsed = bot.parse(text)
    assert parsed["intents"] == []
    assert "+" not in parsed["intent"]["name"]


def test_examples_of_two_intents_teach_each_its_part() -> None:
    texts, labels = training_parts(["pay and leave it", "go home and sleep well", "both"], ["a", "a+b", "a+b"])
    assert list(zip(texts, labels)) == [
        ("pay and leave it", "a"),
        ("go home", "a"),
        ("sleep well", "b"),
        ("both", "a+b"),
    ]
