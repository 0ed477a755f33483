"""What is counted, handed in and added up."""

from __future__ import annotations

import threading
import tomllib
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest

from otp import VERSION
from otp.errors import Unavailable
from otp.metrics import (
    CHECKS,
    HANDOVER_DELAY,
    METRICS,
    RECEIPTS,
    REFUSALS,
    SENDS,
    STARTS,
    SUM,
    Histogram,
    Metric,
    Metrics,
    Values,
    totals,
)
from tests.store.material import opened
from tests.test_architecture import ROOT
from tests.world import FakeClock


class Ledger:
    """Of a store, what metrics need; it can be away, and knows how often it was written to."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], int] = {}
        self.commits = 0
        self.away = False

    def tally(self, process: str, counts: Iterable[tuple[str, int]]) -> None:
        if self.away:
            raise Unavailable("store")
        self.commits += 1
        for name, n in counts:
            self.rows[process, name] = self.rows.get((process, name), 0) + n

    def tallies(self) -> dict[str, int]:
        names = {name for _, name in self.rows}
        return {name: sum(n for (_, row), n in self.rows.items() if row == name) for name in names}


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def process(ledger: object, number: int = 1, clock: FakeClock | None = None) -> Metrics:
    return Metrics(
        store=ledger,  # type: ignore[arg-type]
        routes=["main"],
        clock=clock or FakeClock(),
        token_bytes=lambda n: bytes([number] * n),
    )


def total(ledger: object, metric: Metric, *values: str, part: str = "") -> int:
    found = [
        t
        for t in totals(ledger, ["main"])
        if (t.metric, t.values) == (metric, values)  # type: ignore[arg-type]
    ]
    return found[0].counts.get(part, 0) if found else 0


def test_nothing_is_in_the_store_before_a_flush_and_all_is_after_it(ledger: Ledger) -> None:
    metrics = process(ledger)
    for _ in range(3):
        metrics.count(SENDS, "main", "sent")
    assert total(ledger, SENDS, "main", "sent") == 0
    metrics.flush()
    metrics.count(SENDS, "main", "sent")
    metrics.flush()
    assert total(ledger, SENDS, "main", "sent") == 4


def test_a_flush_is_one_commit_and_none_where_nothing_was_counted(ledger: Ledger) -> None:
    metrics = process(ledger)
    metrics.flush()
    assert ledger.commits == 0
    for _ in range(100):
        metrics.count(STARTS, "live")
        metrics.count(CHECKS, "approved", "live")
    metrics.flush()
    metrics.flush()
    assert ledger.commits == 1


def test_what_a_store_that_was_away_did_not_take_is_handed_in_later(ledger: Ledger) -> None:
    metrics = process(ledger)
    metrics.count(STARTS, "live")
    ledger.away = True
    for _ in range(3):
        with pytest.raises(Unavailable):
            metrics.flush()
        metrics.count(STARTS, "live")
    ledger.away = False
    metrics.flush()
    assert total(ledger, STARTS, "live") == 4


def test_threads_that_count_while_it_is_flushed_lose_nothing(ledger: Ledger) -> None:
    metrics = process(ledger)

    def work() -> None:
        for _ in range(2000):
            metrics.count(STARTS, "live")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        metrics.flush()
    metrics.flush()
    assert total(ledger, STARTS, "live") == 16_000


def test_processes_write_rows_of_their_own_and_new_ones_every_hour(ledger: Ledger) -> None:
    clock = FakeClock()
    one, two = process(ledger, 1, clock), process(ledger, 2, clock)
    for hour in range(2):
        for metrics in (one, two):
            metrics.count(STARTS, "live")
            metrics.flush()
        assert len({name for name, _ in ledger.rows}) == 2 * (hour + 1)
        clock.turn(hours=1)
    assert total(ledger, STARTS, "live") == 4


def test_rows_that_nobody_adds_to_any_more_are_folded(tmp_path: Path) -> None:
    store, clock = opened(f"sqlite:///{tmp_path}/otp.db"), FakeClock()
    for number in range(5):
        metrics = process(store, number, clock)
        metrics.count(STARTS, "live")
        metrics.flush()
        metrics.fold()  # too early for any of them
    early = "2000-01-01T00", "2026-11-22T09"
    assert [store.fold_tallies(before) for before in early] == [0, 5]
    metrics.count(STARTS, "live")
    metrics.flush()
    clock.turn(hours=2)
    metrics.fold()
    assert store.fold_tallies("9") == 0
    assert total(store, STARTS, "live") == 6
    store.close()


def test_a_span_is_in_the_bucket_that_it_does_not_exceed(ledger: Ledger) -> None:
    metrics = process(ledger)
    for milliseconds in (-3, 4, 5, 6, 1000, 10**7):
        metrics.observe(HANDOVER_DELAY, timedelta(milliseconds=milliseconds), "main")
    metrics.flush()
    found = {
        bucket: total(ledger, HANDOVER_DELAY, "main", part=bucket)
        for bucket in ("0.005", "0.01", "0.5", "1.0", "+Inf", SUM)
    }
    assert found == {"0.005": 3, "0.01": 1, "0.5": 0, "1.0": 1, "+Inf": 1, SUM: 10_001_015_000}


def test_a_receipt_is_counted_by_what_it_means_and_the_first_delivery_is_timed(
    ledger: Ledger,
) -> None:
    metrics = process(ledger)
    metrics.receipt("main", "delivered", timedelta(seconds=4))
    metrics.receipt("main", "delivered")
    metrics.receipt("main", "unknown_word")
    metrics.flush()
    assert total(ledger, RECEIPTS, "main", "delivered") == 2
    assert total(ledger, RECEIPTS, "main", "unknown_word") == 1
    delay = METRICS["otp_delivery_delay_seconds"]
    assert [total(ledger, delay, "main", part=part) for part in ("2.0", "5.0", SUM)] == [
        0,
        1,
        4_000_000,
    ]


@pytest.mark.parametrize(
    "values", [(), ("live", "live"), ("dead",), ("",)], ids=["none", "two", "unknown", "empty"]
)
def test_values_that_a_metric_does_not_have_are_refused(ledger: Ledger, values: Values) -> None:
    with pytest.raises(ValueError, match="otp_starts_total"):
        process(ledger).count(STARTS, *values)


def test_what_is_no_word_of_ours_is_never_kept(ledger: Ledger) -> None:
    metrics = process(ledger)
    odd = [
        "+919876543210", "n9876543210", "n12_3456", "Budget", "a" * 41, "two words", "a\nb", "é",
        "ver_0f3a9c5e8b7d41d2", "a=b", 'a"b',
    ]  # fmt: skip
    for value in odd:
        metrics.count(REFUSALS, "api", "invalid_input", value)
        metrics.count(SENDS, value, "sent")
    metrics.flush()
    assert total(ledger, REFUSALS, "api", "invalid_input", "other") == len(odd)
    assert total(ledger, SENDS, "other", "sent") == len(odd)
    assert len(ledger.rows) == 2


def test_what_another_version_counted_is_left_out(ledger: Ledger) -> None:
    ledger.tally(
        "new",
        [
            ("otp_unheard_of_total", 1),
            ("otp_starts_total", 1),
            ("otp_starts_total?kind=live", 1),
            ("otp_starts_total?mode=live&le=1", 1),
            ("otp_handover_delay_seconds?route=main&le=7.0", 1),
            ("otp_handover_delay_seconds?route=main", 1),
            ("receipt:main:unknown_word", 1),
        ],
    )
    assert sum(sum(t.counts.values()) for t in totals(ledger, ["main"])) == 0  # type: ignore[arg-type]


def test_what_can_be_foreseen_is_there_before_it_happens(ledger: Ledger) -> None:
    seen = {(t.metric.name, *t.values) for t in totals(ledger, ["main", "backup"])}  # type: ignore[arg-type]
    assert {
        ("otp_starts_total", "live"),
        ("otp_checks_total", "approved", "live"),
        ("otp_sends_total", "backup", "unknown"),
        ("otp_handover_delay_seconds", "main"),
    } <= seen
    assert "otp_refusals_total" not in {name for name, *_ in seen}


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_a_metric_is_named_as_prometheus_asks(metric: Metric) -> None:
    assert metric.name.startswith("otp_")
    assert metric.name.endswith("_seconds" if isinstance(metric, Histogram) else "_total")
    assert metric.help.endswith(".")
    if isinstance(metric, Histogram):
        assert list(metric.bounds) == sorted(set(metric.bounds))


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION
