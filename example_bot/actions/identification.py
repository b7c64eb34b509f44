"""Forms that begin by asking whose order it is."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.forms import FormValidationAction
from rasa_sdk.types import DomainDict
from sqlalchemy.orm import Session

from actions import desk
from actions.shop.database import DatabaseUnavailableError
from actions.shop.identification import email_address, find_order, order_number
from actions.shop.tables import Order

logger = logging.getLogger(__name__)

MOST_TRIES = 3
WHO = ("order_number", "email")


class OrderForm(FormValidationAction, ABC):
    """Checks order number and e-mail together, and ends the form early when its wish can't be fulfilled.

    A wrong number, a wrong e-mail and a pair that doesn't belong together get the same answer, so that
    nobody learns which orders or customers exist. After three wrong tries in a conversation the form ends.
    The slot `identity` only steers the dialogue: whatever reads or changes an order finds it again by both.
    """

    @abstractmethod
    def name(self) -> str:
        """Subclasses name their form."""

    def can_go_on(self, order: Order) -> bool:
        """Whether the rest of the form makes sense for this order; its last action says why not."""
        return True

    async def validate_order_number(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> dict[str, Any]:
        """Writes the number the way the shop does."""
        number = order_number(_last(value))
        if not number:
            dispatcher.utter_message(response="utter_invalid_order_number")
        return {"order_number": number or None}

    async def validate_email(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> dict[str, Any]:
        """Writes the address in lower case."""
        email = email_address(_last(value))
        if not email:
            dispatcher.utter_message(response="utter_invalid_email")
        return {"email": email or None}

    async def get_validation_events(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> list[dict[str, Any]]:
        """Validates each new value, then the pair, once both are known."""
        new = set(tracker.slots_to_validate())
        events = await super().get_validation_events(dispatcher, tracker, domain)
        if float(tracker.get_slot("wrong_tries") or 0) >= MOST_TRIES:
            return [*events, *_end("failed")]
        if not new.intersection(WHO) or not all(tracker.get_slot(slot) for slot in WHO):
            return events
        return [*events, *await self._check_identity(dispatcher, tracker)]

    async def _check_identity(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[dict[str, Any]]:
        number, email = (tracker.get_slot(slot) for slot in WHO)

        def look(session: Session) -> bool | None:
            order = find_order(session, number, email)
            return None if order is None else self.can_go_on(order)

        try:
            goes_on = await desk.in_transaction(look)
        except DatabaseUnavailableError as error:
            logger.error("The shop's database: %s", error)
            return _end("unavailable")
        if goes_on is None:
            return _wrong_try(dispatcher, tracker)
        verified = SlotSet("identity", "verified")
        return [verified] if goes_on else [verified, SlotSet("requested_slot", None)]


def _wrong_try(dispatcher: CollectingDispatcher, tracker: Tracker) -> list[dict[str, Any]]:
    tries = float(tracker.get_slot("wrong_tries") or 0) + 1
    forget = [SlotSet(slot, None) for slot in WHO] + [SlotSet("wrong_tries", tries)]
    if tries >= MOST_TRIES:
        return [*forget, *_end("failed")]
    dispatcher.utter_message(response="utter_order_not_found")
    return [*forget, SlotSet("identity", None)]


def _end(identity: str) -> list[dict[str, Any]]:
    return [SlotSet("identity", identity), SlotSet("requested_slot", None)]


def _last(value: Any) -> str:
    """A message with two numbers fills the slot with a list: the later one is meant."""
    return str(value[-1] if isinstance(value, list) and value else value or "")
