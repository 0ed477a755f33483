"""Group commit: one thread writes for all the others, and commits together those that wait.

One flush to the disk then serves many callers, and writers of one process never fight for the
lock. Nobody is answered before the commit. Which database it is is not known here.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from otp.errors import Unavailable
from otp.store.rows import Connection

T = TypeVar("T")

_MOST_TOGETHER: Final = 128


class WritingConnection(Connection, Protocol):
    """A connection that begins and ends no transaction by itself."""

    @property
    def in_transaction(self) -> bool: ...
    @property
    def total_changes(self) -> int:
        """How many rows were written since it was opened."""

    def close(self) -> None: ...


@contextmanager
def transaction(connection: WritingConnection) -> Iterator[None]:
    # Immediate: one that begins by reading and writes later is refused if another wrote between.
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


class Writer:
    """The thread that writes. It and its connection come with the first change.

    *refusal* is what the database raises when it cannot do something; callers get `Unavailable`.
    """

    def __init__(self, connect: Callable[[], WritingConnection], refusal: type[Exception]) -> None:
        self._connect = connect
        self._refusal = refusal
        self._waiting: queue.SimpleQueue[_Change | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def run(self, work: Callable[[Connection], T]) -> T:
        """What *work* returned, once that is committed; or what it raised, undone."""
        change = _Change(work)
        with self._lock:
            if self._is_closed:
                raise Unavailable("store")
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="writer", daemon=True)
                self._thread.start()
            self._waiting.put(change)
        answer: T = change.answer()
        return answer

    def rest(self) -> None:
        """Commit what waits, and end the thread and its connection until the next change."""
        with self._lock:
            if self._thread:
                self._waiting.put(None)
                self._thread.join()
                self._thread = None

    def close(self) -> None:
        """Commit what waits, and take no more."""
        with self._lock:
            self._is_closed = True
        self.rest()

    def _serve(self) -> None:
        connection: WritingConnection | None = None
        while (first := self._waiting.get()) is not None:
            connection = self._commit(connection, first)
            del first  # it holds what a caller sent, and the wait for the next may be long
        if connection:
            connection.close()

    def _commit(
        self, connection: WritingConnection | None, first: _Change
    ) -> WritingConnection | None:
        """Commit *first* and those that wait behind it; the connection, if it is still good."""
        batch = [first, *self._behind()]
        try:
            connection = connection or self._connect()
            with transaction(connection):
                answers = self._attempts(connection, batch)
        except Exception as error:
            # The database gave up, perhaps while it committed: nothing is known to be written.
            if connection:
                connection.close()
            for change in batch:
                change.fail(_unavailable(error))
            return None
        for answer in answers:
            answer()
        return connection

    def _behind(self) -> Iterator[_Change]:
        for _ in range(min(self._waiting.qsize(), _MOST_TOGETHER - 1)):
            change = self._waiting.get()
            if change is None:
                self._waiting.put(None)  # nothing comes behind it
                return
            yield change

    def _attempts(
        self, connection: WritingConnection, batch: Sequence[_Change]
    ) -> list[Callable[[], None]]:
        """Run each change, so that it fails alone; how to answer them once all are committed.

        Nearly all that fail do so before they have written. So savepoints, which cost as much as
        a statement each, are set only when one did not: then all run once more.
        """
        try:
            return [self._attempt(connection, change) for change in batch]
        except _HalfWrittenError:
            connection.execute("ROLLBACK")
            connection.execute("BEGIN IMMEDIATE")
            return [self._guarded_attempt(connection, change) for change in batch]

    def _attempt(self, connection: WritingConnection, change: _Change) -> Callable[[], None]:
        before = connection.total_changes
        try:
            value = change.work(connection)
        except BaseException as error:
            # Some errors, a full disk for one, end the whole transaction.
            if not connection.in_transaction:
                raise
            if connection.total_changes != before:
                raise _HalfWrittenError from error
            return self._failing(change, error)
        return partial(change.succeed, value)

    def _guarded_attempt(
        self, connection: WritingConnection, change: _Change
    ) -> Callable[[], None]:
        connection.execute("SAVEPOINT change")
        try:
            value = change.work(connection)
        except BaseException as error:
            # No savepoint is left to go back to where the transaction has ended by itself, and
            # whatever followed would commit itself, statement by statement.
            if not connection.in_transaction:
                raise
            connection.execute("ROLLBACK TO change")
            connection.execute("RELEASE change")
            return self._failing(change, error)
        connection.execute("RELEASE change")
        return partial(change.succeed, value)

    def _failing(self, change: _Change, error: BaseException) -> Callable[[], None]:
        refused = isinstance(error, self._refusal)
        return partial(change.fail, _unavailable(error) if refused else error)


class _HalfWrittenError(Exception):
    """A change failed after it had written."""


class _Change:
    """What one caller waits for. A bare lock: a future costs as much as the change itself."""

    __slots__ = ("_done", "_error", "_value", "work")

    def __init__(self, work: Callable[[Connection], Any]) -> None:
        self.work = work
        self._value: Any = None
        self._error: BaseException | None = None
        self._done = threading.Lock()
        self._done.acquire()

    def succeed(self, value: Any) -> None:
        self._value = value
        self._done.release()

    def fail(self, error: BaseException) -> None:
        self._error = error
        self._done.release()

    def answer(self) -> Any:
        """Wait for what came of it: its value, or its error raised."""
        self._done.acquire()
        if self._error is not None:
            try:
                raise self._error
            finally:
                self._error = None  # an error that its traceback holds would live on
        return self._value


def _unavailable(cause: BaseException) -> Unavailable:
    error = Unavailable("store")
    error.__cause__ = cause
    return error
