"""Returning things: within 30 days of delivery, each line once."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from actions.shop.outcomes import Outcome, day, euros, items
from actions.shop.tables import Order, OrderLine, Return, ReturnLine

DAYS_TO_RETURN = 30
_EVERYTHING = re.compile(r"\b(everything|all|both|whole|complete|entire)\b", re.IGNORECASE)
_FAULTY = re.compile(
    r"\b(damag\w*|broke\w*|crack\w*|chip\w*|fault\w*|defect\w*|wrong|torn|scratch\w*|leak\w*|off|close|misspel\w*)\b",
    re.IGNORECASE,
)


def last_return_day(order: Order) -> date:
    """The last day on which a delivered order may be returned."""
    delivered: date = order.delivered_at.date()
    return delivered + timedelta(days=DAYS_TO_RETURN)


def refusal(order: Order, now: datetime) -> Outcome | None:
    """Why nothing of the order can be returned; None if something may be."""
    values = {"number": order.number}
    if order.cancellation:
        return Outcome("utter_return_cancelled_order", values)
    if not order.delivered_at:
        return Outcome("utter_return_not_delivered", values)
    if order.lines and all(line.return_line for line in order.lines):
        return _registered_already(order.lines)
    if now.date() > last_return_day(order):
        until = day(last_return_day(order))
        return Outcome("utter_return_too_late", {**values, "delivered": day(order.delivered_at), "return_until": until})
    return None


def choose_lines(order: Order, text: str) -> list[OrderLine]:
    """The lines that a customer's words mean: full names, else the best fit; none when nothing of the order fits."""
    if _EVERYTHING.search(text):
        return list(order.lines)
    named = [line for line in order.lines if line.product.name.lower() in text.lower()]
    if named:
        return named
    words = set(re.findall(r"[a-z]+", text.lower()))
    hits = {line: len(words & _words(line)) for line in order.lines}
    best = max(hits.values(), default=0)
    return [line for line, count in hits.items() if count == best] if best else []


def is_faulty(reason: str) -> bool:
    """Whether the reason is the shop's own fault: it then pays the postage, and takes back what else stays sold."""
    return bool(_FAULTY.search(reason))


def already(lines: list[OrderLine]) -> Outcome | None:
    """The return in which the lines are, if none of them is left to return."""
    if lines and all(line.return_line for line in lines):
        return _registered_already(lines)
    return None


def obstacle(order: Order, item: str, reason: str, now: datetime) -> Outcome | None:
    """Why `item` can't be returned for this reason; None if it can, or isn't known yet."""
    chosen = choose_lines(order, item)
    return refusal(order, now) or already(chosen) or excluded(chosen, reason)


def excluded(lines: list[OrderLine], reason: str) -> Outcome | None:
    """The first of the lines that can't come back for this reason, if there is one."""
    if is_faulty(reason):
        return None
    for line in lines if reason else []:
        why = "it was made for you" if line.personalised else line.product.not_returnable
        if why:
            return Outcome("utter_return_excluded", {"item": line.product.name, "why": why})
    return None


def register(session: Session, order: Order, item: str, reason: str, now: datetime) -> Outcome:
    """Registers the return of what `item` names, in an order that was found with `lock=True`."""
    lines = [line for line in choose_lines(order, item) if not line.return_line]
    refused = obstacle(order, item, reason or "none given", now)
    if refused:
        return refused
    if not lines:
        return Outcome("utter_unknown_item")
    new = Return(order_id=order.id, reason=reason, registered_at=now)
    new.lines = [ReturnLine(order_line_id=line.id) for line in lines]
    session.add(new)
    session.flush()
    free = is_faulty(reason) or order.delivery_address.lower().endswith(", ireland")
    postage = "The return label comes by e-mail and is free." if free else "Please send it with tracking, at your cost."
    amount = euros(sum(line.price * line.quantity for line in lines))
    values = {"return_number": new.number, "returned": items(lines), "postage": postage, "amount": amount}
    return Outcome("utter_return_registered", values)


def _registered_already(lines: list[OrderLine]) -> Outcome:
    done = lines[0].return_line.return_
    return Outcome("utter_return_already", {"return_number": done.number, "returned": items(lines)})


def _words(line: OrderLine) -> set[str]:
    words = set(re.findall(r"[a-z]+", f"{line.product.name} {line.product.category}".lower()))
    return (
        {word for word in words if len(word) > 2}
        | {f"{word}s" for word in words}
        | {word.rstrip("s") for word in words}
    )
