"""How many requests come from whom: the flood limits of both doors, counted by one engine.

The engine is `limits` with its moving windows, over a storage of ours that counts in the database
or, where there is only one web process, in its memory; or over Redis. The pages use it through
Flask-Limiter, with the same storage and the same names, so that a person has one count at both
doors. What is not done here: HTTP, and the limits of messages and guesses, which `otp.store` counts
together with what they guard.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, cast

from limits import RateLimitItemPerSecond
from limits.errors import StorageError
from limits.storage import MovingWindowSupport, storage_from_string

from otp.errors import Unavailable
from otp.floods.memory import Counts, MemoryWindows
from otp.network import Network
from otp.settings import Rate, Settings, SettingsError
from otp.store import Store
from otp.store.limits import StoreWindows

_SECOND: Final = timedelta(seconds=1)


class Limit(StrEnum):
    """Whom requests are counted for; the public word of the quota."""

    CLIENT = "client"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is left of one rate, and how long until what was counted first is forgotten."""

    rate: Rate
    left: int
    resets_in: timedelta


@dataclass(frozen=True, slots=True)
class Counted:
    """*wait* is how long to stay away, for a request that was one too many."""

    limit: Limit
    standings: tuple[Standing, ...]
    wait: timedelta | None


@dataclass(frozen=True, slots=True)
class Where:
    """A storage as `limits` and Flask-Limiter are told of one."""

    uri: str
    options: Mapping[str, Any]


class Floods:
    """*mac* makes the names of addresses: no storage and no log line holds one in clear."""

    def __init__(
        self,
        where: Where,
        rates: Mapping[Limit, tuple[Rate, ...]],
        *,
        clock: Callable[[], datetime],
        mac: Callable[[str, str], bytes],
    ) -> None:
        self.where = where
        self.rates = rates
        self._clock = clock
        # Its MovingWindowRateLimiter does no more than `count` does, and takes twice the time.
        self._storage = cast("MovingWindowSupport", storage_from_string(where.uri, **where.options))
        self._rows = {limit: tuple(_row(limit, rate) for rate in rates[limit]) for limit in Limit}

        @lru_cache(maxsize=1024)
        def name(network: Network) -> str:
            return mac("flood", network.text).hex()

        self.name_of = name

    def count(self, limit: Limit, who: str) -> Counted:
        """Count one request of *who*: a client's id, or `name_of` a network.

        Raises `Unavailable` where it cannot be counted: then nothing is allowed.
        """
        fits, standings = True, []
        try:
            for row in self._rows[limit]:
                key = f"{row.before}{who}{row.after}"
                # Once one is full, the rest count nothing: those before have counted a refusal.
                fits, began, taken = (
                    self._count(key, row) if fits else (False, *self._look(key, row))
                )
                standings.append(self._standing(row, began, taken))
        except StorageError as error:
            raise Unavailable("store") from error
        found = tuple(standings)
        return Counted(limit, found, None if fits else _wait(found))

    def wait(self, limit: Limit, who: str) -> timedelta:
        """How long *who*, who was just refused, has to stay away until all rates have room."""
        return _wait(self._standings(limit, who))

    def notation(self, limit: Limit) -> str:
        """The rates of *limit* as Flask-Limiter reads them."""
        return "; ".join(f"{row.rate.limit} per {row.seconds} second" for row in self._rows[limit])

    def _standings(self, limit: Limit, who: str) -> tuple[Standing, ...]:
        keys = [(f"{row.before}{who}{row.after}", row) for row in self._rows[limit]]
        return tuple(self._standing(row, *self._look(key, row)) for key, row in keys)

    def _count(self, key: str, row: _Row) -> tuple[bool, float, int]:
        if isinstance(self._storage, MemoryWindows):
            return self._storage.count_and_look(key, row.rate.limit, row.seconds)
        fits = self._storage.acquire_entry(key, row.rate.limit, row.seconds)
        return fits, *self._look(key, row)

    def _look(self, key: str, row: _Row) -> tuple[float, int]:
        return self._storage.get_moving_window(key, row.rate.limit, row.seconds)

    def _standing(self, row: _Row, began: float, taken: int) -> Standing:
        resets_in = began + row.seconds - self._clock().timestamp()
        left = max(row.rate.limit - taken, 0)
        return Standing(row.rate, left, timedelta(seconds=max(resets_in, 0)))


@dataclass(frozen=True, slots=True)
class _Row:
    """One rate, its window in seconds, and what stands around a name in its keys."""

    rate: Rate
    seconds: int
    before: str
    after: str


def _row(limit: Limit, rate: Rate) -> _Row:
    seconds = rate.window // _SECOND
    # The keys are those that Flask-Limiter makes.
    before, after = RateLimitItemPerSecond(rate.limit, seconds).key_for("\0", limit).split("\0")
    return _Row(rate, seconds, before, after)


def open_floods(
    settings: Settings, store: Store, clock: Callable[[], datetime], *, alone: bool
) -> Floods:
    """*alone*: this process is the only one that serves, as far as whoever started it knows.

    Raises `SettingsError` for a storage whose package is not installed.
    """
    rates = {Limit.CLIENT: settings.client_flood_limit, Limit.ADDRESS: settings.flood_limit}
    where = _where(settings, store, clock, alone=alone)
    return Floods(where, rates, clock=clock, mac=store.lookup.mac)


def _where(
    settings: Settings, store: Store, clock: Callable[[], datetime], *, alone: bool
) -> Where:
    if settings.limits_url:
        if importlib.util.find_spec("redis") is None:
            problem = "needs the Python package redis: pip install redis"
            raise SettingsError({"OTP_LIMITS_URL": problem})
        return Where(settings.limits_url, {"wrap_exceptions": True})
    # A database that is not a file of this machine may be shared with servers on others.
    if alone and settings.database_url.startswith("sqlite:"):
        return Where(f"{MemoryWindows.STORAGE_SCHEME[0]}://", {"counts": Counts(clock)})
    return Where(f"{StoreWindows.STORAGE_SCHEME[0]}://", {"store": store, "clock": clock})


def _wait(standings: tuple[Standing, ...]) -> timedelta:
    # None is full any more where its oldest left between the count and this look.
    return max((s.resets_in for s in standings if not s.left), default=_SECOND) or _SECOND
