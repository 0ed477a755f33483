"""The engine of the flood limits, over each of our storages: exact, and never for ever."""

from __future__ import annotations

import importlib.util
import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask_limiter import Limiter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from limits import RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.storage import Storage, storage_from_string
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter

from app import assemble
from otp.errors import Unavailable
from otp.floods import Floods, Limit, open_floods
from otp.floods.memory import Counts, MemoryWindows
from otp.network import Network
from otp.settings import SettingsError
from otp.store.limits import StoreWindows
from tests.processes import together
from tests.world import START, FakeClock, ServiceWorld

FIVE = RateLimitItemPerMinute(5)
INSTANT = timedelta(microseconds=1)


@pytest.fixture(params=[True, False], ids=["in memory", "in the database"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServiceWorld]:
    made = ServiceWorld(
        tmp_path,
        alone=request.param,
        OTP_FLOOD_LIMIT="5/minute",
        OTP_CLIENT_FLOOD_LIMIT="5/minute,8/hour",
    )
    yield made
    made.close()


@pytest.fixture
def floods(world: ServiceWorld) -> Floods:
    return world.parts.world.floods


@pytest.fixture
def storage(floods: Floods) -> Storage:
    made = storage_from_string(floods.where.uri, **floods.where.options)
    assert isinstance(made, Storage)
    return made


def passed(floods: Floods, limit: Limit = Limit.ADDRESS, who: str = "a") -> bool:
    return floods.count(limit, who).wait is None


def test_only_what_is_said_to_be_alone_counts_in_memory(world: ServiceWorld) -> None:
    for said, kind in (({"alone": True}, MemoryWindows), ({}, StoreWindows)):
        parts = assemble(world.settings, route=[world.provider], **said)
        where = parts.world.floods.where
        assert type(storage_from_string(where.uri, **where.options)) is kind
        parts.close()


def test_the_limit_and_no_more_passes(floods: Floods) -> None:
    assert [passed(floods) for _ in range(8)] == [True] * 5 + [False] * 3


def test_each_counts_for_itself(floods: Floods) -> None:
    for _ in range(9):
        passed(floods)
    assert passed(floods, who="b")
    assert passed(floods, Limit.CLIENT)


def test_of_a_crowd_exactly_the_limit_passes(floods: Floods) -> None:
    got: list[bool] = []
    together([lambda: got.append(passed(floods)) for _ in range(40)])  # type: ignore[list-item]
    assert sum(got) == 5


def test_a_windows_edge_lets_no_double_burst_through(world: ServiceWorld, floods: Floods) -> None:
    world.clock.now = datetime(2026, 11, 22, 9, 0, tzinfo=UTC) - INSTANT
    assert sum(passed(floods) for _ in range(5)) == 5
    world.clock.now += INSTANT
    assert not any(passed(floods) for _ in range(5))
    world.clock.turn(seconds=59)
    assert not passed(floods)


def test_who_stays_away_as_long_as_told_is_served_and_not_before(
    world: ServiceWorld, floods: Floods
) -> None:
    for _ in range(5):
        passed(floods)
        world.clock.turn(seconds=1)
    wait = floods.count(Limit.ADDRESS, "a").wait
    assert wait == timedelta(seconds=56)
    assert floods.wait(Limit.ADDRESS, "a") == wait
    world.clock.now += wait - INSTANT
    assert not passed(floods)
    world.clock.now += INSTANT
    assert passed(floods)
    assert not passed(floods)


def test_of_several_full_rates_the_longest_wait_is_told(
    world: ServiceWorld, floods: Floods
) -> None:
    for _ in range(8):
        assert passed(floods, Limit.CLIENT)
        world.clock.turn(seconds=30)
    refused = floods.count(Limit.CLIENT, "a")
    assert refused.wait
    assert refused.wait > timedelta(minutes=55)
    assert [standing.left for standing in refused.standings][1] == 0
    world.clock.now += refused.wait
    assert passed(floods, Limit.CLIENT)


def test_the_wait_counts_the_refused_requests_that_an_earlier_rate_counted(
    world: ServiceWorld, floods: Floods
) -> None:
    for _ in range(8):
        passed(floods, Limit.CLIENT)
        world.clock.turn(minutes=1.5)
    world.clock.now = START + timedelta(minutes=60, seconds=30)
    waits = [floods.count(Limit.CLIENT, "a").wait for _ in range(7)]
    assert waits[-1] is not None
    world.clock.now += waits[-1]
    assert passed(floods, Limit.CLIENT)


def test_what_is_left_falls_by_one_and_comes_back(world: ServiceWorld, floods: Floods) -> None:
    left = [floods.count(Limit.ADDRESS, "a").standings[0] for _ in range(3)]
    assert [standing.left for standing in left] == [4, 3, 2]
    assert {standing.resets_in for standing in left} == {timedelta(seconds=61)}
    world.clock.turn(seconds=61)
    assert floods.count(Limit.ADDRESS, "a").standings[0].left == 4


def test_the_library_counts_with_it_too(world: ServiceWorld, storage: Storage) -> None:
    engine = MovingWindowRateLimiter(storage)
    empty = engine.get_window_stats(FIVE, "x")
    assert empty.remaining == 5
    assert empty.reset_time == pytest.approx(world.clock().timestamp(), abs=1e-3)
    assert engine.hit(FIVE, "x", cost=2)
    assert engine.test(FIVE, "x", cost=3)
    assert not engine.test(FIVE, "x", cost=4)
    assert not engine.hit(FIVE, "x", cost=4)
    stats = engine.get_window_stats(FIVE, "x")
    assert (stats.remaining, stats.reset_time) == (3, (START + timedelta(seconds=61)).timestamp())
    assert storage.check()


def test_flask_limiter_counts_with_it_under_the_same_names(
    world: ServiceWorld, floods: Floods
) -> None:
    """What `otp.web.floods` rests on: the keys that `Floods` makes are the library's own."""
    app = Flask("test")
    Limiter(
        lambda: "a",
        app=app,
        default_limits=[floods.notation(Limit.ADDRESS)],
        request_identifier=lambda: str(Limit.ADDRESS),
        storage_uri=floods.where.uri,
        storage_options=dict(floods.where.options),
        strategy="moving-window",
    )
    app.add_url_rule("/", "home", lambda: "")
    assert passed(floods)
    assert [app.test_client().get("/").status_code for _ in range(5)] == [200] * 4 + [429]
    assert not passed(floods)


def test_it_refuses_to_count_any_other_window(storage: Storage) -> None:
    with pytest.raises(NotImplementedError):
        FixedWindowRateLimiter(storage).hit(FIVE, "x")


def test_one_name_for_a_network_and_no_address_in_it(floods: Floods) -> None:
    one, other = (Network.of(f"2001:db8::{n}") for n in (1, 2))
    assert floods.name_of(one) == floods.name_of(other)
    assert floods.name_of(one) != floods.name_of(Network.of("2001:db8:1::1"))
    assert "2001" not in floods.name_of(one)


def test_a_database_that_cannot_count_allows_nothing(tmp_path: Path) -> None:
    world = ServiceWorld(tmp_path, alone=False)
    world.store.close()
    with pytest.raises(Unavailable):
        world.parts.world.floods.count(Limit.CLIENT, "a")


@pytest.mark.skipif(importlib.util.find_spec("redis") is not None, reason="redis is installed")
def test_redis_without_its_package_stops_the_start_and_says_what_to_install(
    tmp_path: Path,
) -> None:
    with pytest.raises(SettingsError) as refused:
        ServiceWorld(tmp_path, OTP_LIMITS_URL="redis://:hush@127.0.0.1:6379")
    assert refused.value.problems == {
        "OTP_LIMITS_URL": "needs the Python package redis: pip install redis"
    }
    assert "hush" not in str(refused.value)


# -- both storages, one algorithm -----------------------------------------------------------------


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    limit=st.integers(1, 4),
    window=st.sampled_from([7, 60, 3600]),
    steps=st.lists(st.floats(-0.02, 0.6), min_size=1, max_size=25),
)
def test_memory_and_database_answer_alike_and_no_window_holds_too_many(
    world: ServiceWorld, limit: int, window: int, steps: list[float]
) -> None:
    clock = FakeClock()
    item = RateLimitItemPerSecond(limit, window)
    engines = [
        MovingWindowRateLimiter(MemoryWindows(counts=Counts(clock))),
        MovingWindowRateLimiter(StoreWindows(store=world.store, clock=clock)),
    ]
    world.store.purge(START, START + timedelta(days=9), 9)  # what the example before left
    granted: list[datetime] = []
    for step in steps:
        clock.turn(seconds=round(step * window, 6))
        memory, database = (engine.hit(item, "x") for engine in engines)
        if min(steps) >= 0:
            assert memory == database
            assert len({engine.get_window_stats(item, "x") for engine in engines}) == 1
        if memory:
            granted.append(clock.now)
    for end in granted:
        span = timedelta(seconds=window)
        assert sum(end - span < at <= end for at in granted) <= limit


