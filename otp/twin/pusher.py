"""Pushes receipts when they are due, and again where they were not received."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from otp.twin.calls import call

RECEIVED: Final = (200, 202)
_THREADS: Final = 8
_LONGEST_NAP: Final = 1.0  # seconds: a clock may have been set


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One report on its way to one webhook. *attempt* counts from 1."""

    number: int
    uri: str
    secret: str
    content: dict[str, Any]
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """*status*: the HTTP status, None where none came. *last*: it is not tried again."""

    at: datetime
    receipt: Receipt
    status: int | None
    last: bool

    @property
    def received(self) -> bool:
        return self.status in RECEIVED

    def entry(self) -> dict[str, Any]:
        return {
            "at": self.at.isoformat(),
            "message": self.receipt.number,
            "uri": self.receipt.uri,
            "attempt": self.receipt.attempt,
            "status": self.status,
            "received": self.received,
            "last": self.last,
            "content": self.receipt.content,
        }


class Pusher:
    """A few threads share what is due, from `start` until `stop`."""

    def __init__(
        self, clock: Callable[[], datetime], *, retry_after: timedelta, retries: int
    ) -> None:
        self._clock = clock
        self._retry_after = retry_after
        self._retries = retries
        self._changed = threading.Condition()
        self._due: list[tuple[datetime, int, Receipt]] = []
        self._order = itertools.count()
        self._busy = 0
        self._attempts: list[Attempt] = []
        self._stopping = False
        self._threads = [threading.Thread(target=self._run) for _ in range(_THREADS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """What is not pushed yet never is."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def push(self, due: datetime, receipt: Receipt) -> None:
        with self._changed:
            heapq.heappush(self._due, (due, next(self._order), receipt))
            self._changed.notify()

    def wake(self) -> None:
        """Look at the clock anew: it was turned."""
        with self._changed:
            self._changed.notify_all()

    def forget(self) -> None:
        with self._changed:
            self._due.clear()
            self._attempts.clear()

    @property
    def attempts(self) -> list[Attempt]:
        with self._changed:
            return list(self._attempts)

    @property
    def waiting(self) -> int:
        """How many receipts are still to be pushed, now or later."""
        with self._changed:
            return len(self._due) + self._busy

    def _run(self) -> None:
        while receipt := self._next():
            with self._working():
                self._attempt(receipt)

    def _next(self) -> Receipt | None:
        """The next that is due, waited for; None to stop."""
        with self._changed:
            while not self._stopping:
                nap = _LONGEST_NAP
                if self._due:
                    nap = (self._due[0][0] - self._clock()).total_seconds()
                    if nap <= 0:
                        self._busy += 1
                        return heapq.heappop(self._due)[2]
                self._changed.wait(min(nap, _LONGEST_NAP))
            return None

    @contextlib.contextmanager
    def _working(self) -> Iterator[None]:
        try:
            yield
        finally:
            with self._changed:
                self._busy -= 1

    def _attempt(self, receipt: Receipt) -> None:
        at = self._clock()
        called = call(receipt.uri, receipt.content, secret=receipt.secret, method="POST")
        last = called.status in RECEIVED or receipt.attempt > self._retries
        with self._changed:
            self._attempts.append(Attempt(at=at, receipt=receipt, status=called.status, last=last))
        if not last:
            again = replace(receipt, attempt=receipt.attempt + 1)
            self.push(at + self._retry_after, again)
