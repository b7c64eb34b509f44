"""Puts how the last message sounds, and the mood of the conversation, into slots that rules can name."""

from __future__ import annotations

from typing import Any, ClassVar

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict

SENTIMENT_SLOT = "sentiment"
BAD_TURNS_SLOT = "bad_turns"
UPSET_SLOT = "upset"


class ActionReadSentiment(Action):
    """Fills the slots `sentiment`, `bad_turns` and `upset` after each message, before the policies predict.

    Rasa runs it where the domain names it in a slot's mapping (`type: custom`, `action: action_read_sentiment`).
    It sets the slots that the domain has, so a bot may leave out those it does not need.
    `bad_turns` counts negative messages in a row. A neutral message ends the count, unless a form is
    asking: an angry customer's order number is no sign of peace. A payload such as /affirm, sent by a
    button, has no tone: it empties `sentiment` and leaves the other two as they are.
    """

    upset_after: ClassVar[int] = 2
    """Negative messages in a row after which `upset` is true. Set it in a subclass to change it."""

    def name(self) -> str:
        """The action's name in the domain."""
        return "action_read_sentiment"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[dict[str, Any]]:
        """The slots' new values."""
        label = _label(tracker.latest_message)
        values: dict[str, Any] = {SENTIMENT_SLOT: label}
        if label is not None:
            bad_turns = _bad_turns(label, tracker)
            values |= {BAD_TURNS_SLOT: bad_turns, UPSET_SLOT: bad_turns >= self.upset_after}
        return [SlotSet(slot, value) for slot, value in values.items() if slot in tracker.slots]


def _label(latest_message: dict[str, Any]) -> str | None:
    """What the SentimentTagger wrote into the parse data, if it read this message."""
    sentiment = latest_message.get("sentiment")
    return sentiment.get("label") if isinstance(sentiment, dict) else None


def _bad_turns(label: str, tracker: Tracker) -> float:
    so_far = float(tracker.get_slot(BAD_TURNS_SLOT) or 0)
    if label == "negative":
        return so_far + 1
    answers_a_form = label == "neutral" and bool(tracker.active_loop.get("name"))
    return so_far if answers_a_form else 0.0
