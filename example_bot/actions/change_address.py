"""Sending an order elsewhere."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict
from sqlalchemy.orm import Session

from actions import desk
from actions.identification import WHO, OrderForm
from actions.shop import address_changes
from actions.shop.identification import find_order
from actions.shop.outcomes import Outcome, now
from actions.shop.tables import Order

WISH = ("new_address", "address_confirmed")


class ValidateChangeAddressForm(OrderForm):
    """The new address, and is that right."""

    def name(self) -> str:
        """The name in the domain."""
        return "validate_change_address_form"

    def can_go_on(self, order: Order) -> bool:
        """Still in the house."""
        return address_changes.refusal(order) is None

    async def validate_new_address(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> dict[str, Any]:
        """Tidied, if nothing is missing."""
        address = address_changes.tidy(str(value))
        wrong = address_changes.problem(address)
        if wrong:
            dispatcher.utter_message(response=wrong)
        return {"new_address": None if wrong else address}

    async def validate_address_confirmed(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> dict[str, Any]:
        """A no means: another address, not another wish. Who wants to leave says stop."""
        return {"address_confirmed": True} if value else {"address_confirmed": None, "new_address": None}


class ActionChangeAddress(Action):
    """Changes the address, or says why not."""

    def name(self) -> str:
        """The name in the domain."""
        return "action_change_address"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[dict[str, Any]]:
        """One reply; the address is forgotten, for the next order."""
        number, email = (tracker.get_slot(slot) for slot in WHO)
        address, confirmed = (tracker.get_slot(slot) for slot in WISH)

        def change(session: Session) -> Outcome:
            order = find_order(session, number, email, lock=True)
            if order is None:
                return Outcome("utter_order_not_found")
            if confirmed:
                return address_changes.change_address(session, order, address or "", now())
            return address_changes.refusal(order) or Outcome("utter_address_kept")

        await desk.answer(dispatcher, change)
        return [SlotSet(slot, None) for slot in WISH]
