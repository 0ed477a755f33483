"""What becomes of a message that left: receipts, questions, and lost answers that are settled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otp import transit
from otp.challenge import ASKS, MOVES, NOT_SENT_AFTER, Challenge, Delivery
from otp.errors import ClaimLost, QuotaExceeded, TooSoon, VerificationEnded
from otp.verification import Status, Verification
from tests.test_verification import NOW, check, claimed, fresh, second

LEASE = second(5)


def taken(v: Verification, number: int = 1, at: float = 0, *, id: str = "id") -> Verification:
    now = NOW + second(at)
    v = transit.hand_over(claimed(v, number), number, "digest", claim="a", route="main", now=now)
    return transit.taken(v, number, id, claim="a", now=now, can_ask=True)


def lost(v: Verification | None = None, at: float = 0) -> Verification:
    now = NOW + second(at)
    v = transit.hand_over(claimed(v or fresh()), 1, "digest", claim="a", route="main", now=now)
    return transit.answer_lost(v, 1, "no_answer", now=now, can_ask=True)


def asked_out(v: Verification, *, proven: bool = True, times: int = 20) -> Verification:
    """Asked whenever it is due; the gateway never knows the message."""
    for _ in range(times):
        if v.newest.ask_at is None:
            break
        now = v.newest.ask_at
        v = transit.not_known(
            transit.asking(v, 1, until=now + LEASE, now=now), 1, now, proven=proven
        )
    return v


# -- when it is asked -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("v", "times"),
    [
        (taken(fresh()), [20, 60, 180, 600]),
        (lost(), [2, 5, 15, 30, 60, 120, 240, 480]),
    ],
    ids=["sent", "lost"],
)
def test_it_is_asked_about_less_and_less_often_and_then_no_more(
    v: Verification, times: list[float]
) -> None:
    seen = []
    while v.newest.ask_at is not None:
        now = v.newest.ask_at
        seen.append((now - NOW).total_seconds())
        v = transit.asking(v, 1, until=now + LEASE, now=now)
        v = transit.answered(v, 1, None, None, now, word="SOMETHING")
    assert seen == times


def test_nothing_is_asked_of_a_route_that_cannot_be_asked() -> None:
    v = transit.hand_over(claimed(fresh()), 1, "digest", claim="a", route="main", now=NOW)
    assert transit.taken(v, 1, "id", claim="a", now=NOW).newest.ask_at is None
    assert transit.answer_lost(v, 1, "no_answer", now=NOW).newest.ask_at is None


@pytest.mark.parametrize("delivery", [Delivery.DELIVERED, Delivery.UNDELIVERED])
def test_nothing_is_asked_once_it_is_known(delivery: Delivery) -> None:
    for v in (taken(fresh()), lost()):
        assert transit.received(v, 1, delivery, None, NOW).newest.ask_at is None


def test_nothing_is_asked_once_the_code_was_typed() -> None:
    v = taken(fresh())
    assert check(v, 1).newest.ask_at is None
    under_way = transit.hand_over(claimed(fresh()), 1, "digest", claim="a", route="main", now=NOW)
    late = transit.taken(check(under_way, 1), 1, "id", claim="a", now=NOW + second(2), can_ask=True)
    assert (late.newest.delivery, late.newest.ask_at) == (Delivery.SENT, None)


def test_a_receipt_before_the_answer_starts_no_second_schedule() -> None:
    v = transit.hand_over(claimed(fresh()), 1, "digest", claim="a", route="main", now=NOW)
    quick = transit.received(v, 1, Delivery.SENT, None, NOW, word="AWAITING-DLR", provider_id="id")
    after = transit.taken(quick, 1, "id", claim="a", now=NOW + second(1), can_ask=True)
    assert after.newest.ask_at == NOW + second(1) + ASKS[Delivery.SENT][0]
    over = transit.received(v, 1, Delivery.DELIVERED, None, NOW)
    assert transit.taken(over, 1, "id", claim="a", now=NOW, can_ask=True).newest.ask_at is None


def test_one_at_a_time_may_ask_and_a_dead_ones_question_comes_again() -> None:
    v, now = lost(), NOW + second(2)
    with pytest.raises(ClaimLost):
        transit.asking(v, 1, until=now + LEASE, now=now - second(0.1))
    v = transit.asking(v, 1, until=now + LEASE, now=now)
    with pytest.raises(ClaimLost):
        transit.asking(v, 1, until=now + 2 * LEASE, now=now + second(4))
    assert (
        transit.asking(v, 1, until=now + 2 * LEASE, now=now + LEASE).newest.ask_at
        == now + 2 * LEASE
    )


def test_questions_in_vain_use_up_none_of_those_that_settle_a_lost_answer() -> None:
    v, seen = lost(), []
    for _ in range(8):
        now = v.newest.ask_at
        assert now is not None
        seen.append((now - NOW).total_seconds())
        v = transit.not_answered(transit.asking(v, 1, until=now + LEASE, now=now), 1, now)
    assert seen == [2, 5, 15, 30, 45, 60, 75, 90]
    v = asked_out(v)
    assert v.newest.is_queued
    ended = lost().at(NOW + second(601))
    for _ in range(8):
        assert ended.newest.ask_at is not None
        ended = transit.not_answered(ended, 1, NOW + second(601))
    assert ended.newest.ask_at is None


# -- what it hears --------------------------------------------------------------------------------


def test_a_word_nobody_knows_moves_nothing_and_is_kept() -> None:
    v = transit.received(taken(fresh()), 1, None, "unknown_word", NOW, word="GREEN")
    assert (v.newest.delivery, v.newest.word, v.newest.reason) == (Delivery.SENT, "GREEN", None)
    done = transit.received(v, 1, Delivery.DELIVERED, None, NOW, word="DELIVRD")
    assert done.newest.word == "DELIVRD"
    assert transit.received(done, 1, None, None, NOW, word="BLUE") == done
    assert transit.received(done, 1, Delivery.SENT, None, NOW, word="AWAITING-DLR") == done


def test_the_same_receipt_again_changes_nothing() -> None:
    v = taken(fresh())
    for delivery in (*Delivery, None):
        once = transit.received(v, 1, delivery, "why", NOW + second(1), word="W", provider_id="id")
        again = transit.received(
            once, 1, delivery, "why", NOW + second(9), word="W", provider_id="id"
        )
        assert again == once


def test_no_report_is_told_of_what_stays_sent() -> None:
    v = transit.received(taken(fresh()), 1, Delivery.SENT, "no_report", NOW, word="TIMEOUT-DLR")
    assert (v.newest.delivery, v.newest.reason) == (Delivery.SENT, "no_report")
    assert transit.received(v, 1, Delivery.DELIVERED, None, NOW).newest.reason is None


def test_a_lost_answer_is_settled_by_whatever_finds_the_message() -> None:
    for delivery in (Delivery.SENT, Delivery.DELIVERED, Delivery.UNDELIVERED):
        v = transit.answered(
            lost(), 1, delivery, None, NOW + second(2), word="W", provider_id="found"
        )
        assert (v.newest.delivery, v.newest.provider_id) == (delivery, "found")
        assert v.is_pending
    v = transit.answered(lost(), 1, Delivery.SENT, None, NOW + second(2))
    assert v.newest.ask_at == NOW + second(2) + ASKS[Delivery.SENT][0], "now for its delivery"


def test_no_receipt_ends_anything() -> None:
    for delivery in (*Delivery, None):
        assert transit.received(taken(fresh()), 1, delivery, "no", NOW).status is Status.PENDING
        assert transit.received(lost(), 1, delivery, "no", NOW).status is Status.PENDING


# -- settled as not sent --------------------------------------------------------------------------


def test_with_proof_and_late_enough_it_was_not_sent_and_is_queued_anew() -> None:
    v = lost()
    for seconds in (2, 5, 15):
        v = transit.not_known(v, 1, NOW + second(seconds), proven=True)
        assert v.newest.is_lost
    v = transit.not_known(v, 1, NOW + NOT_SENT_AFTER, proven=True)
    c = v.newest
    assert (c.is_queued, c.due_at, c.reason) == (True, NOW + second(30), "not_sent")
    assert (c.digest, c.claim, c.handed_by, c.ask_at, c.returned) == (None, None, None, None, 1)
    assert check(v, 1, at=31).status is Status.PENDING, "the code that was lost is worth nothing"
    assert taken(v, at=31).newest.delivery is Delivery.SENT


def test_three_times_is_needed_however_late() -> None:
    v = transit.not_known(lost(), 1, NOW + second(100), proven=True)
    v = transit.not_known(v, 1, NOW + second(101), proven=True)
    assert v.newest.is_lost
    assert transit.not_known(v, 1, NOW + second(102), proven=True).newest.is_queued


def test_without_proof_it_stays_unknown() -> None:
    v = asked_out(lost(), proven=False)
    assert (v.newest.delivery, v.newest.ask_at, v.newest.misses) == (Delivery.UNKNOWN, None, 8)
    assert check(v, 1, at=500).status is Status.APPROVED


def test_a_gateway_that_spoke_of_it_has_it() -> None:
    v = asked_out(transit.received(lost(), 1, None, None, NOW, word="GREEN"))
    assert v.newest.is_lost


def test_what_was_plainly_sent_is_never_sent_again_for_not_being_found() -> None:
    assert asked_out(taken(fresh())).newest.delivery is Delivery.SENT


def test_no_second_message_where_a_newer_one_stands_in_its_place() -> None:
    v = lost().resend(NOW + second(30))
    for seconds in (31, 32, 33):
        v = transit.not_known(v, 1, NOW + second(seconds), proven=True)
    assert [c.delivery for c in v.challenges] == [Delivery.UNDELIVERED, Delivery.QUEUED]
    assert v.challenge(1).reason == "not_sent"
    assert v.is_pending


def test_no_second_message_that_would_come_too_late_and_it_says_so() -> None:
    v = lost(at=590)
    for seconds in (592, 595, 620):
        v = transit.not_known(v, 1, NOW + second(seconds), proven=True)
    assert (v.newest.delivery, v.newest.reason) == (Delivery.UNDELIVERED, "not_sent")
    assert v.status is Status.FAILED


def test_no_second_message_for_what_has_ended() -> None:
    v = asked_out(lost().cancel(NOW + second(1)))
    assert (v.status, v.newest.delivery) == (Status.CANCELED, Delivery.UNDELIVERED)


def test_the_answer_to_a_hand_over_that_was_settled_as_not_sent_comes_too_late() -> None:
    v = asked_out(lost())
    assert v.newest.is_queued
    with pytest.raises(ClaimLost):
        transit.taken(v, 1, "first", claim="a", now=NOW + second(40))
    v = transit.hand_over(
        claimed(v, token="b"), 1, "d", claim="b", route="main", now=NOW + second(40)
    )
    with pytest.raises(ClaimLost):
        transit.taken(v, 1, "first", claim="a", now=NOW + second(41))
    assert (
        transit.taken(v, 1, "second", claim="b", now=NOW + second(41)).newest.provider_id
        == "second"
    )


# -- random histories -----------------------------------------------------------------------------


@dataclass
class History:
    """One challenge, and what was really done: every hand-over, and what settled it."""

    v: Verification = field(default_factory=fresh)
    at: timedelta = timedelta()
    handed: int = 0
    settled: int = 0
    lost_at: timedelta | None = None
    nones: int = 0

    def step(self, word: str, pick: int, delivery: Delivery) -> None:
        now, token = NOW + self.at, "abc"[pick % 3]
        c = self.v.challenge(1)
        steps: dict[str, Callable[[], Verification]] = {
            "claim": lambda: claimed(self.v, 1, token) if not c.handed_by else self.v,
            "hand": lambda: transit.hand_over(self.v, 1, "d", claim=token, route="r", now=now),
            "taken": lambda: transit.taken(
                self.v, 1, f"id-{token}", claim=token, now=now, can_ask=True
            ),
            "lost": lambda: (
                transit.answer_lost(self.v, 1, "lost", now=now, can_ask=True)
                if c.handed_by
                else self.v
            ),
            "postpone": lambda: transit.postponed(self.v, 1, "no", claim=token, now=now),
            "receipt": lambda: (
                transit.received(self.v, 1, delivery, None, now)
                if not c.is_queued or c.handed_by
                else self.v
            ),
            "word": lambda: (
                transit.received(self.v, 1, None, None, now, word="X") if self.handed else self.v
            ),
            "ask": lambda: transit.asking(self.v, 1, until=now + LEASE, now=now),
            "none": lambda: transit.not_known(self.v, 1, now, proven=pick > 3),
            "news": lambda: transit.answered(self.v, 1, delivery, None, now),
            "vain": lambda: transit.not_answered(self.v, 1, now),
            "right": lambda: check(self.v, 1, at=self.at.total_seconds()),
            "resend": lambda: self.v.resend(now),
            "cancel": lambda: self.v.cancel(now),
            "sweep": lambda: self.v.at(now),
        }
        if word == "news" and c.is_queued:
            return  # nobody asks about what is in the queue
        if word == "hand" and c.handed_by == token:
            return  # a sender does so only after a plain refusal, to go on with another route
        after = steps[word]()
        self.nones += word == "none"
        self.look(c, after.challenge(1), word, proven=pick > 3)
        if after.status is not self.v.status:
            assert word in ("right", "cancel", "sweep", "postpone", "none"), word
        self.v = after

    def look(self, before: Challenge, after: Challenge, word: str, *, proven: bool) -> None:
        if word == "hand":
            # Never two hand-overs, unless the one before was certainly not taken.
            assert self.settled == self.handed
            self.handed += 1
        if word == "postpone":
            self.settled = self.handed
        if after.returned > before.returned:
            assert word == "none"
            assert proven
            assert self.nones >= 3
            assert self.lost_at is not None
            assert self.at - self.lost_at >= NOT_SENT_AFTER
            assert (before.delivery, after.delivery) == (Delivery.UNKNOWN, Delivery.QUEUED)
            assert after.digest is None
            self.settled = self.handed
        elif after.delivery is not before.delivery:
            assert after.delivery in MOVES[before.delivery]
        if after.is_lost and not before.is_lost:
            self.lost_at, self.nones = self.at, 0
        if before.delivery is Delivery.DELIVERED:
            assert after.delivery is Delivery.DELIVERED
        if after.ask_at is not None:
            assert after.delivery in ASKS


WORDS = ["claim", "hand", "taken", "lost", "postpone", "receipt", "word", "ask", "none", "none",
         "none", "news", "vain", "right", "resend", "cancel", "sweep"]  # fmt: skip
STEPS = st.tuples(
    st.sampled_from(WORDS),
    st.integers(0, 9),
    st.sampled_from([0, 1, 5, 31, 70]),
    st.sampled_from(list(Delivery)),
)


BEGUN = [
    ("claim", 0), ("hand", 0), ("lost", 1), ("none", 20), ("none", 20), ("none", 20),
    ("claim", 1), ("hand", 0), ("lost", 1), ("none", 20), ("none", 20), ("none", 20),
]  # fmt: skip
"""How the histories begin that chance alone would seldom lead to: each step, and after how long."""


@settings(max_examples=1500, deadline=None)
@given(st.integers(0, len(BEGUN)), st.lists(STEPS, max_size=30))
def test_whatever_comes_it_is_handed_over_twice_only_if_it_was_settled_as_not_sent(
    begun: int, steps: list[tuple[str, int, int, Delivery]]
) -> None:
    history = History()
    begin = [(word, 9, seconds, Delivery.SENT) for word, seconds in BEGUN[:begun]]
    for word, pick, seconds, delivery in [*begin, *steps]:
        history.at += second(seconds)
        try:
            history.step(word, pick, delivery)
        except (VerificationEnded, TooSoon, QuotaExceeded, ClaimLost):
            continue


def test_the_waits_of_a_lost_answer_reach_the_time_at_which_it_may_be_settled() -> None:
    times = list(accumulate(ASKS[Delivery.UNKNOWN]))
    assert NOT_SENT_AFTER in times
    assert replace(fresh().newest, misses=times.index(NOT_SENT_AFTER)).misses >= 3
