"""Group commit: who is answered when, and who fails with whom."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from otp.errors import NotFound, QuotaExceeded, Unavailable
from otp.store import Gap, Price, Quota, counters
from otp.store.group_commit import Writer
from otp.store.rows import Connection
from tests.store.material import NOW, opened

PATIENCE = 20


class Disk:
    """A real file whose commits can be held back, broken and counted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.may_commit = threading.Event()
        self.may_commit.set()
        self.commits = 0
        self.broken_commits = 0
        self.refused_connections = 0
        with self._connect() as connection:
            connection.execute("CREATE TABLE word (word TEXT PRIMARY KEY)")

    def connect(self) -> DiskConnection:
        if self.refused_connections:
            self.refused_connections -= 1
            raise sqlite3.OperationalError("unable to open database file")
        return DiskConnection(self, self._connect())

    def words(self) -> set[str]:
        with self._connect() as connection:
            return {word for (word,) in connection.execute("SELECT word FROM word").fetchall()}

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)


class DiskConnection:
    def __init__(self, disk: Disk, connection: sqlite3.Connection) -> None:
        self._disk = disk
        self._connection = connection

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    @property
    def total_changes(self) -> int:
        return self._connection.total_changes

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if sql == "COMMIT":
            assert self._disk.may_commit.wait(PATIENCE)
            self._disk.commits += 1
            if self._disk.broken_commits:
                self._disk.broken_commits -= 1
                raise sqlite3.OperationalError("disk I/O error")
        return self._connection.execute(sql, parameters)

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "words.db")


@pytest.fixture
def writer(disk: Disk) -> Iterator[Writer]:
    made = Writer(disk.connect, sqlite3.Error)
    yield made
    disk.may_commit.set()
    made.close()


class Batch:
    """Changes that are sure to wait together, behind one whose commit is held back."""

    def __init__(self, disk: Disk, writer: Writer) -> None:
        self._disk = disk
        self._writer = writer
        self._pool = ThreadPoolExecutor(16)
        self._ran = threading.Event()
        disk.may_commit.clear()
        self.first = self._pool.submit(writer.run, self._run_first)
        assert self._ran.wait(PATIENCE)

    def add(self, work: Any) -> Future[Any]:
        """Hand in one more, behind those that were handed in before."""
        waiting = self._writer._waiting.qsize()
        future = self._pool.submit(self._writer.run, work)
        while self._writer._waiting.qsize() == waiting:
            assert not future.done()
        return future

    def release(self) -> None:
        self._disk.may_commit.set()
        self._pool.shutdown(wait=True)

    def _run_first(self, connection: Connection) -> str:
        self._ran.set()
        return "first"


def put(word: str) -> Any:
    def work(connection: Connection) -> str:
        connection.execute("INSERT INTO word (word) VALUES (?)", (word,))
        return word

    return work


def test_nobody_is_answered_before_the_commit(disk: Disk, writer: Writer) -> None:
    batch = Batch(disk, writer)
    assert not batch.first.done()
    assert disk.commits == 0
    batch.release()
    assert batch.first.result() == "first"


def test_those_that_wait_together_are_committed_together(disk: Disk, writer: Writer) -> None:
    batch = Batch(disk, writer)
    futures = [batch.add(put(f"word-{n}")) for n in range(9)]
    batch.release()
    assert [future.result() for future in futures] == [f"word-{n}" for n in range(9)]
    assert disk.commits == 2
    assert len(disk.words()) == 9


def test_a_change_that_raises_is_undone_alone_and_gets_its_own_error(
    disk: Disk, writer: Writer
) -> None:
    def half_done(connection: Connection) -> None:
        put("half")(connection)
        raise NotFound

    batch = Batch(disk, writer)
    before, bad, after = (batch.add(put("a")), batch.add(half_done), batch.add(put("b")))
    batch.release()
    with pytest.raises(NotFound):
        bad.result()
    assert (before.result(), after.result()) == ("a", "b")
    assert disk.words() == {"a", "b"}


def test_a_statement_that_is_refused_fails_its_own_change(disk: Disk, writer: Writer) -> None:
    batch = Batch(disk, writer)
    good, twin = batch.add(put("a")), batch.add(put("a"))
    batch.release()
    with pytest.raises(Unavailable) as refused:
        twin.result()
    assert isinstance(refused.value.__cause__, sqlite3.IntegrityError)
    assert good.result() == "a"
    assert disk.words() == {"a"}


def test_an_error_that_ends_the_transaction_fails_all_of_its_batch(
    disk: Disk, writer: Writer
) -> None:
    def ends_it(connection: Connection) -> None:
        connection.execute("INSERT OR ROLLBACK INTO word (word) VALUES ('a')")

    batch = Batch(disk, writer)
    futures = [batch.add(put("a")), batch.add(ends_it), batch.add(put("b"))]
    batch.release()
    for future in futures:
        with pytest.raises(Unavailable):
            future.result()
    assert disk.words() == set()
    assert batch.first.result() == "first"
    assert writer.run(put("later")) == "later"
    assert disk.words() == {"later"}


def test_a_commit_that_fails_fails_all_of_its_batch(disk: Disk, writer: Writer) -> None:
    batch = Batch(disk, writer)
    futures = [batch.add(put("a")), batch.add(put("b"))]
    disk.broken_commits = 2
    batch.release()
    for future in (batch.first, *futures):
        with pytest.raises(Unavailable):
            future.result()
    assert disk.words() == set()
    assert writer.run(put("later")) == "later"


def test_a_database_that_cannot_be_opened_fails_those_who_ask_and_no_later_ones(
    disk: Disk, writer: Writer
) -> None:
    disk.refused_connections = 1
    with pytest.raises(Unavailable):
        writer.run(put("a"))
    assert writer.run(put("b")) == "b"


def test_what_was_handed_in_before_the_end_is_committed(disk: Disk, writer: Writer) -> None:
    batch = Batch(disk, writer)
    future = batch.add(put("a"))
    closing = threading.Thread(target=writer.close)
    closing.start()
    batch.release()
    closing.join(PATIENCE)
    assert future.result() == "a"
    with pytest.raises(Unavailable):
        writer.run(put("b"))
    assert disk.words() == {"a"}


def test_a_writer_that_rested_goes_on(disk: Disk, writer: Writer) -> None:
    writer.run(put("a"))
    threads = threading.active_count()
    writer.rest()
    assert threading.active_count() == threads - 1
    writer.run(put("b"))
    assert disk.words() == {"a", "b"}


def test_a_price_that_is_refused_has_written_nothing(tmp_path: Path) -> None:
    """Else each refusal would make all that wait with it run once more."""
    store = opened(f"sqlite:///{tmp_path}/otp.db")
    try:
        minute = timedelta(minutes=1)
        full = Quota("address", "address", 1, minute)
        price = Price(gap=Gap("number", minute), take=(full,))
        store.take([full], NOW)

        def refused(connection: Any) -> None:
            before = connection.total_changes
            for due in (price, Price(take=(full,))):
                with pytest.raises(QuotaExceeded):
                    counters.pay(connection, due, counters.look(connection, due, NOW), NOW)
            assert connection.total_changes == before

        store._write(refused)  # type: ignore[attr-defined]
    finally:
        store.close()
