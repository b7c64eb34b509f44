"""What the customer sees when Rasa asks GenerativeNLG for a response."""

import asyncio
import threading
import time

import pytest
from rasa.core.nlg import NaturalLanguageGenerator
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import BotUttered, UserUttered
from rasa.shared.core.slots import TextSlot
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.exceptions import InvalidConfigException
from rasa.utils.endpoints import EndpointConfig

from rasa_llm_components.models.stand_ins import StandInTextGenerator
from rasa_llm_components.nlg import GenerativeNLG, generative_nlg
from tests.nlg.conftest import DOCUMENTS

TYPE = "rasa_llm_components.nlg.GenerativeNLG"
DOMAIN = Domain.from_yaml(
    """
    version: "3.1"
    slots:
      order_number: {type: text, mappings: [{type: custom}]}
    responses:
      utter_faq:
      - text: "Sorry, I do not know. Please write to us."
        metadata: {generate: true}
        buttons: [{title: "Talk to a person", payload: "/human"}]
      utter_button:
      - text: "Static."
        metadata: {generate: true, question: "What does delivery to Norway cost?"}
      utter_channel:
      - text: "For Slack."
        channel: slack
      - text: "For all."
        metadata: {generate: true}
      utter_sent:
      - text: "Your order {order_number} was sent on 3 May."
        metadata: {rephrase: true}
        image: "https://shop.example/parcel.png"
      utter_plain:
      - text: "Hello!"
    """
)
NORWAY = "What does delivery to Norway cost?"
GENERATED = "Delivery to Norway costs 18 €."
OWN = "Sorry, I do not know. Please write to us."


@pytest.fixture
def nlg(monkeypatch):
    """Makes the NLG as Rasa's agent does: from endpoints.yml, before the domain is there."""

    def make(reply=None, **keys):
        if reply is not None:
            generator = StandInTextGenerator(reply if callable(reply) else lambda messages: reply)
            monkeypatch.setattr(generative_nlg, "shared_generator", lambda keys: generator)
            keys["model"] = "stand-in"
        config = EndpointConfig.from_dict({"type": TYPE, "knowledge": str(DOCUMENTS), **keys})
        made = NaturalLanguageGenerator.create(config, None)
        assert isinstance(made, GenerativeNLG)
        made.responses = DOMAIN.responses
        return made

    return make


def tracker(*messages, **slots):
    """A conversation: the customer's and the bot's messages in turn, the customer's last."""
    made = DialogueStateTracker.from_events("customer", [], slots=[TextSlot("order_number", mappings=[{}])])
    for row, text in enumerate(messages):
        by_customer = row % 2 == (len(messages) - 1) % 2
        made.update(UserUttered(text, parse_data={"text": text}) if by_customer else BotUttered(text))
    for name, value in slots.items():
        made.slots[name].value = value
    return made


async def test_generated_answer_with_its_source_as_a_link(nlg):
    response = await nlg(GENERATED).generate("utter_faq", tracker(NORWAY), "telegram")
    assert response["text"] == f"{GENERATED}\n\nDelivery: https://shop.example/delivery"
    assert "custom" not in response
    assert response["buttons"] == [{"title": "Talk to a person", "payload": "/human"}]


async def test_web_chat_gets_the_source_beside_the_text(nlg):
    response = await nlg(GENERATED).generate("utter_faq", tracker(NORWAY), "webchat")
    assert response["text"] == GENERATED
    assert response["custom"] == {"sources": [{"title": "Delivery", "link": "https://shop.example/delivery"}]}


async def test_document_without_a_link_is_named(nlg):
    response = await nlg().generate("utter_faq", tracker("How long is the warranty?"), "telegram")
    assert response["text"].startswith("All electrical articles have a warranty of 2 years.")
    assert response["text"].endswith("\n\nWarranty")


async def test_unanswerable_question_gets_the_responses_own_text(nlg):
    response = await nlg(GENERATED).generate("utter_faq", tracker("Who won the world cup in 1990?"), "webchat")
    assert response["text"] == OWN
    assert "custom" not in response


async def test_domain_is_not_changed_by_an_answer(nlg):
    made = nlg(GENERATED)
    await made.generate("utter_faq", tracker(NORWAY), "webchat")
    assert DOMAIN.responses["utter_faq"][0]["text"] == OWN
    assert "custom" not in DOMAIN.responses["utter_faq"][0]


async def test_variation_for_another_channel_is_rasas_choice(nlg):
    made = nlg(GENERATED)
    assert (await made.generate("utter_channel", tracker(NORWAY), "slack"))["text"] == "For Slack."
    assert (await made.generate("utter_channel", tracker(NORWAY), "webchat"))["text"] == GENERATED


async def test_responses_without_metadata_and_unknown_ones_are_rasas(nlg):
    made = nlg(GENERATED)
    assert (await made.generate("utter_plain", tracker(NORWAY), "webchat"))["text"] == "Hello!"
    assert await made.generate("utter_unknown", tracker(NORWAY), "webchat") is None


