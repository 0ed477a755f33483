"""What an operator does to the whole: sweep out what is over, look at limits, forgive them.

Neither door comes here; the commands do, and a sender sweeps by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from otp import log
from otp.client import Mode
from otp.errors import NotFound
from otp.metrics import Metrics
from otp.phone import Phone
from otp.quotas import Quotas
from otp.store import Quota, Store

_AT_ONCE: Final = 500

_log = log.get("otp.upkeep")


class Upkeep:
    """All of it raises `Unavailable` where the store is away."""

    def __init__(
        self,
        *,
        store: Store,
        quotas: Quotas,
        metrics: Metrics,
        retention: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._quotas = quotas
        self._metrics = metrics
        self._retention = retention
        self._clock = clock

    def sweep(self) -> tuple[int, int]:
        """Write down what time ended, and forget what is past its retention: how many of each."""
        now = self._clock()
        ended = 0
        while batch := self._store.overdue(now, _AT_ONCE):
            for client_id, id in batch:
                with suppress(NotFound):  # erased meanwhile
                    self._store.swap(client_id, id, lambda v: v.at(now), now=now)
            ended += len(batch)
        purged = 0
        while count := self._store.purge(now - self._retention, now, _AT_ONCE):
            purged += count
        self._metrics.fold()
        return ended, purged

    def counts(self, phone: Phone) -> list[tuple[str, Quota, int]]:
        """What is counted against a number now: for whose tests, or "" for people; each limit, and
        how much of it is used."""
        now = self._clock()
        return [
            (client_id, quota, self._store.used(quota, now).taken)
            for client_id in self._counting()
            for quota in self._quotas.of_number(phone, client_id, sends=True)
        ]

    def unlock(self, phone: Phone, *, sends: bool = False) -> None:
        """Forgive a number its wrong codes, those of tests too; with *sends*, its messages too."""
        self._store.forget_counts(
            [
                quota
                for client_id in self._counting()
                for quota in self._quotas.of_number(phone, client_id, sends=sends)
            ]
        )
        _log.warning("unlocked", phone=phone.masked, sends=sends)

    def _counting(self) -> list[str]:
        """Under whom a number may be counted: nobody, and each client's tests."""
        clients = self._store.clients()
        return ["", *(client.acting(mode) for client in clients for mode in Mode)]
