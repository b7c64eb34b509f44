"""Returning something."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict
from sqlalchemy.orm import Session

from actions import desk
from actions.identification import WHO, OrderForm
from actions.shop import returns
from actions.shop.database import DatabaseUnavailableError
from actions.shop.identification import find_order
from actions.shop.outcomes import Outcome, items, now
from actions.shop.tables import Order

LONGEST_REASON = 500
END = {"requested_slot": None}
WISH = ("return_item", "return_reason", "return_confirmed")


class ValidateReturnForm(OrderForm):
    """Which item, why, and is that right."""

    def name(self) -> str:
        """The name in the domain."""
        return "validate_return_form"

    def can_go_on(self, order: Order) -> bool:
        """Delivered within the last 30 days, and something left to return."""
        return returns.refusal(order, now()) is None

    async def validate_return_item(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> dict[str, Any]:
        """The items' own names, if the customer's words mean some of this order."""
        found = await self._look(tracker, str(value), "")
        if found is None:
            return {"identity": "unavailable", "requested_slot": None}
        item, obstacle = found
        if not item:
            dispatcher.utter_message(response="utter_unknown_item")
        return {"return_item": item or None, **(END if obstacle else {})}

    async def validate_return_reason(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> dict[str, Any]:
        """Any reason is one. If the item can't come back for it, the form ends, and the last action says why."""
        reason = str(value).strip()[:LONGEST_REASON]
        found = await self._look(tracker, tracker.get_slot("return_item") or "", reason)
        if found is None:
            return {"identity": "unavailable", "requested_slot": None}
        return {"return_reason": reason, **(END if found[1] else {})}

    async def _look(self, tracker: Tracker, item: str, reason: str) -> tuple[str, Outcome | None] | None:
        """The items' own names and what stands against their return; None without a database."""

        def look(session: Session) -> tuple[str, Outcome | None]:
            order = find_order(session, *(tracker.get_slot(slot) for slot in WHO))
            chosen = returns.choose_lines(order, item) if order else []
            return (items(chosen), returns.obstacle(order, item, reason, now())) if order and chosen else ("", None)

        try:
            return await desk.in_transaction(look)
        except DatabaseUnavailableError:
            return None

    async def validate_return_confirmed(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> dict[str, Any]:
        """Yes or no."""
        return {"return_confirmed": bool(value)}


class ActionAskReturnItem(Action):
    """Shows the items that can still be returned, as buttons."""

    def name(self) -> str:
        """The name in the domain: Rasa asks for `return_item` of `return_form` with it."""
        return "action_ask_return_form_return_item"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[dict[str, Any]]:
        """One question."""

        def names(session: Session) -> list[str]:
            order = find_order(session, *(tracker.get_slot(slot) for slot in WHO))
            return [line.product.name for line in order.lines if not line.return_line] if order else []

        try:
            found = await desk.in_transaction(names)
        except DatabaseUnavailableError:
            found = []
        choices = [*found, "Everything"] if len(found) > 1 else found
        buttons = [{"title": name, "payload": name} for name in choices]
        dispatcher.utter_message(response="utter_ask_return_item", buttons=buttons)
        return []


class ActionReturnOrder(Action):
    """Registers the return, or says why not."""

    def name(self) -> str:
        """The name in the domain."""
        return "action_return_order"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[dict[str, Any]]:
        """One reply; the wish is forgotten, for the next item."""
        number, email = (tracker.get_slot(slot) for slot in WHO)
        item, reason, confirmed = (tracker.get_slot(slot) for slot in WISH)

        def register(session: Session) -> Outcome:
            order = find_order(session, number, email, lock=True)
            if order is None:
                return Outcome("utter_order_not_found")
            if confirmed:
                return returns.register(session, order, item or "", reason or "", now())
            return returns.obstacle(order, item or "", reason or "", now()) or Outcome("utter_return_dropped")

        await desk.answer(dispatcher, register)
        return [SlotSet(slot, None) for slot in WISH]
