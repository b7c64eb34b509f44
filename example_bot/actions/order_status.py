"""Where is my order?"""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict
from sqlalchemy.orm import Session

from actions import desk
from actions.identification import WHO, OrderForm
from actions.shop.identification import find_order
from actions.shop.order_status import status_of
from actions.shop.outcomes import Outcome, now


class ValidateOrderStatusForm(OrderForm):
    """Order number and e-mail, nothing else."""

    def name(self) -> str:
        """The name in the domain."""
        return "validate_order_status_form"


class ActionTellOrderStatus(Action):
    """Says where the order is."""

    def name(self) -> str:
        """The name in the domain."""
        return "action_tell_order_status"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[dict[str, Any]]:
        """One reply."""
        number, email = (tracker.get_slot(slot) for slot in WHO)

        def look(session: Session) -> Outcome:
            order = find_order(session, number, email)
            return status_of(order, now()) if order else Outcome("utter_order_not_found")

        await desk.answer(dispatcher, look)
        return []
