"""What became of a wish: the name of a response in the domain, and the values it mentions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone

from actions.shop.tables import Order, OrderLine


@dataclass(frozen=True)
class Outcome:
    """A response to send."""

    response: str
    values: dict[str, str] = field(default_factory=dict)


def now() -> datetime:
    """The time in UTC, as the tables keep it."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


def euros(cents: int) -> str:
    """`1250` → `€12.50`."""
    return f"€{cents / 100:.2f}"


def day(when: date | datetime | None) -> str:
    """`Tuesday, 3 March`."""
    return f"{when:%A}, {when.day} {when:%B}" if when else "a day still to be fixed"


def working_days_after(when: datetime, days: int) -> datetime:
    """The moment so many working days later; Saturdays and Sundays don't count."""
    while days > 0:
        when += timedelta(days=1)
        days -= when.weekday() < 5
    return when


def line_name(line: OrderLine) -> str:
    """`2 x Sea Salt Candle`."""
    return f"{line.quantity} x {line.product.name}" if line.quantity > 1 else line.product.name


def items(lines: list[OrderLine]) -> str:
    """The lines as part of a sentence."""
    names = [line_name(line) for line in lines]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def total(order: Order) -> int:
    """What the goods of an order cost, in cents."""
    return sum(line.price * line.quantity for line in order.lines)
