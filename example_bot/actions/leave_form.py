"""The customer changed their mind in the middle of a form."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import ActiveLoop, SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict

from actions.change_address import WISH as ADDRESS
from actions.return_order import WISH as RETURN

FORGOTTEN = (*RETURN, *ADDRESS, "cancel_confirmed", "complaint_details", "requested_slot")


class ActionLeaveForm(Action):
    """Ends the form and forgets what was half said; who is asking stays known."""

    def name(self) -> str:
        """The name in the domain."""
        return "action_leave_form"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[dict[str, Any]]:
        """Says nothing."""
        return [ActiveLoop(None), *(SlotSet(slot, None) for slot in FORGOTTEN)]
