"""Quotas and gaps: how many sends there were, and when the last one was. And metric counts.

They are looked at and counted in the transaction of what they guard, so that a crowd gets exactly
the limit and a refused change costs nothing. Nothing here begins or commits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from otp.errors import QuotaExceeded, TooSoon
from otp.store import Gap, Price, Quota, Taken, Used
from otp.store.columns import micros, moment
from otp.store.rows import Connection

_SLOTS: Final = 60
_MICROSECOND: Final = timedelta(microseconds=1)


def pay(connection: Connection, price: Price, now: datetime) -> None:
    """Take the whole *price*. Raises `TooSoon` or `QuotaExceeded`; then the caller rolls back."""
    if price.gap:
        _keep(connection, price.gap, now)
    take(connection, price.take, now)
    for taken in sorted(price.give_back, key=lambda taken: _order(taken.quota)):
        _give_back(connection, taken)


def take(connection: Connection, quotas: Iterable[Quota], now: datetime) -> None:
    """Count one against each of *quotas*, as often as it is named; `QuotaExceeded` if one is full.

    They are counted in one order everywhere: on a database that locks rows, two takers of the same
    quotas in different orders would wait for each other for ever.
    """
    wanted = sorted(Counter(quotas).items(), key=lambda item: _order(item[0]))
    for quota, count in wanted:
        require_room(connection, quota, now, count)
    for quota, count in wanted:
        slot = micros(now) // _width(quota)
        connection.execute(
            "INSERT INTO quota (bucket, span, slot, taken, expires_at) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (bucket, span, slot) DO UPDATE SET taken = quota.taken + excluded.taken",
            (quota.bucket, _span(quota), slot, count, _leaves(quota, slot)),
        )


def require_room(connection: Connection, quota: Quota, now: datetime, count: int = 1) -> None:
    """Raises `QuotaExceeded` unless *count* more fit into *quota* at *now*. Counts nothing.

    Slots up to one window ahead are summed as well: they were counted by a clock that has since
    stepped back, or runs ahead of ours, and are not given away.
    """
    first = (micros(now) - _span(quota)) // _width(quota)
    last = micros(now + quota.window) // _width(quota)
    rows = connection.execute(
        "SELECT slot, taken FROM quota"
        " WHERE bucket = ? AND span = ? AND slot BETWEEN ? AND ? ORDER BY slot",
        (quota.bucket, _span(quota), first, last),
    ).fetchall()
    excess = sum(taken for _, taken in rows) + count - quota.limit
    if excess <= 0:
        return
    for slot, taken in rows:
        excess -= taken
        if excess <= 0:
            raise QuotaExceeded(quota.name, moment(_leaves(quota, slot)) - now)
    raise QuotaExceeded(quota.name, quota.window)


def used(connection: Connection, quota: Quota, now: datetime) -> Used:
    """How much of *quota* is taken at *now*, by the same sum."""
    first = (micros(now) - _span(quota)) // _width(quota)
    last = micros(now + quota.window) // _width(quota)
    [(taken, oldest)] = connection.execute(
        "SELECT coalesce(sum(taken), 0), min(slot) FROM quota"
        " WHERE bucket = ? AND span = ? AND slot BETWEEN ? AND ? AND taken > 0",
        (quota.bucket, _span(quota), first, last),
    ).fetchall()
    frees_in = moment(_leaves(quota, oldest)) - now if taken else timedelta()
    return Used(int(taken), frees_in)


def tally(connection: Connection, process: str, counts: Iterable[tuple[str, int]]) -> None:
    """Add to the metric rows of *process*."""
    for name, count in counts:
        connection.execute(
            "INSERT INTO tally (process, name, total) VALUES (?, ?, ?)"
            " ON CONFLICT (process, name) DO UPDATE SET total = tally.total + excluded.total",
            (process, name, count),
        )


def _give_back(connection: Connection, taken: Taken) -> None:
    quota = taken.quota
    connection.execute(
        "UPDATE quota SET taken = taken - 1"
        " WHERE bucket = ? AND span = ? AND slot = ? AND taken > 0",
        (quota.bucket, _span(quota), micros(taken.at) // _width(quota)),
    )


def _keep(connection: Connection, gap: Gap, now: datetime) -> None:
    """Remember *now* as the last send under the bucket, or raise `TooSoon`.

    A last send that lies ahead by less than the wait still counts: callers read their clocks before
    they queue for the database. One that lies further ahead was written by a clock that has since
    stepped back, and nobody must wait for that.
    """
    rows = connection.execute("SELECT last_at FROM gap WHERE bucket = ?", (gap.bucket,)).fetchall()
    for (last_at,) in rows:
        since = now - moment(last_at)
        if abs(since) < gap.wait:
            raise TooSoon(min(gap.wait - since, gap.wait))
    connection.execute(
        "INSERT INTO gap (bucket, last_at, expires_at) VALUES (?, ?, ?)"
        " ON CONFLICT (bucket) DO UPDATE"
        " SET last_at = excluded.last_at, expires_at = excluded.expires_at",
        (gap.bucket, micros(now), micros(now + gap.wait)),
    )


def _order(quota: Quota) -> tuple[str, timedelta]:
    return quota.bucket, quota.window


def _span(quota: Quota) -> int:
    return quota.window // _MICROSECOND


def _width(quota: Quota) -> int:
    """The length of a slot. A window that is not sixty whole microseconds long has a few more."""
    return max(_span(quota) // _SLOTS, 1)


def _leaves(quota: Quota, slot: int) -> int:
    """When the last of *slot* is no longer within the window."""
    return (slot + 1) * _width(quota) + _span(quota)
