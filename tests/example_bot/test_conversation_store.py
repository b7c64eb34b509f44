"""Conversations are kept where the endpoints files say: in SQLite, or in what DATABASE_URL names."""

from __future__ import annotations

import pytest
from rasa.core.tracker_store import SQLTrackerStore, TrackerStore
from rasa.core.utils import AvailableEndpoints
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.exceptions import RasaException

from tests.example_bot.talk import BOT


def store_of(endpoints):
    configured = AvailableEndpoints.read_endpoints(str(BOT / endpoints)).tracker_store
    return TrackerStore.create(configured, Domain.empty())


async def survives_a_restart(endpoints):
    tracker = DialogueStateTracker("a-visitor", [])
    tracker.update(UserUttered("where is my parcel?"))
    first, second = store_of(endpoints), store_of(endpoints)
    await first.save(tracker)
    found = await second.retrieve("a-visitor")
    return second, found.latest_message.text


async def test_in_a_sqlite_file_beside_the_bot(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store, text = await survives_a_restart("endpoints.yml")
    assert text == "where is my parcel?"
    assert (tmp_path / "conversations.db").stat().st_size
    assert store.engine.dialect.name == "sqlite"


async def test_in_postgresql_beside_the_shop_s_tables(postgresql, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", str(postgresql.url))
    store, text = await survives_a_restart("endpoints-postgresql.yml")
    assert isinstance(getattr(store, "_tracker_store", store), SQLTrackerStore)
    assert text == "where is my parcel?"
    with postgresql.begin() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM events").scalar() > 0
        assert connection.exec_driver_sql("SELECT count(*) FROM orders").scalar() == 40


def test_a_missing_address_is_said_at_the_start(monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(RasaException, match="DATABASE_URL"):
        store_of("endpoints-postgresql.yml")
