"""What holds of the SQLite store alone: its files, its locks, its limits."""

from __future__ import annotations

import os
import secrets
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from otp import transit
from otp.challenge import Delivery
from otp.errors import TooSoon, Unavailable
from otp.store import Gap, Price, Quota, Replay, Store, open_store
from otp.store.columns import micros
from otp.store.migrations import _SCHEMA as SCHEMA
from otp.store.sqlite import SqliteStore
from otp.verification import Verification
from tests.store.crowd import together
from tests.store.material import (
    CLIENT,
    LEASE,
    NEW_KEY,
    NOW,
    NUMBER,
    OLD_KEY,
    SECOND,
    added,
    guess_wrong,
    keyring,
    new,
    opened,
    right,
    sent,
)

PATIENCE = 30


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "otp.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(str(path), keyring(), secrets.token_bytes)
    yield made
    made.close()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def files(path: Path) -> list[Path]:
    return sorted(path.parent.iterdir())


def content(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in files(path))


def pragma(connection: Any, name: str) -> Any:
    return connection.execute(f"PRAGMA {name}").fetchall()[0][0]


# -- files ----------------------------------------------------------------------------------------


def test_all_its_files_are_for_their_owner_alone(store: SqliteStore, path: Path) -> None:
    added(store)
    assert {file.name for file in files(path)} == {
        "otp.db",
        "otp.db-shm",
        "otp.db-wal",
        "otp.db.lock",
    }
    assert {mode(file) for file in files(path)} == {0o600}
    assert mode(path.parent) == 0o700


def test_a_path_may_be_relative_and_is_kept_when_the_process_moves(
    path: Path, tmp_path: Path
) -> None:
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        store = opened("sqlite:///data/otp.db")
        os.chdir(before)
        v = added(store)
        store.close()
    finally:
        os.chdir(before)
    again = opened(f"sqlite:///{path}")
    assert again.get(CLIENT, v.id) == v
    again.close()


def test_a_url_without_a_file_is_refused() -> None:
    with pytest.raises(ValueError, match="names no file"):
        opened("sqlite:///")
    with pytest.raises(ValueError, match="no store for 'mysql' URLs"):
        opened("mysql://host/otp")


def test_what_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"no folder")
    (tmp_path / "text.db").write_bytes(b"no database" * 100)
    for name in ("file/otp.db", "text.db"):
        with pytest.raises(Unavailable):
            opened(f"sqlite:///{tmp_path}/{name}")


@pytest.mark.parametrize("way", ["_read", "_write"])
def test_every_connection_keeps_what_it_says_and_forgets_what_it_should(
    store: SqliteStore, way: str
) -> None:
    run = getattr(store, way)
    names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "busy_timeout")
    found = run(lambda connection: [pragma(connection, name) for name in names])
    full = 2
    assert found == ["wal", full, 1, 1, 5000]


# -- what is left on the disk ---------------------------------------------------------------------


def test_neither_number_nor_digest_is_left_once_it_is_forgotten(
    store: SqliteStore, path: Path
) -> None:
    digest = "old$" + secrets.token_hex(32)
    crowd = [added(store, reference=f"crowd-{n}") for n in range(30)]
    v = store.add(
        new(store, reference="the-reference"),
        now=NOW,
        replay=Replay(key=b"the-replay-key", fingerprint=b"f"),
    )
    for claim in store.claim(token="t", now=NOW, lease=LEASE, limit=99):
        if claim.verification.id == v.id:
            store.swap(
                CLIENT,
                v.id,
                lambda v: transit.hand_over(v, 1, digest, claim="t", route="main", now=NOW),
                now=NOW,
            )
    assert digest.encode() in content(path)
    assert NUMBER.national.encode() not in content(path)
    index = store.lookup.index(NUMBER)
    assert index in content(path)

    store.swap(CLIENT, v.id, lambda v: v.cancel(NOW), now=NOW)
    store.purge(NOW - timedelta(days=1), NOW, 9)
    assert digest.encode() not in content(path)
    assert b"the-reference" in content(path)

    store.purge(NOW + SECOND, NOW, 9)
    assert b"the-reference" not in content(path)
    assert b"the-replay-key" not in content(path)
    assert crowd[7].reference is not None
    assert crowd[7].reference.encode() in content(path)

    assert store.forget_number(NUMBER) == 30
    assert index not in content(path)
    assert crowd[7].reference.encode() not in content(path)


