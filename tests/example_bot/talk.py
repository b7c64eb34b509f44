"""Runs one action as the action server does, without the server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import yaml
from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

BOT = Path(__file__).resolve().parents[2] / "example_bot"


def domain() -> dict[str, Any]:
    """The bot's domain, its files as one."""
    whole: dict[str, Any] = {}
    for file in sorted((BOT / "domain").glob("*.yml")):
        for key, value in yaml.safe_load(file.read_text(encoding="utf-8")).items():
            if isinstance(value, dict):
                whole.setdefault(key, {}).update(value)
            elif isinstance(value, list):
                whole.setdefault(key, []).extend(value)
    return whole


DOMAIN = domain()


def run(
    action: Action,
    slots: dict[str, Any],
    *,
    new: list[str] | None = None,
    form: str = "",
    message: dict[str, Any] | None = None,
    events: list[dict[str, Any]] | None = None,
) -> tuple[list[str], dict[str, Any]]:
    """Runs an action.

    Args:
        action: to run.
        slots: the conversation's slots; those left out have their initial value.
        new: the slots that the last message has just filled, for a form's validation.
        form: the form that is active.
        message: the last message's parse data.
        events: what happened before.

    Returns:
        The names of the responses that were said, and the slots that were set.
    """
    said, values = run_in_full(action, slots, new=new, form=form, message=message, events=events)
    return [response for response, _ in said], values


def run_in_full(
    action: Action,
    slots: dict[str, Any],
    *,
    new: list[str] | None = None,
    form: str = "",
    message: dict[str, Any] | None = None,
    events: list[dict[str, Any]] | None = None,
) -> tuple[list[tuple[str, dict[str, Any]]], dict[str, Any]]:
    """As `run`, but each response comes with its values."""
    all_slots = {name: slot.get("initial_value") for name, slot in DOMAIN["slots"].items()}
    all_slots |= {"requested_slot": None, **slots}
    history = [*(events or []), {"event": "action", "name": "action_listen"}, {"event": "user", "text": "..."}]
    if new is not None:
        history.append({"event": "action", "name": form})
        history += [{"event": "slot", "name": name, "value": all_slots[name]} for name in new]
    tracker = Tracker("a-conversation", all_slots, message or {}, history, False, None, {"name": form}, form or "...")
    dispatcher = CollectingDispatcher()
    set_events = asyncio.run(action.run(dispatcher, tracker, DOMAIN))
    said = [(m["response"], {k: v for k, v in m.items() if k not in _FIELDS}) for m in dispatcher.messages]
    return said, {event["name"]: event["value"] for event in set_events if event["event"] == "slot"}


_FIELDS = {"response", "text", "buttons", "elements", "custom", "template", "image", "attachment"}
