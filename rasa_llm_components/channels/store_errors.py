"""What happens in the web chat while the conversations' database is away: a turn fails, and is sent again.

Rasa by itself goes on with an empty conversation and writes into memory what happened meanwhile: a customer in the
middle of a form would be greeted, and the two halves of the conversation would never come together. The page sends a
message again until its turn is over, so it can wait for the database.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from rasa.core.tracker_store import FailSafeTrackerStore

logger = logging.getLogger(__name__)

_in_the_web_chat: ContextVar[bool] = ContextVar("in_the_web_chat", default=False)


@contextmanager
def store_errors_end_the_turn() -> Iterator[None]:
    """Inside, an error of the tracker store is raised; other channels keep Rasa's way."""
    token = _in_the_web_chat.set(True)
    try:
        yield
    finally:
        _in_the_web_chat.reset(token)


def watch(tracker_store: Any) -> None:
    """Makes an agent's tracker store tell its errors.

    Args:
        tracker_store: Rasa's wrapper, which otherwise hides them; another one is left as it is.
    """
    if isinstance(tracker_store, FailSafeTrackerStore):
        tracker_store._on_tracker_store_error = _on_error


def _on_error(error: Exception) -> None:
    if _in_the_web_chat.get():
        raise error
    logger.error(f"The tracker store failed, Rasa goes on without it: {error}")
