"""Where an order is."""

from __future__ import annotations

from datetime import datetime

from actions.shop.outcomes import Outcome, day, items, line_name, working_days_after
from actions.shop.returns import last_return_day
from actions.shop.tables import Order


def status_of(order: Order, now: datetime) -> Outcome:
    """What to tell the customer whose order it is."""
    values = {"number": order.number, "items": items(order.lines)}
    if order.cancellation:
        return Outcome("utter_status_cancelled", {**values, "cancelled": day(order.cancellation.cancelled_at)})
    returned = [line_name(line) for line in order.lines if line.return_line]
    if returned:
        return Outcome("utter_status_returning", {**values, "returned": ", ".join(returned)})
    if order.delivered_at:
        until = day(last_return_day(order))
        return Outcome(
            "utter_status_delivered", {**values, "delivered": day(order.delivered_at), "return_until": until}
        )
    if order.dispatched_at:
        late = order.expected_on is not None and order.expected_on < now.date()
        way = {"carrier": order.carrier, "tracking": order.tracking, "expected": day(order.expected_on)}
        return Outcome("utter_status_late" if late else "utter_status_dispatched", {**values, **way})
    values["dispatch_by"] = day(dispatch_by(order))
    return Outcome("utter_status_packed" if order.packed_at else "utter_status_placed", values)


def dispatch_by(order: Order) -> datetime:
    """One working day after the order; personalised pieces take three more."""
    personalised = any(line.personalised for line in order.lines)
    return working_days_after(order.placed_at, 4 if personalised else 1)