# -- memory ---------------------------------------------------------------------------------------


def counts_of(many: int, clock: Callable[[], datetime], most: int = 10**6) -> Counts:
    counts = Counts(clock, most)
    for n in range(many):
        counts.take(f"key {n}", 5, 60, 1)
    return counts


def test_what_no_longer_counts_is_forgotten() -> None:
    clock = FakeClock()
    counts = counts_of(1000, clock)
    assert len(counts) == 1000
    clock.turn(seconds=62)
    for n in range(700):
        counts.take(f"later {n}", 5, 60, 1)
    assert len(counts) == 700


def test_a_steady_stream_of_new_addresses_takes_no_more_memory_than_one_window_holds() -> None:
    clock = FakeClock()
    counts = Counts(clock)
    most = 0
    for n in range(20_000):
        clock.turn(seconds=0.1)
        counts.take(f"key {n}", 5, 60, 1)
        most = max(most, len(counts))
    assert most <= 620


def test_who_keeps_coming_is_not_forgotten_and_holds_up_no_other() -> None:
    clock = FakeClock()
    counts = counts_of(1, clock)
    for n in range(300):
        clock.turn(seconds=1)
        counts.take("key 0", 100, 60, 1)
        counts.take(f"other {n}", 100, 60, 1)
    assert counts.used("key 0", 100, 60)[1] == 61
    assert len(counts) <= 64


