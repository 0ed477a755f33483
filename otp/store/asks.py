"""Messages whose fate is still open: which are to be asked about, and which a receipt means.

Nothing here begins, commits or writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from otp.store.columns import micros
from otp.store.rows import Connection

Row = Sequence[Any]
"""A client, a verification's row key, and the number of one of its challenges."""

_NEAR: Final = 200
"""So many messages are looked through for one that the route took."""


def due(
    connection: Connection, route: str, now: datetime, limit: int, *, lost: bool
) -> Sequence[Row]:
    """Those to be asked about at *now*, longest due first."""
    return connection.execute(
        """
        SELECT v.client, c.verification, c.number
        FROM challenge AS c JOIN verification AS v ON v.row_key = c.verification
        WHERE c.ask_at IS NOT NULL AND c.route = ? AND c.is_lost = ? AND c.ask_at <= ?
        ORDER BY c.ask_at LIMIT ?
        """,
        (route, lost, micros(now), limit),
    ).fetchall()


def awaited(connection: Connection, route: str, provider_id: str) -> Sequence[Row]:
    """The one that the gateway of *route* knows by this id, if its fate is still open."""
    return connection.execute(
        """
        SELECT v.client, c.verification, c.number
        FROM challenge AS c JOIN verification AS v ON v.row_key = c.verification
        WHERE c.ask_at IS NOT NULL AND c.provider_id IS NOT NULL
        AND c.provider_id = ? AND c.route = ? LIMIT 1
        """,
        (provider_id, route),
    ).fetchall()


def taken(connection: Connection, route: str, before: datetime) -> Sequence[Row]:
    """The newest of the last few queued before *before* of which the gateway told its id."""
    # Row keys begin with the milliseconds of the start: this walks back from there, and not far.
    newest = (micros(before) // 1000).to_bytes(6, "big") + bytes(10)
    return connection.execute(
        """
        SELECT v.client, c.verification, c.number FROM (
            SELECT verification, number, route, provider_id, queued_at FROM challenge
            WHERE verification < ? ORDER BY verification DESC, number DESC LIMIT ?
        ) AS c JOIN verification AS v ON v.row_key = c.verification
        WHERE c.route = ? AND c.provider_id IS NOT NULL AND c.queued_at < ? AND v.is_test = 0
        ORDER BY c.verification DESC, c.number DESC LIMIT 1
        """,
        (newest, _NEAR, route, micros(before)),
    ).fetchall()


def owner(connection: Connection, row_key: bytes) -> str | None:
    """Whose verification it is."""
    rows = connection.execute(
        "SELECT client FROM verification WHERE row_key = ?", (row_key,)
    ).fetchall()
    return str(rows[0][0]) if rows else None
