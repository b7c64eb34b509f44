"""A few threads for work that blocks, and a way to stop waiting for it.

Python cannot end a thread. One that hangs keeps its place: when all places hang, further work is
given up after its wait, so that nobody waits for ever and no more threads are used up. The threads are
daemons: they do not keep a process from ending, as those of concurrent.futures would.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

Result = TypeVar("Result")
_QUEUE_PER_PLACE = 32
_LAST_SECONDS = 3.0


class TooBusyError(RuntimeError):
    """No thread became free within the wait."""


class Threads:
    """At most `places` threads, started when they are needed."""

    def __init__(self, places: int, name: str) -> None:
        """Starts nothing yet.

        Args:
            places: how many calls run at the same time.
            name: the threads' name.
        """
        self._places, self._name = places, name
        self._waiting: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._started = 0
        self._busy = 0
        atexit.register(self._let_end)

    async def run(self, work: Callable[[], Result], *, wait: float, limit: float) -> Result:
        """Runs `work` in a thread.

        Args:
            work: what blocks.
            wait: seconds until a thread must be free.
            limit: seconds until `work` must be done, the wait included.

        Raises:
            TooBusyError: no thread became free in time; `work` will not be run.
            asyncio.TimeoutError: `work` is not done in time; its result will be thrown away.
            Exception: whatever `work` raises.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + limit
        begun = asyncio.Event()

        def begin_and_work() -> Result:
            loop.call_soon_threadsafe(begun.set)
            return work()

        if self._waiting.qsize() > _QUEUE_PER_PLACE * self._places:
            raise TooBusyError(f"too much waits for the {self._places} threads ({self._name})")
        future: Future[Result] = Future()
        context = contextvars.copy_context()  # its steps belong to the message that waits for it
        self._submit(future, lambda: context.run(begin_and_work))
        try:
            await asyncio.wait_for(begun.wait(), min(wait, limit))
        except asyncio.TimeoutError:
            if future.cancel():
                raise TooBusyError(f"all {self._places} threads ({self._name}) are busy") from None
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), max(0.0, end - loop.time()))
        except asyncio.CancelledError:
            future.cancel()
            raise

    def _submit(self, future: Future[Any], work: Callable[[], Any]) -> None:
        with self._lock:
            self._busy += 1
            if self._started < min(self._places, self._busy):
                self._started += 1
                threading.Thread(target=self._serve, name=f"{self._name}-{self._started}", daemon=True).start()
        self._waiting.put((future, work))

    def _let_end(self) -> None:
        """Work in native code that is torn out of its thread would take the process down with it."""
        end = time.monotonic() + _LAST_SECONDS
        while self._busy and time.monotonic() < end:
            time.sleep(0.02)

    def _serve(self) -> None:
        while True:
            future, work = self._waiting.get()
            try:
                if future.set_running_or_notify_cancel():
                    _settle(future, work)
            finally:
                with self._lock:
                    self._busy -= 1


def _settle(future: Future[Any], work: Callable[[], Any]) -> None:
    try:
        result = work()
    except BaseException as error:  # it is raised where the result is awaited
        future.set_exception(error)
    else:
        future.set_result(result)
