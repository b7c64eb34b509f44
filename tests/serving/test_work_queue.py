"""The order of the queue, its bounds, and what it does when a reading fails. `read` is a stand-in that takes notes."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rasa_llm_components.serving.refusals import RefusalError
from rasa_llm_components.serving.work_queue import WorkQueue, about_tokens

SHORT = "where is my parcel?"
LONG = "letters " * 100


class Reading:
    """Answers with the text's length. It can be held up, be slow, fail, or have too little memory."""

    def __init__(self, *, seconds: float = 0.0, most: int = 1_000_000, fails: bool = False) -> None:
        self.seconds, self.most, self.fails = seconds, most, fails
        self.texts: list[str] = []
        self.passes: list[int] = []
        self.longs_at_once = self.most_longs_at_once = 0
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self._lock = threading.Lock()

    def __call__(self, texts: list[str]) -> list[int]:
        long = len(texts[0]) > 400
        with self._lock:
            self.texts += texts
            self.passes.append(len(texts))
            self.longs_at_once += long
            self.most_longs_at_once = max(self.most_longs_at_once, self.longs_at_once)
        assert self.may_go_on.wait(10)
        time.sleep(self.seconds)
        with self._lock:
            self.longs_at_once -= long
        if self.fails:
            raise ValueError("the weights are broken")
        if len(texts) > self.most:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return [len(text) for text in texts]


@pytest.fixture
def queue() -> Iterator[Callable[..., WorkQueue]]:
    """Makes queues: one thread, one text a pass, unless another is asked for."""
    made: list[WorkQueue] = []

    def make(**how: Any) -> WorkQueue:
        made.append(WorkQueue(**{"workers": 1, "tokens_per_pass": 1, "most_tokens": 100_000, **how}))
        return made[-1]

    yield make
    for one in made:
        one.close()


async def begun(reading: Reading, texts: int = 1) -> None:
    """Waits until so many texts are being read, or have been."""
    end = time.monotonic() + 5
    while len(reading.texts) < texts:
        assert time.monotonic() < end, reading.texts
        await asyncio.sleep(0.002)


async def test_a_short_text_overtakes_a_long_request(queue: Callable[..., WorkQueue]) -> None:
    reading = Reading()
    reading.may_go_on.clear()
    one = queue()
    many = asyncio.ensure_future(one.read([f"{number} {LONG}" for number in range(8)], reading))
    await begun(reading)
    short = asyncio.ensure_future(one.read([SHORT], reading))
    await asyncio.sleep(0)
    reading.may_go_on.set()

    assert await short == [len(SHORT)]
    assert reading.texts.index(SHORT) == 1
    assert len(await many) == 8


async def test_a_long_text_gets_its_turn_while_short_ones_keep_coming(queue: Callable[..., WorkQueue]) -> None:
    reading = Reading(seconds=0.005)
    one = queue()
    waiting = {asyncio.ensure_future(one.read([SHORT] * 10, reading))}
    long = asyncio.ensure_future(one.read([LONG], reading))
    end = time.monotonic() + 5
    while not long.done() and time.monotonic() < end:  # always ten short ones in the queue at least
        waiting.add(asyncio.ensure_future(one.read([SHORT] * 2, reading)))
        await asyncio.sleep(0.005)

    assert long.done()
    read = reading.texts.index(LONG)
    assert read > 10, "it had to wait for its turn"
    assert len(reading.texts) > read, "short ones were waiting when it was read"
    await asyncio.gather(*waiting)


async def test_short_texts_of_two_clients_share_a_pass(queue: Callable[..., WorkQueue]) -> None:
    reading = Reading()
    reading.may_go_on.clear()
    one = queue(tokens_per_pass=1000)
    first = asyncio.ensure_future(one.read(["first"], reading))
    await begun(reading)
    others = [asyncio.ensure_future(one.read([name], reading)) for name in ("second", "a third")]
    await asyncio.sleep(0)
    reading.may_go_on.set()

    assert await asyncio.gather(first, *others) == [[5], [6], [7]]
    assert reading.passes == [1, 2]


async def test_methods_of_one_object_share_a_pass_too(queue: Callable[..., WorkQueue]) -> None:
    reading = Reading()
    reading.may_go_on.clear()
    one = queue(tokens_per_pass=1000)
    requests = []
    for number, name in enumerate(("first", "second", "third")):
        requests.append(asyncio.ensure_future(one.read([name], reading.__call__)))
        await begun(reading) if number == 0 else await asyncio.sleep(0)
    reading.may_go_on.set()
    await asyncio.gather(*requests)

    assert reading.passes == [1, 2]


async def test_results_come_in_the_order_of_the_texts(queue: Callable[..., WorkQueue]) -> None:
    texts = ["letters " * (number * 37 % 101) for number in range(100)]
    assert await queue(workers=4, tokens_per_pass=50).read(texts, Reading()) == [len(text) for text in texts]


