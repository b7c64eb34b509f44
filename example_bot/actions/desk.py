"""Between the conversation and the shop: one database, transactions in threads, outcomes as replies."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from rasa_sdk.executor import CollectingDispatcher
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from actions.shop import database
from actions.shop.outcomes import Outcome

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

UNAVAILABLE = Outcome("utter_system_unavailable")


@lru_cache(maxsize=1)
def engine() -> Engine:
    """The shop's database, connected to once in this process."""
    return database.connect()


async def in_transaction(work: Callable[[Session], Result]) -> Result:
    """Runs `work` in one transaction, in a thread: others' messages go on meanwhile.

    Raises:
        DatabaseUnavailableError: nothing was written.
    """
    return await asyncio.to_thread(_run, work)


def _run(work: Callable[[Session], Result]) -> Result:
    try:
        with database.transaction(engine()) as session:
            return work(session)
    except IntegrityError:
        # The same thing was written at the same moment: the second look finds it done.
        with database.transaction(engine()) as session:
            return work(session)


async def answer(
    dispatcher: CollectingDispatcher, work: Callable[[Session], Outcome], *, otherwise: Outcome = UNAVAILABLE
) -> Outcome:
    """Runs `work` in one transaction and says what came of it.

    Args:
        dispatcher: takes the reply.
        work: what to do.
        otherwise: what to say when the database can't be reached.
    """
    try:
        outcome = await in_transaction(work)
    except (database.DatabaseUnavailableError, IntegrityError) as error:
        logger.error("The shop's database: %s", error)
        outcome = otherwise
    dispatcher.utter_message(response=outcome.response, **outcome.values)
    return outcome
