"""Whole bots under load: a thousand conversations open at once, and two Rasa servers against one.

    python benchmarks/load.py --json OUT [--measure conversations two_rasas] [--customers 1000] [--soak MINUTES]

Customers of `load_bot/` talk through the page's own channel, each with its stream open, and know what every reply must
be (`customers.py`). Rasa has its conversations in PostgreSQL and its locks in Redis, the encoder runs in a
`rasa-llm serve` process. All of it, and the customers, share this machine's cores.

conversations   all open at once, each saying eight messages with pauses: every one answered once, in order; p99, memory
two_rasas       messages a second of two Rasa servers with the same stores against one, customers without pauses
soak            with --soak: the same for so many minutes; memory at its beginning and its end
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bot_cluster import Actions, PostgreSQL, model_server, redis, trained
from bot_cluster import rasas as start_rasas
from customers import Counts, talk
from ratio_record import ratio_record

from rasa_llm_components.open_files import allow_many_connections

BUDGET = 10.0
"""Seconds after which an answer is late."""
_TOGETHER = 32
"""Customers without pauses, where the most messages a second are looked for."""
Record = dict[str, Any]


class Cluster:
    """Everything but the customers."""

    def __init__(self, folder: Path, parts: ExitStack, *, rasas: int) -> None:
        """Starts it.

        Args:
            folder: for files and logs.
            parts: ends what was started.
            rasas: Rasa servers.
        """
        self.server = model_server(folder).start()
        parts.callback(self.server.stop)
        database, locks, actions = PostgreSQL(), redis(folder).start(), Actions()
        for part in (database, locks, actions):
            parts.callback(part.stop)
        endpoint = f"http://127.0.0.1:{self.server.port}/v1"  # type: ignore[attr-defined]
        model = trained(folder / "bot", {"endpoint": endpoint, "model": "minilm", "fallback": "local"})
        self.rasas = start_rasas(folder, parts, model, count=rasas, actions=actions, database=database, locks=locks)

    @property
    def addresses(self) -> list[str]:
        """Of the Rasa servers."""
        return [one.address for one in self.rasas]  # type: ignore[attr-defined]


@contextmanager
def cluster(rasas: int) -> Iterator[Cluster]:
    """A running one."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as parts:
        yield Cluster(Path(folder), parts, rasas=rasas)


def conversations(options: argparse.Namespace) -> Iterator[Record]:
    """A thousand at once."""
    with cluster(1) as bot:
        before = bot.rasas[0].memory_mb
        counts, seconds = _talked(bot, customers=options.customers, rounds=1, pause=options.pause)
        record = ratio_record("conversations", counts.answered, "messages answered", "sent", counts.sent)
        memory = {"memory_mb": bot.rasas[0].memory_mb, "memory_before_mb": before}
        yield {**record, **counts.record(), **memory, "customers": options.customers, "seconds": round(seconds)}
        if options.soak:
            yield _soak(bot, options.soak)


def _soak(bot: Cluster, minutes: float) -> Record:
    parts = {"rasa": bot.rasas[0], "server": bot.server}
    _talked(bot, customers=100, rounds=1, pause=1.0, first=5_000)
    begin, end = {name: part.memory_mb for name, part in parts.items()}, time.monotonic() + minutes * 60
    total, first = Counts(BUDGET), 10_000
    while time.monotonic() < end:
        counts, _ = _talked(bot, customers=100, rounds=4, pause=8.0, first=first)
        first += 100
        for kind in ("sent", "answered", "unread", "wrong", "twice", "disorder", "late"):
            setattr(total, kind, getattr(total, kind) + getattr(counts, kind))
        total.waits += counts.waits
    after = {name: part.memory_mb for name, part in parts.items()}
    record = ratio_record("soak", after["rasa"], "MB of Rasa at the end", "at the beginning", begin["rasa"])
    server = {"server_mb": after["server"], "server_before_mb": begin["server"]}
    return {**record, **total.record(), **server, "minutes": minutes}


def two_rasas(_: argparse.Namespace) -> Iterator[Record]:
    """Two against one."""
    rates, found = {}, {}
    for number in (1, 2):
        with cluster(number) as bot:
            _talked(bot, customers=_TOGETHER, rounds=1, pause=0.0)
            counts, seconds = _talked(bot, customers=_TOGETHER, rounds=3, pause=0.0, first=_TOGETHER)
            rates[number], found[number] = counts.answered / seconds, counts.record()
    record = ratio_record("two_rasas", rates[2], "messages/s", "one Rasa", rates[1])
    yield {**record, **found[2], "peer_p99_ms": found[1]["p99_ms"]}


MEASURES = {"conversations": conversations, "two_rasas": two_rasas}


def _talked(bot: Cluster, *, customers: int, rounds: int, pause: float, first: int = 0) -> tuple[Counts, float]:
    counts, started = Counts(BUDGET), time.monotonic()
    asyncio.run(talk(bot.addresses, counts, customers=customers, rounds=rounds, pause=pause, first=first))
    for example in counts.examples[:5]:
        print(f"  {example}", flush=True)
    return counts, time.monotonic() - started


def main() -> None:
    """Measures, prints and writes the records."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", type=Path, help="write the records here")
    parser.add_argument("--measure", nargs="+", choices=sorted(MEASURES), default=list(MEASURES))
    parser.add_argument("--customers", type=int, default=1000, help="conversations open at once (default: 1000)")
    parser.add_argument("--pause", type=float, default=40.0, help="seconds between a reply and the next message")
    parser.add_argument("--soak", type=float, default=0.0, metavar="MINUTES", help="go on for so long")
    options = parser.parse_args()
    allow_many_connections()  # of the customers; the servers ask for their own
    records = []
    for name in options.measure:
        for record in MEASURES[name](options):
            records.append(record)
            print(json.dumps(record), flush=True)
    if options.json:
        options.json.write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
