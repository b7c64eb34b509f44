"""How often somebody may do something."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable


class RateLimiter:
    """Token buckets, one per name, in bounded memory.

    A bucket holds a minute's allowance and fills up evenly, so that a person may write a burst of short messages and
    a script may not go on for long.
    """

    def __init__(
        self, per_minute: int, *, max_names: int = 20_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Set the allowance.

        Args:
            per_minute: how many a minute, and how many at once. 0 means no limit.
            max_names: buckets kept; the one untouched for longest goes first (it is full again by then).
            clock: seconds, for tests.
        """
        self.per_minute = per_minute
        self._max_names = max_names
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> float:
        """Use one of the allowance.

        Args:
            name: whose allowance, for example a conversation id or an address.

        Returns:
            0 if there was one, else the seconds until there will be.
        """
        if not self.per_minute:
            return 0.0
        now = self._clock()
        left, since = self._buckets.pop(name, (float(self.per_minute), now))
        left = min(float(self.per_minute), left + (now - since) * self.per_minute / 60)
        wait = 0.0 if left >= 1 else (1 - left) * 60 / self.per_minute
        self._buckets[name] = (left if wait else left - 1, now)
        if len(self._buckets) > self._max_names:
            self._buckets.popitem(last=False)
        return wait
