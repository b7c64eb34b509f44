"""The actions that keep the mood in slots, turn by turn."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from rasa_llm_components.actions import ActionForgetMood, ActionReadSentiment

SLOTS = {"sentiment": None, "bad_turns": 0.0, "upset": False}


def tracker(label: str | None, slots: dict[str, Any], form: str | None = None) -> Tracker:
    message = {"text": "x", **({"sentiment": {"label": label, "score": 0.0, "confidences": {}}} if label else {})}
    active_loop = {"name": form} if form else {}
    return Tracker("someone", dict(slots), message, [], False, None, active_loop, "action_listen")


async def after(turns: list[str | tuple[str, str] | None], action: ActionReadSentiment | None = None) -> dict[str, Any]:
    """The slots after these turns: labels, or a label given while a form was asking, or None for a button."""
    slots = dict(SLOTS)
    for turn in turns:
        label, form = turn if isinstance(turn, tuple) else (turn, None)
        events = await (action or ActionReadSentiment()).run(CollectingDispatcher(), tracker(label, slots, form), {})
        slots |= {event["name"]: event["value"] for event in events}
    return slots


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        (["neutral"], {"sentiment": "neutral", "bad_turns": 0, "upset": False}),
        (["negative"], {"sentiment": "negative", "bad_turns": 1, "upset": False}),
        (["negative", "negative"], {"sentiment": "negative", "bad_turns": 2, "upset": True}),
        (["negative", "negative", "negative"], {"sentiment": "negative", "bad_turns": 3, "upset": True}),
        (["negative", "neutral", "negative"], {"sentiment": "negative", "bad_turns": 1, "upset": False}),
        (["negative", "negative", "positive"], {"sentiment": "positive", "bad_turns": 0, "upset": False}),
        (["negative", ("neutral", "order_form"), "negative"], {"bad_turns": 2, "upset": True}),
        (["negative", ("positive", "order_form"), "negative"], {"bad_turns": 1, "upset": False}),
        (["negative", "negative", None], {"sentiment": None, "bad_turns": 2, "upset": True}),
        ([None], {"sentiment": None, "bad_turns": 0, "upset": False}),
    ],
)
async def test_bad_turns_in_a_row_are_counted(turns: list[Any], expected: dict[str, Any]) -> None:
    slots = await after(turns)
    assert {slot: slots[slot] for slot in expected} == expected


async def test_a_subclass_may_be_more_patient() -> None:
    class Patient(ActionReadSentiment):
        upset_after = 3

    assert (await after(["negative"] * 2, Patient()))["upset"] is False
    assert (await after(["negative"] * 3, Patient()))["upset"] is True


async def test_only_slots_of_the_domain_are_set() -> None:
    events = await ActionReadSentiment().run(CollectingDispatcher(), tracker("negative", {"sentiment": None}), {})
    assert [event["name"] for event in events] == ["sentiment"]


async def test_the_mood_is_forgotten_once_it_was_answered() -> None:
    upset = tracker("negative", {"sentiment": "negative", "bad_turns": 2.0, "upset": True})
    events = await ActionForgetMood().run(CollectingDispatcher(), upset, {})
    assert {event["name"]: event["value"] for event in events} == {"bad_turns": 0.0, "upset": False}


def test_the_action_server_needs_neither_rasa_nor_torch() -> None:
    program = (
        "import sys, rasa_llm_components.actions;"
        "print([name for name in ('rasa', 'torch', 'transformers', 'tensorflow') if name in sys.modules])"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"
