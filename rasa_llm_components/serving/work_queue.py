"""Texts of many requests wait here for a pass, a bounded number of them, and short ones do not wait for long ones."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rasa_llm_components.serving.refusals import RefusalError, overloaded

logger = logging.getLogger(__name__)

Read = Callable[[list[str]], Sequence[Any]]
"""Texts in, a result for each out: one forward pass."""

_SECONDS_A_TOKEN = 0.002
"""How much later a text counts as having come, for each of its tokens and of those before it in its request."""

_LONG = 96
"""Tokens from which a text is a long one: at least one worker is never busy with those."""

_BYTES_A_TOKEN = 4


@dataclass
class _Request:
    """What one client waits for."""

    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[list[Any]]
    results: list[Any]
    missing: int
    waiting: int = 0
    gone: bool = False


@dataclass(order=True)
class _Item:
    """One text of it."""

    turn: float
    number: int
    text: str = field(compare=False)
    tokens: int = field(compare=False)
    read: Read = field(compare=False)
    request: _Request = field(compare=False)
    index: int = field(compare=False)


class WorkQueue:
    """Threads that read texts, the one whose turn it is first; a request whose client has gone is not read.

    A text's turn is the time it came, and a little later for each token of it and of the texts before it in its
    request: a short question overtakes a book, and the book's turn comes all the same.
    """

    def __init__(
        self,
        *,
        workers: int,
        tokens_per_pass: int,
        most_tokens: int,
        fill_seconds: float = 0.0,
        on_pass: Callable[[int, int, float], None] = lambda texts, tokens, seconds: None,
    ) -> None:
        """Starts the threads.

        Args:
            workers: threads.
            tokens_per_pass: what a thread takes at once; a longer text goes alone.
            most_tokens: that may wait; a request that would make it more is refused at once.
            fill_seconds: a pass that is not full waits so long for more texts, when the one before held several.
            on_pass: told after each pass: its texts, its tokens, its seconds.
        """
        self._tokens_per_pass, self._most_tokens, self._fill_seconds = tokens_per_pass, most_tokens, fill_seconds
        self._on_pass = on_pass
        self._most_long = max(1, workers - 1)
        self._heap: list[_Item] = []
        self._changed = threading.Condition()
        self._waiting = self._long_busy = 0
        self._tokens_a_second = 5_000.0
        self._numbers = itertools.count()
        self._closed = False
        self._last_pass = 1
        self._threads = [
            threading.Thread(target=self._work, name=f"reader-{number}", daemon=True) for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting_tokens(self) -> int:
        """About how many tokens wait."""
        return self._waiting

    @property
    def is_full(self) -> bool:
        """Whether nothing more is taken."""
        return self._waiting >= self._most_tokens

    @property
    def seconds_until_free(self) -> float:
        """About how long what waits now will take."""
        return self._waiting / max(self._tokens_a_second, 1.0)

    async def read(self, texts: Sequence[str], read: Read) -> list[Any]:
        """What `read` says of each text.

        Args:
            texts: at least one.
            read: of the same kind of texts, the same function or method: its texts share passes.

        Raises:
            RefusalError: too much waits already.
            asyncio.CancelledError: the client has gone; what has not been read never will be.
        """
        loop = asyncio.get_running_loop()
        request = _Request(loop, loop.create_future(), [None] * len(texts), len(texts))
        self._add(texts, read, request)
        try:
            return await request.answer
        except asyncio.CancelledError:
            self._forget(request)
            raise

    def close(self) -> None:
        """Ends the threads after the passes they are in; what waits is answered with a refusal."""
        with self._changed:
            self._closed = True
            left, self._heap = self._heap, []
            self._changed.notify_all()
        for item in left:
            self._fail(
                item.request, RefusalError(503, "the model has been taken away", kind="overloaded", retry_after=1)
            )

    def _add(self, texts: Sequence[str], read: Read, request: _Request) -> None:
        tokens = [about_tokens(text) for text in texts]
        turn = time.monotonic()
        with self._changed:
            if self._closed or (self._waiting and self._waiting + sum(tokens) > self._most_tokens):
                raise overloaded(self.seconds_until_free)
            for index, (text, size) in enumerate(zip(texts, tokens)):
                turn += size * _SECONDS_A_TOKEN
                heapq.heappush(self._heap, _Item(turn, next(self._numbers), text, size, read, request, index))
            request.waiting = sum(tokens)
            self._waiting += request.waiting
            self._changed.notify(len(texts))

    def _work(self) -> None:
        while True:
            batch = self._next()
            if not batch:
                return
            tokens = sum(item.tokens for item in batch)
            started = time.monotonic()
            try:
                self._pass(batch)
            finally:
                seconds = time.monotonic() - started
                with self._changed:
                    self._long_busy -= batch[0].tokens > _LONG
                    self._tokens_a_second += 0.05 * (
                        len(self._threads) * tokens / max(seconds, 1e-4) - self._tokens_a_second
                    )
                    self._changed.notify()
                try:
                    self._on_pass(len(batch), tokens, seconds)
                except Exception:  # a figure is not worth a thread
                    logger.exception("A pass was not counted")

    def _next(self) -> list[_Item]:
        """What a thread reads next; nothing when the queue is closed."""
        with self._changed:
            while True:
                if self._closed:
                    return []
                batch = self._taken()
                if batch:
                    if batch[0].tokens <= _LONG and self._fill_seconds and self._last_pass > 1:
                        self._fill(batch)
                    self._last_pass = len(batch)
                    return batch
                self._changed.wait()

    def _taken(self) -> list[_Item]:
        """From the front of the queue, what belongs into one pass: one reading, lengths that go together."""
        batch: list[_Item] = []
        left: list[_Item] = []
        tokens = 0
        while self._heap and not (batch and len(left) > 64):
            item = heapq.heappop(self._heap)
            if item.request.gone:
                continue
            is_long = item.tokens > _LONG
            if not batch and is_long and self._long_busy >= self._most_long:
                left.append(item)
                continue
            if batch and (
                tokens + item.tokens > self._tokens_per_pass
                or item.read != batch[0].read
                or is_long != (batch[0].tokens > _LONG)
            ):
                left.append(item)
                if tokens + item.tokens > self._tokens_per_pass:
                    break
                continue
            self._take(item, batch)
            tokens += item.tokens
        for item in left:
            heapq.heappush(self._heap, item)
        if batch and batch[0].tokens > _LONG:
            self._long_busy += 1
        return batch

    def _take(self, item: _Item, batch: list[_Item]) -> None:
        batch.append(item)
        item.request.waiting -= item.tokens
        self._waiting -= item.tokens

    def _fill(self, batch: list[_Item]) -> None:
        """Waits a little for texts that come at the same time."""
        end = time.monotonic() + self._fill_seconds
        room = self._tokens_per_pass - sum(item.tokens for item in batch)
        while room > 0 and time.monotonic() < end and not self._closed:
            self._changed.wait(end - time.monotonic())
            while self._heap and self._heap[0].tokens <= room and self._heap[0].read == batch[0].read:
                item = heapq.heappop(self._heap)
                if not item.request.gone:
                    self._take(item, batch)
                    room -= item.tokens

    def _pass(self, batch: list[_Item]) -> None:
        try:
            results = _read(batch[0].read, [item.text for item in batch])
        except Exception as error:  # the thread must live, whatever a model does
            if len(batch) > 1:  # one text must not take the others with it
                for item in batch:
                    self._pass([item])
                return
            logger.exception("A pass failed")
            refusal = RefusalError(500, f"the model failed: {type(error).__name__}", kind="server_error")
            self._fail(batch[0].request, refusal)
            return
        done: list[_Request] = []
        with self._changed:
            for item, result in zip(batch, results):
                item.request.results[item.index] = result
                item.request.missing -= 1
                if not item.request.missing:
                    done.append(item.request)
        for request in done:
            _tell(request, lambda request=request: request.answer.set_result(request.results))  # type: ignore[misc]

    def _fail(self, request: _Request, refusal: RefusalError) -> None:
        self._forget(request)
        _tell(request, lambda: request.answer.set_exception(refusal))

    def _forget(self, request: _Request) -> None:
        """Its texts will not be read, and take nobody's place."""
        with self._changed:
            self._waiting -= request.waiting
            request.waiting, request.gone = 0, True


def about_tokens(text: str) -> int:
    """How many tokens a text has, about, without a tokenizer: by its bytes, as a Chinese letter is nearly one."""
    return 2 + len(text.encode("utf-8", "surrogatepass")) // _BYTES_A_TOKEN


def _read(read: Read, texts: list[str]) -> Sequence[Any]:
    """Reads texts; where the GPU has not enough memory for them, one half after the other."""
    try:
        results = read(texts)
        if len(results) != len(texts):
            raise ValueError(f"{len(results)} results of {len(texts)} texts")
        return results
    except RuntimeError as error:
        if "out of memory" not in str(error).lower() or len(texts) == 1:
            raise
    logger.warning("Out of memory with %d texts in a pass: reading half of them at a time.", len(texts))
    half = len(texts) // 2
    return [*_read(read, texts[:half]), *_read(read, texts[half:])]


def _tell(request: _Request, tell: Callable[[], None]) -> None:
    def tell_unless_gone() -> None:
        if not request.answer.done():
            tell()

    try:
        request.loop.call_soon_threadsafe(tell_unless_gone)
    except RuntimeError:  # the server's loop has ended
        logger.debug("An answer came after the server's end.")
