"""The life of a verification: every road to every ending, and then every road again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otp import transit
from otp.challenge import MOVES, Challenge, Delivery
from otp.errors import ClaimLost, ProofSpent, QuotaExceeded, TooSoon, VerificationEnded
from otp.phone import Phone
from otp.verification import ENDINGS, REPEAT_WINDOW, Ending, Policy, Status, Verification
from tests.world import NUMBER, START

NOW = START
PHONE = Phone.of(NUMBER)


def second(count: float) -> timedelta:
    return timedelta(seconds=count)


def fresh(**policy: object) -> Verification:
    return Verification.start(
        id="ver_" + "0" * 32,
        client_id="cli_a",
        phone=PHONE,
        policy=Policy(**policy),  # type: ignore[arg-type]
        support_code="K7QF-2M9D",
        now=NOW,
    )


def claimed(v: Verification, number: int = 1, token: str = "a") -> Verification:
    """As a store hands it to a sender."""
    challenge = replace(v.challenge(number), claim=token)
    others = tuple(challenge if c.number == number else c for c in v.challenges)
    return replace(v, challenges=others)


def sent(v: Verification, number: int = 1, at: timedelta = timedelta()) -> Verification:
    v = transit.hand_over(
        claimed(v, number), number, f"digest-{number}", claim="a", route="main", now=NOW + at
    )
    return transit.taken(v, number, f"id-{number}", claim="a", now=NOW + at)


def fits(*numbers: int) -> Callable[[Challenge], bool]:
    """A submitted code that is the one of these challenges."""
    return lambda challenge: challenge.number in numbers


def check(v: Verification, *numbers: int, at: float = 1, caller: str = "me") -> Verification:
    return v.check(fits(*numbers), caller=caller, now=NOW + second(at))


# -- endings --------------------------------------------------------------------------------------


def approve(v: Verification) -> Verification:
    return check(sent(v), 1)


def expire(v: Verification) -> Verification:
    v = v if v.newest.may_be_out else sent(v)
    return v.at(v.expires_at)


def cancel(v: Verification) -> Verification:
    return v.cancel(NOW)


def guess_until_it_ends(v: Verification) -> Verification:
    for _ in range(v.attempts_left):
        v = check(v)
    return v


def fail(v: Verification) -> Verification:
    return transit.refused(claimed(v), 1, "number_unusable", claim="a", now=NOW)


ROADS: dict[Status, Callable[[Verification], Verification]] = {
    Status.APPROVED: approve,
    Status.EXPIRED: expire,
    Status.CANCELED: cancel,
    Status.MAX_ATTEMPTS_REACHED: guess_until_it_ends,
    Status.FAILED: fail,
}


def test_every_ending_has_its_status_and_every_status_but_pending_its_ending() -> None:
    assert set(ENDINGS) == set(Ending)
    assert set(ENDINGS.values()) == set(Status) - {Status.PENDING}
    assert set(ROADS) == set(ENDINGS.values())


@pytest.mark.parametrize("status", ROADS)
def test_each_road_leads_to_its_ending(status: Status) -> None:
    ended = ROADS[status](fresh())
    assert ended.status is status
    assert ended.ended_at is not None


@pytest.mark.parametrize("first", ROADS)
@pytest.mark.parametrize("second_road", ROADS)
def test_no_road_leads_out_of_an_ending(first: Status, second_road: Status) -> None:
    ended = ROADS[first](fresh())
    later = NOW + REPEAT_WINDOW + second(5)
    attempts: dict[Status, Callable[[], Verification]] = {
        Status.APPROVED: lambda: ended.check(fits(1), caller="me", now=later),
        Status.EXPIRED: lambda: ended.at(later + timedelta(days=1)),
        Status.CANCELED: lambda: ended.cancel(later),
        Status.MAX_ATTEMPTS_REACHED: lambda: ended.check(fits(), caller="me", now=later),
        Status.FAILED: lambda: transit.answer_lost(ended, 1, "late", now=later),
    }
    try:
        after = attempts[second_road]()
    except VerificationEnded as refusal:
        after = refusal.verification
    assert (after.status, after.ended_at) == (ended.status, ended.ended_at)
    assert after.attempts == ended.attempts


def test_time_ends_it_at_the_very_instant_its_newest_code_dies() -> None:
    v = sent(fresh(code_life=second(300)))
    assert check(v, 1, at=299.999).status is Status.APPROVED
    with pytest.raises(VerificationEnded) as refusal:
        check(v, 1, at=300)
    assert refusal.value.verification.status is Status.EXPIRED
    assert refusal.value.verification.ended_at == NOW + second(300)


def test_without_any_code_handed_over_time_fails_it() -> None:
    v = fresh()
    assert v.at(v.expires_at).status is Status.FAILED
    unclear = transit.hand_over(claimed(v), 1, "digest", claim="a", route="main", now=NOW)
    assert unclear.at(unclear.expires_at).status is Status.EXPIRED


def test_resending_never_lengthens_it_beyond_its_life() -> None:
    v = fresh(code_life=second(600), life=second(700))
    v = v.resend(NOW + second(200))
    assert v.expires_at == NOW + second(700)


# -- guesses --------------------------------------------------------------------------------------


def test_a_wrong_code_costs_an_attempt_and_the_last_one_ends_it() -> None:
    v = sent(fresh(max_attempts=3))
    v = check(v)
    assert (v.attempts, v.attempts_left, v.status) == (1, 2, Status.PENDING)
    v = check(check(v))
    assert (v.attempts, v.status) == (3, Status.MAX_ATTEMPTS_REACHED)
    with pytest.raises(VerificationEnded):
        check(v, 1)


def test_the_attempt_is_charged_before_the_code_is_compared() -> None:
    v = sent(fresh())
    assert check(v, 1).attempts == 1


def test_nothing_is_compared_once_it_has_ended() -> None:
    compared = []
    ended = cancel(sent(fresh()))
    with pytest.raises(VerificationEnded):
        ended.check(lambda c: bool(compared.append(c)), caller="me", now=NOW)
    assert compared == []


def test_every_live_code_is_compared_even_when_the_first_one_fits() -> None:
    v = sent(sent(fresh()).resend(NOW + second(30)), 2, second(30))
    compared = []
    v.check(lambda c: compared.append(c.number) or True, caller="me", now=NOW + second(31))
    assert compared == [1, 2]


def test_before_a_code_is_drawn_every_guess_is_wrong() -> None:
    v = check(fresh(), 1)
    assert (v.status, v.attempts) == (Status.PENDING, 1)


def three_codes(live: int) -> Verification:
    v = sent(fresh(live_codes=live))
    v = sent(v.resend(NOW + second(30)), 2, second(30))
    return sent(v.resend(NOW + second(90)), 3, second(90))


@pytest.mark.parametrize(("live", "good"), [(2, {2, 3}), (1, {3})])
def test_only_the_newest_codes_are_good(live: int, good: set[int]) -> None:
    v = three_codes(live)
    for number in (1, 2, 3):
        approved = check(v, number, at=100).status is Status.APPROVED
        assert approved == (number in good)


def test_each_code_lives_to_its_own_end() -> None:
    v = sent(fresh(code_life=second(60), resend_waits=(second(30),)))
    v = sent(v.resend(NOW + second(30)), 2, second(30))
    assert check(v, 1, at=59).status is Status.APPROVED
    assert check(v, 1, at=61).status is Status.PENDING
    assert check(v, 2, at=61).status is Status.APPROVED


def test_a_resend_gives_no_guess_back() -> None:
    v = check(check(sent(fresh())))
    assert v.resend(NOW + second(30)).attempts_left == v.attempts_left


# -- told again -----------------------------------------------------------------------------------


def test_the_same_caller_is_told_again_for_a_minute_and_it_costs_nothing() -> None:
    v = check(sent(fresh()), 1, at=10)
    again = check(v, 1, at=69.9)
    assert again.answers_again(NOW + second(69.9))
    assert again.attempts == v.attempts
    with pytest.raises(VerificationEnded):
        check(v, 1, at=70)


def test_a_clock_a_little_behind_tells_again_and_one_set_back_does_not() -> None:
    v = check(sent(fresh()), 1, at=100)
    assert v.answers_again(NOW + second(95))
    with pytest.raises(VerificationEnded):
        check(v, 1, at=40)


def test_one_wrong_code_closes_the_minute() -> None:
    v = check(sent(fresh()), 1, at=10)
    closed = check(v, at=11)
    assert not closed.answers_again(NOW + second(11))
    with pytest.raises(VerificationEnded):
        check(closed, 1, at=12)


def test_another_caller_is_not_told() -> None:
    v = check(sent(fresh()), 1, at=10)
    with pytest.raises(VerificationEnded):
        check(v, 1, at=11, caller="somebody else")


def test_the_code_that_did_not_approve_is_not_told_again() -> None:
    v = check(three_codes(2), 3, at=100)
    assert not check(v, 2, at=101).answers_again(NOW + second(101))


def test_digests_go_with_the_ending_and_after_the_minute() -> None:
    approved = approve(fresh())
    assert any(c.digest for c in approved.challenges)
    assert approved.changes_at == NOW + second(1) + REPEAT_WINDOW
    assert not any(c.digest for c in approved.at(NOW + second(61)).challenges)
    for status in set(ROADS) - {Status.APPROVED}:
        ended = ROADS[status](fresh() if status is Status.FAILED else sent(fresh()))
        assert not any(c.digest for c in ended.challenges)
        assert ended.changes_at is None


# -- sends ----------------------------------------------------------------------------------------


def test_waits_grow_and_sends_run_out() -> None:
    v = fresh()
    for wait in v.policy.resend_waits:
        assert v.resend_at == v.newest.queued_at + wait
        with pytest.raises(TooSoon) as refusal:
            v.resend(v.resend_at - second(1))
        assert refusal.value.retry_in == second(1)
        v = v.resend(v.resend_at)
    assert (v.sends_left, v.resend_at) == (0, None)
    with pytest.raises(QuotaExceeded):
        v.resend(v.newest.queued_at + second(300))


def test_who_lost_the_claim_hands_nothing_over() -> None:
    v = claimed(claimed(fresh(), token="old"), token="new")
    with pytest.raises(ClaimLost):
        transit.hand_over(v, 1, "digest", claim="old", route="main", now=NOW)


def test_what_another_sender_may_have_sent_is_not_sent_again() -> None:
    v = transit.hand_over(
        claimed(fresh(), token="dead"), 1, "digest", claim="dead", route="main", now=NOW
    )
    with pytest.raises(ClaimLost):
        transit.hand_over(claimed(v, token="next"), 1, "other", claim="next", route="main", now=NOW)


def test_a_lost_answer_leaves_the_queue_and_keeps_the_code_good() -> None:
    v = transit.hand_over(claimed(fresh()), 1, "digest", claim="a", route="main", now=NOW)
    v = transit.answer_lost(v, 1, "sender_stopped", now=NOW)
    assert v.newest.delivery is Delivery.UNKNOWN
    assert not v.newest.is_queued
    assert check(v, 1).status is Status.APPROVED


def test_an_answer_that_comes_after_all_is_written_over_unknown() -> None:
    v = transit.hand_over(claimed(fresh()), 1, "digest", claim="a", route="main", now=NOW)
    v = transit.answer_lost(v, 1, "sender_stopped", now=NOW)
    assert transit.taken(v, 1, "id", claim="a", now=NOW).newest.delivery is Delivery.SENT


def test_not_taken_is_tried_again_after_one_two_four_seconds() -> None:
    v = fresh()
    now = NOW
    for wait in (1, 2, 4, 8, 16, 32, 60, 60):
        v = transit.hand_over(claimed(v), 1, "digest", claim="a", route="main", now=now)
        v = transit.postponed(v, 1, "unreachable", claim="a", now=now)
        assert v.newest.due_at == now + second(wait)
        assert v.newest.digest is None
        now = v.newest.due_at


def test_a_gateway_that_names_a_time_is_not_asked_before() -> None:
    v = transit.hand_over(claimed(fresh()), 1, "digest", claim="a", route="main", now=NOW)
    v = transit.postponed(v, 1, "throttled", claim="a", now=NOW, at_least=second(30))
    assert v.newest.due_at == NOW + second(30)


def test_it_fails_when_the_code_would_come_too_late() -> None:
    v = claimed(fresh(code_life=second(60)))
    v = transit.hand_over(v, 1, "digest", claim="a", route="main", now=NOW + second(50))
    v = transit.postponed(v, 1, "throttled", claim="a", now=NOW + second(50), at_least=second(30))
    assert (v.status, v.newest.delivery) == (Status.FAILED, Delivery.UNDELIVERED)


def test_a_refused_resend_never_ends_one_whose_first_code_is_out() -> None:
    v = sent(fresh()).resend(NOW + second(30))
    v = transit.refused(claimed(v, 2), 2, "number_unusable", claim="a", now=NOW + second(30))
    assert v.status is Status.PENDING
    assert check(v, 1, at=31).status is Status.APPROVED


def test_it_fails_only_when_the_last_queued_message_is_refused() -> None:
    v = fresh().resend(NOW + second(30))
    v = transit.refused(claimed(v), 1, "number_unusable", claim="a", now=NOW + second(31))
    assert v.status is Status.PENDING
    v = transit.refused(claimed(v, 2), 2, "number_unusable", claim="a", now=NOW + second(32))
    assert v.status is Status.FAILED


def test_what_is_still_queued_when_it_ends_is_never_sent() -> None:
    v = cancel(fresh())
    assert not v.newest.is_queued
    with pytest.raises(VerificationEnded):
        transit.hand_over(claimed(v), 1, "digest", claim="a", route="main", now=NOW)


def test_what_is_being_handed_over_when_it_ends_is_still_settled() -> None:
    v = transit.hand_over(claimed(fresh()), 1, "digest", claim="a", route="main", now=NOW)
    v = cancel(v)
    assert transit.taken(v, 1, "id", claim="a", now=NOW).newest.delivery is Delivery.SENT
    refused = transit.postponed(v, 1, "unreachable", claim="a", now=NOW)
    assert refused.newest.delivery is Delivery.UNDELIVERED
    assert refused.status is Status.CANCELED


def test_a_quick_receipt_is_not_overwritten_by_the_senders_own_word() -> None:
    v = transit.hand_over(claimed(fresh()), 1, "digest", claim="a", route="main", now=NOW)
    v = transit.received(v, 1, Delivery.DELIVERED, None, NOW)
    assert transit.taken(v, 1, "id", claim="a", now=NOW).newest.delivery is Delivery.DELIVERED


@pytest.mark.parametrize("before", Delivery)
@pytest.mark.parametrize("after", Delivery)
def test_a_delivery_moves_along_the_table_or_not_at_all(before: Delivery, after: Delivery) -> None:
    v = fresh()
    v = replace(v, challenges=(replace(v.newest, delivery=before),))
    moved = transit.received(v, 1, after, None, NOW + second(1)).newest.delivery
    assert moved is (after if after in MOVES[before] else before)


# -- redeeming ------------------------------------------------------------------------------------


def test_a_proof_is_redeemed_once() -> None:
    v = check(sent(fresh()), 1).redeem(NOW + second(2))
    assert v.redeemed_at == NOW + second(2)
    with pytest.raises(ProofSpent) as refusal:
        v.redeem(NOW + second(2))
    assert refusal.value.verification == v


@pytest.mark.parametrize("fraction", [0, 0.000001, 0.5, 0.999999])
def test_a_proof_is_dead_at_the_instant_its_last_second_ends(fraction: float) -> None:
    v = check(sent(fresh()), 1, at=1 + fraction)
    assert v.proof_expires_at == NOW + second(301)
    assert v.redeem(NOW + second(300.999999)).redeemed_at
    with pytest.raises(ProofSpent):
        v.redeem(NOW + second(301))


@pytest.mark.parametrize("ending", [cancel, lambda v: v.at(NOW + second(601)), lambda v: v])
def test_what_was_not_approved_has_no_proof(ending: Callable[[Verification], Verification]) -> None:
    with pytest.raises(ProofSpent):
        ending(sent(fresh())).redeem(NOW + second(602))


def test_a_redeemed_one_stays_redeemed_when_its_digests_are_forgotten() -> None:
    v = check(sent(fresh()), 1).redeem(NOW + second(2))
    later = v.at(NOW + second(100))
    assert later.newest.digest is None
    assert later.redeemed_at == v.redeemed_at
    again = v.check(fits(1), caller="me", now=NOW + second(3))
    assert again == v


# -- random histories -----------------------------------------------------------------------------

STEP = st.tuples(
    st.sampled_from(
        ["guess", "right", "resend", "cancel", "claim", "hand", "taken", "refuse", "postpone",
         "lost", "receipt", "sweep", "redeem"]
    ),
    st.integers(0, 3),
    st.sampled_from([0, 1, 20, 31, 70, 300]),
    st.sampled_from(list(Delivery)),
)  # fmt: skip


def step(v: Verification, word: str, pick: int, at: timedelta, delivery: Delivery) -> Verification:
    now = NOW + at
    number = pick % len(v.challenges) + 1
    token = "ab"[pick % 2]
    moves: dict[str, Callable[[], Verification]] = {
        "guess": lambda: v.check(fits(), caller="me", now=now),
        "right": lambda: v.check(fits(number), caller="me", now=now),
        "resend": lambda: v.resend(now),
        "cancel": lambda: v.cancel(now),
        "claim": lambda: claimed(v, number, token),
        "hand": lambda: transit.hand_over(v, number, "d", claim=token, route="r", now=now),
        "taken": lambda: transit.taken(v, number, "id", claim=token, now=now),
        "refuse": lambda: transit.refused(v, number, "no", claim=token, now=now),
        "postpone": lambda: transit.postponed(v, number, "no", claim=token, now=now),
        "lost": lambda: transit.answer_lost(v, number, "lost", now=now),
        "receipt": lambda: transit.received(v, number, delivery, None, now),
        "sweep": lambda: v.at(now),
        "redeem": lambda: v.redeem(now),
    }
    return moves[word]()


@settings(max_examples=2000, deadline=None)
@given(st.lists(STEP, max_size=25), st.integers(3, 10), st.integers(1, 2))
def test_whatever_happens_the_promises_hold(
    history: list[tuple[str, int, int, Delivery]], max_attempts: int, live_codes: int
) -> None:
    v = fresh(max_attempts=max_attempts, live_codes=live_codes)
    at = timedelta()
    for word, pick, seconds_on, delivery in history:
        at += second(seconds_on)
        try:
            after = step(v, word, pick, at, delivery)
        except (VerificationEnded, TooSoon, QuotaExceeded, ClaimLost, ProofSpent):
            continue
        assert after.attempts <= after.policy.max_attempts
        assert len(after.challenges) <= after.policy.max_sends
        assert after.expires_at <= after.created_at + after.policy.life
        assert v.attempts <= after.attempts
        if not v.is_pending:
            assert (after.status, after.ended_at, after.attempts) == (
                v.status,
                v.ended_at,
                v.attempts,
            )
        assert after.is_pending == (after.ended_at is None)
        if after.redeemed_at != v.redeemed_at:
            assert v.redeemed_at is None
            assert v.status is Status.APPROVED
            assert NOW + at < v.proof_expires_at
        for old, new in zip(v.challenges, after.challenges, strict=False):
            assert new.delivery is old.delivery or new.delivery in MOVES[old.delivery]
        if after.status is Status.FAILED:
            assert not any(c.may_be_out for c in after.challenges if v.is_pending)
        v = after


# -- tests that are never sent --------------------------------------------------------------------


def test_what_is_rehearsed_leaves_the_queue_and_can_be_opened() -> None:
    v = replace(fresh(), is_test=True)
    v = transit.rehearsed(v, 1, "digest", expires_at=NOW + second(60), now=NOW)
    assert v.newest.delivery is Delivery.DELIVERED
    assert not v.newest.is_queued
    assert (v.expires_at, v.newest.digest) == (NOW + second(60), "digest")
    assert v.check(lambda _: True, caller="key", now=NOW).status is Status.APPROVED


def test_what_is_rehearsed_late_changes_nothing_that_is_over() -> None:
    v = replace(fresh(), is_test=True)
    played = transit.rehearsed(v, 1, "digest", expires_at=NOW + second(60), now=NOW)
    assert transit.rehearsed(played, 1, "other", expires_at=NOW + second(99), now=NOW) == played
    canceled = v.cancel(NOW)
    assert (
        transit.rehearsed(canceled, 1, "digest", expires_at=NOW + second(60), now=NOW) == canceled
    )
    late = transit.rehearsed(v, 1, "digest", expires_at=NOW + second(9999), now=v.expires_at)
    assert (late.status, late.newest.digest) == (Status.FAILED, None)


def test_only_a_test_is_rehearsed() -> None:
    with pytest.raises(AssertionError):
        transit.rehearsed(fresh(), 1, "digest", expires_at=NOW + second(60), now=NOW)


def test_a_delayed_message_is_due_later_and_dies_no_later() -> None:
    v = fresh()
    delayed = transit.delayed(v, second(10))
    assert delayed.newest.due_at == NOW + second(10)
    assert replace(delayed.newest, due_at=NOW) == v.newest
