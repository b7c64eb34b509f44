"""Cancelling an order: possible until it leaves."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from actions.shop.outcomes import Outcome, euros, total
from actions.shop.tables import Cancellation, Order


def refusal(order: Order) -> Outcome | None:
    """Why the order can't be cancelled; None if it can."""
    if order.cancellation:
        return Outcome("utter_already_cancelled", {"number": order.number})
    if order.dispatched_at:
        return Outcome("utter_cancel_too_late", {"number": order.number})
    return None


def cancel(session: Session, order: Order, now: datetime) -> Outcome:
    """Cancels an order that was found with `lock=True`, and puts its goods back into stock."""
    refused = refusal(order)
    if refused:
        return refused
    session.add(Cancellation(order_id=order.id, cancelled_at=now))
    for line in order.lines:
        line.product.stock += line.quantity
    return Outcome("utter_cancelled", {"number": order.number, "total": euros(total(order))})
