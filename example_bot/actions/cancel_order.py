"""Cancelling an order."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict
from sqlalchemy.orm import Session

from actions import desk
from actions.identification import WHO, OrderForm
from actions.shop import cancellations
from actions.shop.identification import find_order
from actions.shop.outcomes import Outcome, now
from actions.shop.tables import Order


class ValidateCancelForm(OrderForm):
    """Asks for a yes only when the order can still be cancelled."""

    def name(self) -> str:
        """The name in the domain."""
        return "validate_cancel_form"

    def can_go_on(self, order: Order) -> bool:
        """Not cancelled yet, and still in the house."""
        return cancellations.refusal(order) is None

    async def validate_cancel_confirmed(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> dict[str, Any]:
        """Yes or no."""
        return {"cancel_confirmed": bool(value)}


class ActionCancelOrder(Action):
    """Cancels the order, or says why not."""

    def name(self) -> str:
        """The name in the domain."""
        return "action_cancel_order"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[dict[str, Any]]:
        """One reply; the answer to "Shall I?" is forgotten, for the next order."""
        number, email = (tracker.get_slot(slot) for slot in WHO)
        confirmed = tracker.get_slot("cancel_confirmed")

        def cancel(session: Session) -> Outcome:
            order = find_order(session, number, email, lock=True)
            if order is None:
                return Outcome("utter_order_not_found")
            if confirmed:
                return cancellations.cancel(session, order, now())
            return cancellations.refusal(order) or Outcome("utter_kept_order")

        await desk.answer(dispatcher, cancel)
        return [SlotSet("cancel_confirmed", None)]
