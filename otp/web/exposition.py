"""What Prometheus is told: the totals of all processes, and how things stand at this moment.

A scrape is a dozen small reads of the store, whatever its size; nothing is kept between two of
them, so any process gives the same answer.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import accumulate, groupby
from typing import Final

from prometheus_client import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from otp import VERSION
from otp.breaker import State
from otp.metrics import SUM, Histogram, Total, buckets, totals
from otp.quotas import Quotas
from otp.settings.notation import WINDOWS
from otp.store.flags import PAUSED, SENDER_SEEN
from otp.web import World

_OPENMETRICS: Final = "application/openmetrics-text"
_STATES: Final = {State.CLOSED: 0, State.HALF_OPEN: 1, State.OPEN: 2}
_NAMES: Final = {window: name for name, window in WINDOWS.items()}

GAUGES: Final[Mapping[str, tuple[str, str]]] = {
    "otp_queue_depth": ("", "Messages that wait to be handed over, or are being."),
    "otp_queue_oldest_age_seconds": (
        "",
        "For how long the oldest of them has waited; 0 without any.",
    ),
    "otp_route_breaker_state": (
        "route",
        "Whether a route takes messages: 0 closed (it does), 1 half open (one message tries it), "
        "2 open (it is left alone).",
    ),
    "otp_budget_used_parts": ("window", "SMS parts of OTP_SEND_BUDGET that are used."),
    "otp_budget_limit_parts": ("window", "SMS parts that OTP_SEND_BUDGET allows."),
    "otp_paused": ("", "1 while an operator has stopped all sending."),
    "otp_sender_seen_age_seconds": (
        "",
        "How long ago a sender was last at work, of which they tell every 10 s; not there before "
        "the first was.",
    ),
}
"""What each tells, and its label if it has one."""
INFO: Final = ("otp_build", "What runs: version of the service, of Python, and of the schema.")


def exposed(world: World, accepts: str) -> tuple[bytes, str]:
    """All metrics, and their content type: as OpenMetrics where *accepts* asks for it.

    Raises `Unavailable`.
    """
    families = _Families([*_counted(world), *_standing(world)])
    # The library's own choice fails over versions that are none, and echoes what it was sent.
    if any(kind.partition(";")[0].strip() == _OPENMETRICS for kind in accepts.split(",")):
        return openmetrics.generate_latest(families), openmetrics.CONTENT_TYPE_LATEST
    return generate_latest(families), CONTENT_TYPE_PLAIN_0_0_4


class _Families(Collector):
    """What was read, before a word of it is written."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _counted(world: World) -> Iterator[Metric]:
    found = totals(world.store, world.routes.names)
    for metric, rows in groupby(found, key=lambda total: total.metric):
        if isinstance(metric, Histogram):
            yield _histogram(metric, rows)
            continue
        family = CounterMetricFamily(metric.name, metric.help, labels=list(metric.labels))
        for row in rows:
            family.add_metric(row.values, row.counts.get("", 0))
        yield family


def _histogram(metric: Histogram, rows: Iterable[Total]) -> Metric:
    family = HistogramMetricFamily(metric.name, metric.help, labels=list(metric.labels))
    bounds = buckets(metric)
    for row in rows:
        below = accumulate(row.counts.get(bound, 0) for bound in bounds)
        sum_value = row.counts.get(SUM, 0) / 1_000_000
        family.add_metric(row.values, list(zip(bounds, below, strict=True)), sum_value=sum_value)
    return family


def _standing(world: World) -> Iterator[Metric]:
    now = world.clock()
    found = _gauges(world, now)
    for name, (label, help) in GAUGES.items():
        family = GaugeMetricFamily(name, help, labels=[label] if label else [])
        for value, number in found[name].items():
            family.add_metric([value] if label else [], number)
        yield family
    about = {
        "version": VERSION,
        "schema": str(world.store.schema),
        "python": platform.python_version(),
    }
    yield InfoMetricFamily(*INFO, value=about)


def _gauges(world: World, now: datetime) -> dict[str, dict[str, float]]:
    """Each by the value of its label, or by none."""
    store = world.store
    oldest, seen = store.oldest_queued(), store.flag(SENDER_SEEN)
    breakers = world.routes.breakers()
    budget = {
        _NAMES[quota.window]: quota for quota in Quotas(world.settings, store.lookup).budget()
    }
    return {
        "otp_queue_depth": {"": store.queue_depth()},
        "otp_queue_oldest_age_seconds": {"": _seconds(now, oldest) if oldest else 0},
        "otp_route_breaker_state": {
            name: _STATES[breaker.state(now)] for name, breaker in breakers.items()
        },
        "otp_budget_used_parts": {
            name: store.used(quota, now).taken for name, quota in budget.items()
        },
        "otp_budget_limit_parts": {name: quota.limit for name, quota in budget.items()},
        "otp_paused": {"": 1 if store.flag(PAUSED) else 0},
        "otp_sender_seen_age_seconds": (
            {"": _seconds(now, datetime.fromisoformat(seen))} if seen else {}
        ),
    }


def _seconds(now: datetime, since: datetime) -> float:
    """Never below nothing, where clocks differ."""
    return max((now - since).total_seconds(), 0.0)
