"""What holds however many come at once: as threads of one process, and as several processes."""

from __future__ import annotations

from collections import Counter

import pytest

from otp.breaker import FAILURES
from otp.store import Store
from otp.verification import Policy, Status
from tests.store import crowd
from tests.store.material import CLIENT, LEASE, NOW, SECOND, added, approved, sent

FIVE = Policy(max_attempts=5)
ROUNDS = [f"round-{number}" for number in range(4)]


def assert_five_were_charged(store: Store, id: str, words: list[str]) -> None:
    assert Counter(words) == {
        **{str(attempts): 1 for attempts in range(1, 6)},
        "VerificationEnded": len(words) - 5,
    }
    ended = store.get(CLIENT, id)
    assert (ended.attempts, ended.status) == (5, Status.MAX_ATTEMPTS_REACHED)


def assert_one_approved(store: Store, id: str, words: list[str]) -> None:
    assert Counter(words) == {"approved": 1, "again": len(words) - 1}
    assert store.get(CLIENT, id).attempts == 1


def assert_all_got_one(store: Store, key: str, words: list[str]) -> None:
    assert set(words) == {v.id for v in store.by_reference(CLIENT, key, 100)}
    assert len(set(words)) == 1


def assert_one_was_added(store: Store, bucket: str, words: list[str]) -> None:
    assert Counter(words) == {"added": 1, "TooSoon": len(words) - 1}
    assert len(store.by_reference(CLIENT, bucket, 100)) == 1


def assert_the_limit_was_added(store: Store, bucket: str, words: list[str]) -> None:
    assert Counter(words) == {"added": crowd.LIMIT, "QuotaExceeded": len(words) - crowd.LIMIT}
    assert len(store.by_reference(CLIENT, bucket, 100)) == crowd.LIMIT


def assert_the_limit_was_taken(words: list[str]) -> None:
    assert Counter(words) == {"taken": crowd.LIMIT, "QuotaExceeded": len(words) - crowd.LIMIT}


def assert_one_redeemed(store: Store, id: str, words: list[str]) -> None:
    assert Counter(words) == {"redeemed": 1, "ProofSpent": len(words) - 1}
    assert store.get(CLIENT, id).redeemed_at == NOW


def test_no_guess_is_free_however_many_threads_come_at_once(store: Store) -> None:
    for _ in ROUNDS:
        id = added(store, policy=FIVE).id
        assert_five_were_charged(store, id, crowd.threads(store, crowd.guess, id))


def test_a_right_code_approves_once_however_many_threads_bring_it(store: Store) -> None:
    for _ in ROUNDS:
        id = sent(store).id
        assert_one_approved(store, id, crowd.threads(store, crowd.approve, id))


def test_twins_among_threads_all_get_the_one_that_was_added(store: Store) -> None:
    for key in ROUNDS:
        assert_all_got_one(store, key, crowd.threads(store, crowd.add_one_replay, key))


def test_one_thread_of_a_crowd_passes_a_gap(store: Store) -> None:
    for bucket in ROUNDS:
        assert_one_was_added(store, bucket, crowd.threads(store, crowd.add_under_a_gap, bucket))


def test_threads_get_exactly_the_limit_of_a_quota(store: Store) -> None:
    for bucket in ROUNDS:
        assert_the_limit_was_taken(crowd.threads(store, crowd.take, bucket))
        words = crowd.threads(store, crowd.add_under_a_quota, f"add-{bucket}")
        assert_the_limit_was_added(store, f"add-{bucket}", words)


def test_one_thread_of_a_crowd_redeems_a_proof(store: Store) -> None:
    for _ in ROUNDS:
        id = approved(store).id
        assert_one_redeemed(store, id, crowd.threads(store, crowd.redeem, id))


def test_repeats_of_one_redemption_are_all_told_of_it_and_others_are_not(store: Store) -> None:
    for _ in ROUNDS:
        id = approved(store).id
        assert set(crowd.threads(store, crowd.redeem_with_one_key, id)) == {"told"}
        assert set(crowd.threads(store, crowd.redeem, id, 4)) == {"ProofSpent"}


