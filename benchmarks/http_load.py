"""Many clients of one HTTP server, in a process of their own that takes little of the machine.

    python benchmarks/http_load.py --url URL --bodies FILE [--clients N] [--seconds S] [--rate R] [--leave SHARE]

Each client keeps one connection, sends a body, waits for the answer and sends the next (a closed loop); with `--rate`
requests are sent at random moments, so many a second on average, whether or not others are answered (an open loop).
`FILE` has a JSON body a line. Prints a JSON object: `sent`, `answered` (HTTP 200), `refused` (429, 503), `failed`,
`left`, `seconds`, `per_second`, and the milliseconds `p50`, `p99`, `longest` of the answered and `refused_p99`,
`refused_longest`.
HTTP is written by hand here: a client library would take more of two cores than the server that is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import uvloop


class Load:
    """The clients, and what became of their requests."""

    def __init__(self, url: str, bodies: Sequence[bytes], *, leave: float = 0.0, key: str = "") -> None:
        """Connects nothing yet.

        Args:
            url: of the path to post to.
            bodies: sent one after the other, from the first again after the last.
            leave: share of requests whose client closes the connection instead of waiting.
            key: sent as a bearer token.
        """
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        authorization = f"Authorization: Bearer {key}\r\n" if key else ""
        self._requests = [
            f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{authorization}"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
            for body in bodies
        ]
        self._leave, self._next = leave, 0
        self.answered: list[float] = []
        self.refused: list[float] = []
        self.failed = self.left = self.sent = 0
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def closed_loop(self, clients: int, seconds: float) -> float:
        """Returns the seconds it took."""
        started = time.perf_counter()
        await asyncio.gather(*(self._client(started + seconds) for _ in range(clients)))
        return time.perf_counter() - started

    async def open_loop(self, rate: float, seconds: float) -> float:
        """Requests at random moments; returns the seconds it took."""
        started = time.perf_counter()
        due, draw, tasks = started, random.Random(0), set()
        while due < started + seconds:
            due += draw.expovariate(rate)
            pause = due - time.perf_counter()
            if pause > 0:
                await asyncio.sleep(pause)
            task = asyncio.ensure_future(self._one(due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        sending = time.perf_counter() - started
        await asyncio.gather(*tasks)
        return sending

    async def _client(self, end: float) -> None:
        while time.perf_counter() < end:
            await self._one(time.perf_counter())

    async def _one(self, due: float) -> None:
        request = self._requests[self._next % len(self._requests)]
        leaves = self._leave and (self._next * 0.618) % 1 < self._leave
        self._next += 1
        self.sent += 1
        try:
            reader, writer = self._free.pop() if self._free else await asyncio.open_connection(self._host, self._port)
            writer.write(request)
            if leaves:
                await writer.drain()
                await asyncio.sleep(0.001)
                writer.transport.abort()
                self.left += 1
                return
            status = await _answer(reader)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            self.failed += 1
            return
        self._free.append((reader, writer))
        took = time.perf_counter() - due
        if status == 200:
            self.answered.append(took)
        elif status in (429, 503):
            self.refused.append(took)
        else:
            self.failed += 1


async def _answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    lower = head.lower()
    at = lower.index(b"content-length:") + 15
    await reader.readexactly(int(lower[at : lower.index(b"\r\n", at)]))
    return int(head[9:12])


def summary(load: Load, seconds: float) -> dict[str, float | int]:
    """What is printed."""
    found: dict[str, float | int] = {
        "sent": load.sent,
        "answered": len(load.answered),
        "refused": len(load.refused),
        "failed": load.failed,
        "left": load.left,
        "seconds": round(seconds, 3),
        "per_second": round(len(load.answered) / seconds, 1),
    }
    for name, times in (("", load.answered), ("refused_", load.refused)):
        milliseconds = np.array(times or [0.0]) * 1000
        found[f"{name}p50"] = round(float(np.percentile(milliseconds, 50)), 2)
        found[f"{name}p99"] = round(float(np.percentile(milliseconds, 99)), 2)
        found[f"{name}longest"] = round(float(milliseconds.max()), 2)
    return found


def main() -> None:
    """Loads the server and prints what became of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--url", required=True)
    parser.add_argument("--bodies", type=Path, required=True, help="a JSON body a line")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=0.0, help="requests a second, at random moments")
    parser.add_argument("--leave", type=float, default=0.0, help="share of clients that do not wait")
    parser.add_argument("--key", default="")
    options = parser.parse_args()
    bodies = options.bodies.read_bytes().splitlines()
    load = Load(options.url, bodies, leave=options.leave, key=options.key)
    uvloop.install()
    run = (
        load.open_loop(options.rate, options.seconds)
        if options.rate
        else load.closed_loop(options.clients, options.seconds)
    )
    print(json.dumps(summary(load, asyncio.run(run))))


if __name__ == "__main__":
    main()