async def test_button_payload_is_no_question_but_the_response_may_name_one(nlg):
    made = nlg(GENERATED)
    assert (await made.generate("utter_faq", tracker("/ask_delivery"), "webchat"))["text"] == OWN
    assert (await made.generate("utter_button", tracker("/ask_delivery"), "webchat"))["text"] == GENERATED


async def test_follow_up_question_is_completed_from_the_tracker(nlg):
    made = nlg()
    conversation = tracker("Do you deliver to Switzerland?", "Yes, we do.", "And how long does that take?")
    response = await made.generate("utter_faq", conversation, "webchat")
    assert "Switzerland takes 7 working days" in response["text"]


async def test_rephrasing_keeps_slot_value_and_image(nlg):
    made = nlg("Good news: your order A-17 was sent on 3 May!")
    response = await made.generate("utter_sent", tracker("Where is it?", order_number="A-17"), "webchat")
    assert response["text"] == "Good news: your order A-17 was sent on 3 May!"
    assert response["image"] == "https://shop.example/parcel.png"


async def test_rephrasing_that_loses_a_slot_value_is_not_sent(nlg):
    made = nlg("Good news: your order was sent on 3 May!")
    response = await made.generate("utter_sent", tracker("Where is it?", order_number="A-17"), "webchat")
    assert response["text"] == "Your order A-17 was sent on 3 May."


async def test_unforeseen_failure_sends_the_responses_own_text(nlg, monkeypatch):
    made = nlg(GENERATED)
    monkeypatch.setattr(made._answerer, "answer_async", lambda *arguments: 1 / 0)
    assert (await made.generate("utter_faq", tracker(NORWAY), "webchat"))["text"] == OWN


async def test_event_loop_is_free_while_a_generator_works(nlg):
    loop_ran = threading.Event()

    def wait_for_the_loop(messages):
        assert loop_ran.wait(5), "the event loop stands still"
        return GENERATED

    made = nlg(wait_for_the_loop)
    answer = asyncio.create_task(made.generate("utter_faq", tracker(NORWAY), "webchat"))
    while not answer.done():
        await asyncio.sleep(0.01)
        loop_ran.set()
    assert (await answer)["text"] == GENERATED


async def test_hundred_questions_at_once_are_all_answered_in_time(nlg):
    """One generation takes a quarter of a second: a few are generated, the rest quoted, nobody waits for long."""

    def slowly(messages):
        time.sleep(0.25)
        return GENERATED

    made = nlg(slowly, time_budget=8.0, max_wait=1.0, cache_size=0)
    started = time.monotonic()
    responses = await asyncio.gather(*(made.generate("utter_faq", tracker(NORWAY), "webchat") for _ in range(100)))
    assert time.monotonic() - started < 10
    assert all("Delivery to Norway costs 18 €" in response["text"] for response in responses)
    assert any(response["text"] == GENERATED for response in responses)


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"knowledge": "nowhere"}, "`knowledge: nowhere`: there is no such folder."),
        ({"modle": "x"}, "`modle: x`: there is no such key. Did you mean `model`?"),
        ({"time_budget": "fast"}, "`time_budget: fast`: this must be a number."),
        ({"time_budget": 0}, "`time_budget: 0`: this is too small."),
        ({"max_concurrent": 1.5}, "`max_concurrent: 1.5`: this must be a whole number."),
        ({"banned_phrases": "x"}, "`banned_phrases: x`: this must be a list of texts."),
        ({"encoder": {"modle": "x"}}, "`encoder: modle: x`: there is no such key."),
        ({"encoder": {"model": "package:nothing-here"}}, "pip install nothing-here"),
        ({"model": "package:nothing-here"}, "pip install nothing-here"),
        ({"endpoint": "localhost:8000"}, "`endpoint: localhost:8000`: this is no http address."),
        ({"url": "http://localhost:8000"}, "`url: http://localhost:8000`: there is no such key."),
        ({"prompts": "nowhere", "model": "stand-in"}, "`prompts: nowhere`: there is no such folder."),
        ({"knowledge": ""}, "there is nothing to answer from."),
    ],
)
def test_wrong_configuration_fails_at_start_with_one_sentence(nlg, keys, sentence):
    with pytest.raises(InvalidConfigException) as caught:
        nlg(**keys)
    assert str(caught.value).startswith("GenerativeNLG: ")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_empty_folder_fails_at_start(nlg, tmp_path):
    with pytest.raises(InvalidConfigException, match="no document"):
        nlg(knowledge=str(tmp_path))


def test_missing_package_is_named_and_not_told_as_a_missing_class(nlg, monkeypatch):
    def missing(keys):
        raise ImportError("No module named 'torch'")

    monkeypatch.setattr(generative_nlg, "shared_encoder", missing)
    with pytest.raises(InvalidConfigException, match="No module named 'torch'"):
        nlg()
