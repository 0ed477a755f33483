from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from otp import log, store
from otp.budget import BudgetAlarm
from otp.client import SIGN_IN
from otp.errors import Unavailable
from otp.service import Caller
from otp.store import Quota
from tests.world import ROOMY, START, ServiceWorld

ME = Caller(client_id=SIGN_IN, credential="me")


@pytest.fixture
def told(tmp_path: Path) -> Iterator[tuple[ServiceWorld, io.StringIO]]:
    world = ServiceWorld(tmp_path, **{**ROOMY, "OTP_SEND_BUDGET": "10/hour"})
    written = io.StringIO()
    log.configure(json=True, secrets=(), stream=written)
    yield world, written
    world.close()


def levels(written: io.StringIO) -> list[tuple[str, int]]:
    events = [json.loads(line) for line in written.getvalue().splitlines()]
    return [(e["level"], e["level_reached"]) for e in events if e["event"] == "budget"]


def start(world: ServiceWorld, n: int) -> None:
    world.service.start(ME, f"+9198{n:04}5678")


def test_half_four_fifths_and_all_of_the_budget_are_each_told_once(
    told: tuple[ServiceWorld, io.StringIO],
) -> None:
    world, written = told
    heard = []
    for n in range(10):
        start(world, n)
        world.clock.turn(seconds=1)
        heard.append(len(levels(written)))
    assert heard == [0, 0, 0, 0, 1, 1, 1, 2, 2, 3]
    for n in range(10, 15):
        with pytest.raises(Unavailable):
            start(world, n)
    assert levels(written) == [("warning", 50), ("warning", 80), ("error", 100)]


def test_a_burst_that_uses_it_up_within_a_second_is_told_at_the_first_refusal(
    told: tuple[ServiceWorld, io.StringIO],
) -> None:
    world, written = told
    for n in range(10):
        start(world, n)
    with pytest.raises(Unavailable):
        start(world, 11)
    assert [level for _, level in levels(written)] == [50, 80, 100]


def test_what_was_told_is_told_again_in_the_next_window(
    told: tuple[ServiceWorld, io.StringIO],
) -> None:
    world, written = told
    for hour in range(2):
        for n in range(5):
            start(world, hour * 5 + n)
            world.clock.turn(seconds=1)
        world.clock.turn(hours=1, minutes=1)
        start(world, 100 + hour)  # the first look of the next window
        world.clock.turn(hours=1, minutes=1)
    assert [level for _, level in levels(written)] == [50, 50]


def test_a_part_that_is_left_and_too_small_does_not_hide_that_it_is_used_up(
    tmp_path: Path,
) -> None:
    long = "{code} is your {service} code. " + "Do not share it with anybody at all. " * 4
    world = ServiceWorld(tmp_path, **{**ROOMY, "OTP_SEND_BUDGET": "5/hour", "OTP_MESSAGE": long})
    written = io.StringIO()
    log.configure(json=True, secrets=(), stream=written)
    try:
        start(world, 0)
        start(world, 1)
        for n in range(2, 5):
            with pytest.raises(Unavailable):
                start(world, n)
        assert [level for _, level in levels(written)] == [50, 80, 100]
    finally:
        world.close()


class Broken:
    """A store that answers nothing."""

    def used(self, *_: object) -> None:
        raise Unavailable("store")


def test_an_alarm_that_cannot_look_fails_nothing() -> None:
    quota = Quota("budget", "budget", 5, timedelta(hours=1))
    alarm = BudgetAlarm(Broken(), [quota])  # type: ignore[arg-type]
    alarm.look(START)
    alarm.look(START, wanted=1)


class Used:
    """A store in which so much of each window is used."""

    def __init__(self, **hours: int) -> None:
        self.taken = hours
        self.flags: dict[str, str | None] = {}

    def used(self, quota: Quota, _: object) -> store.Used:
        return store.Used(self.taken[quota.bucket], timedelta())

    def put_flag(self, name: str, value: str | None) -> None:
        self.flags[name] = value


def told_of(alarm: BudgetAlarm, written: io.StringIO, wanted: int) -> list[tuple[float, int]]:
    written.truncate(0)
    written.seek(0)
    alarm.look(START, wanted=wanted)
    events = [json.loads(line) for line in written.getvalue().splitlines()]
    return [(e["hours"], e["level_reached"]) for e in events]


def test_a_refusal_for_the_hour_says_nothing_of_the_day_that_has_room() -> None:
    written = io.StringIO()
    log.configure(json=True, secrets=(), stream=written)
    hour = Quota("budget", "hour", 5, timedelta(hours=1))
    day = Quota("budget", "day", 100, timedelta(days=1))
    kept = Used(hour=3, day=90)
    alarm = BudgetAlarm(kept, [hour, day])  # type: ignore[arg-type]
    assert told_of(alarm, written, wanted=3) == [
        (1.0, 50), (1.0, 80), (1.0, 100), (24.0, 50), (24.0, 80),
    ]  # fmt: skip
    assert set(kept.flags) == {"budget_full:3600"}
    kept.taken["hour"] = 4  # a shorter message went through
    assert told_of(alarm, written, wanted=1) == []
    assert told_of(alarm, written, wanted=3) == [], "told once, until it is another window"
    kept.taken["hour"] = 0
    assert told_of(alarm, written, wanted=1) == []
    kept.taken["hour"] = 3
    assert told_of(alarm, written, wanted=1) == [(1.0, 50)]
