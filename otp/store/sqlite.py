"""The embedded store: how SQLite is opened, read and written.

All writes of a process go through one thread (`otp.store.group_commit`). Reads have connections of
their own and wait for nobody. Several processes may share the file, but not over a network, where
its locks do not hold.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from sqlite_utils import Database

from otp.errors import Unavailable
from otp.keys import Keyring, TokenBytes
from otp.phone import Phone
from otp.store import records
from otp.store.group_commit import Writer, transaction
from otp.store.migrations import migrate
from otp.store.rows import Connection
from otp.store.sql import SqlStore

T = TypeVar("T")

_BUSY_SECONDS: Final = 5.0
_CHECKPOINT_SECONDS: Final = 0.25


class SqliteStore(SqlStore):
    """One file, its log beside it, and a lock file for processes that start at once."""

    def __init__(self, path: str, keyring: Keyring, token_bytes: TokenBytes) -> None:
        """Raises `Unavailable` if the file cannot be opened; ValueError for no path, a database
        newer than this code, or one that none of the keys opens."""
        if not path:
            raise ValueError("the database URL names no file: sqlite:///data/otp.db names one")
        self._path = Path(path).absolute()
        try:
            _create_private(self._path)
            with (
                _alone(self._path),
                closing(_connect(self._path)) as connection,
                transaction(connection),
            ):
                schema = migrate(Database(connection, execute_plugins=False))
                lookup = records.permanent_lookup(connection, keyring, token_bytes)
        except (OSError, sqlite3.Error) as error:
            raise Unavailable("store") from error
        super().__init__(keyring, lookup, schema)
        connect = partial(_connect, self._path)
        self._readers = _Readers(connect)
        self._writer = Writer(connect, sqlite3.Error)
        _rest_at_forks(self)

    def _read(self, work: Callable[[Connection], T]) -> T:
        return self._readers.run(work)

    def _write(self, work: Callable[[Connection], T]) -> T:
        return self._writer.run(work)

    def purge(self, before: datetime, now: datetime, limit: int) -> int:
        purged = super().purge(before, now, limit)
        self._empty_log()
        return purged

    def forget_number(self, phone: Phone) -> int:
        forgotten = super().forget_number(phone)
        self._empty_log()
        return forgotten

    def rest(self) -> None:
        """Close all connections; they come again when they are needed."""
        self._writer.rest()
        self._readers.rest()

    def close(self) -> None:
        """What was handed in before is still committed; what comes later is `Unavailable`."""
        self._writer.close()
        self._readers.close()

    def _empty_log(self) -> None:
        """Take from the log what was deleted or overwritten in the file.

        Where others leave no gap for it in time, the next purge tries again.
        """
        with (
            suppress(sqlite3.Error),
            closing(_connect(self._path, _CHECKPOINT_SECONDS)) as connection,
        ):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


class _Readers:
    """Connections that read: each is lent to one thread at a time, and kept for the next.

    They do not belong to threads: those of a server may come and go with every request.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._idle: deque[sqlite3.Connection] = deque()
        self._is_closed = False

    def run(self, work: Callable[[Connection], T]) -> T:
        if self._is_closed:
            raise Unavailable("store")
        try:
            connection = self._lend()
            try:
                return work(connection)
            finally:
                self._take_back(connection)
        except sqlite3.Error as error:
            raise Unavailable("store") from error

    def rest(self) -> None:
        while self._idle:
            with suppress(IndexError):  # a reader was quicker
                self._idle.pop().close()

    def close(self) -> None:
        self._is_closed = True
        self.rest()

    def _lend(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def _take_back(self, connection: sqlite3.Connection) -> None:
        self._idle.append(connection)
        if self._is_closed:
            self.rest()


def _connect(path: Path, busy_seconds: float = _BUSY_SECONDS) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path,
        timeout=busy_seconds,
        isolation_level=None,  # transactions begin and end where this code says so
        check_same_thread=False,
        cached_statements=256,
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON").fetchall()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _create_private(path: Path) -> None:
    """An empty file that only its owner may read; SQLite gives its log the same mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Only if it is not there: closing a file drops all locks that this process holds on it, and a
    # store of this process may have it open.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Nobody else opens the store at *path* meanwhile: a file changes to a log only when alone."""
    descriptor = os.open(f"{path}.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _rest_at_forks(store: SqliteStore) -> None:
    """SQLite's connections must not cross a fork, nor would a thread."""
    known = weakref.ref(store)

    def rest() -> None:
        if found := known():
            found.rest()

    os.register_at_fork(before=rest)
