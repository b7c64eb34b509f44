"""Questions about products, and ideas for a present."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict

from actions import desk
from actions.shop import catalogue
from actions.shop.outcomes import Outcome

FROM_THE_PAGES = Outcome("utter_product_question")


class ActionProductInfo(Action):
    """Price and stock of the product that the message names; without one, what the shop's pages say."""

    def name(self) -> str:
        """The name in the domain."""
        return "action_product_info"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[dict[str, Any]]:
        """One reply."""
        named = list(tracker.get_latest_entity_values("product"))
        if named:
            await desk.answer(dispatcher, lambda session: catalogue.about(session, named[0]), otherwise=FROM_THE_PAGES)
        else:
            dispatcher.utter_message(response=FROM_THE_PAGES.response)
        return []


class ActionSuggestGifts(Action):
    """Names a few presents within the budget."""

    def name(self) -> str:
        """The name in the domain."""
        return "action_suggest_gifts"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[dict[str, Any]]:
        """One reply; the budget is forgotten, for the next present."""
        budget = tracker.get_slot("budget") or catalogue.amount_in(tracker.latest_message.get("text") or "")
        await desk.answer(dispatcher, lambda session: catalogue.suggestions(session, budget), otherwise=FROM_THE_PAGES)
        return [SlotSet("budget", None)]
