"""Many at once: threads at one barrier, and processes of such threads.

What a member of a crowd does is a function of (store, subject) that stands here, since another
process must find it by its name; it answers with a word that can travel.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import TypeVar

from otp.breaker import FAILURES, Breaker
from otp.store import Gap, Price, Quota, Replay, Store
from otp.verification import Verification
from tests.store.material import CLIENT, LEASE, NOW, SECOND, guess_wrong, new, opened, right

T = TypeVar("T")
Act = Callable[[Store, str], str]

PATIENCE = 60
LIMIT = 5


def together(count: int, act: Callable[[int], T]) -> list[T | Exception]:
    """What each of *count* threads got that ran *act* at once, or what it raised."""
    barrier = threading.Barrier(count)

    def member(number: int) -> T | Exception:
        barrier.wait(PATIENCE)
        try:
            return act(number)
        except Exception as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(member, range(count)))


def threads(store: Store, act: Act, subject: str, count: int = 32) -> list[str]:
    """The words of *count* threads; the name of the class where one raised."""
    return [_word(answer) for answer in together(count, lambda _: act(store, subject))]


def processes(
    url: str, act: Act, subjects: Sequence[str], count: int = 4, each: int = 10
) -> list[list[str]]:
    """The words of *count* processes of *each* threads, a crowd for each of *subjects* in turn."""
    spawn = multiprocessing.get_context("spawn")
    barrier, words = spawn.Barrier(count), spawn.Queue()
    crowd = [
        spawn.Process(target=_process, args=(url, act, subjects, each, barrier, words))
        for _ in range(count)
    ]
    for process in crowd:
        process.start()
    answers = [words.get(timeout=PATIENCE) for _ in range(count * len(subjects))]
    for process in crowd:
        process.join(PATIENCE)
    assert [process.exitcode for process in crowd] == [0] * count
    return [
        [word for round, words in answers for word in words if round == number]
        for number in range(len(subjects))
    ]


def _process(
    url: str,
    act: Act,
    subjects: Sequence[str],
    each: int,
    barrier: Barrier,
    words: Queue[tuple[int, list[str]]],
) -> None:
    store = opened(url)
    for round, subject in enumerate(subjects):
        barrier.wait(PATIENCE)
        words.put((round, threads(store, act, subject, each)))
    store.close()


def _word(answer: str | Exception) -> str:
    return type(answer).__name__ if isinstance(answer, Exception) else answer


# -- what its members do --------------------------------------------------------------------------


def guess(store: Store, id: str) -> str:
    """A wrong guess; the number of attempts after it."""
    return str(guess_wrong(store, id).attempts)


def approve(store: Store, id: str) -> str:
    """The right code; whether this one ended it, or was told again."""
    found: list[Verification] = []

    def change(v: Verification) -> Verification:
        found.append(v)
        return v.check(right, caller="key", now=NOW)

    store.swap(CLIENT, id, change, now=NOW)
    return "approved" if found[-1].is_pending else "again"


def add_one_replay(store: Store, key: str) -> str:
    replay = Replay(key=key.encode(), fingerprint=b"same")
    return store.add(new(store, reference=key), now=NOW, replay=replay).id


def add_under_a_gap(store: Store, bucket: str) -> str:
    price = Price(gap=Gap(bucket, 30 * SECOND))
    store.add(new(store, reference=bucket), now=NOW, price=price)
    return "added"


def add_under_a_quota(store: Store, bucket: str) -> str:
    price = Price(take=(Quota("address", bucket, LIMIT, 60 * SECOND),))
    store.add(new(store, reference=bucket), now=NOW, price=price)
    return "added"


def take(store: Store, bucket: str) -> str:
    wide = Quota("client", f"all:{bucket}", 1000, 60 * SECOND)
    store.take([wide, Quota("address", bucket, LIMIT, 60 * SECOND)], NOW)
    return "taken"


def claim_a_few(store: Store, token: str) -> str:
    """The ids of what it was given, separated by spaces."""
    claims = store.claim(token=token, now=NOW, lease=LEASE, limit=3)
    return " ".join(claim.verification.id for claim in claims)


def count_and_fold(store: Store, name: str) -> str:
    """Counts ten times under a name of its own, and adds up everybody's rows each time."""
    mine = f"{os.getpid()} {threading.get_ident()}"
    for _ in range(10):
        store.tally(mine, [(name, 1)])
        store.fold_tallies("~")
    return "counted"


def redeem(store: Store, id: str) -> str:
    store.swap(CLIENT, id, lambda v: v.redeem(NOW), now=NOW)
    return "redeemed"


def redeem_with_one_key(store: Store, id: str) -> str:
    """As repeats of one request do."""
    replay = Replay(key=id.encode(), fingerprint=b"same")
    store.swap(CLIENT, id, lambda v: v.redeem(NOW), now=NOW, replay=replay)
    return "told"


def try_a_route(store: Store, route: str) -> str:
    """Whether this one got the single try of a route that was left alone for long enough."""
    tried = store.turn(route, lambda found: found.tried(NOW, LEASE))
    return "tried" if tried[1] != tried[0] else "left"


def fail_a_route(store: Store, route: str) -> str:
    store.turn(route, lambda found: found.failed("timeout", NOW))
    return "failed"


def opened_route(store: Store, route: str) -> None:
    """One that has had its rest, and may be tried."""
    for _ in range(FAILURES):
        store.turn(route, lambda found: found.failed("timeout", NOW - 60 * SECOND))


def failed_once_too_few(store: Store, route: str) -> Breaker:
    for _ in range(FAILURES - 1):
        _, found = store.turn(route, lambda found: found.failed("timeout", NOW))
    return found
