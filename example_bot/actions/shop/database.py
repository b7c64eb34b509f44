"""Where the shop's tables are, and transactions on them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

DEFAULT_FILE = Path(__file__).resolve().parents[2] / "shop.db"
LONGEST_WAIT = 2.0
"""Seconds that a customer's action waits for a lock or a connection before it gives up."""


class DatabaseUnavailableError(RuntimeError):
    """The database is locked, full, away or without its tables. Nothing was written."""


def database_url() -> str:
    """`DATABASE_URL`, or the SQLite file beside the bot."""
    return os.environ.get("DATABASE_URL") or f"sqlite:///{DEFAULT_FILE}"


def connect(url: str = "", *, create: bool = False) -> Engine:
    """An engine whose waits are bounded.

    Args:
        url: SQLAlchemy's address of a database; empty: `database_url()`.
        create: make a SQLite file that isn't there. Otherwise a missing file is an error, not an empty shop.
    """
    address = make_url(url or database_url())
    if address.get_backend_name() != "sqlite":
        return create_engine(address, connect_args=_postgresql_limits(), pool_pre_ping=True, pool_timeout=LONGEST_WAIT)
    if address.database and not create:
        file = Path(address.database).resolve()
        address = address.set(database=f"file:{file}", query={"mode": "rw", "uri": "true"})
    engine = create_engine(address, connect_args={"timeout": LONGEST_WAIT})
    event.listen(engine, "connect", _leave_transactions_to_us)
    event.listen(engine, "begin", _take_the_write_lock_first)
    return engine


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """A session whose changes are all written at the end, or none of them.

    Raises:
        DatabaseUnavailableError: the database can't be read or written now.
        IntegrityError: the same thing was written by somebody else at the same time.
    """
    try:
        with Session(engine, future=True, expire_on_commit=False) as session, session.begin():
            yield session
    except IntegrityError:
        raise
    except (DBAPIError, PoolTimeoutError) as error:
        raise DatabaseUnavailableError(str(error)) from error


def _postgresql_limits() -> dict[str, Any]:
    milliseconds = int(LONGEST_WAIT * 1000)
    return {
        "connect_timeout": int(LONGEST_WAIT),
        "options": f"-c lock_timeout={milliseconds} -c statement_timeout={milliseconds}",
    }


def _leave_transactions_to_us(connection: Any, _record: Any) -> None:
    # The driver would begin a transaction only at the first write: two writers could read the same state before.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")


def _take_the_write_lock_first(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
