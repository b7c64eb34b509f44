"""Sending an order elsewhere: possible until it leaves."""

from __future__ import annotations

import re
from datetime import datetime

from sqlalchemy.orm import Session

from actions.shop.outcomes import Outcome
from actions.shop.tables import AddressChange, Order

LONGEST_ADDRESS = 300
_ELSEWHERE = re.compile(
    r"\b(australia|new zealand|japan|china|india|brazil|mexico|south africa|russia|singapore|argentina|turkey|dubai)\b",
    re.IGNORECASE,
)


def tidy(text: str) -> str:
    """The address in one line, without a lead-in such as `please send it to`."""
    one_line = ", ".join(part.strip(" ,") for part in text.splitlines() if part.strip(" ,"))
    lead_in = r"^(?:(?:please )?(?:send|deliver) it to|(?:my|the) (?:new )?address is|it'?s|the street is)[: ]+"
    return re.sub(r"\s+", " ", re.sub(lead_in, "", one_line.strip(), flags=re.IGNORECASE)).strip(" .")


def problem(text: str) -> str:
    """The response that says what an address lacks; empty if it can be used."""
    if _ELSEWHERE.search(text):
        return "utter_address_not_delivered_there"
    words, digits = re.findall(r"[^\W\d_]{2,}", text), re.findall(r"\d", text)
    complete = len(words) >= 3 and digits and "," in text and len(text) <= LONGEST_ADDRESS
    return "" if complete else "utter_address_incomplete"


def refusal(order: Order) -> Outcome | None:
    """Why the order can't go elsewhere; None if it can."""
    if order.cancellation:
        return Outcome("utter_address_cancelled_order", {"number": order.number})
    if order.dispatched_at:
        values = {"number": order.number, "carrier": order.carrier, "tracking": order.tracking}
        return Outcome("utter_address_too_late", values)
    return None


def change_address(session: Session, order: Order, address: str, now: datetime) -> Outcome:
    """Changes the address of an order that was found with `lock=True`."""
    refused = refusal(order)
    if refused:
        return refused
    address = tidy(address)
    wrong = problem(address)
    if wrong:
        return Outcome(wrong)
    values = {"number": order.number, "address": address}
    if order.delivery_address == address:
        return Outcome("utter_address_already", values)
    old, order.delivery_address = order.delivery_address, address
    session.add(AddressChange(order_id=order.id, old_address=old, new_address=address, changed_at=now))
    return Outcome("utter_address_changed", values)
