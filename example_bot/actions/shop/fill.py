"""Makes the tables and fills them with the demo shop.

    python -m actions.shop.fill

As often as you like: what is there stays. On another day the demo orders become as many days younger,
so that there always is one to cancel and one to return; what customers did with them is kept.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from actions.shop.database import DatabaseUnavailableError, connect, transaction
from actions.shop.demo_data import CUSTOMERS, ORDERS, PRODUCTS, DemoOrder
from actions.shop.outcomes import now
from actions.shop.tables import Base, Cancellation, Customer, Order, OrderLine, Product


def fill(engine: Engine, today: datetime) -> int:
    """Writes what is missing, in one transaction, and dates the demo orders from `today`.

    Returns:
        How many orders are in the database.
    """
    with transaction(engine) as session:
        Base.metadata.create_all(session.connection())
        products = _products(session)
        customers = _customers(session)
        known = {order.number: order for order in session.scalars(select(Order))}
        for place, demo in enumerate(ORDERS, start=10001):
            order = known.get(f"WW{place}")
            if order is None:
                order = _order(f"WW{place}", demo, customers, products)
                session.add(order)
            _date(order, demo, today)
        session.flush()
        count: int = session.scalars(select(func.count(Order.id))).one()
    return count


def _products(session: Session) -> dict[str, Product]:
    products = {product.name: product for product in session.scalars(select(Product))}
    for name, category, price, stock, description, why in PRODUCTS:
        if name not in products:
            fields = {"price": price, "stock": stock, "description": description, "not_returnable": why}
            products[name] = Product(name=name, category=category, **fields)
            session.add(products[name])
    return products


def _customers(session: Session) -> list[Customer]:
    known = {customer.email: customer for customer in session.scalars(select(Customer))}
    customers = [known.get(email) or Customer(name=name, email=email) for name, email, _ in CUSTOMERS]
    session.add_all(customers)
    return customers


def _order(number: str, demo: DemoOrder, customers: list[Customer], products: dict[str, Product]) -> Order:
    address = CUSTOMERS[demo.customer][2]
    sent = demo.dispatched is not None
    order = Order(number=number, customer=customers[demo.customer], delivery_address=address)
    order.carrier = "An Post" if "Ireland" in address else "DHL"
    order.tracking = f"IE{int(number[2:]) * 7919 % 1000000000:09d}" if sent else ""
    order.lines = [
        OrderLine(
            product=products[name],
            quantity=quantity,
            price=products[name].price,
            personalised=name == demo.personalised,
        )
        for name, quantity in demo.lines.items()
    ]
    if demo.cancelled is not None:
        order.cancellation = Cancellation()
    return order


def _date(order: Order, demo: DemoOrder, today: datetime) -> None:
    morning = today.replace(hour=8, minute=0, second=0, microsecond=0)

    def back(days: int | None) -> datetime | None:
        return None if days is None else morning - timedelta(days=days)

    order.placed_at, order.packed_at, order.dispatched_at = back(demo.placed), back(demo.packed), back(demo.dispatched)
    order.delivered_at = back(demo.delivered)
    order.expected_on = (morning + timedelta(days=demo.due_in)).date() if demo.due_in is not None else None
    if demo.cancelled is not None:
        order.cancellation.cancelled_at = back(demo.cancelled)


def main() -> int:
    """Runs the command."""
    engine = connect(create=True)
    try:
        count = fill(engine, now())
    except DatabaseUnavailableError as error:
        sys.exit(f"The shop's database can't be filled ({engine.url!r}): {error}")
    sys.stdout.write(f"The shop's database holds {count} orders: {engine.url!r}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
