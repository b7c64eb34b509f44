"""Customers of `load_bot/` on the page's channel, who know what each reply must be, and count what is not so."""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import numpy as np

UNREAD = "I did not understand that."
_AGAIN_AFTER = 0.5
"""Seconds until the page sends a message again that got no answer."""
_GIVEN_UP_AFTER = 90.0


@dataclass
class Counts:
    """What became of all messages.

    Attributes:
        budget: seconds within which a reply must be there.
        waits: seconds of each answered message.
        sent: messages, each counted once however often it was sent.
        answered: those with a reply.
        unread: of these, those whose reply says that the message was not understood.
        wrong: those with another reply than the right one.
        twice: messages that the stored conversation holds more than once, or replies that it holds more than once.
        disorder: conversations whose stored messages are not in the order in which they were sent.
        late: answered later than the budget.
        moments: when each answer came, seconds since the epoch.
    """

    budget: float
    waits: list[float] = field(default_factory=list)
    sent: int = 0
    answered: int = 0
    unread: int = 0
    wrong: int = 0
    twice: int = 0
    disorder: int = 0
    late: int = 0
    moments: list[float] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)

    def record(self) -> dict[str, Any]:
        """For the benchmarks' JSON."""
        milliseconds = np.array(self.waits or [0.0]) * 1000
        kinds = ("sent", "answered", "unread", "wrong", "twice", "disorder", "late")
        return {
            **{kind: getattr(self, kind) for kind in kinds},
            "unanswered": self.sent - self.answered,
            **{f"p{n}_ms": round(float(np.percentile(milliseconds, n)), 1) for n in (50, 99)},
            "longest_ms": round(float(milliseconds.max()), 1),
        }


def script(customer: int) -> list[tuple[str, str]]:
    """What a customer says, and what the bot must answer: some of it nobody else says, and a form of three turns."""
    name, number = f"Ann {customer}", f"555 {customer:04}"
    return [
        ("hello", "Hello, how can I help?"),
        (f"repeat after me: sentence 1 of customer {customer}", f"sentence 1 of customer {customer}"),
        ("where is my parcel", "Your order is on its way."),
        ("please call me back", "What is your name?"),
        (name, "Which number shall we call?"),
        (number, f"Thank you, {name}: we call {number}."),
        (f"repeat after me: sentence 2 of customer {customer}", f"sentence 2 of customer {customer}"),
        ("many thanks", "You are welcome."),
    ]


async def talk(
    servers: Sequence[str], counts: Counts, *, customers: int, rounds: int, pause: float, first: int = 0
) -> None:
    """All customers at once, each with a stream open as the page has it.

    Args:
        servers: addresses of Rasa servers with the same stores; a customer stays with one while it answers.
        counts: filled.
        customers: how many.
        rounds: how often each says its script.
        pause: seconds between a reply and the next message, on average.
        first: number of the first customer.
    """
    limit = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=limit, cookie_jar=aiohttp.DummyCookieJar()) as session:
        people = [_Customer(session, number, servers, counts, pause) for number in range(first, first + customers)]
        await asyncio.gather(*(person.live(rounds) for person in people))


class _Customer:
    def __init__(
        self, session: aiohttp.ClientSession, number: int, servers: Sequence[str], counts: Counts, pause: float
    ) -> None:
        self._session, self._number, self._counts, self._pause = session, number, counts, pause
        self._servers = [*servers[number % len(servers) :], *servers[: number % len(servers)]]
        self._cookie, self._draw = "", random.Random(number)
        self._said: list[str] = []

    async def live(self, rounds: int) -> None:
        await asyncio.sleep(self._draw.random() * self._pause)
        await self._open()
        stream = asyncio.ensure_future(self._stream())
        for _ in range(rounds):
            for text, expected in script(self._number):
                await self._say(text, expected)
                await asyncio.sleep(self._draw.uniform(0.5, 1.5) * self._pause)
        stream.cancel()
        await self._read_again()

    async def _open(self) -> None:
        while True:
            try:
                async with self._session.get(f"{self._servers[0]}/chat/conversation") as answer:
                    if answer.status == 200 and "webchat_conversation" in answer.cookies:
                        self._cookie = f"webchat_conversation={answer.cookies['webchat_conversation'].value}"
                        return
            except aiohttp.ClientError:
                self._servers.append(self._servers.pop(0))
            await asyncio.sleep(_AGAIN_AFTER)

    async def _stream(self) -> None:
        """As the page does: opened again when it ends."""
        while True:
            try:
                timeout = aiohttp.ClientTimeout(total=None)
                async with self._session.get(
                    f"{self._servers[0]}/chat/stream", headers={"Cookie": self._cookie}, timeout=timeout
                ) as answer:
                    async for _ in answer.content:
                        pass
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(2)

    async def _say(self, text: str, expected: str) -> None:
        counts, identity, started = self._counts, secrets.token_hex(8), time.monotonic()
        counts.sent += 1
        self._said.append(text)
        replies: list[Any] | None = None
        while replies is None and time.monotonic() - started < _GIVEN_UP_AFTER:
            replies = await self._once(identity, text)
            if replies is None:
                await asyncio.sleep(_AGAIN_AFTER)
        waited = time.monotonic() - started
        said = " | ".join(str(reply.get("text")) for reply in replies or [])
        if not replies:
            counts.examples.append(f"{text!r}: no reply")
            return
        counts.answered += 1
        counts.waits.append(waited)
        counts.moments.append(time.time())
        counts.late += waited > counts.budget
        counts.unread += said == UNREAD
        if said not in (expected, UNREAD):
            counts.wrong += 1
            counts.examples.append(f"{text!r}: {said!r} instead of {expected!r}")

    async def _once(self, identity: str, text: str) -> list[Any] | None:
        """The replies, or None where the page would ask again."""
        body, headers = json.dumps({"id": identity, "text": text}), {"Cookie": self._cookie}
        headers["Content-Type"] = "application/json"
        try:
            async with self._session.post(
                f"{self._servers[0]}/chat/messages",
                data=body,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=60, connect=2),
            ) as answer:
                content = await answer.json()
                done = answer.status == 200 and content.get("done")
                return content["replies"] if done else None
        except (aiohttp.ClientError, asyncio.TimeoutError, ValueError):
            self._servers.append(self._servers.pop(0))
            return None

    async def _read_again(self) -> None:
        """Compares the stored conversation with what was said."""
        async with self._session.get(
            f"{self._servers[0]}/chat/conversation", headers={"Cookie": self._cookie}
        ) as answer:
            items = (await answer.json())["items"] if answer.status == 200 else []
        # The page shows the end of a long conversation: it may begin between a message and its reply.
        while items and items[0]["role"] == "bot":
            items.pop(0)
        stored = [item["text"] for item in items if item["role"] == "user"]
        self._counts.disorder += stored != (self._said[-len(stored) :] if stored else [])
        self._counts.twice += max(0, len(items) - 2 * len(stored))  # each message of this bot has one reply
