from rasa_llm_components.rate_limiter import RateLimiter


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def test_a_minutes_worth_at_once_then_wait():
    clock = Clock()
    limiter = RateLimiter(30, clock=clock)

    assert [limiter.take("a") for _ in range(30)] == [0.0] * 30
    assert limiter.take("a") == 2.0  # 30 a minute: one every two seconds


def test_waiting_as_long_as_told_is_enough():
    clock = Clock()
    limiter = RateLimiter(30, clock=clock)
    while not (wait := limiter.take("a")):
        pass

    clock.now += wait

    assert limiter.take("a") == 0.0
    assert limiter.take("a") > 0


def test_one_does_not_use_up_another_ones():
    limiter = RateLimiter(1, clock=Clock())

    assert [limiter.take("a"), limiter.take("b")] == [0.0, 0.0]
    assert limiter.take("a") > 0


def test_zero_means_no_limit():
    limiter = RateLimiter(0, clock=Clock())

    assert not any(limiter.take("a") for _ in range(1000))


def test_memory_is_bounded_and_the_busiest_are_kept():
    limiter = RateLimiter(1, max_names=10, clock=Clock())
    limiter.take("busy")
    for i in range(100):
        limiter.take(f"address {i}")
        assert limiter.take("busy") > 0

    assert len(limiter._buckets) == 10
