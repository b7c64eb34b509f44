"""What is sent in conversations at once, and how it is counted, against a small real server."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web


def test_no_text_is_sent_twice() -> None:
    from simultaneous import _texts

    assert len(set(_texts())) == len(_texts()) > 400
    assert _texts() == _texts()


def test_what_a_round_came_to() -> None:
    from simultaneous import figures

    found = figures([10.0] * 98 + [20.0, 500.0], seconds=4.0, unanswered=3)
    assert (found["p50_ms"], found["messages_per_second"], found["messages"], found["unanswered"]) == (
        10.0,
        25.0,
        100,
        3,
    )
    assert 20 < found["p99_ms"] < 500


@contextlib.asynccontextmanager
async def server(port: int, answer: Callable[[dict], list[dict]]) -> AsyncIterator[None]:
    async def webhook(request: web.Request) -> web.Response:
        body = await request.json()
        await asyncio.sleep(0.3)
        return web.json_response(answer(body))

    application = web.Application()
    application.router.add_post("/webhooks/rest/webhook", webhook)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def test_conversations_run_at_once_and_each_waits_for_its_reply(
    monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    import simultaneous

    seen: list[tuple[str, str]] = []

    def answer(body: dict) -> list[dict]:
        seen.append((body["sender"], body["message"]))
        return [] if body["message"] == "b" else [{"text": "yes"}]

    monkeypatch.setattr(simultaneous, "PORT", unused_tcp_port)
    async with server(unused_tcp_port, answer):
        started = time.perf_counter()
        milliseconds, seconds, unanswered = await simultaneous._talk([["a", "b", "c"]] * 4)
    assert 0.9 <= seconds <= time.perf_counter() - started < 3.6, "twelve messages one by one take 3.6 s"
    assert len(milliseconds) == 12
    assert min(milliseconds) >= 295
    assert unanswered == 4
    assert len({sender for sender, _ in seen}) == 4
    for sender in {sender for sender, _ in seen}:
        assert [text for who, text in seen if who == sender] == ["a", "b", "c"]
