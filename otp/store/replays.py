"""Requests that may come again, and what was answered the first time.

Nothing here begins or commits; that of twins only one is first is the transaction's.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from otp.errors import ReplayMismatch
from otp.store import Remembered, Replay
from otp.store.columns import micros
from otp.store.rows import Connection, Rows
from otp.verification import Verification

LIFE: Final = timedelta(hours=24)


def look_up(
    connection: Connection, rows: Rows, client_id: str, replay: Replay
) -> Remembered | None:
    """What *replay* did, if it was used before. Raises `ReplayMismatch`."""
    found = connection.execute(
        "SELECT verification, fingerprint, outcome FROM replay WHERE client = ? AND key = ?",
        (client_id, replay.key),
    ).fetchall()
    for row_key, fingerprint, outcome in found:
        if fingerprint != replay.fingerprint:
            raise ReplayMismatch
        for verification in rows.select(connection, "v.row_key = ?", row_key):
            return Remembered(verification, outcome)
    return None  # or forgotten between the two looks


def remember(
    connection: Connection, rows: Rows, v: Verification, replay: Replay | None, now: datetime
) -> None:
    """Keep that *replay* led to *v*, for 24 hours and until it is purged."""
    if replay is None or (replay.only_if and not replay.only_if(v)):
        return
    connection.execute(
        "INSERT INTO replay (client, key, fingerprint, verification, outcome, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            v.client_id,
            replay.key,
            replay.fingerprint,
            rows.key(v.id),
            replay.outcome,
            micros(now + LIFE),
        ),
    )