def test_a_purge_empties_the_log(store: SqliteStore, path: Path) -> None:
    added(store)
    log = path.with_name("otp.db-wal")
    assert log.stat().st_size > 0
    store.purge(NOW, NOW, 9)
    assert log.stat().st_size == 0


def test_a_reader_in_the_way_of_a_purge_only_puts_the_log_off(
    store: SqliteStore, path: Path
) -> None:
    id = added(store).id
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM verification").fetchall()
    store.swap(CLIENT, id, lambda v: v.cancel(NOW), now=NOW)
    assert store.purge(NOW + SECOND, NOW, 9) == 1
    reader.close()
    store.purge(NOW + SECOND, NOW, 9)
    assert path.with_name("otp.db-wal").stat().st_size == 0


def test_an_idle_sender_writes_nothing(store: SqliteStore, path: Path) -> None:
    added(store, now=NOW + SECOND)
    log = path.with_name("otp.db-wal")
    before = log.stat().st_size
    for _ in range(3):
        assert store.claim(token="t", now=NOW, lease=LEASE, limit=9) == []
        store.next_due()
    assert log.stat().st_size == before


def test_a_swap_that_changes_nothing_writes_nothing(store: SqliteStore, path: Path) -> None:
    id = added(store).id
    log = path.with_name("otp.db-wal")
    before = log.stat().st_size
    store.swap(CLIENT, id, lambda v: v, now=NOW)
    assert log.stat().st_size == before


def test_the_finished_leave_the_partial_indexes(store: SqliteStore, path: Path) -> None:
    for n in range(200):
        v = sent(store, now=NOW + n * SECOND, can_ask=True)
        store.swap(
            CLIENT, v.id, lambda v: transit.received(v, 1, Delivery.DELIVERED, None, NOW), now=NOW
        )
        store.swap(CLIENT, v.id, lambda v: v.cancel(NOW), now=NOW)
    store.purge(NOW - timedelta(days=1), NOW, 9)
    with sqlite3.connect(path) as connection:
        pages = dict(
            connection.execute("SELECT name, count(*) FROM dbstat GROUP BY name").fetchall()
        )
    connection.close()
    assert pages["verification"] > 10
    hot = ("verification_pending", "verification_changing", "challenge_queue")
    asked = ("challenge_asks", "challenge_awaited")
    assert [pages[name] for name in (*hot, *asked)] == [1] * 5


# -- starting -------------------------------------------------------------------------------------


def test_many_processes_may_start_at_once_on_no_file(path: Path) -> None:
    script = (
        "import sys\n"
        "from tests.store.material import opened\n"
        "store = opened(sys.argv[1])\n"
        "print(store.lookup.mac('one', 'and the same').hex())\n"
        "store.ping()\n"
        "store.close()\n"
    )
    crowd = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", script, f"sqlite:///{path}"],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for _ in range(8)
    ]
    words = [process.communicate(timeout=PATIENCE)[0].strip() for process in crowd]
    assert [process.returncode for process in crowd] == [0] * 8
    assert len(set(words)) == 1
    assert len(words[0]) == 64


def test_opening_again_changes_nothing(path: Path) -> None:
    first = opened(f"sqlite:///{path}")
    v = added(first)
    second = opened(f"sqlite:///{path}")
    assert second.get(CLIENT, v.id) == v
    assert len(second.clients()) == 1
    first.close()
    second.close()


