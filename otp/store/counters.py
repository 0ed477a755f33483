"""Quotas and gaps: how many sends there were, and when the last one was. And metric counts.

They are looked at and counted in the transaction of what they guard, so that a crowd gets exactly
the limit and a refused change costs nothing. Nothing here begins or commits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import Final

from otp.errors import Flagged, QuotaExceeded, TooSoon
from otp.store import Gap, Price, Quota, Taken, Used
from otp.store.columns import micros, moment
from otp.store.rows import Connection

_SLOTS: Final = 60
_OF_OTHERS: Final = "FROM tally WHERE process > ? AND process < ?"
_MICROSECOND: Final = timedelta(microseconds=1)
_order: Final = attrgetter("bucket", "window")

_LAST: Final = 0, 0
"""Span and slot of the row that holds the last send under a bucket, as its `taken`."""

_Wanted = Sequence[tuple[Quota, int]]
"""Quotas, and how much is wanted of each."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look found: how much was taken of each quota, and when the last send was."""

    wanted: _Wanted
    sums: Sequence[int]
    last_at: int | None


def look(connection: Connection, price: Price, now: datetime) -> Seen:
    """All that a price must know, in one statement; then what forbids the change raises.

    Raises `Flagged`, or `QuotaExceeded` for want of room. Counts nothing.
    """
    wanted = [(quota, 1) for quota in price.room]
    wanted += _wanted(price.take)
    values: list[str | int] = [*price.unless]
    at = micros(now)
    for quota, _ in wanted:
        values += _around(quota, at)
    if price.gap:
        values.append(price.gap.bucket)
    if not values:
        return Seen([], (), None)
    statement = _look(len(price.unless), len(wanted), price.gap is not None)
    [found] = connection.execute(statement, values).fetchall()
    for name, is_set in zip(price.unless, found, strict=False):
        if is_set:
            raise Flagged(name)
    sums = found[len(price.unless) :]
    split = len(price.room)
    _require(connection, wanted[:split], sums[:split], now)
    return Seen(wanted[split:], sums[split : len(wanted)], sums[-1] if price.gap else None)


def pay(connection: Connection, price: Price, seen: Seen, now: datetime) -> None:
    """Take the price, as it was *seen* in this transaction.

    Raises `TooSoon` or `QuotaExceeded`, and has written nothing then.
    """
    if price.gap:
        _must_be_over(price.gap, seen.last_at, now)
    _require(connection, seen.wanted, seen.sums, now)
    if seen.wanted or price.gap:
        _count(connection, seen.wanted, price.gap, now)
    if price.give_back:
        _give_back(connection, price.give_back)


def take(connection: Connection, quotas: Iterable[Quota], now: datetime) -> None:
    """Count one against each of *quotas*, as often as it is named, or raise `QuotaExceeded`."""
    price = Price(take=tuple(quotas))
    pay(connection, price, look(connection, price, now), now)


def _wanted(quotas: Iterable[Quota]) -> list[tuple[Quota, int]]:
    """How often each is named, in one order everywhere.

    On a database that locks rows, two takers of the same quotas in different orders would wait for
    each other for ever.
    """
    wanted: list[tuple[Quota, int]] = []
    for quota in sorted(quotas, key=_order):
        if wanted and wanted[-1][0] == quota:
            wanted[-1] = quota, wanted[-1][1] + 1
        else:
            wanted.append((quota, 1))
    return wanted


def _require(connection: Connection, wanted: _Wanted, sums: Sequence[int], now: datetime) -> None:
    """Raises `QuotaExceeded` unless as much as is *wanted* fits into every quota.

    Of several that are full, it names the one that is full for longest.
    """
    full = [
        QuotaExceeded(quota.name, _until_room(connection, quota, count, now))
        for (quota, count), taken in zip(wanted, sums, strict=True)
        if taken + count > quota.limit
    ]
    if full:
        raise max(full, key=lambda refusal: refusal.retry_in)