class SlowLimit(int):
    """Lets other threads in between the look at a count and the count."""

    def __lt__(self, other: int) -> bool:
        time.sleep(0.002)
        return int(self) < other


def test_nobody_slips_in_between_the_look_and_the_count() -> None:
    counts = Counts(FakeClock())
    got: list[bool] = []
    limit = SlowLimit(5)
    together([lambda: got.append(counts.take("a", limit, 60, 1)) for _ in range(20)])  # type: ignore[list-item]
    assert sum(got) == 5


def test_beyond_so_many_networks_all_further_ones_share_a_count() -> None:
    clock = FakeClock()
    counts = counts_of(10, clock, most=10)
    assert sum(counts.take(f"late {n}", 5, 60, 1) for n in range(50)) == 5
    assert counts.used("late 51", 5, 60)[1] == 5
    assert counts.take("key 3", 5, 60, 1), "one that was counted before has its own"
    assert counts.take("of another limit", 9, 60, 1)
    assert len(counts) == 12
    clock.turn(seconds=62)
    assert counts.take("late 7", 5, 60, 1)


def test_a_hundred_thousand_addresses_take_some_fifty_megabytes() -> None:
    tracemalloc.start()
    counts = counts_of(10_000, FakeClock())
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(counts) == 10_000
    assert held < 600 * 10_000


def test_a_clock_that_steps_back_gives_no_count_away() -> None:
    clock = FakeClock()
    counts = Counts(clock)
    for _ in range(5):
        counts.take("a", 5, 60, 1)
    clock.turn(seconds=-30)
    assert not counts.take("a", 5, 60, 1)
    assert counts.take("b", 5, 60, 1)


def test_a_clock_that_was_far_ahead_blocks_nobody() -> None:
    clock = FakeClock()
    counts = Counts(clock)
    clock.turn(days=1)
    for _ in range(5):
        counts.take("a", 5, 60, 1)
    clock.turn(days=-1)
    assert counts.take("a", 5, 60, 1)


def test_counts_can_be_cleared() -> None:
    counts = counts_of(3, FakeClock())
    storage = MemoryWindows(counts=counts)
    storage.clear("key 0")
    assert len(counts) == 2
    storage.reset()
    assert len(counts) == 0


def test_an_hour_and_a_minute_are_counted_apart(world: ServiceWorld) -> None:
    floods = open_floods(world.settings, world.store, world.clock, alone=True)
    for _ in range(9):
        passed(floods, Limit.CLIENT)
    world.clock.turn(seconds=62)
    assert [passed(floods, Limit.CLIENT) for _ in range(4)] == [True] * 3 + [False]