async def test_more_than_may_wait_is_refused_at_once_and_told_when_to_come_again(
    queue: Callable[..., WorkQueue],
) -> None:
    reading = Reading()
    reading.may_go_on.clear()
    one = queue(most_tokens=500)
    first = asyncio.ensure_future(one.read([SHORT] * 60, reading))  # 6 tokens each
    await begun(reading)
    assert not one.is_full

    asked = time.monotonic()
    with pytest.raises(RefusalError) as refused:
        await one.read([LONG], reading)  # 202
    assert time.monotonic() - asked < 0.1
    assert (refused.value.status, int(refused.value.headers["Retry-After"])) == (503, 1)
    second = asyncio.ensure_future(one.read([SHORT] * 20, reading))
    await asyncio.sleep(0)
    reading.may_go_on.set()
    assert len([*await first, *await second]) == 80
    assert one.waiting_tokens == 0


async def test_a_request_larger_than_the_bound_is_read_when_nothing_waits(queue: Callable[..., WorkQueue]) -> None:
    assert await queue(most_tokens=10).read([LONG, LONG], Reading()) == [800, 800]


async def test_what_a_client_that_has_gone_asked_for_is_never_read(queue: Callable[..., WorkQueue]) -> None:
    reading = Reading()
    reading.may_go_on.clear()
    one = queue()
    gone = asyncio.ensure_future(one.read([f"text {number}" for number in range(50)], reading))
    await begun(reading)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert one.waiting_tokens == 0, "it takes nobody's place"
    reading.may_go_on.set()

    assert await one.read([SHORT], reading) == [len(SHORT)]
    assert reading.texts == ["text 0", SHORT]


async def test_a_failing_model_is_told_and_the_thread_lives_on(queue: Callable[..., WorkQueue]) -> None:
    one = queue()
    with pytest.raises(RefusalError, match="the model failed: ValueError") as refused:
        await asyncio.wait_for(one.read([SHORT] * 5, Reading(fails=True)), 5)
    assert refused.value.status == 500
    assert await asyncio.wait_for(one.read([SHORT], Reading()), 5) == [len(SHORT)]
    assert one.waiting_tokens == 0


async def test_too_little_memory_halves_the_pass_until_it_fits(queue: Callable[..., WorkQueue]) -> None:
    """Simulated: no GPU, the stand-in raises what torch raises there, above 3 texts."""
    reading = Reading(most=3)
    texts = ["x" * number for number in range(1, 21)]
    assert await queue(tokens_per_pass=10_000).read(texts, reading) == list(range(1, 21))
    assert reading.passes[0] == 20
    assert sum(texts for texts in reading.passes if texts <= 3) == 20, "each is read once in a pass that fits"


async def test_too_little_memory_for_a_single_text_is_a_failure(queue: Callable[..., WorkQueue]) -> None:
    with pytest.raises(RefusalError, match="the model failed: RuntimeError"):
        await queue().read([SHORT], Reading(most=0))


async def test_closing_answers_what_waits_and_takes_nothing_more(queue: Callable[..., WorkQueue]) -> None:
    reading = Reading()
    reading.may_go_on.clear()
    one = queue()
    being_read = asyncio.ensure_future(one.read([SHORT], reading))
    await begun(reading)
    waiting = asyncio.ensure_future(one.read([SHORT], reading))
    await asyncio.sleep(0)
    one.close()

    with pytest.raises(RefusalError, match="taken away"):
        await asyncio.wait_for(waiting, 1)
    with pytest.raises(RefusalError, match="at its limit"):
        await one.read([SHORT], reading)
    reading.may_go_on.set()
    assert await asyncio.wait_for(being_read, 5) == [len(SHORT)]


@pytest.mark.parametrize(("workers", "longs"), [(1, 1), (2, 1), (3, 2)])
async def test_one_thread_is_kept_for_short_texts(workers: int, longs: int, queue: Callable[..., WorkQueue]) -> None:
    reading = Reading(seconds=0.01)
    assert await queue(workers=workers).read([LONG] * 12, reading) == [len(LONG)] * 12
    assert reading.most_longs_at_once == longs


async def test_a_short_text_does_not_wait_behind_a_hundred_clients_with_a_long_one_each(
    queue: Callable[..., WorkQueue],
) -> None:
    reading = Reading()
    reading.may_go_on.clear()
    one = queue(workers=2)
    many = [asyncio.ensure_future(one.read([LONG], reading)) for _ in range(100)]
    await begun(reading)
    await asyncio.sleep(0.5)  # the turn of all of them is before that of what comes now
    quick = Reading()

    assert await asyncio.wait_for(one.read([SHORT], quick), 2) == [len(SHORT)]
    assert len(reading.texts) == 1, "the other thread was free"
    reading.may_go_on.set()
    await asyncio.gather(*many)


@pytest.mark.parametrize(("text", "tokens"), [("", 2), ("where is my parcel", 6), ("我的包裹在哪里", 7), ("\ud800", 2)])
def test_a_chinese_character_counts_as_nearly_a_token(text: str, tokens: int) -> None:
    assert about_tokens(text) == tokens
