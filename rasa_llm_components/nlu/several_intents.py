"""Several intents in one message, in Rasa's notation `intent1+intent2`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rasa.shared.nlu.constants import INTENT_NAME_KEY, PREDICTED_CONFIDENCE_KEY

from rasa_llm_components.nlu.message_parts import message_parts

JOINT = "+"
SURE = 0.5
"""Least confidence in each part's intent; below it the message is read as a whole."""

Intent = dict[str, Any]


def training_parts(texts: Sequence[str], labels: Sequence[str]) -> tuple[list[str], list[str]]:
    """Examples of `a+b` that fall into as many parts as they have intents teach each intent its own part.

    What cannot be split so stays an example of `a+b`, an intent like any other.
    """
    taught: list[tuple[str, str]] = []
    for text, label in zip(texts, labels):
        parts, intents = message_parts(text), label.split(JOINT)
        taught.extend(zip(parts, intents) if len(parts) == len(intents) > 1 else [(text, label)])
    return [text for text, _ in taught], [label for _, label in taught]


def wishes(text: str, first_intent: Callable[[str], Intent]) -> list[Intent]:
    """Each part's intent, with its text, when every part is sure and they are different; else nothing.

    Args:
        text: the message.
        first_intent: a text's most probable intent, `{name, confidence}`.
    """
    parts = message_parts(text)
    if len(parts) < 2:
        return []
    found: dict[str, Intent] = {}
    for part in parts:
        intent = first_intent(part)
        if intent[PREDICTED_CONFIDENCE_KEY] < SURE:
            return []
        found.setdefault(intent[INTENT_NAME_KEY], {**intent, "text": part})
    return list(found.values()) if len(found) > 1 else []


def joint_intent(found: Sequence[Intent], known: Sequence[str]) -> Intent | None:
    """The intent that the bot's training data has for all of them together, in whatever order it is written."""
    names = sorted(intent[INTENT_NAME_KEY] for intent in found)
    for name in known:
        if sorted(name.split(JOINT)) == names:
            confidence = min(float(intent[PREDICTED_CONFIDENCE_KEY]) for intent in found)
            return {INTENT_NAME_KEY: name, PREDICTED_CONFIDENCE_KEY: confidence}
    return None
