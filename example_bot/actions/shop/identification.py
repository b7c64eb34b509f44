"""Whose order is it? Number and e-mail must belong together before anything is said or changed."""

from __future__ import annotations

import re

from sqlalchemy import select
from sqlalchemy.orm import Session

from actions.shop.tables import Customer, Order

_NUMBER = re.compile(r"(?:ww[- ]?)?(\d{5})", re.IGNORECASE)
_EMAIL = re.compile(r"[^\s@<>]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)


def order_number(text: str) -> str:
    """`ww 10007`, `10007`, `WW10007` → `WW10007`; anything else → empty."""
    found = _NUMBER.fullmatch(text.strip())
    return f"WW{found.group(1)}" if found else ""


def email_address(text: str) -> str:
    """The address in lower case, or empty when it isn't one."""
    text = text.strip().lower()
    return text if len(text) <= 254 and _EMAIL.fullmatch(text) else ""


def find_order(session: Session, number: str | None, email: str | None, *, lock: bool = False) -> Order | None:
    """The order with this number, if it was placed with this e-mail address.

    Args:
        session: of the transaction in which the order will be read or changed.
        number: as the customer wrote it.
        email: as the customer wrote it.
        lock: nobody else may change the order until the transaction ends.
    """
    chosen = select(Order).join(Customer)
    chosen = chosen.where(Order.number == order_number(number or ""), Customer.email == email_address(email or ""))
    return session.scalars(chosen.with_for_update(of=Order) if lock else chosen).one_or_none()