def _count(connection: Connection, wanted: _Wanted, gap: Gap | None, now: datetime) -> None:
    """Count what is *wanted*, and remember *now* as the last send under the gap's bucket."""
    at = micros(now)
    values: list[str | int] = []
    for quota, count in wanted:
        span, width = _measure(quota.window)
        slot = at // width
        values += (quota.bucket, span, slot, count, (slot + 1) * width + span)
    if gap:
        values += (gap.bucket, *_LAST, at, at + gap.wait // _MICROSECOND)
    connection.execute(_counted(len(values) // 5), values)


def _until_room(connection: Connection, quota: Quota, count: int, now: datetime) -> timedelta:
    """How long until *count* more fit into a quota that is full."""
    rows = connection.execute(
        "SELECT slot, taken FROM quota"
        " WHERE bucket = ? AND span = ? AND slot BETWEEN ? AND ? ORDER BY slot",
        _around(quota, micros(now)),
    ).fetchall()
    excess = sum(taken for _, taken in rows) + count - quota.limit
    for slot, taken in rows:
        excess -= taken
        if excess <= 0:
            return moment(_leaves(quota, slot)) - now
    return quota.window


def forget(connection: Connection, quotas: Iterable[Quota]) -> None:
    """Set the counts of *quotas* back to nothing."""
    for quota in quotas:
        connection.execute(
            "DELETE FROM quota WHERE bucket = ? AND span = ?",
            (quota.bucket, _measure(quota.window)[0]),
        )


def used(connection: Connection, quota: Quota, now: datetime) -> Used:
    """How much of *quota* is taken at *now*, by the same sum."""
    [(taken, oldest)] = connection.execute(
        "SELECT coalesce(sum(taken), 0), min(slot) FROM quota"
        " WHERE bucket = ? AND span = ? AND slot BETWEEN ? AND ? AND taken > 0",
        _around(quota, micros(now)),
    ).fetchall()
    frees_in = moment(_leaves(quota, oldest)) - now if taken else timedelta()
    return Used(int(taken), frees_in)


def forget_over(connection: Connection, keys: Sequence[Sequence[str | int]], now: datetime) -> None:
    """Delete what is over among the rows from the first to the last of *keys*."""
    connection.execute(
        "DELETE FROM quota WHERE (bucket, span, slot) BETWEEN (?, ?, ?) AND (?, ?, ?)"
        " AND expires_at <= ?",
        (*keys[0], *keys[-1], micros(now)),
    )


def over(
    connection: Connection, after: Sequence[str | int], now: datetime, limit: int
) -> list[Sequence[str | int]]:
    """The first *limit* rows behind *after* that are over, by their keys. Reads them through."""
    return connection.execute(
        "SELECT bucket, span, slot FROM quota WHERE (bucket, span, slot) > (?, ?, ?)"
        " AND expires_at <= ? ORDER BY bucket, span, slot LIMIT ?",
        (*after, micros(now), limit),
    ).fetchall()


def tally(connection: Connection, process: str, counts: Iterable[tuple[str, int]]) -> None:
    """Add to the metric rows of *process*."""
    for name, count in counts:
        connection.execute(
            "INSERT INTO tally (process, name, total) VALUES (?, ?, ?)"
            " ON CONFLICT (process, name) DO UPDATE SET total = tally.total + excluded.total",
            (process, name, count),
        )


_FOLDED: Final = ""
"""The name of no process: under it is what others counted that are no more."""


def is_foldable(connection: Connection, before: str) -> bool:
    """Whether there are rows of processes whose names sort before *before*."""
    return bool(connection.execute(f"SELECT 1 {_OF_OTHERS} LIMIT 1", (_FOLDED, before)).fetchall())


def fold(connection: Connection, before: str) -> int:
    """Add up the rows of those processes into one set; how many went."""
    # What is added is what this very statement took away, and not what was read before it: where
    # several write at once, somebody may add to a row in between.
    gone = connection.execute(
        f"DELETE {_OF_OTHERS} RETURNING name, total", (_FOLDED, before)
    ).fetchall()
    sums: Counter[str] = Counter()
    for name, total in gone:
        sums[name] += total
    tally(connection, _FOLDED, sorted(sums.items()))  # sorted: two who fold lock in one order
    return len(gone)


def _give_back(connection: Connection, given: Iterable[Taken]) -> None:
    rows = []
    for taken in sorted(given, key=lambda taken: _order(taken.quota)):
        span, width = _measure(taken.quota.window)
        rows.append((taken.quota.bucket, span, micros(taken.at) // width))
    connection.executemany(
        "UPDATE quota SET taken = taken - 1"
        " WHERE bucket = ? AND span = ? AND slot = ? AND taken > 0",
        rows,
    )


def _must_be_over(gap: Gap, last_at: int | None, now: datetime) -> None:
    """Raises `TooSoon` unless the wait since the last send is over.

    A last send that lies ahead by less than the wait still counts: callers read their clocks before
    they queue for the database. One that lies further ahead was written by a clock that has since
    stepped back, and nobody must wait for that.
    """
    if last_at is not None:
        since = now - moment(last_at)
        if abs(since) < gap.wait:
            raise TooSoon(min(gap.wait - since, gap.wait))


@lru_cache
def _look(flags: int, quotas: int, gap: bool) -> str:
    """One row: whether each flag is set, the sum of each quota over its slots, the last send."""
    flag = "EXISTS (SELECT 1 FROM flag WHERE name = ?)"
    taken = (
        "(SELECT coalesce(sum(taken), 0) FROM quota"
        " WHERE bucket = ? AND span = ? AND slot BETWEEN ? AND ?)"
    )
    last = "(SELECT taken FROM quota WHERE bucket = ? AND span = 0 AND slot = 0)"
    return "SELECT " + ", ".join([flag] * flags + [taken] * quotas + [last] * gap)


@lru_cache
def _counted(rows: int) -> str:
    values = ", ".join(["(?, ?, ?, ?, ?)"] * rows)
    return (
        f"INSERT INTO quota (bucket, span, slot, taken, expires_at) VALUES {values}"  # noqa: S608
        " ON CONFLICT (bucket, span, slot) DO UPDATE SET expires_at = excluded.expires_at, taken ="
        " CASE excluded.span WHEN 0 THEN excluded.taken ELSE quota.taken + excluded.taken END"
    )


def _around(quota: Quota, at: int) -> tuple[str, int, int, int]:
    """The bucket, and the slots that count at this microsecond.

    Those up to one window ahead do as well: they were counted by a clock that has since stepped
    back, or runs ahead of ours, and are not given away.
    """
    span, width = _measure(quota.window)
    return quota.bucket, span, (at - span) // width, (at + span) // width


@lru_cache
def _measure(window: timedelta) -> tuple[int, int]:
    """The length of a window and of its slots, in microseconds.

    A window that is not sixty whole microseconds long has a few more slots.
    """
    span = window // _MICROSECOND
    return span, max(span // _SLOTS, 1)


def _leaves(quota: Quota, slot: int) -> int:
    """When the last of *slot* is no longer within the window."""
    span, width = _measure(quota.window)
    return (slot + 1) * width + span
