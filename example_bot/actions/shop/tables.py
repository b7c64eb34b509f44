"""The shop's tables. Money is in cents, times are UTC without a zone."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Column, Date, DateTime, ForeignKey, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import declarative_base, relationship

Base: Any = declarative_base()


class Customer(Base):
    """Somebody who has ordered; the e-mail address is kept in lower case."""

    __tablename__ = "customers"
    id = Column(Integer, primary_key=True)
    name = Column(String(120), nullable=False)
    email = Column(String(254), nullable=False, unique=True)


class Product(Base):
    """Something in the range."""

    __tablename__ = "products"
    id = Column(Integer, primary_key=True)
    name = Column(String(120), nullable=False, unique=True)
    category = Column(String(40), nullable=False)
    description = Column(Text, nullable=False)
    price = Column(Integer, nullable=False)
    stock = Column(Integer, nullable=False)
    not_returnable = Column(String(120), nullable=False, default="")  # why it stays sold; empty: it may come back


class Order(Base):
    """An order; its state follows from the times that are set."""

    __tablename__ = "orders"
    id = Column(Integer, primary_key=True)
    number = Column(String(12), nullable=False, unique=True)
    customer_id = Column(ForeignKey("customers.id"), nullable=False)
    placed_at = Column(DateTime, nullable=False)
    packed_at = Column(DateTime)
    dispatched_at = Column(DateTime)
    expected_on = Column(Date)
    delivered_at = Column(DateTime)
    delivery_address = Column(Text, nullable=False)
    carrier = Column(String(40), nullable=False, default="An Post")
    tracking = Column(String(40), nullable=False, default="")
    customer = relationship(Customer)
    lines = relationship("OrderLine", back_populates="order", order_by="OrderLine.id")
    cancellation = relationship("Cancellation", uselist=False)


class OrderLine(Base):
    """One product of an order, at the price of that day."""

    __tablename__ = "order_lines"
    id = Column(Integer, primary_key=True)
    order_id = Column(ForeignKey("orders.id"), nullable=False)
    product_id = Column(ForeignKey("products.id"), nullable=False)
    quantity = Column(Integer, nullable=False)
    price = Column(Integer, nullable=False)
    personalised = Column(Boolean, nullable=False, default=False)
    order = relationship(Order, back_populates="lines")
    product = relationship(Product)
    return_line = relationship("ReturnLine", uselist=False)
    __table_args__ = (UniqueConstraint("order_id", "product_id"),)


class Cancellation(Base):
    """That an order was cancelled: at most once."""

    __tablename__ = "cancellations"
    id = Column(Integer, primary_key=True)
    order_id = Column(ForeignKey("orders.id"), nullable=False, unique=True)
    cancelled_at = Column(DateTime, nullable=False)


class Return(Base):
    """Things that a customer announced to send back."""

    __tablename__ = "returns"
    id = Column(Integer, primary_key=True)
    order_id = Column(ForeignKey("orders.id"), nullable=False)
    reason = Column(Text, nullable=False)
    registered_at = Column(DateTime, nullable=False)
    lines = relationship("ReturnLine", back_populates="return_")

    @property
    def number(self) -> str:
        """What the customer writes on the parcel."""
        return f"R-{5000 + self.id}"


class ReturnLine(Base):
    """One line of an order in a return: no line goes back twice."""

    __tablename__ = "return_lines"
    id = Column(Integer, primary_key=True)
    return_id = Column(ForeignKey("returns.id"), nullable=False)
    order_line_id = Column(ForeignKey("order_lines.id"), nullable=False, unique=True)
    return_ = relationship(Return, back_populates="lines")


class AddressChange(Base):
    """Where an order went to before, and since when it goes elsewhere."""

    __tablename__ = "address_changes"
    id = Column(Integer, primary_key=True)
    order_id = Column(ForeignKey("orders.id"), nullable=False)
    old_address = Column(Text, nullable=False)
    new_address = Column(Text, nullable=False)
    changed_at = Column(DateTime, nullable=False)


class Ticket(Base):
    """Work for a person. A conversation opens one ticket of a kind with the same text."""

    __tablename__ = "tickets"
    id = Column(Integer, primary_key=True)
    conversation = Column(String(255), nullable=False)
    kind = Column(String(20), nullable=False)
    fingerprint = Column(String(64), nullable=False)
    email = Column(String(254), nullable=False)
    customer_name = Column(String(120), nullable=False, default="")
    order_number = Column(String(12), nullable=False, default="")
    text = Column(Text, nullable=False)
    opened_at = Column(DateTime, nullable=False)
    __table_args__ = (UniqueConstraint("conversation", "kind", "fingerprint"),)

    @property
    def number(self) -> str:
        """What the customer is told."""
        return f"T-{2000 + self.id}"
