"""The database is locked, gone, full, read-only or another's: a polite sentence, and nothing half written."""

from __future__ import annotations

import resource
import shutil
import sqlite3
import time
from contextlib import contextmanager

import pytest
from actions import desk
from actions.cancel_order import ActionCancelOrder
from actions.change_address import ActionChangeAddress
from actions.order_status import ActionTellOrderStatus, ValidateOrderStatusForm
from actions.people import ActionOpenTicket
from actions.return_order import ActionReturnOrder
from actions.shop import cancellations
from actions.shop.database import LONGEST_WAIT, DatabaseUnavailableError, connect, transaction
from actions.shop.identification import find_order
from actions.shop.tables import AddressChange, Cancellation, Return, ReturnLine, Ticket
from sqlalchemy import event, func, select, text

from tests.example_bot.demo_day import TODAY
from tests.example_bot.talk import run

ANNA = {"order_number": "WW10001", "email": "anna.murphy@post.example"}
WISHES = [
    (ActionCancelOrder, {**ANNA, "cancel_confirmed": True}),
    (
        ActionChangeAddress,
        {**ANNA, "new_address": "1 New Street, Cork, T12 X1Y2, Ireland", "address_confirmed": True},
    ),
    (
        ActionReturnOrder,
        {**ANNA, "order_number": "WW10007", "return_item": "mug", "return_reason": "chipped", "return_confirmed": True},
    ),
    (ActionOpenTicket, {"contact_email": "anna.murphy@post.example"}),
]
APOLOGIES = {"utter_system_unavailable", "utter_ticket_failed"}


def written(engine):
    """How many rows the customers' wishes have left, and the stock."""
    with transaction(engine) as session:
        tables = (Cancellation, Return, ReturnLine, AddressChange, Ticket)
        counts = [session.scalars(select(func.count(table.id))).one() for table in tables]
        return counts, session.execute(text("SELECT sum(stock) FROM products")).scalar()


def refuse(action, slots, engine, desk_with):
    """Runs a wish that can't be fulfilled now; nobody waits for ever."""
    desk_with(engine)
    start = time.monotonic()
    said, _ = run(action(), slots)
    assert time.monotonic() - start < 4 * LONGEST_WAIT
    assert len(said) == 1
    assert said[0] in APOLOGIES


@pytest.mark.parametrize(("action", "slots"), WISHES)
def test_a_locked_sqlite_file(sqlite, desk_with, action, slots):
    before = written(sqlite)
    blocker = sqlite3.connect(sqlite.url.database.removeprefix("file:"))
    blocker.execute("BEGIN EXCLUSIVE")
    try:
        refuse(action, slots, sqlite, desk_with)
    finally:
        blocker.close()
    assert written(sqlite) == before
    said, _ = run(action(), slots)
    assert said[0] not in APOLOGIES


@pytest.mark.parametrize(("action", "slots"), WISHES)
def test_a_sqlite_file_that_is_gone(sqlite, desk_with, tmp_path, action, slots):
    (tmp_path / "shop.db").rename(tmp_path / "elsewhere.db")
    refuse(action, slots, sqlite, desk_with)
    assert not (tmp_path / "shop.db").exists()


@contextmanager
def full_disk():
    """No file of this process may grow beyond a few bytes: SQLite can't even begin its journal."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(("action", "slots"), WISHES)
def test_a_full_disk(sqlite, desk_with, action, slots):
    before = written(sqlite)
    with full_disk():
        refuse(action, slots, sqlite, desk_with)
    assert written(sqlite) == before
    said, _ = run(action(), slots)
    assert said[0] not in APOLOGIES


def test_a_file_that_is_no_database(tmp_path, desk_with):
    (tmp_path / "shop.db").write_bytes(b"no database" * 500)
    refuse(ActionTellOrderStatus, ANNA, connect(f"sqlite:///{tmp_path / 'shop.db'}"), desk_with)


def test_a_database_without_the_shop_s_tables(tmp_path, desk_with):
    sqlite3.connect(tmp_path / "shop.db").close()
    (tmp_path / "shop.db").touch()
    refuse(ActionTellOrderStatus, ANNA, connect(f"sqlite:///{tmp_path / 'shop.db'}"), desk_with)


def test_a_form_ends_politely_when_the_database_is_gone(sqlite, desk_with, tmp_path):
    desk_with(sqlite)
    shutil.move(tmp_path / "shop.db", tmp_path / "elsewhere.db")
    said, slots = run(ValidateOrderStatusForm(), ANNA, new=["order_number", "email"], form="order_status_form")
    assert said == []
    assert slots["identity"] == "unavailable"
    assert slots["requested_slot"] is None
    assert "wrong_tries" not in slots


def test_an_error_in_the_middle_leaves_nothing(shop):
    before = written(shop)

    def cancel_and_fail():
        with transaction(shop) as session:
            order = find_order(session, *ANNA.values(), lock=True)
            assert cancellations.cancel(session, order, TODAY).response == "utter_cancelled"
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cancel_and_fail()
    assert written(shop) == before


@pytest.mark.parametrize(("action", "slots"), WISHES[:3])
def test_a_row_that_somebody_else_has_locked_in_postgresql(postgresql, desk_with, action, slots):
    before = written(postgresql)
    with postgresql.begin() as blocker:
        blocker.execute(text("SELECT * FROM orders FOR UPDATE"))
        refuse(action, slots, postgresql, desk_with)
    assert written(postgresql) == before
    said, _ = run(action(), slots)
    assert said[0] not in APOLOGIES


def test_postgresql_away(desk_with):
    refuse(ActionCancelOrder, WISHES[0][1], connect("postgresql://shop@127.0.0.1:19549/postgres"), desk_with)


def test_postgresql_restarted_between_two_messages(postgresql, desk_with):
    desk_with(postgresql)
    assert run(ActionTellOrderStatus(), ANNA)[0] == ["utter_status_placed"]
    other = connect(str(postgresql.url))
    with other.begin() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = 'postgres'"
            )
        )
    other.dispose()
    assert run(ActionTellOrderStatus(), ANNA)[0] == ["utter_status_placed"]


def test_postgresql_read_only(postgresql, desk_with):
    before = written(postgresql)

    def read_only(connection, _record):
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
        connection.commit()

    full = connect(str(postgresql.url))
    event.listen(full, "connect", read_only)
    refuse(ActionCancelOrder, WISHES[0][1], full, desk_with)
    full.dispose()
    assert written(postgresql) == before


def test_the_desk_tries_once_more_when_two_write_the_same(sqlite, monkeypatch):
    monkeypatch.setattr(desk, "engine", lambda: sqlite)
    tries = []

    def work(session):
        tries.append(1)
        if len(tries) == 1:
            order = find_order(session, *ANNA.values())
            session.add_all([Cancellation(order_id=order.id, cancelled_at=TODAY) for _ in range(2)])
            session.flush()
        return "done"

    assert desk._run(work) == "done"
    assert len(tries) == 2


def test_the_error_of_a_missing_file_names_no_customer(tmp_path):
    with pytest.raises(DatabaseUnavailableError), transaction(connect(f"sqlite:///{tmp_path / 'no.db'}")) as session:
        find_order(session, *ANNA.values())
