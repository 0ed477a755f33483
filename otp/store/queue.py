"""The queue of the senders: which challenges are due, and whose they are. A lease ends by itself.

Nothing here begins or commits; that a challenge is given to one sender alone is the transaction's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from otp.store.columns import micros, moment
from otp.store.rows import Connection

Key = tuple[bytes, int]
"""A verification's row key, and the number of one of its challenges."""


def due(connection: Connection, now: datetime, limit: int) -> list[Key]:
    """Queued, due at *now*, and nobody's or of one whose lease has run out; oldest first."""
    # Two halves, each a look into the index, merged by due_at; "or" would read the whole queue.
    rows = connection.execute(
        """
        SELECT verification, number, due_at FROM challenge
        WHERE is_queued AND leased_until IS NULL AND due_at <= ?
        UNION ALL
        SELECT verification, number, due_at FROM challenge
        WHERE is_queued AND leased_until <= ? AND due_at <= ?
        ORDER BY due_at LIMIT ?
        """,
        (micros(now), micros(now), micros(now), limit),
    ).fetchall()
    return [(verification, number) for verification, number, _ in rows]


def claim(connection: Connection, keys: Sequence[Key], *, token: str, until: datetime) -> None:
    for key in keys:
        connection.execute(
            "UPDATE challenge SET claim = ?, leased_until = ?"
            " WHERE verification = ? AND number = ?",
            (token, micros(until), *key),
        )


def oldest(connection: Connection) -> datetime | None:
    rows = connection.execute("SELECT min(queued_at) FROM challenge WHERE is_queued").fetchall()
    return moment(rows[0][0]) if rows[0][0] is not None else None


def depth(connection: Connection) -> int:
    [(count,)] = connection.execute("SELECT count(*) FROM challenge WHERE is_queued").fetchall()
    return int(count)


def next_due(connection: Connection) -> datetime | None:
    """When the next is due, or the next lease runs out. What is held was due when it was taken."""
    rows = connection.execute(
        """
        SELECT min(due_at) FROM challenge WHERE is_queued AND leased_until IS NULL
        UNION ALL
        SELECT min(leased_until) FROM challenge WHERE is_queued AND leased_until IS NOT NULL
        """
    ).fetchall()
    times = [at for (at,) in rows if at is not None]
    return moment(min(times)) if times else None
