"""Handing over to a person, and complaints: both become tickets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.forms import FormValidationAction
from rasa_sdk.types import DomainDict
from sqlalchemy.orm import Session

from actions import desk
from actions.shop.identification import email_address
from actions.shop.outcomes import Outcome, now
from actions.shop.tickets import open_ticket

FEWEST_WORDS = 3
LAST_TURNS = 12
FAILED = Outcome("utter_ticket_failed")


class ContactForm(FormValidationAction, ABC):
    """Asks for an e-mail address unless the conversation has one."""

    @abstractmethod
    def name(self) -> str:
        """Subclasses name their form."""

    async def get_validation_events(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> list[dict[str, Any]]:
        """Takes over the address that an order was looked up with."""
        events = await super().get_validation_events(dispatcher, tracker, domain)
        known = email_address(tracker.get_slot("email") or "")
        if known and not tracker.get_slot("contact_email"):
            events.append(SlotSet("contact_email", known))
        return events

    async def validate_contact_email(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> dict[str, Any]:
        """Writes the address in lower case."""
        email = email_address(str(value[-1] if isinstance(value, list) else value or ""))
        if not email:
            dispatcher.utter_message(response="utter_invalid_email")
        return {"contact_email": email or None}


class ValidateHandOverForm(ContactForm):
    """Where a person may answer."""

    def name(self) -> str:
        """The name in the domain."""
        return "validate_hand_over_form"


class ValidateComplaintForm(ContactForm):
    """What happened, and where a person may answer."""

    def name(self) -> str:
        """The name in the domain."""
        return "validate_complaint_form"

    async def validate_complaint_details(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> dict[str, Any]:
        """A few words at least."""
        text = str(value).strip()
        if len(text.split()) < FEWEST_WORDS:
            dispatcher.utter_message(response="utter_complaint_too_short")
            return {"complaint_details": None}
        return {"complaint_details": text}


class ActionOpenTicket(Action):
    """Opens the ticket of a hand-over, with the end of the conversation."""

    def name(self) -> str:
        """The name in the domain."""
        return "action_open_ticket"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[dict[str, Any]]:
        """One reply."""
        await _open(dispatcher, tracker, "person", _end_of_conversation(tracker))
        return []


class ActionOpenComplaint(Action):
    """Opens the ticket of a complaint."""

    def name(self) -> str:
        """The name in the domain."""
        return "action_open_complaint"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[dict[str, Any]]:
        """One reply; the text is forgotten, for the next complaint."""
        await _open(dispatcher, tracker, "complaint", tracker.get_slot("complaint_details") or "")
        return [SlotSet("complaint_details", None)]


async def _open(dispatcher: CollectingDispatcher, tracker: Tracker, kind: str, text: str) -> None:
    def write(session: Session) -> Outcome:
        return open_ticket(
            session,
            conversation=tracker.sender_id,
            kind=kind,
            email=tracker.get_slot("contact_email") or tracker.get_slot("email") or "",
            text=text,
            now=now(),
            customer_name=tracker.get_slot("customer_name") or "",
            order_number=tracker.get_slot("order_number") or "",
        )

    await desk.answer(dispatcher, write, otherwise=FAILED)


def _end_of_conversation(tracker: Tracker) -> str:
    spoken = [event for event in tracker.events if event.get("event") in ("user", "bot") and event.get("text")]
    lines = [f"{event['event']}: {event['text']}" for event in spoken[-LAST_TURNS:]]
    named = [f"date named by the customer: {date}" for date in _dates(tracker.get_slot("named_date"))]
    return "\n".join([*named, *lines])


def _dates(slot: Any) -> list[str]:
    """A message with two dates fills the slot with a list."""
    return [str(date) for date in (slot if isinstance(slot, list) else [slot]) if date]