def test_a_database_of_the_first_version_is_brought_up_to_date_with_what_is_in_it(
    path: Path,
) -> None:
    row_key = secrets.token_bytes(16)
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.executescript((SCHEMA / "0001_first_tables.sql").read_text())
    connection.executescript(
        "CREATE TABLE schema_version (number INTEGER PRIMARY KEY, name TEXT);"
        "INSERT INTO schema_version VALUES (1, '0001_first_tables');"
    )
    sealed = keyring().seal("number", b"91 9876543210", context=row_key)
    policy = (
        '{"code_length":6,"code_life":600000000,"life":1200000000,"max_attempts":5,'
        '"resend_waits":[30000000],"live_codes":2}'
    )
    with connection:
        connection.execute(
            "INSERT INTO verification (row_key, client, number_index, number_sealed, policy,"
            " created_at, support_code, status, attempts, is_pending)"
            " VALUES (?, ?, ?, ?, ?, ?, 'K7QF-2M9D', 'pending', 2, 1)",
            (row_key, CLIENT, bytes(16), sealed, policy, micros(NOW)),
        )
        connection.execute(
            "INSERT INTO challenge (verification, number, channel, queued_at, due_at, expires_at,"
            " updated_at, delivery, tries, digest, is_queued)"
            " VALUES (?, 1, 'sms', ?, ?, ?, ?, 'sent', 0, 'old$00', 0)",
            (row_key, *[micros(NOW + n * 60 * SECOND) for n in (0, 0, 10, 0)]),
        )
    connection.close()
    store = opened(f"sqlite:///{path}")
    id = store.lookup.public_id(row_key)
    v = store.get(CLIENT, id)
    assert (v.phone, v.attempts, v.policy.code_length, v.redeemed_at) == (NUMBER, 2, 6, None)
    store.swap(CLIENT, id, lambda v: v.check(right, caller="key", now=NOW), now=NOW)
    store.swap(CLIENT, id, lambda v: v.redeem(NOW), now=NOW)
    assert store.get(CLIENT, id).redeemed_at == NOW
    assert [client.id for client in store.clients()] == ["sign-in"]
    store.ping()
    store.close()


def test_a_wait_goes_on_where_gaps_become_rows_of_counts(path: Path) -> None:
    path.parent.mkdir()
    kept = sqlite3.connect(path)
    for file in sorted(SCHEMA.glob("*.sql")):
        if file.name < "0008":
            kept.executescript(file.read_text())
    kept.executescript(
        "CREATE TABLE schema_version (number INTEGER PRIMARY KEY, name TEXT);"
        "INSERT INTO schema_version VALUES (7, 'the one before');"
        f"INSERT INTO gap VALUES ('phone:abc', {micros(NOW)}, {micros(NOW + 30 * SECOND)});"
    )
    kept.close()
    store = SqliteStore(str(path), keyring(), secrets.token_bytes)
    price = Price(gap=Gap("abc:last", 30 * SECOND))
    with pytest.raises(TooSoon) as early:
        store.add(new(store), now=NOW + 10 * SECOND, price=price)
    assert early.value.retry_in == 20 * SECOND
    store.add(new(store), now=NOW + 30 * SECOND, price=price)
    store.close()


def test_a_purge_reads_through_all_counts_and_keeps_those_that_matter(
    store: SqliteStore, path: Path
) -> None:
    short, long = timedelta(minutes=1), timedelta(days=1)
    for first in range(0, 1200, 100):
        quotas = [
            Quota("client", f"{n:04}", 9, long if n % 3 == 0 else short)
            for n in range(first, first + 100)
        ]
        store.take(quotas, NOW)
    for _ in range(2):
        store.purge(NOW, NOW + 2 * short, 9)
        with closing(sqlite3.connect(path)) as connection:
            left = connection.execute("SELECT bucket FROM quota ORDER BY bucket").fetchall()
        assert left == [(f"{n:04}",) for n in range(0, 1200, 3)]


