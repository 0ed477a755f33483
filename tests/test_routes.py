"""Which routes may be asked: what one process learns, all of them keep to."""

from __future__ import annotations

import threading
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest

from otp.breaker import FAILURES, State
from otp.errors import Rejected, Unavailable, Unknown, Unreachable
from otp.phone import Phone
from otp.routes import Routes
from otp.service import Caller
from tests.test_sender import ME, newest, read, sender_over, start
from tests.world import FakeProvider, ServiceWorld

PATIENCE = timedelta(seconds=3)
DOWN = Unreachable("unreachable")
REFUSED = Unreachable("account_refused", account=True)


def numbers(count: int) -> list[str]:
    return [f"+9198765440{n:02}" for n in range(count)]


def refuse_for_long(routes: Routes, world: ServiceWorld, name: str) -> None:
    """The account is refused, tried again, and refused again."""
    for rest in (5, 10, 0):
        routes.failed(name, "account_refused", refused=True)
        world.clock.turn(seconds=rest)


def another(world: ServiceWorld, *names: str) -> Routes:
    """What a second process on the same store sees."""
    return Routes(world.store, names or ("fake",), world.clock)


def test_a_route_that_fails_is_left_alone_by_every_process(world: ServiceWorld) -> None:
    world.provider.next = [Unknown("timeout")] * FAILURES
    for number in numbers(FAILURES + 2):
        start(world, number)
    world.sender.run_once()
    assert world.provider.next == []
    assert world.provider.sent == []
    other = another(world)
    assert other.breakers()["fake"].state(world.clock()) is State.OPEN
    assert (other.allowed(10), other.may_try("fake", PATIENCE)) == (0, False)


def test_one_message_tries_a_route_again_and_its_success_lets_all_through(
    world: ServiceWorld,
) -> None:
    world.provider.next = [Unknown("timeout")] * FAILURES
    for number in numbers(FAILURES + 3):
        start(world, number)
    world.sender.run_once()
    world.clock.turn(seconds=5)
    here, there = another(world), another(world)
    assert (here.allowed(10), there.allowed(10)) == (1, 1)
    assert [here.may_try("fake", PATIENCE), there.may_try("fake", PATIENCE)] == [True, False]
    world.clock.turn(seconds=3)  # the one that tried it died
    assert world.sender.run_once() == 3
    assert len(world.provider.sent) == 3
    assert world.store.breakers() == {}


def test_a_crowd_that_wants_to_try_a_half_open_route_gets_one_try(world: ServiceWorld) -> None:
    routes = another(world)
    for _ in range(FAILURES):
        routes.failed("fake", "timeout")
    world.clock.turn(seconds=5)
    got: list[bool] = []
    crowd = [
        threading.Thread(target=lambda r=r: got.append(r.may_try("fake", PATIENCE)))
        for r in [another(world) for _ in range(16)]
    ]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    assert sorted(got) == [False] * 15 + [True]


def test_messages_take_the_other_route_while_the_first_rests(world: ServiceWorld) -> None:
    main = FakeProvider(name="main", next=[DOWN] * FAILURES)
    backup = FakeProvider(name="backup")
    sender = sender_over(world, main, backup)
    for number in numbers(FAILURES + 4):
        start(world, number)
    sender.run_once()
    assert (main.sent, main.next, len(backup.sent)) == ([], [], FAILURES + 4)


def test_a_wish_of_one_gateway_is_kept_to_by_every_process(world: ServiceWorld) -> None:
    start(world)
    wait = timedelta(seconds=40)
    world.provider.next = [Unreachable("busy", retry_in=wait, for_all=True)]
    world.sender.run_once()
    other = FakeProvider(name="fake")
    start(world, numbers(1)[0])
    assert sender_over(world, other).run_once() == 0
    world.clock.turn(seconds=40)
    assert sender_over(world, other).run_once() == 2


def test_a_number_that_is_refused_says_nothing_against_its_route(world: ServiceWorld) -> None:
    world.provider.next = [Rejected("number_unusable")] * (FAILURES + 1)
    for number in numbers(FAILURES + 1):
        start(world, number)
    world.sender.run_once()
    assert world.provider.next == []
    assert world.store.breakers() == {}


