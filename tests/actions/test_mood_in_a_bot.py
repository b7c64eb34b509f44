"""A bot with the tagger, an action server and a rule on the mood: from the message to the slot and the database."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from rasa.core.agent import Agent
from rasa.core.tracker_store import SQLTrackerStore
from rasa.model_training import train
from rasa.shared.core.domain import Domain
from rasa.utils.endpoints import EndpointConfig

PORT = 19351
CONFIG = """
recipe: default.v1
language: en
pipeline:
- name: WhitespaceTokenizer
- name: rasa_llm_components.nlu.TransformerFeaturizer
- name: rasa_llm_components.nlu.TransformerIntentClassifier
- name: rasa_llm_components.nlu.SentimentTagger
policies:
- name: RulePolicy
"""
DOMAIN = """
version: "3.1"
intents: [delivery, return_item]
actions: [action_forget_mood, action_read_sentiment]
slots:
  sentiment:
    type: categorical
    values: [negative, neutral, positive]
    influence_conversation: false
    mappings: [{type: custom, action: action_read_sentiment}]
  bad_turns:
    type: float
    initial_value: 0
    influence_conversation: false
    mappings: [{type: custom, action: action_read_sentiment}]
  upset:
    type: bool
    initial_value: false
    mappings: [{type: custom, action: action_read_sentiment}]
responses:
  utter_delivery: [{text: "Parcels take three days."}]
  utter_return: [{text: "Send it back within thirty days."}]
  utter_offer_person: [{text: "Shall I fetch a colleague?"}]
"""
DATA = """
version: "3.1"
nlu:
- intent: delivery
  examples: |
    - where is my parcel
    - my parcel has not come
    - when will my delivery arrive
- intent: return_item
  examples: |
    - I want to return this
    - how do I send something back
rules:
- rule: delivery
  steps:
  - intent: delivery
  - action: utter_delivery
- rule: return
  steps:
  - intent: return_item
  - action: utter_return
- rule: delivery, upset
  condition:
  - slot_was_set: [{upset: true}]
  steps:
  - intent: delivery
  - action: utter_offer_person
  - action: action_forget_mood
  - slot_was_set: [{upset: false}]
"""
DELIVERY, OFFER = "Parcels take three days.", "Shall I fetch a colleague?"


@pytest.fixture(scope="module")
def action_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """rasa_sdk's own server, with the two lines that docs/components/sentiment-tagger.md asks for."""
    folder = tmp_path_factory.mktemp("actions")
    (folder / "actions.py").write_text(
        "from rasa_llm_components.actions import ActionForgetMood, ActionReadSentiment  # noqa: F401\n"
    )
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "rasa_sdk", "--actions", "actions", "--port", str(PORT)],
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "SANIC_HOST": "127.0.0.1"},
        )
    try:
        deadline = time.monotonic() + 60
        while socket.socket().connect_ex(("127.0.0.1", PORT)) and time.monotonic() < deadline:
            assert server.poll() is None, (folder / "log").read_text()
            time.sleep(0.2)
        yield f"http://127.0.0.1:{PORT}/webhook"
    finally:
        server.terminate()
        server.wait(timeout=20)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("bot")
    for name, content in (("config", CONFIG), ("domain", DOMAIN), ("data", DATA)):
        (folder / f"{name}.yml").write_text(content, encoding="utf-8")
    with redirect_stdout(StringIO()):
        result = train(
            str(folder / "domain.yml"), str(folder / "config.yml"), str(folder / "data.yml"), str(folder / "models")
        )
    assert result.model is not None
    return result.model


def store(folder: Path) -> SQLTrackerStore:
    return SQLTrackerStore(Domain.from_dict(yaml.safe_load(DOMAIN)), db=str(folder / "tracker.db"))


def agent(model: str, folder: Path, action_server: str) -> Agent:
    return Agent.load(model, action_endpoint=EndpointConfig(action_server), tracker_store=store(folder))


def say(bot: Agent, *messages: str) -> list[list[str]]:
    async def talk() -> list[list[str]]:
        return [[str(reply["text"]) for reply in await bot.handle_text(text, sender_id="ann")] for text in messages]

    return asyncio.run(talk())


def slots(folder: Path) -> dict[str, Any]:
    """As another process would read them from the database."""
    tracker = asyncio.run(store(folder).retrieve("ann"))
    assert tracker is not None
    return {name: tracker.get_slot(name) for name in ("sentiment", "bad_turns", "upset")}


def test_two_bad_turns_in_a_row_change_the_rule_that_answers(model: str, action_server: str, tmp_path: Path) -> None:
    bot = agent(model, tmp_path, action_server)
    angry = "my parcel never came and nobody answers, this is terrible"
    assert say(bot, "where is my parcel?", angry) == [[DELIVERY], [DELIVERY]]
    assert slots(tmp_path) == {"sentiment": "negative", "bad_turns": 1, "upset": False}
    assert say(bot, angry) == [[OFFER]]
    assert slots(tmp_path) == {"sentiment": "negative", "bad_turns": 0, "upset": False}
    assert say(bot, angry) == [[DELIVERY]]


def test_the_mood_outlives_a_restart_and_stands_in_the_database(model: str, action_server: str, tmp_path: Path) -> None:
    angry = "my parcel never came and nobody answers, this is terrible"
    say(agent(model, tmp_path, action_server), angry)
    tracker = asyncio.run(store(tmp_path).retrieve("ann"))
    assert tracker is not None
    assert tracker.latest_message.parse_data["sentiment"]["label"] == "negative"
    assert tracker.current_state()["latest_message"]["sentiment"]["score"] < 0
    assert say(agent(model, tmp_path, action_server), angry) == [[OFFER]]


def test_a_button_has_no_tone_and_leaves_the_count(model: str, action_server: str, tmp_path: Path) -> None:
    bot = agent(model, tmp_path, action_server)
    say(bot, "my parcel never came and nobody answers, this is terrible", "/return_item")
    assert slots(tmp_path) == {"sentiment": None, "bad_turns": 1, "upset": False}


def test_without_an_action_server_the_bot_still_answers(model: str, tmp_path: Path) -> None:
    bot = agent(model, tmp_path, "http://127.0.0.1:19399/webhook")
    assert say(bot, "where is my parcel?") == [[DELIVERY]]
    assert slots(tmp_path)["sentiment"] is None
