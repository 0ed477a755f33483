"""So many calls in any sixty seconds, and not one more."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

MINUTE: Final = 60.0  # seconds


class Ceiling:
    """Slides: no minute's edge lets a double burst through. A refused call is not counted.

    *most*: the most calls asked for in any sixty seconds, refused ones included, whether there is
    a ceiling or not.
    """

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self.most = 0
        self._let_through: deque[float] = deque()
        self._asked: deque[float] = deque()

    def ask(self, now: float) -> int | None:
        """None if the call may pass; else the whole seconds until one may."""
        _forget(self._asked, now)
        self._asked.append(now)
        self.most = max(self.most, len(self._asked))
        _forget(self._let_through, now)
        if self.limit is not None and len(self._let_through) >= self.limit:
            oldest = self._let_through[0] if self._let_through else now
            return max(1, math.ceil(oldest + MINUTE - now))
        self._let_through.append(now)
        return None

    @property
    def left(self) -> int:
        """How many more calls were free when it was last asked."""
        return max(0, (self.limit or 0) - len(self._let_through))


def _forget(times: deque[float], now: float) -> None:
    while times and times[0] <= now - MINUTE:
        times.popleft()
