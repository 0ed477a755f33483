"""What all SQL stores do, and in which transaction.

A store for one database is a subclass that says how a transaction is run: `_read` and `_write`.
What stands in one `_write` happens alone, whole and durably, or not at all; what the methods
promise is said in `otp.store`. Nothing here takes a lock or decides a rule about verifications.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

from otp.breaker import CLOSED, Breaker
from otp.client import ApiKey, Client
from otp.errors import NotFound, Unavailable
from otp.keys import Keyring, Lookup
from otp.phone import Phone
from otp.store import (
    FREE,
    Change,
    Claim,
    MessageName,
    Price,
    Quota,
    Remembered,
    Replay,
    Session,
    Used,
    asks,
    counters,
    messages,
    queue,
    records,
    replays,
)
from otp.store.columns import micros
from otp.store.rows import Connection, Rows
from otp.verification import Verification
from otp.wording import Key, Wording

T = TypeVar("T")

_BATCH: Final = 500
"""So many rows are deleted in one transaction: others wait for it."""


class SqlStore(ABC):
    def __init__(self, keyring: Keyring, lookup: Lookup, schema: int) -> None:
        self.lookup = lookup
        self.schema = schema
        self._rows = Rows(keyring, lookup)

    @abstractmethod
    def _read(self, work: Callable[[Connection], T]) -> T:
        """What *work* reads. Each statement in it sees one committed state."""

    @abstractmethod
    def _write(self, work: Callable[[Connection], T]) -> T:
        """What *work* returns, once it is committed; it ran alone.

        If it raises, nothing is written and its error comes out as it is. Raises `Unavailable`
        where the database cannot do it.
        """

    @abstractmethod
    def close(self) -> None: ...

    # -- verifications ----------------------------------------------------------------------------

    def add(
        self,
        verification: Verification,
        *,
        now: datetime,
        price: Price = FREE,
        replay: Replay | None = None,
        resumes: bool = False,
    ) -> Verification:
        client_id = verification.client_id

        def work(connection: Connection) -> Verification:
            if replay and (known := replays.look_up(connection, self._rows, client_id, replay)):
                return known.verification
            seen = None if price is FREE else counters.look(connection, price, now)
            if resumes and (pending := self._pending(connection, verification, now)):
                return pending
            if seen:
                counters.pay(connection, price, seen, now)
            self._rows.insert(connection, verification)
            replays.remember(connection, self._rows, verification, replay, now)
            return verification

        return self._write(work)

    def replayed(self, client_id: str, replay: Replay) -> Remembered | None:
        return self._read(
            lambda connection: replays.look_up(connection, self._rows, client_id, replay)
        )

    def get(self, client_id: str, id: str) -> Verification:
        row_key = self._rows.key(id)
        return self._read(lambda connection: self._rows.one(connection, client_id, row_key))

    def swap(
        self,
        client_id: str,
        id: str,
        change: Change,
        *,
        now: datetime,
        price: Callable[[Verification, Verification], Price] | Price = FREE,
        replay: Replay | None = None,
    ) -> Verification:
        row_key = self._rows.key(id)

        def work(connection: Connection) -> Verification:
            if replay and (known := replays.look_up(connection, self._rows, client_id, replay)):
                return known.verification
            before = self._rows.one(connection, client_id, row_key)
            after = change(before)
            due = price if isinstance(price, Price) else price(before, after)
            if due is not FREE:
                counters.pay(connection, due, counters.look(connection, due, now), now)
            if after != before:
                self._rows.update(connection, before, after)
            replays.remember(connection, self._rows, after, replay, now)
            return after

        return self._write(work)

    def _pending(
        self, connection: Connection, like: Verification, now: datetime
    ) -> Verification | None:
        """The newest one that is pending at *now*, of the client, number and purpose of *like*.

        A test and what is no test do not stand for each other: of them, only one is ever sent.
        """
        rows = connection.execute(
            "SELECT max(row_key) FROM verification WHERE is_pending"
            " AND number_index = ? AND client = ? AND coalesce(purpose, '') = ? AND is_test = ?",
            (self.lookup.index(like.phone), like.client_id, like.purpose or "", like.is_test),
        ).fetchall()
        if rows[0][0] is None:
            return None
        [found] = self._rows.select(connection, "v.row_key = ?", rows[0][0])
        # One whose number cannot be read any more is of no use to anybody.
        return found if found.phone and found.at(now).is_pending else None

    def by_reference(self, client_id: str, reference: str, limit: int) -> list[Verification]:
        newest = (
            "v.row_key IN (SELECT row_key FROM verification"
            " WHERE client = ? AND reference = ? ORDER BY row_key DESC LIMIT ?)"
        )
        return self._select(newest, client_id, reference, limit)

    def of_number(self, phone: Phone, limit: int) -> list[Verification]:
        newest = (
            "v.row_key IN (SELECT row_key FROM verification"
            " WHERE number_index = ? ORDER BY row_key DESC LIMIT ?)"
        )
        return self._select(newest, self.lookup.index(phone), limit)

    # -- sending ----------------------------------------------------------------------------------

    def claim(self, *, token: str, now: datetime, lease: timedelta, limit: int) -> list[Claim]:
        def work(connection: Connection) -> list[Claim]:
            due = queue.due(connection, now, limit)
            queue.claim(connection, due, token=token, until=now + lease)
            return [
                Claim(token, self._rows.select(connection, "v.row_key = ?", row_key)[0], number)
                for row_key, number in due
            ]

        return self._write(work)

    def next_due(self) -> datetime | None:
        return self._read(queue.next_due)

    def oldest_queued(self) -> datetime | None:
        return self._read(queue.oldest)

    # -- what became of it ------------------------------------------------------------------------

    def due_asks(self, route: str, now: datetime, limit: int, *, lost: bool) -> list[MessageName]:
        return self._names(lambda connection: asks.due(connection, route, now, limit, lost=lost))

    def awaited(self, route: str, provider_id: str) -> MessageName | None:
        found = self._names(lambda connection: asks.awaited(connection, route, provider_id))
        return found[0] if found else None

    def taken_over(self, route: str, before: datetime) -> MessageName | None:
        found = self._names(lambda connection: asks.taken(connection, route, before))
        return found[0] if found else None

    def owner(self, id: str) -> str | None:
        row_key = self.lookup.row_key(id)
        if row_key is None:
            return None
        return self._read(lambda connection: asks.owner(connection, row_key))

    def _names(self, look: Callable[[Connection], Sequence[asks.Row]]) -> list[MessageName]:
        return [
            MessageName(client_id, self.lookup.public_id(row_key), number)
            for client_id, row_key, number in self._read(look)
        ]

    def queue_depth(self) -> int:
        return self._read(queue.depth)

    # -- counting ---------------------------------------------------------------------------------

    def take(self, quotas: Sequence[Quota], now: datetime) -> None:
        self._write(lambda connection: counters.take(connection, quotas, now))

    def forget_counts(self, quotas: Sequence[Quota]) -> None:
        self._write(lambda connection: counters.forget(connection, quotas))

    def used(self, quota: Quota, now: datetime) -> Used:
        return self._read(lambda connection: counters.used(connection, quota, now))

    def tally(self, process: str, counts: Iterable[tuple[str, int]]) -> None:
        added = list(counts)
        self._write(lambda connection: counters.tally(connection, process, added))

    def tallies(self) -> dict[str, int]:
        totals = self._query("SELECT name, sum(total) FROM tally GROUP BY name")
        return {name: int(total) for name, total in totals}

    def fold_tallies(self, before: str) -> int:
        if not self._read(lambda connection: counters.is_foldable(connection, before)):
            return 0  # nearly always, and then it costs no commit
        return self._write(lambda connection: counters.fold(connection, before))

    # -- forgetting -------------------------------------------------------------------------------

    def overdue(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        rows = self._query(
            "SELECT client, row_key FROM verification"
            " WHERE changes_at <= ? ORDER BY changes_at LIMIT ?",
            micros(now),
            limit,
        )
        return [(client_id, self.lookup.public_id(row_key)) for client_id, row_key in rows]

    def purge(self, before: datetime, now: datetime, limit: int) -> int:
        # Row keys begin with the milliseconds of the start, and nothing ends before it starts: so
        # only the oldest rows are looked at.
        newest = (micros(before) // 1000 + 1).to_bytes(6, "big") + bytes(10)
        keys = self._query(
            "SELECT row_key FROM verification"
            " WHERE row_key < ? AND ended_at < ? ORDER BY row_key LIMIT ?",
            newest,
            micros(before),
            limit,
        )
        self._erase(keys)
        for statement in _EXPIRED:
            while self._execute(statement, micros(now), _BATCH) == _BATCH:
                pass
        if len(keys) < limit:  # once, by who calls until nothing is left
            self._forget_counts(now)
        return len(keys)

    def _forget_counts(self, now: datetime) -> None:
        """Delete counts and gaps that are over. Only readers' time goes into finding them."""
        last: Sequence[str | int] = ("", 0, 0)
        while found := self._read(partial(counters.over, after=last, now=now, limit=_BATCH)):
            self._write(partial(counters.forget_over, keys=found, now=now))
            last = found[-1]

    def forget_number(self, phone: Phone) -> int:
        # This reads the whole table, so it is done before the write: others wait for that.
        keys = self._query(
            "SELECT row_key FROM verification WHERE number_index = ?", self.lookup.index(phone)
        )
        self._erase(keys)
        return len(keys)

    def _erase(self, keys: Sequence[Sequence[Any]]) -> None:
        """Delete verifications, and by their foreign keys all that hangs on them."""

        def work(connection: Connection) -> None:
            for (row_key,) in keys:
                connection.execute("DELETE FROM verification WHERE row_key = ?", (row_key,))

        if keys:
            self._write(work)

    # -- clients, sessions, flags, messages -------------------------------------------------------

    def put_client(self, client: Client) -> None:
        self._write(lambda connection: records.put_client(connection, client))

    def client(self, client_id: str) -> Client:
        found = self._read(lambda connection: records.client(connection, client_id))
        if found is None:
            raise NotFound
        return found

    def clients(self) -> list[Client]:
        return self._read(records.clients)

    def put_key(self, key: ApiKey) -> None:
        self._write(lambda connection: records.put_key(connection, key))

    def key(self, key_id: str) -> ApiKey | None:
        return self._read(lambda connection: records.key(connection, key_id))

    def key_and_client(self, key_id: str) -> tuple[ApiKey, Client] | None:
        return self._read(lambda connection: records.key_and_client(connection, key_id))

    def keys(self, client_id: str) -> list[ApiKey]:
        return self._read(lambda connection: records.keys(connection, client_id))

    def put_session(self, session: Session, replaces: bytes | None = None) -> None:
        row_key = self._rows.key(session.verification_id)

        def work(connection: Connection) -> None:
            self._rows.one(connection, session.client_id, row_key)
            if replaces is not None:
                records.end_session(connection, replaces)
            records.put_session(connection, session, row_key)

        self._write(work)

    def session(self, digest: bytes, now: datetime) -> Session | None:
        return self._read(lambda connection: records.session(connection, digest, now, self.lookup))

    def end_session(self, digest: bytes) -> None:
        self._write(lambda connection: records.end_session(connection, digest))

    def put_flag(self, name: str, value: str | None) -> None:
        self._write(lambda connection: records.put_flag(connection, name, value))

    def flag(self, name: str) -> str | None:
        return self._read(lambda connection: records.flag(connection, name))

    def breakers(self) -> dict[str, Breaker]:
        return self._read(records.breakers)

    def turn(self, route: str, change: Callable[[Breaker], Breaker]) -> tuple[Breaker, Breaker]:
        def work(connection: Connection) -> tuple[Breaker, Breaker]:
            before = records.breakers(connection).get(route, CLOSED)
            after = change(before)
            if after != before:
                records.put_breaker(connection, route, None if after == CLOSED else after)
            return before, after

        return self._write(work)

    def put_message(self, wording: Wording) -> None:
        self._write(lambda connection: messages.put(connection, wording))

    def messages(self) -> list[Wording]:
        return self._read(messages.every)

    def remove_message(self, key: Key) -> bool:
        return self._write(lambda connection: messages.remove(connection, key))

    def ping(self) -> None:
        """A write transaction is begun for it, so a database that only reads does not pass."""

        def work(connection: Connection) -> None:
            found = connection.execute("SELECT max(number) FROM schema_version").fetchall()
            if found != [(self.schema,)]:
                raise Unavailable("store")
            # Something is really written: a full disk begins and ends an empty transaction well.
            connection.execute(_TOUCH)

        self._write(work)

    # -- parts ------------------------------------------------------------------------------------

    def _select(self, condition: str, *values: Any) -> list[Verification]:
        return self._read(lambda connection: self._rows.select(connection, condition, *values))

    def _query(self, statement: str, *values: Any) -> list[Any]:
        return self._read(lambda connection: connection.execute(statement, values).fetchall())

    def _execute(self, statement: str, *values: Any) -> int:
        """How many rows it changed."""
        return self._write(lambda connection: connection.execute(statement, values).rowcount)


_TOUCH: Final = (
    "INSERT INTO flag (name, value) VALUES ('ping', '0') ON CONFLICT (name) DO UPDATE"
    " SET value = CASE flag.value WHEN '0' THEN '1' ELSE '0' END"
)
_EXPIRING: Final = {
    "replay": "client, key",
    "session": "digest",
}
_EXPIRED: Final = tuple(
    f"DELETE FROM {table} WHERE ({key}) IN"  # noqa: S608  our own names, and no values
    f" (SELECT {key} FROM {table} WHERE expires_at <= ? LIMIT ?)"
    for table, key in _EXPIRING.items()
)
