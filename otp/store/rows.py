"""How a verification is written into its rows and read from them.

Nothing here begins or commits: which rows may be read or written when is `otp.store.sql`'s.
A number is kept twice: as a keyed index, to be found again, and sealed to its row, to be texted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, Protocol

from otp.challenge import Challenge
from otp.errors import NotFound
from otp.keys import Keyring, Lookup, Unsealable
from otp.phone import Phone
from otp.store import columns
from otp.store.columns import moment, moment_or_none
from otp.verification import Status, Verification


class Result(Protocol):
    @property
    def rowcount(self) -> int: ...
    def fetchall(self) -> list[Any]: ...


class Connection(Protocol):
    """What the shared statements need of a database connection. Parameters are written `?`."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Result: ...

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> Result: ...


class Rows:
    """Reads and writes verifications inside whatever transaction the caller began."""

    def __init__(self, keyring: Keyring, lookup: Lookup) -> None:
        self._keyring = keyring
        self._lookup = lookup

    def key(self, id: str) -> bytes:
        """The row key behind *id*; raises `NotFound` for what cannot be one."""
        row_key = self._lookup.row_key(id)
        if row_key is None:
            raise NotFound
        return row_key

    def one(self, connection: Connection, client_id: str, row_key: bytes) -> Verification:
        """Or `NotFound`; another client's is not found."""
        found = self.select(connection, "v.row_key = ? AND v.client = ?", row_key, client_id)
        if not found:
            raise NotFound
        return found[0]

    def select(self, connection: Connection, condition: str, *values: Any) -> list[Verification]:
        """Those of which *condition* is true, newest first.

        It is one statement, so no verification is seen half before and half after a change.
        """
        rows = connection.execute(_SELECT.replace("{condition}", condition), values).fetchall()
        return [self._verification(list(rows)) for _, rows in groupby(rows, key=itemgetter(0))]

    def insert(self, connection: Connection, v: Verification) -> None:
        row_key = self.key(v.id)
        number = f"{v.phone.country_code} {v.phone.national}".encode()
        index = self._lookup.index(v.phone)
        sealed = self._keyring.seal("number", number, context=row_key)
        row = (row_key, index, sealed, *columns.of_verification(v))
        connection.execute(_INSERT_VERIFICATION, row)
        for challenge in v.challenges:
            _insert_challenge(connection, row_key, challenge)

    def update(self, connection: Connection, before: Verification, after: Verification) -> None:
        """Write the columns that differ. The key and the number never do."""
        row_key = self.key(before.id)
        changed = columns.changed(
            columns.VERIFICATION_ROW,
            columns.of_verification(before),
            columns.of_verification(after),
        )
        _update(connection, "verification", changed, {"row_key": row_key})
        for old, new in zip(before.challenges, after.challenges, strict=False):
            if new == old:
                continue
            changed = columns.changed(
                columns.CHALLENGE_ROW, columns.of_challenge(old), columns.of_challenge(new)
            )
            if new.claim is None:
                changed["leased_until"] = None
            key = {"verification": row_key, "number": new.number}
            _update(connection, "challenge", changed, key)
        for challenge in after.challenges[len(before.challenges) :]:
            _insert_challenge(connection, row_key, challenge)

    def _verification(self, rows: Sequence[Sequence[Any]]) -> Verification:
        row_key, number_sealed, client_id, policy, created_at, *rest = rows[0][:_WIDTH]
        support_code, purpose, locale, nonce, reference, status, attempts, *ending = rest
        ended_at, approved_by, wrong_at, is_test, redeemed_at = ending
        return Verification(
            id=self._lookup.public_id(row_key),
            client_id=client_id,
            phone=self._phone(number_sealed, row_key),
            policy=columns.to_policy(policy),
            created_at=moment(created_at),
            challenges=tuple(columns.to_challenge(row[_WIDTH:]) for row in rows),
            support_code=support_code,
            purpose=purpose,
            locale=locale,
            nonce=nonce,
            reference=reference,
            status=Status(status),
            attempts=attempts,
            ended_at=moment_or_none(ended_at),
            approved_by=approved_by,
            wrong_at=columns.to_moments(wrong_at) if wrong_at else (),
            is_test=bool(is_test),
            redeemed_at=moment_or_none(redeemed_at),
        )

    def _phone(self, sealed: bytes, row_key: bytes) -> Phone:
        try:
            number = self._keyring.unseal("number", sealed, context=row_key)
        except Unsealable:
            return Phone.UNREADABLE
        country_code, _, national = number.decode().partition(" ")
        return Phone(country_code, national)


_WIDTH: Final = 2 + len(columns.VERIFICATION)
_SELECT: Final = (
    "SELECT v.row_key, v.number_sealed, "  # noqa: S608  names of columns, and no values
    + ", ".join(f"v.{name}" for name in columns.VERIFICATION)
    + "".join(f", c.{name}" for name in columns.CHALLENGE)
    + " FROM verification AS v JOIN challenge AS c ON c.verification = v.row_key"
    " WHERE {condition} ORDER BY v.row_key DESC, c.number"
)


def _insert_challenge(connection: Connection, row_key: bytes, challenge: Challenge) -> None:
    connection.execute(_INSERT_CHALLENGE, (row_key, *columns.of_challenge(challenge)))


def _update(
    connection: Connection, table: str, row: Mapping[str, Any], key: Mapping[str, Any]
) -> None:
    if row:
        statement = _update_where(table, tuple(row), tuple(key))
        connection.execute(statement, (*row.values(), *key.values()))


def _insert_into(table: str, names: tuple[str, ...]) -> str:
    marks = ", ".join("?" for _ in names)
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608  as above


_INSERT_VERIFICATION: Final = _insert_into(
    "verification", ("row_key", "number_index", "number_sealed", *columns.VERIFICATION_ROW)
)
_INSERT_CHALLENGE: Final = _insert_into("challenge", ("verification", *columns.CHALLENGE_ROW))


@lru_cache
def _update_where(table: str, names: tuple[str, ...], key: tuple[str, ...]) -> str:
    # Only what changed is named: naming an indexed column rewrites its index entry, changed or not.
    values = ", ".join(f"{name} = ?" for name in names)
    where = " AND ".join(f"{name} = ?" for name in key)
    return f"UPDATE {table} SET {values} WHERE {where}"  # noqa: S608  as above
