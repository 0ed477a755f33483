"""What every store promises of the queue: who may send which challenge, and until when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from otp import transit
from otp.errors import ClaimLost
from otp.store import Claim, Store
from otp.verification import Verification
from tests.store.material import CLIENT, LEASE, NOW, SECOND, added

INSTANT = SECOND / 1_000_000


def claim(store: Store, token: str = "mine", *, after: float = 0, limit: int = 9) -> list[Claim]:
    return store.claim(token=token, now=NOW + after * SECOND, lease=LEASE, limit=limit)


def ids(claims: list[Claim]) -> list[str]:
    return [claim.verification.id for claim in claims]


def postponed(store: Store, v: Verification, token: str = "mine") -> Verification:
    return store.swap(
        CLIENT,
        v.id,
        lambda v: transit.postponed(v, 1, "unreachable", claim=token, now=NOW),
        now=NOW,
    )


def test_nothing_is_due_in_an_empty_store(store: Store) -> None:
    assert claim(store) == []
    assert store.next_due() is None


def test_a_claim_shows_the_verification_as_it_is_claimed(store: Store) -> None:
    v = added(store)
    (mine,) = claim(store)
    assert (mine.token, mine.number, mine.challenge.claim) == ("mine", 1, "mine")
    assert mine.verification == store.get(CLIENT, v.id)
    assert mine.verification == replace(v, challenges=(replace(v.newest, claim="mine"),))


def test_the_oldest_due_come_first_and_no_more_than_asked(store: Store) -> None:
    made = [added(store, now=NOW + n * SECOND).id for n in (2, 0, 1, 3)]
    assert ids(claim(store, after=2, limit=2)) == [made[1], made[2]]
    assert ids(claim(store, after=2)) == [made[0]]
    assert ids(claim(store, after=3)) == [made[3]]


def test_one_whose_lease_ran_out_keeps_its_place_in_the_queue(store: Store) -> None:
    old = added(store)
    claim(store)
    young = added(store, now=NOW + SECOND)
    assert ids(claim(store, "other", after=LEASE.seconds, limit=1)) == [old.id]
    assert ids(claim(store, "other", after=LEASE.seconds, limit=1)) == [young.id]


def test_nobody_else_gets_it_before_the_lease_has_passed(store: Store) -> None:
    added(store)
    claim(store)
    assert claim(store, "other") == []
    assert store.claim(token="other", now=NOW + LEASE - INSTANT, lease=LEASE, limit=9) == []
    assert len(store.claim(token="other", now=NOW + LEASE, lease=LEASE, limit=9)) == 1


def test_who_lost_the_claim_can_no_longer_use_it(store: Store) -> None:
    v = added(store)
    claim(store)
    claim(store, "other", after=LEASE.seconds)
    with pytest.raises(ClaimLost):
        postponed(store, v)


def test_a_swap_that_takes_the_claim_off_ends_the_lease(store: Store) -> None:
    v = added(store)
    claim(store)
    due_at = postponed(store, v).newest.due_at
    assert NOW < due_at < NOW + LEASE
    assert store.next_due() == due_at
    assert store.claim(token="other", now=due_at - INSTANT, lease=LEASE, limit=9) == []
    assert ids(store.claim(token="other", now=due_at, lease=LEASE, limit=9)) == [v.id]


def test_a_swap_that_keeps_the_claim_keeps_the_lease(store: Store) -> None:
    v = added(store)
    claim(store)
    store.swap(
        CLIENT,
        v.id,
        lambda v: transit.hand_over(v, 1, "digest", claim="mine", route="main", now=NOW),
        now=NOW,
    )
    assert claim(store, "other", after=LEASE.seconds - 1) == []
    assert store.next_due() == NOW + LEASE


def test_what_is_no_longer_queued_is_never_claimed(store: Store) -> None:
    taken, canceled = added(store), added(store)
    claim(store)
    store.swap(
        CLIENT, taken.id, lambda v: transit.taken(v, 1, "sms-1", claim="mine", now=NOW), now=NOW
    )
    store.swap(CLIENT, canceled.id, lambda v: v.cancel(NOW), now=NOW)
    assert claim(store, "other", after=99) == []
    assert store.next_due() is None


def test_both_challenges_of_one_verification_may_be_claimed(store: Store) -> None:
    id = added(store).id
    later = NOW + 30 * SECOND
    store.swap(CLIENT, id, lambda v: v.resend(later), now=later)
    claims = claim(store, after=30)
    assert [(c.verification.id, c.number) for c in claims] == [(id, 1), (id, 2)]
    assert all(c.verification == store.get(CLIENT, id) for c in claims)


def test_next_due_is_the_nearest_of_waits_and_leases(store: Store) -> None:
    first = added(store)
    assert store.next_due() == NOW
    claim(store)
    assert store.next_due() == NOW + LEASE
    added(store, now=NOW + 3 * SECOND)
    assert store.next_due() == NOW + 3 * SECOND
    claim(store, after=3)
    assert store.next_due() == NOW + LEASE
    store.swap(
        CLIENT, first.id, lambda v: transit.taken(v, 1, "sms-1", claim="mine", now=NOW), now=NOW
    )
    assert store.next_due() == NOW + 3 * SECOND + LEASE
