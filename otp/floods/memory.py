"""Counts of requests in the memory of one process: for the case that there is only one.

The algorithm is that of the quotas in the store: a count is kept in sixtieths of its window, and
all that overlap the window are summed. Never over the limit, at most one sixtieth too strict.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from limits.storage import MovingWindowSupport, Storage

from otp.store.columns import micros

_SLOTS: Final = 60
_SECOND: Final = 1_000_000  # microseconds
_MOST_KEYS: Final = 200_000
"""For each window, and about 80 MB. So many in a minute no process of ours could answer."""


class Counts:
    """How often each key was counted lately. For many threads at once.

    What no longer counts is forgotten as new keys come. Once *most* keys are counted in one window,
    all further ones share a count: that is too strict for them, and never too lax.
    """

    def __init__(self, clock: Callable[[], datetime], most: int = _MOST_KEYS) -> None:
        self._clock = clock
        self._most = most
        self._lock = threading.Lock()
        self._windows: dict[int, _Window] = {}

    def __len__(self) -> int:
        """How many keys are remembered."""
        return sum(len(window.counts) for window in self._windows.values())

    def take(self, key: str, limit: int, window: int, amount: int) -> bool:
        """Count *amount* if so many fit into *limit* in any *window* seconds, or nothing."""
        return self.take_and_look(key, limit, window, amount)[0]

    def take_and_look(
        self, key: str, limit: int, window: int, amount: int
    ) -> tuple[bool, float, int]:
        """The same, and what is `used` then."""
        with self._lock:
            now = micros(self._clock())
            found = self._window(window)
            key, count = found.find(key, limit, now, self._most)
            fits = count.total + amount <= limit
            if fits:
                count.add(now // found.width, amount)
                found.counts[key] = count
                found.counts.move_to_end(key)
            return fits, found.began(count, now), count.total

    def used(self, key: str, limit: int, window: int) -> tuple[float, int]:
        """When the window began that is over once the oldest leaves, and how many there are."""
        with self._lock:
            now = micros(self._clock())
            found = self._window(window)
            _, count = found.find(key, limit, now, self._most)
            return found.began(count, now), count.total

    def forget(self, key: str | None = None) -> None:
        """Forget one key, or all of them."""
        with self._lock:
            for window in self._windows.values():
                if key is None:
                    window.counts.clear()
                else:
                    window.counts.pop(key, None)

    def _window(self, seconds: int) -> _Window:
        found = self._windows.get(seconds)
        if found is None:
            found = self._windows[seconds] = _Window(seconds)
        return found


class _Window:
    """The counts of one window; the key that was counted last comes last. Spans in microseconds."""

    __slots__ = ("counts", "span", "width")

    def __init__(self, seconds: int) -> None:
        self.span = seconds * _SECOND
        self.width = self.span // _SLOTS
        self.counts: OrderedDict[str, _Count] = OrderedDict()

    def find(self, key: str, limit: int, now: int, most: int) -> tuple[str, _Count]:
        """The name that *key* is counted under, and its count as it stands *now*."""
        first, last = (now - self.span) // self.width, now // self.width + _SLOTS
        count = self.counts.get(key)
        if count is None:
            self._forget(first, last)
            if len(self.counts) >= most:
                key = f"the rest/{limit}"
                count = self.counts.get(key)
        if count is None or not count.matters(first, last):
            return key, _Count()
        count.drop_before(first)
        return key, count

    def began(self, count: _Count, now: int) -> float:
        for oldest in count.slots:
            return (oldest + 1) * self.width / _SECOND
        return (now - self.span) / _SECOND

    def _forget(self, first: int, last: int) -> None:
        """Two go for each that may come, so they go faster than they come."""
        for _ in range(2):
            oldest = next(iter(self.counts), None)
            if oldest is None or self.counts[oldest].matters(first, last):
                return
            del self.counts[oldest]


class _Count:
    """*slots* holds how many came in each, oldest first; *total* is their sum."""

    __slots__ = ("slots", "total")

    def __init__(self) -> None:
        self.slots: dict[int, int] = {}
        self.total = 0

    def add(self, slot: int, amount: int) -> None:
        # A clock that steps back a little counts on where it was, so that the order stays.
        for newest in reversed(self.slots):
            slot = max(slot, newest)
            break
        self.slots[slot] = self.slots.get(slot, 0) + amount
        self.total += amount

    def matters(self, first: int, last: int) -> bool:
        """Whether its newest is in the window, or in the next one: by a clock that stepped back.

        What lies further ahead was counted by a clock that was wrong, and nobody must wait for it.
        """
        return first <= next(reversed(self.slots)) <= last

    def drop_before(self, first: int) -> None:
        while (oldest := next(iter(self.slots))) < first:
            self.total -= self.slots.pop(oldest)


class MemoryWindows(Storage, MovingWindowSupport):
    """`Counts` as a storage of `limits`, for moving windows only."""

    STORAGE_SCHEME = ["otp-memory"]  # noqa: RUF012  so it is looked for

    def __init__(
        self, uri: str | None = None, wrap_exceptions: bool = False, *, counts: Counts, **_: Any
    ) -> None:
        super().__init__(uri, wrap_exceptions)
        self._counts = counts

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        return ()

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        return self._counts.take(key, limit, expiry, amount)

    def count_and_look(self, key: str, limit: int, expiry: int) -> tuple[bool, float, int]:
        """Both at once, which is quicker: what `acquire_entry` says, then `get_moving_window`."""
        return self._counts.take_and_look(key, limit, expiry, 1)

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        return self._counts.used(key, limit, expiry)

    def check(self) -> bool:
        return True

    def reset(self) -> None:
        self._counts.forget()

    def clear(self, key: str) -> None:
        self._counts.forget(key)

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        raise NotImplementedError

    def get(self, key: str) -> int:
        raise NotImplementedError

    def get_expiry(self, key: str) -> float:
        raise NotImplementedError
