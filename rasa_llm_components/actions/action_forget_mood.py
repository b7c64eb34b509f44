"""Starts the count of bad turns again, once the bot has answered the bad mood."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict

from rasa_llm_components.actions.action_read_sentiment import BAD_TURNS_SLOT, UPSET_SLOT


class ActionForgetMood(Action):
    """Sets `bad_turns` to 0 and `upset` to false: for the end of the rule that offers a person.

    Without it the offer would come again with every further negative message.
    """

    def name(self) -> str:
        """The action's name in the domain."""
        return "action_forget_mood"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[dict[str, Any]]:
        """The slots' new values, of those that the domain has."""
        return [
            SlotSet(slot, value)
            for slot, value in ((BAD_TURNS_SLOT, 0.0), (UPSET_SLOT, False))
            if slot in tracker.slots
        ]
