"""What is kept whole: clients, their keys, browser sessions, flags, breakers, sealed keys.

Plain statements over one table each. Nothing here begins or commits.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final

from otp.breaker import Breaker
from otp.client import ApiKey, Client, Mode, Rights, TestNumber
from otp.keys import KEY_BYTES, Keyring, Lookup, TokenBytes, Unsealable
from otp.store import Session
from otp.store.columns import micros, micros_or_none, moment, moment_or_none
from otp.store.rows import Connection

_LOOKUP: Final = "lookup"
_CLIENT: Final = "SELECT id, name, policy, test_numbers, created_at FROM client"


def permanent_lookup(connection: Connection, keyring: Keyring, token_bytes: TokenBytes) -> Lookup:
    """The lookup of this database: drawn once, kept sealed, sealed anew under a newer key.

    Raises ValueError if none of the keys opens it. The caller writes, and alone.
    """
    rows = connection.execute("SELECT sealed FROM sealed_key WHERE name = ?", (_LOOKUP,)).fetchall()
    if not rows:
        key = token_bytes(KEY_BYTES)
    else:
        try:
            key = keyring.unseal(_LOOKUP, rows[0][0], context=_LOOKUP.encode())
        except Unsealable:
            raise ValueError(
                "OTP_SECRET_KEYS: none of the listed keys opens this database; it was made under"
                " others, a demo's perhaps"
            ) from None
    if not rows or not keyring.sealed_by_newest(rows[0][0]):
        connection.execute(
            "INSERT INTO sealed_key (name, sealed) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed",
            (_LOOKUP, keyring.seal(_LOOKUP, key, context=_LOOKUP.encode())),
        )
    return Lookup(key)


# -- clients and their keys -----------------------------------------------------------------------


def put_client(connection: Connection, client: Client) -> None:
    connection.execute(
        "INSERT INTO client (id, name, policy, test_numbers, created_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET"
        " name = excluded.name, policy = excluded.policy, test_numbers = excluded.test_numbers,"
        " created_at = excluded.created_at",
        (
            client.id,
            client.name,
            json.dumps(dict(client.policy), separators=(",", ":")),
            _test_numbers_text(client.test_numbers),
            micros(client.created_at),
        ),
    )


def client(connection: Connection, client_id: str) -> Client | None:
    rows = connection.execute(f"{_CLIENT} WHERE id = ?", (client_id,)).fetchall()
    return _client(*rows[0]) if rows else None


def clients(connection: Connection) -> list[Client]:
    """Oldest first."""
    rows = connection.execute(f"{_CLIENT} ORDER BY created_at, id").fetchall()
    return [_client(*row) for row in rows]


def put_key(connection: Connection, key: ApiKey) -> None:
    connection.execute(
        "INSERT INTO api_key (id, client, rights, mode, digest, created_at, revoked_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET"
        " client = excluded.client, rights = excluded.rights, mode = excluded.mode,"
        " digest = excluded.digest, created_at = excluded.created_at,"
        " revoked_at = excluded.revoked_at",
        (
            key.id,
            key.client_id,
            key.rights.value,
            key.mode.value,
            key.digest,
            micros(key.created_at),
            micros_or_none(key.revoked_at),
        ),
    )


def key(connection: Connection, key_id: str) -> ApiKey | None:
    rows = connection.execute(
        "SELECT id, client, rights, mode, digest, created_at, revoked_at FROM api_key WHERE id = ?",
        (key_id,),
    ).fetchall()
    return _api_key(*rows[0]) if rows else None


def key_and_client(connection: Connection, key_id: str) -> tuple[ApiKey, Client] | None:
    rows = connection.execute(
        "SELECT k.id, k.client, k.rights, k.mode, k.digest, k.created_at, k.revoked_at,"
        " c.id, c.name, c.policy, c.test_numbers, c.created_at"
        " FROM api_key AS k JOIN client AS c ON c.id = k.client WHERE k.id = ?",
        (key_id,),
    ).fetchall()
    return _key_and_client(rows[0]) if rows else None


# What was just read is looked at anew each time, so a revoked key is revoked; what it means is not.
@lru_cache(maxsize=256)
def _key_and_client(row: tuple[Any, ...]) -> tuple[ApiKey, Client]:
    return _api_key(*row[:7]), _client(*row[7:])


def keys(connection: Connection, client_id: str) -> list[ApiKey]:
    """Oldest first, the revoked ones included."""
    rows = connection.execute(
        "SELECT id, client, rights, mode, digest, created_at, revoked_at"
        " FROM api_key WHERE client = ? ORDER BY created_at, id",
        (client_id,),
    ).fetchall()
    return [_api_key(*row) for row in rows]


def _client(id: str, name: str, policy: str, test_numbers: str, created_at: int) -> Client:
    return Client(
        id=id,
        name=name,
        created_at=moment(created_at),
        policy=tuple(json.loads(policy).items()),
        test_numbers=_to_test_numbers(test_numbers),
    )


def _test_numbers_text(numbers: tuple[TestNumber, ...]) -> str:
    rows = [
        {
            "index": number.index.hex(),
            "masked": number.masked,
            "digest": number.digest,
            "code_length": number.code_length,
            "until": number.until.isoformat(),
        }
        for number in numbers
    ]
    return json.dumps(rows, separators=(",", ":"))


# Read with every request; nearly all clients have none.
@lru_cache(maxsize=256)
def _to_test_numbers(text: str) -> tuple[TestNumber, ...]:
    return tuple(
        TestNumber(
            index=bytes.fromhex(row["index"]),
            masked=row["masked"],
            digest=row["digest"],
            code_length=row["code_length"],
            until=date.fromisoformat(row["until"]),
        )
        for row in json.loads(text)
    )


def _api_key(
    id: str,
    client_id: str,
    rights: str,
    mode: str,
    digest: bytes,
    created_at: int,
    revoked_at: int | None,
) -> ApiKey:
    return ApiKey(
        id=id,
        client_id=client_id,
        rights=Rights(rights),
        mode=Mode(mode),
        digest=digest,
        created_at=moment(created_at),
        revoked_at=moment_or_none(revoked_at),
    )


# -- sessions, flags, breakers --------------------------------------------------------------------


def put_session(connection: Connection, session: Session, row_key: bytes) -> None:
    connection.execute(
        "INSERT INTO session (digest, client, verification, is_signed_in, created_at, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING",
        (
            session.digest,
            session.client_id,
            row_key,
            session.signed_in,
            micros(session.created_at),
            micros(session.expires_at),
        ),
    )


def session(connection: Connection, digest: bytes, now: datetime, lookup: Lookup) -> Session | None:
    rows = connection.execute(
        "SELECT client, verification, is_signed_in, created_at, expires_at"
        " FROM session WHERE digest = ? AND expires_at > ?",
        (digest, micros(now)),
    ).fetchall()
    if not rows:
        return None
    client_id, row_key, signed_in, created_at, expires_at = rows[0]
    return Session(
        digest=digest,
        client_id=client_id,
        verification_id=lookup.public_id(row_key),
        signed_in=bool(signed_in),
        created_at=moment(created_at),
        expires_at=moment(expires_at),
    )


def end_session(connection: Connection, digest: bytes) -> None:
    connection.execute("DELETE FROM session WHERE digest = ?", (digest,))


def put_flag(connection: Connection, name: str, value: str | None) -> None:
    if value is None:
        connection.execute("DELETE FROM flag WHERE name = ?", (name,))
    else:
        connection.execute(
            "INSERT INTO flag (name, value) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, value),
        )


def flag(connection: Connection, name: str) -> str | None:
    rows = connection.execute("SELECT value FROM flag WHERE name = ?", (name,)).fetchall()
    return str(rows[0][0]) if rows else None


def breakers(connection: Connection) -> dict[str, Breaker]:
    rows = connection.execute(
        "SELECT name, failures, trips, reason, refused, open_until, tried_until FROM route"
    ).fetchall()
    return {
        name: Breaker(
            failures=failures,
            trips=trips,
            reason=reason,
            refused=bool(refused),
            open_until=moment_or_none(open_until),
            tried_until=moment_or_none(tried_until),
        )
        for name, failures, trips, reason, refused, open_until, tried_until in rows
    }


def put_breaker(connection: Connection, route: str, breaker: Breaker | None) -> None:
    connection.execute("DELETE FROM route WHERE name = ?", (route,))
    if breaker:
        connection.execute(
            "INSERT INTO route (name, failures, trips, reason, refused, open_until, tried_until)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                route,
                breaker.failures,
                breaker.trips,
                breaker.reason,
                breaker.refused,
                micros_or_none(breaker.open_until),
                micros_or_none(breaker.tried_until),
            ),
        )
