"""What the shop does with orders, on SQLite and on PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from actions import desk
from actions.shop import address_changes, cancellations, returns
from actions.shop.database import connect, transaction
from actions.shop.fill import fill
from actions.shop.identification import email_address, find_order, order_number
from actions.shop.order_status import status_of
from actions.shop.outcomes import working_days_after
from actions.shop.tables import AddressChange, Cancellation, Order, Product, Return, ReturnLine, Ticket
from actions.shop.tickets import open_ticket
from sqlalchemy import func, select

from tests.example_bot.demo_day import TODAY

ANNA = "anna.murphy@post.example"
MARK = "m.quinn@home.example"


def do(engine, number, email, work):
    """Runs `work(session, order)` on a locked order in one transaction."""
    with transaction(engine) as session:
        return work(session, find_order(session, number, email, lock=True))


def count(engine, table):
    with transaction(engine) as session:
        return session.scalars(select(func.count(table.id))).one()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("WW10007", "WW10007"),
        ("ww-10007", "WW10007"),
        (" WW 10007 ", "WW10007"),
        ("10007", "WW10007"),
        ("1007", ""),
        ("WW100071", ""),
        ("10007 OR 1=1", ""),
        ("", ""),
    ],
)
def test_order_numbers_are_read_as_people_write_them(text, number):
    assert order_number(text) == number


@pytest.mark.parametrize(
    ("text", "email"),
    [
        ("Anna.Murphy@Post.example", ANNA),
        ("a b@c.de", ""),
        ("@post.example", ""),
        ("x@y", ""),
        ("x" * 300 + "@y.ie", ""),
    ],
)
def test_email_addresses_are_read_in_lower_case(text, email):
    assert email_address(text) == email


@pytest.mark.parametrize(
    ("number", "email"),
    [
        ("WW10007", "peter.walsh@home.example"),
        ("WW10099", ANNA),
        ("WW10099", "nobody@post.example"),
        ("", ANNA),
        (None, None),
        ("WW10007' --", ANNA),
        ("WW10007", "%"),
    ],
)
def test_an_order_is_found_by_number_and_email_together_only(shop, number, email):
    with transaction(shop) as session:
        assert find_order(session, number, email) is None
        assert find_order(session, "ww 10007", ANNA.upper()).number == "WW10007"


@pytest.mark.parametrize(
    ("number", "response"),
    [
        ("WW10001", "utter_status_placed"),
        ("WW10003", "utter_status_packed"),
        ("WW10005", "utter_status_dispatched"),
        ("WW10015", "utter_status_late"),
        ("WW10007", "utter_status_delivered"),
        ("WW10014", "utter_status_cancelled"),
    ],
)
def test_each_state_of_an_order_has_its_answer(sqlite, number, response):
    with transaction(sqlite) as session:
        order = session.scalars(select(Order).where(Order.number == number)).one()
        outcome = status_of(order, TODAY)
    assert outcome.response == response
    assert outcome.values["number"] == number


def test_a_day_of_dispatch_skips_the_weekend():
    friday = TODAY + timedelta(days=2)
    assert working_days_after(friday, 1).strftime("%A") == "Monday"


def test_a_cancellation_is_written_once_and_gives_the_goods_back(shop):
    def candles(session):
        return session.scalars(select(Product.stock).where(Product.name == "Sea Salt Candle")).one()

    with transaction(shop) as session:
        before = candles(session)
    first = do(shop, "WW10001", ANNA, lambda s, order: cancellations.cancel(s, order, TODAY))
    second = do(shop, "WW10001", ANNA, lambda s, order: cancellations.cancel(s, order, TODAY))
    assert (first.response, second.response) == ("utter_cancelled", "utter_already_cancelled")
    assert first.values["total"] == "€37.00"
    with transaction(shop) as session:
        assert candles(session) == before + 2


@pytest.mark.parametrize(("number", "email"), [("WW10005", "liz.carter@mail.example"), ("WW10007", ANNA)])
def test_what_has_left_the_house_is_not_cancelled(shop, number, email):
    before = count(shop, Cancellation)
    outcome = do(shop, number, email, lambda s, order: cancellations.cancel(s, order, TODAY))
    assert outcome.response == "utter_cancel_too_late"
    assert count(shop, Cancellation) == before


def test_eight_cancellations_at_once_write_one(shop, monkeypatch):
    monkeypatch.setattr(desk, "engine", lambda: shop)
    before = count(shop, Cancellation)

    def cancel(_):
        return desk._run(lambda s: cancellations.cancel(s, find_order(s, "WW10001", ANNA, lock=True), TODAY)).response

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(cancel, range(8)))
    assert answers == ["utter_already_cancelled"] * 7 + ["utter_cancelled"]
    assert count(shop, Cancellation) == before + 1


def test_a_return_is_written_once(shop):
    def register(session, order):
        return returns.register(session, order, "the vase", "I don't like it", TODAY)

    first, second = do(shop, "WW10009", MARK, register), do(shop, "WW10009", MARK, register)
    assert (first.response, second.response) == ("utter_return_registered", "utter_return_already")
    assert first.values["return_number"] == second.values["return_number"]
    assert first.values["amount"] == "€22.00"
    assert (count(shop, Return), count(shop, ReturnLine)) == (1, 1)


def test_returns_of_the_same_item_at_once_write_one(shop, monkeypatch):
    monkeypatch.setattr(desk, "engine", lambda: shop)

    def register(_):
        def work(session):
            order = find_order(session, "WW10007", ANNA, lock=True)
            return returns.register(session, order, "everything", "not my taste", TODAY)

        return desk._run(work).response

    with ThreadPoolExecutor(6) as pool:
        answers = sorted(pool.map(register, range(6)))
    assert answers == ["utter_return_already"] * 5 + ["utter_return_registered"]
    assert (count(shop, Return), count(shop, ReturnLine)) == (1, 2)


@pytest.mark.parametrize(("days", "response"), [(30, "utter_return_registered"), (31, "utter_return_too_late")])
def test_things_can_be_returned_for_30_days(sqlite, days, response):
    with transaction(sqlite) as session:
        order = find_order(session, "WW10007", ANNA, lock=True)
        outcome = returns.register(session, order, "mug", "too small", order.delivered_at + timedelta(days=days))
    assert outcome.response == response


@pytest.mark.parametrize(
    ("number", "email", "item", "reason", "response"),
    [
        ("WW10009", MARK, "earrings", "I don't like them", "utter_return_excluded"),
        ("WW10009", MARK, "earrings", "one arrived broken", "utter_return_registered"),
        ("WW10009", MARK, "everything", "not my style", "utter_return_excluded"),
        ("WW10009", MARK, "earrings", "", "utter_return_excluded"),
        ("WW10021", "conor.daly@home.example", "board", "too big", "utter_return_excluded"),
        ("WW10021", "conor.daly@home.example", "board", "the name is misspelled", "utter_return_registered"),
        ("WW10007", ANNA, "a bicycle", "it is broken", "utter_unknown_item"),
        ("WW10005", "liz.carter@mail.example", "necklace", "too short", "utter_return_not_delivered"),
        ("WW10014", "sean.nolan@home.example", "teddy", "too small", "utter_return_cancelled_order"),
        ("WW10012", "james.grant@mail.example", "scarf", "too thin", "utter_return_too_late"),
    ],
)
def test_what_can_be_returned(sqlite, number, email, item, reason, response):
    outcome = do(sqlite, number, email, lambda s, order: returns.register(s, order, item, reason, TODAY))
    assert outcome.response == response
    assert count(sqlite, Return) == (response == "utter_return_registered")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("the mug", ["Harbour Mug"]),
        ("soaps", ["Oat and Honey Soap"]),
        ("Everything", ["Harbour Mug", "Oat and Honey Soap"]),
        ("both of them", ["Harbour Mug", "Oat and Honey Soap"]),
        ("Harbour Mug and 3 x Oat and Honey Soap", ["Harbour Mug", "Oat and Honey Soap"]),
        ("the blue one", []),
        ("", []),
    ],
)
def test_items_are_understood_as_people_name_them(sqlite, text, names):
    with transaction(sqlite) as session:
        order = find_order(session, "WW10007", ANNA)
        assert [line.product.name for line in returns.choose_lines(order, text)] == names


@pytest.mark.parametrize(
    ("number", "email", "paid"), [("WW10007", ANNA, "free"), ("WW10010", "sophie.martin@courrier.example", "your cost")]
)
def test_the_label_is_free_within_ireland(sqlite, number, email, paid):
    item = {"WW10007": "mug", "WW10010": "print"}[number]
    outcome = do(sqlite, number, email, lambda s, order: returns.register(s, order, item, "don't like it", TODAY))
    assert paid in outcome.values["postage"]


def test_an_address_is_changed_once(shop):
    new = "14 Harbour View, Galway, H91 P3Q4, Ireland"

    def change(session, order):
        return address_changes.change_address(session, order, f"please send it to {new}", TODAY)

    responses = [do(shop, "WW10001", ANNA, change).response for _ in range(2)]
    assert responses == ["utter_address_changed", "utter_address_already"]
    assert count(shop, AddressChange) == 1
    with transaction(shop) as session:
        assert find_order(session, "WW10001", ANNA).delivery_address == new


@pytest.mark.parametrize(
    ("number", "email", "response"),
    [
        ("WW10005", "liz.carter@mail.example", "utter_address_too_late"),
        ("WW10014", "sean.nolan@home.example", "utter_address_cancelled_order"),
    ],
)
def test_an_address_stays_when_it_is_too_late(sqlite, number, email, response):
    new = "1 New Street, Cork, T12 X1Y2, Ireland"
    outcome = do(sqlite, number, email, lambda s, order: address_changes.change_address(s, order, new, TODAY))
    assert outcome.response == response
    assert count(sqlite, AddressChange) == 0


@pytest.mark.parametrize(
    ("address", "response"),
    [
        ("12 Harbour Road, Galway, H91 X2Y3, Ireland", ""),
        ("Lindenstrasse 15, 10969 Berlin, Germany", ""),
        ("Galway", "utter_address_incomplete"),
        ("to my mother please", "utter_address_incomplete"),
        ("1, 2, 3", "utter_address_incomplete"),
        ("4 George Street, Sydney, NSW 2000, Australia", "utter_address_not_delivered_there"),
        ("9 Long Lane, " + "x" * 400 + ", Cork, Ireland", "utter_address_incomplete"),
    ],
)
def test_an_address_needs_street_number_town_and_country(address, response):
    assert address_changes.problem(address) == response


def test_a_conversation_opens_a_ticket_once(shop):
    def ticket(conversation, kind, text):
        with transaction(shop) as session:
            return open_ticket(session, conversation=conversation, kind=kind, email=ANNA, text=text, now=TODAY)

    first, again = ticket("c1", "complaint", "The box was wet."), ticket("c1", "complaint", "the box  was WET.")
    other, person, person_again = (
        ticket("c2", "complaint", "The box was wet."),
        ticket("c1", "person", "a"),
        ticket("c1", "person", "b"),
    )
    assert (first.response, again.response) == ("utter_ticket_opened", "utter_ticket_exists")
    assert first.values == again.values
    assert person.values == person_again.values
    assert len({first.values["ticket"], other.values["ticket"], person.values["ticket"]}) == 3
    assert count(shop, Ticket) == 3


def test_filling_twice_changes_nothing_and_another_day_keeps_what_customers_did(shop):
    do(shop, "WW10001", ANNA, lambda s, order: cancellations.cancel(s, order, TODAY))
    do(shop, "WW10009", MARK, lambda s, order: returns.register(s, order, "vase", "too small", TODAY))
    assert fill(shop, TODAY) == 40
    later = TODAY + timedelta(days=100)
    assert fill(shop, later) == 40
    assert count(shop, Product) == 25
    with transaction(shop) as session:
        delivered = find_order(session, "WW10007", ANNA)
        assert (later - delivered.delivered_at).days == 6
        assert find_order(session, "WW10001", ANNA).cancellation is not None
    again = do(shop, "WW10009", MARK, lambda s, order: returns.register(s, order, "vase", "too small", later))
    assert again.response == "utter_return_already"


def test_filling_a_new_file_makes_it(tmp_path):
    assert fill(connect(f"sqlite:///{tmp_path / 'new.db'}", create=True), TODAY) == 40
