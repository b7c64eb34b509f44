"""What `rasa data validate` does not see: replies sent by actions, facts that must agree, pages to answer from."""

from __future__ import annotations

import re
from collections import Counter

import pytest
import yaml

from tests.example_bot.talk import BOT, DOMAIN

CODE = "\n".join(path.read_text(encoding="utf-8") for path in (BOT / "actions").rglob("*.py"))
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted((BOT / "knowledge").glob("*.md"))}
EVERYTHING_KNOWN = "\n".join(PAGES.values())


def data(folder, key):
    files = sorted((BOT / folder).rglob("*.yml"))
    return [entry for file in files for entry in yaml.safe_load(file.read_text(encoding="utf-8")).get(key, [])]


RULES = data("data/rules", "rules") + data("data/stories", "stories")


def steps(kind):
    return {step[kind] for rule in RULES for step in rule["steps"] if kind in step}


def asked_by_forms():
    for form, content in DOMAIN["forms"].items():
        for slot in content["required_slots"]:
            yield {f"utter_ask_{form}_{slot}", f"utter_ask_{slot}", f"action_ask_{form}_{slot}"}


def test_every_response_of_the_domain_is_used():
    asks = set().union(*asked_by_forms())
    used = steps("action") | asks | set(re.findall(r'"(utter_\w+)"', CODE)) | {"utter_default"}
    assert set(DOMAIN["responses"]) - used == set()


def test_every_response_that_an_action_sends_exists_with_the_values_it_mentions():
    sent = set(re.findall(r'"(utter_\w+)"', CODE))
    assert len(sent) > 30
    assert sent - set(DOMAIN["responses"]) == set()


def test_every_form_can_ask_for_each_of_its_slots():
    known = set(DOMAIN["responses"]) | set(DOMAIN["actions"])
    assert all(names & known for names in asked_by_forms())


def test_every_action_of_the_domain_has_code():
    names = set(re.findall(r'return "((?:action|validate)_\w+)"', CODE)) | {
        "action_read_sentiment",
        "action_forget_mood",
    }
    assert set(DOMAIN["actions"]) == names


def test_every_intent_has_12_to_25_examples_and_no_sentence_two_intents():
    examples = {
        entry["intent"]: [line[2:] for line in entry["examples"].splitlines()]
        for entry in data("data/nlu", "nlu")
        if "intent" in entry
    }
    declared = {next(iter(intent)) for intent in DOMAIN["intents"]}
    assert declared == set(examples)
    assert {intent: len(lines) for intent, lines in examples.items() if not 12 <= len(lines) <= 25} == {}
    twice = [
        text
        for text, times in Counter(line.lower() for lines in examples.values() for line in lines).items()
        if times > 1
    ]
    assert twice == []


def test_no_test_message_is_a_training_example_apart_from_the_shortest():
    training = {line[2:].lower() for entry in data("data/nlu", "nlu") for line in entry["examples"].splitlines()}
    told = [step["user"].strip() for story in data("tests", "stories") for step in story["steps"] if "user" in step]
    copied = [text for text in told if text.lower() in training and len(text.split()) > 5]
    assert copied == []


def test_there_are_enough_conversations_with_names_of_their_own():
    names = [story["story"] for story in data("tests", "stories")]
    assert len(names) >= 50
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_a_title_a_link_and_something_to_say(name):
    front, body = re.fullmatch(r"---\n(.*?)\n---\n(.*)", PAGES[name], re.DOTALL).groups()
    matter = yaml.safe_load(front)
    assert set(matter) == {"title", "link"}
    assert matter["link"].startswith("https://www.willowandwren.example/")
    assert body.startswith("# ")
    assert len(body.split()) > 120


def test_there_are_pages_for_everything():
    assert len(PAGES) >= 15
    assert len({re.search(r"link: (\S+)", text).group(1) for text in PAGES.values()}) == len(PAGES)


@pytest.mark.parametrize(
    "name", [name for name, texts in DOMAIN["responses"].items() if texts[0].get("metadata", {}).get("generate")]
)
def test_the_numbers_of_a_reply_stand_in_the_pages(name):
    [reply] = DOMAIN["responses"][name]
    pages = EVERYTHING_KNOWN.replace(" per cent", " %")
    words = {"two-year": "two years"}
    for number in re.findall(
        r"€[\d.]+\d|€\d+|\d+:\d+|\+353[\d ]+\d|\b\d+(?: to \d+)?(?: %| days| hours| characters| months)?", reply["text"]
    ):
        assert words.get(number, number) in pages, f"{name} says {number}"


@pytest.mark.parametrize("address", sorted(set(re.findall(r"[a-z]+@willowandwren\.example", str(DOMAIN["responses"])))))
def test_the_shop_s_addresses_stand_in_the_pages(address):
    assert address in EVERYTHING_KNOWN


def test_the_shop_s_telephone_number_is_the_same_everywhere():
    numbers = set(re.findall(r"\+353[\d ]+\d", str(DOMAIN["responses"]) + EVERYTHING_KNOWN))
    assert numbers == {"+353 91 555 014"}


def test_every_question_can_be_asked_inside_a_form():
    """General rules carry no condition, so that the form goes on after the answer."""
    conditional = [rule["rule"] for rule in RULES if rule.get("condition") and not rule["rule"].startswith("upset")]
    answered = {
        step["intent"]
        for rule in RULES
        if rule.get("rule") and not rule.get("condition")
        for step in rule["steps"]
        if "intent" in step
    }
    assert {
        "delivery_cost",
        "return_policy",
        "opening_hours",
        "out_of_scope",
        "find_order_number",
        "express_anger",
    } <= answered
    assert all("_form" in name or "," in name for name in conditional)
