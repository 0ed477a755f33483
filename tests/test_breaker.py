"""The circuit breaker of a route, as a value."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from otp.breaker import CLOSED, FAILURES, Breaker, State
from tests.world import START

SECOND = timedelta(seconds=1)
PATIENCE = 13 * SECOND


def opened() -> Breaker:
    breaker = CLOSED
    for _ in range(FAILURES):
        assert breaker.state(START) is State.CLOSED
        breaker = breaker.failed("timeout", START)
    return breaker


def test_failures_in_a_row_open_it_and_a_success_between_them_does_not() -> None:
    assert opened().state(START) is State.OPEN
    breaker = CLOSED
    for _ in range(10 * FAILURES):
        breaker = breaker.failed("timeout", START).worked(START).failed("timeout", START)
    assert breaker.state(START) is State.CLOSED


def test_a_refused_account_opens_it_at_once() -> None:
    breaker = CLOSED.failed("account_refused", START, refused=True)
    assert (breaker.state(START), breaker.refused) == (State.OPEN, True)


def test_it_is_tried_by_one_after_its_rest() -> None:
    breaker = opened()
    at = breaker.free_at(START)
    assert at - START == 5 * SECOND
    assert breaker.tried(at - SECOND, PATIENCE) is breaker
    assert breaker.state(at) is State.HALF_OPEN
    tried = breaker.tried(at, PATIENCE)
    assert tried is not breaker
    assert tried.tried(at, PATIENCE) is tried
    assert tried.worked(at) == CLOSED


def test_who_tried_it_and_was_never_heard_of_again_blocks_it_no_longer_than_its_patience() -> None:
    breaker = opened()
    at = breaker.free_at(START)
    tried = breaker.tried(at, PATIENCE)
    assert tried.free_at(at) == at + PATIENCE
    assert tried.tried(at + PATIENCE, PATIENCE) is not tried


def test_each_try_in_vain_doubles_the_rest_up_to_a_minute() -> None:
    breaker, now, rests = opened(), START, []
    for _ in range(6):
        rests.append((breaker.free_at(now) - now) / SECOND)
        now = breaker.free_at(now)
        breaker = breaker.tried(now, PATIENCE).failed("timeout", now)
    assert rests == [5, 10, 20, 40, 60, 60]


def test_what_was_under_way_when_it_opened_does_not_prolong_its_rest() -> None:
    breaker = opened()
    assert breaker.failed("timeout", START + SECOND) is breaker


def test_nor_does_it_once_its_rest_is_over() -> None:
    breaker = opened()
    at = breaker.free_at(START)
    assert breaker.failed("timeout", at + SECOND, asked_at=START) is breaker
    tried = breaker.tried(at, PATIENCE)
    assert tried.failed("timeout", at + SECOND, asked_at=START) is tried
    assert tried.failed("timeout", at + SECOND, asked_at=at).trips == 2


def test_where_no_try_loses_a_message_nobody_waits_for_a_minute() -> None:
    breaker, now, rests = CLOSED, START, []
    for _ in range(5):
        breaker = breaker.failed("account_refused", now, refused=True, certain=True)
        rests.append((breaker.free_at(now) - now) / SECOND)
        now = breaker.free_at(now)
    assert rests == [5, 10, 20, 20, 20]


def test_a_wish_of_the_gateway_is_kept_to_and_is_no_failure() -> None:
    breaker = CLOSED.busy(40 * SECOND, START)
    assert breaker.free_at(START) == START + 40 * SECOND
    assert (breaker.failures, breaker.trips, breaker.refused) == (0, 0, False)


_MOVES = st.sampled_from(["worked", "failed", "refused", "busy", "tried"])


@given(st.lists(st.tuples(_MOVES, st.integers(0, 90))))
def test_whatever_happens_it_is_free_again_within_an_hour_and_says_so(
    history: list[tuple[str, int]],
) -> None:
    breaker, now = CLOSED, START
    for move, seconds in history:
        match move:
            case "worked":
                breaker = breaker.worked(now)
                assert breaker.reason == "busy" or breaker.free_at(now) == now
            case "tried":
                breaker = breaker.tried(now, PATIENCE)
            case "busy":
                breaker = breaker.busy(30 * SECOND, now)
            case _:
                breaker = breaker.failed("timeout", now, refused=move == "refused")
        assert now <= breaker.free_at(now) <= now + 60 * SECOND
        if breaker.state(now) is State.OPEN:
            assert breaker.free_at(now) > now
        assert replace(breaker) == breaker
        now += seconds * SECOND


def test_an_answer_that_was_under_way_takes_no_wish_back() -> None:
    breaker = CLOSED.busy(40 * SECOND, START)
    assert breaker.worked(START + SECOND) is breaker
    assert breaker.worked(START + 40 * SECOND) == CLOSED
