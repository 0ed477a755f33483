"""What every store promises of quotas and gaps: never over the limit, and never for ever."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otp.errors import Flagged, QuotaExceeded, TooSoon
from otp.store import Gap, Price, Quota, Store, Taken, Used
from tests.store.material import CLIENT, NOW, SECOND, added, new

MINUTE = 60 * SECOND
INSTANT = SECOND / 1_000_000
THREE = Quota("phone_number", "number", 3, MINUTE)


def is_full(store: Store, quota: Quota, now: datetime) -> bool:
    """Looks for room, which counts nothing."""
    id = added(store, now=now).id
    try:
        store.swap(CLIENT, id, lambda v: v, now=now, price=Price(room=(quota,)))
    except QuotaExceeded:
        return True
    return False


def taken_or_refused(store: Store, quota: Quota, now: datetime) -> QuotaExceeded | None:
    try:
        store.take([quota], now)
    except QuotaExceeded as refused:
        return refused
    return None


def gapped(store: Store, now: datetime, wait: timedelta = 30 * SECOND, bucket: str = "n") -> None:
    store.add(new(store, now=now), now=now, price=Price(gap=Gap(bucket, wait)))


def test_the_limit_and_no_more_is_taken(store: Store) -> None:
    for _ in range(3):
        store.take([THREE], NOW)
    with pytest.raises(QuotaExceeded) as refused:
        store.take([THREE], NOW)
    assert refused.value.quota == "phone_number"


def test_who_comes_back_after_the_told_time_is_served_and_not_before(store: Store) -> None:
    for n in range(3):
        store.take([THREE], NOW + n * SECOND)
    now = NOW + 5 * SECOND
    with pytest.raises(QuotaExceeded) as refused:
        store.take([THREE], now)
    back = now + refused.value.retry_in
    assert NOW + MINUTE <= back <= NOW + MINUTE + MINUTE / 60
    with pytest.raises(QuotaExceeded):
        store.take([THREE], back - INSTANT)
    store.take([THREE], back)
    with pytest.raises(QuotaExceeded):
        store.take([THREE], back)


def test_a_windows_edge_lets_no_double_burst_through(store: Store) -> None:
    midnight = datetime.fromisoformat("2026-11-23T00:00:00+00:00")
    daily = Quota("phone_number", "number", 3, timedelta(days=1))
    store.take([daily] * 3, midnight - INSTANT)
    with pytest.raises(QuotaExceeded):
        store.take([daily], midnight)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    limit=st.integers(1, 4),
    window=st.sampled_from([MINUTE, timedelta(hours=1), timedelta(seconds=7)]),
    steps=st.lists(st.floats(0, 0.6), min_size=1, max_size=25),
)
def test_no_window_ever_holds_more_than_the_limit(
    store: Store, limit: int, window: timedelta, steps: list[float]
) -> None:
    quota = Quota("address", new(store).id, limit, window)
    now, granted = NOW, []
    for step in steps:
        now += window * step
        recent = [at for at in granted if at > now - window - window / 59]
        refused = taken_or_refused(store, quota, now)
        if refused is None:
            granted.append(now)
        else:
            assert timedelta() < refused.retry_in <= window + window / 59
            assert len(recent) >= limit, "refused although there was room"
    for end in granted:
        assert sum(end - window < at <= end for at in granted) <= limit


def test_where_one_quota_is_full_none_is_counted(store: Store) -> None:
    wide = Quota("address", "address", 1, MINUTE)
    store.take([THREE] * 3, NOW)
    for order in ([wide, THREE], [THREE, wide]):
        with pytest.raises(QuotaExceeded) as refused:
            store.take(order, NOW)
        assert refused.value.quota == "phone_number"
    store.take([wide], NOW)


def test_a_quota_that_is_named_twice_counts_two(store: Store) -> None:
    store.take([THREE, THREE], NOW)
    with pytest.raises(QuotaExceeded):
        store.take([THREE, THREE], NOW)
    store.take([THREE], NOW)


def test_two_windows_of_one_bucket_count_apart(store: Store) -> None:
    hourly = Quota("phone_number", "number", 4, timedelta(hours=1))
    store.take([THREE, hourly] * 3, NOW)
    later = NOW + 2 * MINUTE
    store.take([THREE, hourly], later)
    with pytest.raises(QuotaExceeded) as refused:
        store.take([THREE, hourly], later)
    assert refused.value.retry_in > 50 * MINUTE


def test_a_quota_of_nothing_is_always_full(store: Store) -> None:
    with pytest.raises(QuotaExceeded) as refused:
        store.take([Quota("client", "none", 0, MINUTE)], NOW)
    assert refused.value.retry_in == MINUTE


def test_what_is_given_back_may_be_taken_again(store: Store) -> None:
    store.take([THREE] * 3, NOW)
    later = NOW + 10 * SECOND
    store.add(new(store), now=later, price=Price(give_back=(Taken(THREE, NOW),)))
    store.take([THREE], later)
    with pytest.raises(QuotaExceeded):
        store.take([THREE], later)


def test_nothing_is_given_back_that_was_not_taken(store: Store) -> None:
    back = Price(give_back=(Taken(THREE, NOW), Taken(THREE, NOW)))
    store.take([THREE], NOW)
    store.add(new(store), now=NOW, price=back)
    store.take([THREE] * 3, NOW)
    with pytest.raises(QuotaExceeded):
        store.take([THREE], NOW)


def test_what_asks_for_room_only_is_refused_where_there_is_none_and_counts_nothing(
    store: Store,
) -> None:
    v = added(store)
    looking = Price(room=(THREE,))
    store.take([THREE] * 2, NOW)
    for attempts in range(1, 6):
        store.swap(CLIENT, v.id, lambda v: replace(v, attempts=attempts), now=NOW, price=looking)  # noqa: B023
    store.take([THREE], NOW)
    with pytest.raises(QuotaExceeded) as refused:
        store.swap(CLIENT, v.id, lambda v: replace(v, attempts=9), now=NOW, price=looking)
    assert store.get(CLIENT, v.id).attempts == 5
    assert MINUTE <= refused.value.retry_in <= MINUTE + SECOND


def test_a_change_that_raises_does_so_before_its_price_is_looked_at(store: Store) -> None:
    id = added(store).id
    store.take([THREE] * 3, NOW)
    with pytest.raises(TooSoon):
        store.swap(CLIENT, id, lambda v: v.resend(NOW), now=NOW, price=Price(room=(THREE,)))


def test_a_flag_that_is_set_refuses_and_nothing_is_counted(store: Store) -> None:
    price = Price(unless=("pause", "blocked:1"), take=(THREE,))
    store.put_flag("blocked:1", "1")
    for _ in range(4):
        with pytest.raises(Flagged) as refused:
            store.add(new(store), now=NOW, price=price)
        assert refused.value.name == "blocked:1"
    store.put_flag("pause", "1")
    with pytest.raises(Flagged) as refused:
        store.add(new(store), now=NOW, price=price)
    assert refused.value.name == "pause", "the first that is named"
    store.put_flag("pause", None)
    store.put_flag("blocked:1", None)
    store.add(new(store), now=NOW, price=price)


def test_of_several_that_are_full_the_one_is_named_that_is_full_for_longest(store: Store) -> None:
    hourly = Quota("address", "address", 1, timedelta(hours=1))
    store.take([hourly, *[THREE] * 3], NOW)
    for order in ((THREE, hourly), (hourly, THREE)):
        with pytest.raises(QuotaExceeded) as refused:
            store.take(order, NOW)
        assert refused.value.quota == "address"
        assert refused.value.retry_in > 59 * MINUTE


def test_counts_that_are_forgotten_may_be_taken_anew(store: Store) -> None:
    other = Quota("phone_number", "other", 3, MINUTE)
    store.take([THREE, other] * 3, NOW)
    store.forget_counts([THREE])
    store.take([THREE] * 3, NOW)
    assert is_full(store, other, NOW)


def test_a_change_that_is_refused_pays_nothing(store: Store) -> None:
    id = added(store).id
    with pytest.raises(TooSoon):
        store.swap(CLIENT, id, lambda v: v.resend(NOW), now=NOW, price=Price(take=(THREE,)))
    store.take([THREE] * 3, NOW)


def test_counts_outlive_a_purge_while_they_matter(store: Store) -> None:
    store.take([THREE] * 3, NOW)
    gapped(store, NOW)
    store.purge(NOW, NOW + 29 * SECOND, 9)
    assert is_full(store, THREE, NOW + 29 * SECOND)
    with pytest.raises(TooSoon):
        gapped(store, NOW + 29 * SECOND)
    store.purge(NOW, NOW + MINUTE - INSTANT, 9)
    assert is_full(store, THREE, NOW + MINUTE - INSTANT)


def test_a_purge_while_it_is_full_shortens_no_wait(store: Store) -> None:
    store.take([THREE] * 3, NOW)
    for second in range(60):
        store.purge(NOW, NOW + second * SECOND, 9)
    assert is_full(store, THREE, NOW + MINUTE - INSTANT)
    store.take([THREE] * 3, NOW + MINUTE + SECOND)


def test_a_clock_that_steps_back_gives_no_count_away(store: Store) -> None:
    store.take([THREE] * 3, NOW)
    for back in (INSTANT, SECOND, 30 * SECOND):
        assert is_full(store, THREE, NOW - back)


def test_a_look_says_how_much_is_taken_and_takes_nothing(store: Store) -> None:
    assert store.used(THREE, NOW) == Used(0, timedelta())
    store.take([THREE, THREE], NOW)
    for _ in range(3):
        assert store.used(THREE, NOW).taken == 2
    store.take([THREE], NOW)
    assert store.used(THREE, NOW + MINUTE).taken == 3
    assert store.used(THREE, NOW + MINUTE + SECOND) == Used(0, timedelta())


def test_a_look_says_when_the_oldest_no_longer_counts(store: Store) -> None:
    for n in range(3):
        store.take([THREE], NOW + n * SECOND)
    now = NOW + 5 * SECOND
    refused = taken_or_refused(store, THREE, now)
    assert refused
    assert store.used(THREE, now).frees_in == refused.retry_in
    assert store.used(THREE, now + refused.retry_in - INSTANT).taken == 3
    assert store.used(THREE, now + refused.retry_in).taken == 2


def test_a_look_sees_neither_other_buckets_nor_other_windows(store: Store) -> None:
    store.take([THREE], NOW)
    assert store.used(Quota("phone_number", "other", 3, MINUTE), NOW).taken == 0
    assert store.used(Quota("phone_number", "number", 3, 60 * MINUTE), NOW).taken == 0


def test_a_look_counts_no_place_that_was_given_back(store: Store) -> None:
    store.take([THREE], NOW)
    store.take([THREE], NOW + 2 * SECOND)
    now = NOW + 3 * SECOND
    store.add(new(store), now=now, price=Price(give_back=(Taken(THREE, NOW),)))
    used = store.used(THREE, now)
    assert used.taken == 1
    assert used.frees_in > MINUTE - SECOND


# -- gaps -----------------------------------------------------------------------------------------


def test_a_second_send_waits_out_the_gap_to_the_microsecond(store: Store) -> None:
    gapped(store, NOW)
    with pytest.raises(TooSoon) as refused:
        gapped(store, NOW + 10 * SECOND)
    assert refused.value.retry_in == 20 * SECOND
    with pytest.raises(TooSoon) as refused:
        gapped(store, NOW + 30 * SECOND - INSTANT)
    assert refused.value.retry_in == INSTANT
    gapped(store, NOW + 30 * SECOND)
    with pytest.raises(TooSoon):
        gapped(store, NOW + 59 * SECOND)


def test_a_refused_send_does_not_lengthen_the_wait(store: Store) -> None:
    gapped(store, NOW)
    for second in (10, 20, 29):
        with pytest.raises(TooSoon):
            gapped(store, NOW + second * SECOND)
    gapped(store, NOW + 30 * SECOND)


def test_buckets_do_not_wait_for_each_other(store: Store) -> None:
    gapped(store, NOW)
    gapped(store, NOW, bucket="other")


def test_each_send_names_its_own_wait(store: Store) -> None:
    gapped(store, NOW)
    with pytest.raises(TooSoon) as refused:
        gapped(store, NOW + 40 * SECOND, wait=60 * SECOND)
    assert refused.value.retry_in == 20 * SECOND


def test_a_swap_waits_for_the_same_gap_as_an_add(store: Store) -> None:
    gapped(store, NOW)
    id = added(store).id
    price = Price(gap=Gap("n", 30 * SECOND))
    with pytest.raises(TooSoon):
        store.swap(CLIENT, id, lambda v: v, now=NOW + SECOND, price=price)
    store.swap(CLIENT, id, lambda v: v, now=NOW + 30 * SECOND, price=price)
    with pytest.raises(TooSoon):
        gapped(store, NOW + 31 * SECOND)


@pytest.mark.parametrize("back", [INSTANT, SECOND, 29 * SECOND])
def test_callers_whose_clocks_differ_a_little_do_not_slip_through(
    store: Store, back: timedelta
) -> None:
    gapped(store, NOW)
    with pytest.raises(TooSoon) as refused:
        gapped(store, NOW - back)
    assert refused.value.retry_in == 30 * SECOND


def test_a_clock_that_stepped_back_far_blocks_nobody(store: Store) -> None:
    gapped(store, NOW)
    gapped(store, NOW - timedelta(days=1))
    with pytest.raises(TooSoon):
        gapped(store, NOW - timedelta(days=1) + SECOND)
