"""What the shop sells."""

from __future__ import annotations

import re
from itertools import pairwise

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from actions.shop.outcomes import Outcome, euros
from actions.shop.tables import Product

MOST_NAMED = 4


def about(session: Session, words: str) -> Outcome:
    """What the shop has of the kind that a customer named: one product in detail, or several by name."""
    found = _matching(session, words)
    if not found:
        return Outcome("utter_product_unknown")
    if len(found) > 1:
        return Outcome("utter_product_list", {"products": _listed(found)})
    product = found[0]
    stock = "It's in stock." if product.stock else "It's sold out at the moment; we expect it back within two weeks."
    values = {"name": product.name, "price": euros(product.price), "description": product.description, "stock": stock}
    return Outcome("utter_product_info", values)


def suggestions(session: Session, budget: str = "") -> Outcome:
    """Presents in stock, of different kinds, the best that the budget allows.

    Args:
        session: of the transaction.
        budget: as the customer wrote it, `30 euros`; empty: no limit.
    """
    limit = cents(budget)
    affordable = select(Product).where(Product.stock > 0).order_by(Product.price.desc(), Product.name)
    if limit:
        affordable = affordable.where(Product.price <= limit)
    kinds: dict[str, Product] = {}
    for product in session.scalars(affordable):
        kinds.setdefault(product.category, product)
    if not kinds:
        cheapest = session.scalars(select(func.min(Product.price)).where(Product.stock > 0)).one()
        return Outcome("utter_gift_none_so_cheap", {"cheapest": euros(cheapest or 0)})
    return Outcome("utter_gift_suggestions", {"products": _listed(list(kinds.values()))})


def amount_in(text: str) -> str:
    """The amount of euros in a message, `30 euros`; empty without one. spaCy doesn't find each of them."""
    found = re.search(r"€\s?\d+(?:[.,]\d{1,2})?|\d+(?:[.,]\d{1,2})?\s?(?:€|eur\b|euros?\b)", text, re.IGNORECASE)
    return found.group() if found else ""


def cents(amount: str) -> int:
    """`€30`, `30 euros`, `about 30.50` → cents; 0 when there is no number."""
    found = re.search(r"\d+(?:[.,]\d{1,2})?", amount)
    return round(float(found.group().replace(",", ".")) * 100) if found else 0


def _matching(session: Session, words: str) -> list[Product]:
    stem = _singular(words.strip().lower())
    products = session.scalars(select(Product).order_by(Product.price, Product.name))
    return [p for p in products if stem and stem in (_singular(w) for w in _phrases(f"{p.category} {p.name}".lower()))]


def _phrases(text: str) -> list[str]:
    words = re.findall(r"[a-z]+", text)
    return words + [f"{first} {second}" for first, second in pairwise(words)]


def _singular(word: str) -> str:
    return "scarf" if word == "scarves" else word if word == "earrings" else word.removesuffix("s")


def _listed(products: list[Product]) -> str:
    names = [f"{product.name} ({euros(product.price)})" for product in products[:MOST_NAMED]]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
