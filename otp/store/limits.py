"""Counts of requests in the database, for `limits`: exact over all processes that share it.

The algorithm and the durability are those of the quotas. What is not done here: names. A bucket is
what the caller says, so an address must be keyed before.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from limits.storage import MovingWindowSupport, Storage

from otp.errors import QuotaExceeded, Unavailable
from otp.store import Quota, Store


class StoreWindows(Storage, MovingWindowSupport):
    """Moving windows only. Raises `Unavailable` where the database cannot count."""

    STORAGE_SCHEME = ["otp-store"]  # noqa: RUF012  so it is looked for

    def __init__(
        self,
        uri: str | None = None,
        wrap_exceptions: bool = False,
        *,
        store: Store,
        clock: Callable[[], datetime],
        **_: Any,
    ) -> None:
        super().__init__(uri, wrap_exceptions)
        self._store = store
        self._clock = clock

    @property
    def base_exceptions(self) -> type[Exception]:
        return Unavailable

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        try:
            self._store.take([_quota(key, limit, expiry)] * amount, self._clock())
        except QuotaExceeded:
            return False
        return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        now = self._clock()
        used = self._store.used(_quota(key, limit, expiry), now)
        return (now + used.frees_in).timestamp() - expiry, used.taken

    def check(self) -> bool:
        try:
            self._store.ping()
        except Unavailable:
            return False
        return True

    def reset(self) -> int | None:
        raise NotImplementedError

    def clear(self, key: str) -> None:
        raise NotImplementedError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        raise NotImplementedError

    def get(self, key: str) -> int:
        raise NotImplementedError

    def get_expiry(self, key: str) -> float:
        raise NotImplementedError


def _quota(key: str, limit: int, expiry: int) -> Quota:
    return Quota("flood", f"flood:{key}", limit, timedelta(seconds=expiry))