def test_each_challenge_is_claimed_by_one_thread_until_its_lease_ends(store: Store) -> None:
    ids = {added(store).id for _ in range(60)}
    first = " ".join(crowd.threads(store, crowd.claim_a_few, "early")).split()
    assert sorted(first) == sorted(ids)
    assert store.claim(token="late", now=NOW + LEASE - SECOND / 1000, lease=LEASE, limit=99) == []
    again = store.claim(token="late", now=NOW + LEASE, lease=LEASE, limit=99)
    assert {claim.verification.id for claim in again} == ids


@pytest.mark.process
def test_no_guess_is_free_however_many_processes_come_at_once(url: str, store: Store) -> None:
    ids = [added(store, policy=FIVE).id for _ in ROUNDS]
    for id, words in zip(ids, crowd.processes(url, crowd.guess, ids), strict=True):
        assert_five_were_charged(store, id, words)


@pytest.mark.process
def test_a_right_code_approves_once_however_many_processes_bring_it(url: str, store: Store) -> None:
    ids = [sent(store).id for _ in ROUNDS]
    for id, words in zip(ids, crowd.processes(url, crowd.approve, ids), strict=True):
        assert_one_approved(store, id, words)


@pytest.mark.process
def test_twins_among_processes_all_get_the_one_that_was_added(url: str, store: Store) -> None:
    for key, words in zip(ROUNDS, crowd.processes(url, crowd.add_one_replay, ROUNDS), strict=True):
        assert_all_got_one(store, key, words)


@pytest.mark.process
def test_one_process_of_a_crowd_passes_a_gap(url: str, store: Store) -> None:
    for bucket, words in zip(
        ROUNDS, crowd.processes(url, crowd.add_under_a_gap, ROUNDS), strict=True
    ):
        assert_one_was_added(store, bucket, words)


@pytest.mark.process
def test_processes_get_exactly_the_limit_of_a_quota(url: str, store: Store) -> None:
    for bucket, words in zip(
        ROUNDS, crowd.processes(url, crowd.add_under_a_quota, ROUNDS), strict=True
    ):
        assert_the_limit_was_added(store, bucket, words)


@pytest.mark.process
def test_each_challenge_is_claimed_by_one_process(url: str, store: Store) -> None:
    ids = [added(store).id for _ in range(100)]
    rounds = crowd.processes(url, crowd.claim_a_few, ["sender"])
    assert sorted(" ".join(rounds[0]).split()) == sorted(ids)


@pytest.mark.process
def test_one_process_of_a_crowd_redeems_a_proof(url: str, store: Store) -> None:
    ids = [approved(store).id for _ in ROUNDS]
    for id, words in zip(ids, crowd.processes(url, crowd.redeem, ids), strict=True):
        assert_one_redeemed(store, id, words)


def test_of_a_crowd_one_tries_a_route_that_failed(store: Store, url: str) -> None:
    for route in ROUNDS:
        crowd.opened_route(store, route)
    for words in crowd.processes(url, crowd.try_a_route, ROUNDS):
        assert Counter(words) == {"tried": 1, "left": len(words) - 1}


def test_no_failure_of_a_crowd_is_lost_and_one_opens_the_breaker(store: Store, url: str) -> None:
    crowd.failed_once_too_few(store, "main")
    crowd.processes(url, crowd.fail_a_route, ["main"])
    assert (store.breakers()["main"].failures, store.breakers()["main"].trips) == (FAILURES, 1)


def test_nothing_is_lost_of_what_processes_count_while_all_of_them_fold(
    store: Store, url: str
) -> None:
    [words] = crowd.processes(url, crowd.count_and_fold, ["starts"])
    assert Counter(words) == {"counted": 40}
    assert store.tallies() == {"starts": 400}
    assert store.fold_tallies("~") == 0
