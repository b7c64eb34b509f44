"""The conversations' database is away: the web chat fails the turn, other channels go on as Rasa does."""

from __future__ import annotations

from typing import Any

import pytest
from rasa.core.tracker_store import FailSafeTrackerStore, InMemoryTrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker

from rasa_llm_components.channels.store_errors import store_errors_end_the_turn, watch


class Away(InMemoryTrackerStore):
    """A database that is being restarted."""

    async def retrieve(self, sender_id: str) -> DialogueStateTracker | None:
        raise ConnectionError("server closed the connection")

    async def save(self, tracker: DialogueStateTracker) -> None:
        raise ConnectionError("server closed the connection")


@pytest.fixture
def store() -> FailSafeTrackerStore:
    store = FailSafeTrackerStore(Away(Domain.empty()))
    watch(store)
    return store


async def test_in_the_web_chat_an_error_ends_the_turn_instead_of_an_empty_conversation(store: Any) -> None:
    with store_errors_end_the_turn():
        with pytest.raises(ConnectionError):
            await store.retrieve("ann")
        with pytest.raises(ConnectionError):
            await store.save(DialogueStateTracker("ann", []))


async def test_other_channels_keep_rasas_way(store: Any) -> None:
    with store_errors_end_the_turn():
        pass
    assert await store.retrieve("ann") is None
    await store.save(DialogueStateTracker("ann", []))


def test_a_store_that_hides_nothing_is_left_as_it_is() -> None:
    store = InMemoryTrackerStore(Domain.empty())
    watch(store)
    assert not hasattr(store, "_on_tracker_store_error")