def test_an_account_that_is_in_order_again_is_noticed_within_20_seconds(
    world: ServiceWorld,
) -> None:
    start(world)
    world.provider.next = [REFUSED] * 20
    for _ in range(180):
        world.sender.run_once()
        world.clock.turn(seconds=1)
    world.provider.next = []
    rest = another(world).breakers()["fake"].free_at(world.clock()) - world.clock()
    assert rest <= timedelta(seconds=20)
    world.clock.turn(seconds=20)
    start(world, numbers(1)[0])
    world.sender.run_once()
    assert world.provider.sent[0].to.e164 == numbers(1)[0]


def test_while_every_route_refuses_the_account_nothing_is_accepted_that_could_not_leave(
    world: ServiceWorld,
) -> None:
    id = start(world)
    world.provider.next = [REFUSED] * 3
    for number, rest in zip(numbers(3)[1:], (5, 10), strict=True):
        world.sender.run_once()
        start(world, number)  # it may have been a slip
        world.clock.turn(seconds=rest)
    world.sender.run_once()
    assert world.provider.next == []
    with pytest.raises(Unavailable) as refusal:
        world.service.start(ME, numbers(1)[0])
    assert (refusal.value.reason, refusal.value.retry_in) == ("route", timedelta(seconds=20))
    world.clock.turn(seconds=60)
    start(world, numbers(1)[0])  # the account may be in order by now: somebody has to try
    world.sender.run_once()
    assert newest(world, id).delivery == "sent"


def test_a_resend_is_not_accepted_either_and_costs_nothing(world: ServiceWorld) -> None:
    id = start(world)
    world.deliver()
    world.clock.turn(seconds=30)
    refuse_for_long(another(world), world, "fake")
    with pytest.raises(Unavailable):
        world.service.resend(ME, id)
    assert read(world, id).sends_left == 3
    world.clock.turn(seconds=20)
    assert world.service.resend(ME, id).sends_left == 2


def test_one_route_that_works_is_enough_to_start(world: ServiceWorld) -> None:
    routes = another(world, "main", "backup")
    refuse_for_long(routes, world, "main")
    assert routes.refused_for() is None
    world.clock.turn(seconds=-15)
    refuse_for_long(routes, world, "backup")
    assert routes.refused_for() == timedelta(seconds=20)


def test_a_gateway_that_is_only_away_refuses_no_start(world: ServiceWorld) -> None:
    world.provider.next = [DOWN] * FAILURES
    for number in numbers(FAILURES):
        start(world, number)
    world.sender.run_once()
    assert world.store.breakers()["fake"].trips == 1
    id = start(world, numbers(FAILURES + 1)[-1])
    world.clock.turn(seconds=5)
    world.sender.run_once()
    assert newest(world, id).delivery == "sent"


def test_tests_need_no_route(world: ServiceWorld) -> None:
    refuse_for_long(another(world), world, "fake")
    caller = Caller(client_id=f"{world.client_id}/test", credential="key", is_test=True)
    assert world.service.start(caller, "+12025550100").verification.is_test


def test_opening_and_closing_are_told_once(tmp_path: Path) -> None:
    logs = StringIO()
    world = ServiceWorld(tmp_path, logs=logs)
    try:
        world.provider.next = [Unknown("timeout")] * FAILURES
        for number in numbers(FAILURES + 3):
            start(world, number)
        world.sender.run_once()
        world.clock.turn(seconds=5)
        world.sender.run_once()
    finally:
        world.close()
    lines = logs.getvalue().splitlines()
    assert [line for line in lines if "breaker_opened" in line and "reason=timeout" in line][
        1:
    ] == []
    assert sum("breaker_opened" in line for line in lines) == 1
    assert sum("breaker_closed" in line for line in lines) == 1


def test_a_number_is_no_part_of_a_breaker(world: ServiceWorld) -> None:
    phone = Phone("91", "9876543210")
    start(world, phone.e164)
    world.provider.next = [DOWN]
    world.sender.run_once()
    assert phone.e164.removeprefix("+") not in repr(world.store.breakers())
