"""Tickets: what a person has to look at."""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from actions.shop.outcomes import Outcome
from actions.shop.tables import Ticket

LONGEST_TEXT = 4000


def open_ticket(
    session: Session,
    *,
    conversation: str,
    kind: str,
    email: str,
    text: str,
    now: datetime,
    customer_name: str = "",
    order_number: str = "",
) -> Outcome:
    """Opens a ticket, or names the one that this conversation already has for the same thing.

    Args:
        session: of the transaction.
        conversation: the id of the conversation it came up in.
        kind: `complaint`, or `person` for a hand-over; of the latter there is one a conversation.
        email: where the answer goes.
        text: what the person should read.
        now: the time in UTC.
        customer_name: if the customer told it.
        order_number: as the customer wrote it, not verified.
    """
    fingerprint = "" if kind == "person" else hashlib.sha256(" ".join(text.lower().split()).encode()).hexdigest()
    same = select(Ticket).where(
        Ticket.conversation == conversation, Ticket.kind == kind, Ticket.fingerprint == fingerprint
    )
    ticket = session.scalars(same).one_or_none()
    response = "utter_ticket_exists" if ticket else "utter_ticket_opened"
    if ticket is None:
        ticket = Ticket(
            conversation=conversation,
            kind=kind,
            fingerprint=fingerprint,
            email=email,
            customer_name=customer_name[:120],
            order_number=order_number[:12],
            text=text[:LONGEST_TEXT],
            opened_at=now,
        )
        session.add(ticket)
        session.flush()
    return Outcome(response, {"ticket": ticket.number, "email": ticket.email})