def test_a_schema_newer_than_the_code_is_refused_and_left_alone(path: Path) -> None:
    opened(f"sqlite:///{path}").close()
    newer(path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="the database has schema 9999"):
        opened(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_a_schema_that_was_changed_under_a_running_store_fails_its_ping(
    store: SqliteStore, path: Path
) -> None:
    newer(path)
    with pytest.raises(Unavailable):
        store.ping()


def newer(path: Path) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("INSERT INTO schema_version VALUES (9999, 'from the future')")
    connection.close()


def test_once_a_new_key_comes_first_the_old_one_is_not_needed(path: Path) -> None:
    url = f"sqlite:///{path}"
    names = []
    for keys in ((OLD_KEY,), (OLD_KEY, NEW_KEY), (NEW_KEY, OLD_KEY), (NEW_KEY,)):
        store = opened(url, *keys)
        names.append(store.lookup.index(NUMBER))
        store.close()
    assert len(set(names)) == 1
    with pytest.raises(ValueError, match="OTP_SECRET_KEYS"):
        opened(url, OLD_KEY)


# -- trouble --------------------------------------------------------------------------------------


def test_a_full_disk_is_unavailable_and_over_when_there_is_room_again(path: Path) -> None:
    """In a process of its own that may write no more than a little."""
    script = (
        "import resource, signal, sys\n"
        "from tests.store.material import *\n"
        "from otp.errors import Unavailable\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "store = opened(sys.argv[1])\n"
        "kept = [added(store)]\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))\n"
        "try:\n"
        "    while len(kept) < 1000:\n"
        "        kept.append(added(store, nonce='x' * 200))\n"
        "except Unavailable as error:\n"
        "    assert error.reason == 'store'\n"
        "else:\n"
        "    sys.exit('the disk was never full')\n"
        "assert [store.get(CLIENT, v.id) for v in kept] == kept\n"
        "assert len(store.of_number(NUMBER, 9999)) == len(kept)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)\n"
        "kept.append(added(store))\n"
        "assert len(store.of_number(NUMBER, 9999)) == len(kept)\n"
        "store.close()\n"
        "print('whole')\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, f"sqlite:///{path}"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=Path(__file__).parents[2],
    )
    assert (done.stdout, done.stderr) == ("whole\n", "")


def test_a_crowd_on_forty_verifications_meets_no_lock(path: Path) -> None:
    stores = [opened(f"sqlite:///{path}") for _ in range(2)]
    ids = [added(stores[0]).id for _ in range(40)]
    answers = together(40, lambda n: guess_wrong(stores[n % 2], ids[n]).attempts)
    assert answers == [1] * 40
    for store in stores:
        store.close()


def test_a_file_locked_by_somebody_else_is_unavailable_to_writers_only(
    store: SqliteStore, path: Path
) -> None:
    v = added(store)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable):
        store.ping()
    assert store.get(CLIENT, v.id) == v
    other.execute("ROLLBACK")
    other.close()
    store.ping()


def test_readers_see_whole_verifications_while_others_write(store: SqliteStore) -> None:
    id = added(store, reference="order").id
    done = threading.Event()

    def write() -> None:
        for n in range(1, 60):
            at = NOW + n * SECOND
            store.swap(CLIENT, id, lambda v, n=n, at=at: _stamped(v, n, at), now=at)
        done.set()

    def read() -> int:
        seen = set()
        while not done.is_set():
            for v in (store.get(CLIENT, id), *store.by_reference(CLIENT, "order", 1)):
                assert v.newest.tries == v.attempts
                seen.add(v.attempts)
        return len(seen)

    with ThreadPoolExecutor(5) as pool:
        readers = [pool.submit(read) for _ in range(4)]
        pool.submit(write).result(PATIENCE)
        assert sum(reader.result(PATIENCE) for reader in readers) > 10


def _stamped(v: Verification, number: int, at: datetime) -> Verification:
    return replace(v, attempts=number, challenges=(replace(v.newest, tries=number, updated_at=at),))


def test_connections_do_not_pile_up_with_the_threads_that_came_and_went(
    store: SqliteStore, path: Path
) -> None:
    id = added(store).id
    for _ in range(50):
        thread = threading.Thread(target=store.get, args=(CLIENT, id))
        thread.start()
        thread.join(PATIENCE)
    assert handles(path) <= 6


def test_no_connection_crosses_a_fork(store: SqliteStore, path: Path) -> None:
    v = added(store)
    store.get(CLIENT, v.id)
    assert handles(path) > 0
    child = os.fork()
    if child == 0:
        signal.alarm(PATIENCE)
        try:
            clean = handles(path) == 0
            changed = guess_wrong(store, v.id).attempts
            os._exit(0 if clean and changed and store.get(CLIENT, v.id).attempts else 1)
        finally:
            os._exit(2)
    assert guess_wrong(store, v.id).attempts in (1, 2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.get(CLIENT, v.id).attempts == 2


def handles(path: Path) -> int:
    """How many files of the store this process has open."""
    count = 0
    for link in Path("/proc/self/fd").iterdir():
        try:
            count += os.readlink(link).startswith(str(path))
        except FileNotFoundError:
            continue  # the handle that lists them
    return count


def test_close_leaves_no_handle_and_no_log(path: Path) -> None:
    store: Store = open_store(f"sqlite:///{path}", keyring(), secrets.token_bytes)
    id = added(store).id
    together(8, lambda _: store.get(CLIENT, id))
    store.close()
    assert handles(path) == 0
    assert [file.name for file in files(path)] == ["otp.db", "otp.db.lock"]
