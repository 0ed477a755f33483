"""What every store promises of messages that left: what is asked about, and whose a receipt is."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import timedelta

import pytest

from otp import transit
from otp.challenge import Delivery
from otp.errors import ClaimLost
from otp.store import MessageName, Store
from otp.verification import Verification
from tests.store.material import CLIENT, NOW, SECOND, added, sent

LEASE = 5 * SECOND


def lost(store: Store, *, after: float = 0, route: str = "main") -> Verification:
    now = NOW + after * SECOND
    v = added(store, now=now)
    store.claim(token="sender", now=now, lease=LEASE, limit=9)
    store.swap(
        CLIENT,
        v.id,
        lambda v: transit.hand_over(v, 1, "digest", claim="sender", route=route, now=now),
        now=now,
    )
    return store.swap(
        CLIENT,
        v.id,
        lambda v: transit.answer_lost(v, 1, "no_answer", now=now, can_ask=True),
        now=now,
    )


def due(
    store: Store, after: float, *, lost: bool = False, route: str = "main", limit: int = 9
) -> list[str]:
    names = store.due_asks(route, NOW + after * SECOND, limit, lost=lost)
    assert all((name.client_id, name.number) == (CLIENT, 1) for name in names)
    return [name.verification_id for name in names]


def ask(store: Store, id: str, after: float) -> None:
    now = NOW + after * SECOND
    store.swap(CLIENT, id, lambda v: transit.asking(v, 1, until=now + LEASE, now=now), now=now)


def test_what_left_is_asked_about_when_its_time_comes(store: Store) -> None:
    v = sent(store, can_ask=True)
    assert due(store, 19.9) == []
    assert due(store, 20) == [v.id]
    assert due(store, 20, route="other") == []
    assert due(store, 20, lost=True) == []


def test_lost_answers_are_asked_about_apart_from_the_others(store: Store) -> None:
    sent(store, can_ask=True)
    v = lost(store)
    assert due(store, 2, lost=True) == [v.id]
    assert due(store, 1.9, lost=True) == []


def test_those_longest_due_come_first_and_no_more_than_asked(store: Store) -> None:
    made = [lost(store, after=n).id for n in (2, 0, 1)]
    assert due(store, 9, lost=True, limit=2) == [made[1], made[2]]


def test_what_is_queued_over_or_never_left_is_not_asked_about(store: Store) -> None:
    added(store)
    store.swap(CLIENT, added(store).id, lambda v: v.cancel(NOW), now=NOW)
    v = sent(store, can_ask=True)
    store.swap(
        CLIENT, v.id, lambda v: transit.received(v, 1, Delivery.DELIVERED, None, NOW), now=NOW
    )
    sent(store)
    assert due(store, 9999) == due(store, 9999, lost=True) == []


def test_who_asks_has_it_alone_and_a_dead_ones_question_comes_again(store: Store) -> None:
    v = lost(store)
    ask(store, v.id, 2)
    assert due(store, 6.9, lost=True) == []
    with pytest.raises(ClaimLost):
        ask(store, v.id, 3)
    assert due(store, 7, lost=True) == [v.id]


def test_of_a_crowd_one_asks(store: Store) -> None:
    for _ in range(10):
        v, asked, gate = lost(store), [], threading.Barrier(8)

        def one(id: str = v.id, asked: list[int] = asked, gate: threading.Barrier = gate) -> None:
            gate.wait()
            with suppress(ClaimLost):
                ask(store, id, 2)
                asked.append(1)

        crowd = [threading.Thread(target=one) for _ in range(8)]
        for thread in crowd:
            thread.start()
        for thread in crowd:
            thread.join()
        assert asked == [1]


def test_a_message_is_found_by_the_gateways_own_id_while_it_is_awaited(store: Store) -> None:
    v = sent(store, can_ask=True, id="sms-7")
    assert store.awaited("main", "sms-7") == MessageName(CLIENT, v.id, 1)
    assert store.awaited("other", "sms-7") is None
    assert store.awaited("main", "sms-8") is None
    store.swap(
        CLIENT, v.id, lambda v: transit.received(v, 1, Delivery.DELIVERED, None, NOW), now=NOW
    )
    assert store.awaited("main", "sms-7") is None


def test_a_message_that_the_route_took_is_found_and_the_newest_that_is_old_enough(
    store: Store,
) -> None:
    assert store.taken_over("main", NOW + 99 * SECOND) is None
    lost(store)
    sent(store, now=NOW, is_test=True)
    made = [sent(store, now=NOW + n * SECOND) for n in range(3)]
    added(store, now=NOW + 4 * SECOND)
    for seconds, found in ((9, made[2]), (2, made[1]), (1.5, made[1])):
        name = store.taken_over("main", NOW + seconds * SECOND)
        assert name == MessageName(CLIENT, found.id, 1)
    assert store.taken_over("main", NOW) is None
    assert store.taken_over("other", NOW + 9 * SECOND) is None


def test_a_resend_of_just_now_is_not_old_enough(store: Store) -> None:
    v = sent(store)
    later = NOW + timedelta(seconds=40)
    store.swap(CLIENT, v.id, lambda v: v.resend(later), now=later)
    store.claim(token="b", now=later, lease=LEASE, limit=9)
    store.swap(
        CLIENT,
        v.id,
        lambda v: transit.taken(
            transit.hand_over(v, 2, "d", claim="b", route="main", now=later),
            2,
            "sms-2",
            claim="b",
            now=later,
        ),
        now=later,
    )
    for seconds, number in ((39, 1), (41, 2)):
        found = store.taken_over("main", NOW + seconds * SECOND)
        assert found == MessageName(CLIENT, v.id, number)


def test_whose_a_verification_is_can_be_asked_by_its_id(store: Store) -> None:
    assert store.owner(added(store).id) == CLIENT
    assert store.owner("ver_" + "0" * 32) is None
    assert store.owner("nonsense") is None
