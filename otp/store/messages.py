"""The texts an operator stored. Nothing here begins or commits."""

from __future__ import annotations

from functools import lru_cache

from otp.store.rows import Connection
from otp.wording import Key, LastLine, Wording


def put(connection: Connection, wording: Wording) -> None:
    connection.execute(
        "INSERT INTO message"
        " (client, purpose, locale, text, last_line, app_hash, template_id, registered)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (client, purpose, locale) DO UPDATE SET"
        " text = excluded.text, last_line = excluded.last_line, app_hash = excluded.app_hash,"
        " template_id = excluded.template_id, registered = excluded.registered",
        (
            *wording.key,
            wording.text,
            wording.last_line.value,
            wording.app_hash,
            wording.template_id,
            wording.registered,
        ),
    )


def every(connection: Connection) -> list[Wording]:
    rows = connection.execute(
        "SELECT client, purpose, locale, text, last_line, app_hash, template_id, registered"
        " FROM message ORDER BY client, purpose, locale"
    ).fetchall()
    return [_wording(*row) for row in rows]


def remove(connection: Connection, key: Key) -> bool:
    """Whether there was one."""
    removed = connection.execute(
        "DELETE FROM message WHERE client = ? AND purpose = ? AND locale = ?", key
    )
    return bool(removed.rowcount)


# Every process reads all of them every few seconds, and they hardly ever change.
@lru_cache(maxsize=256)
def _wording(
    client_id: str,
    purpose: str,
    locale: str,
    text: str,
    last_line: str,
    app_hash: str,
    template_id: str,
    registered: str,
) -> Wording:
    return Wording(
        client_id=client_id,
        purpose=purpose,
        locale=locale,
        text=text,
        last_line=LastLine(last_line),
        app_hash=app_hash,
        template_id=template_id,
        registered=registered,
    )
