"""What is counted, and the counts of this process until they are in the store.

Counting costs a request less than a microsecond and no commit: `flush` hands the store what came
together, every few seconds and at the end of the process. The store adds up over all processes and
keeps it, so totals survive restarts; of a process that is killed, what it counted since its last
flush is lost. No label may hold what tells a person: values are words of ours, and any other
becomes "other". How it is shown to Prometheus is in `otp.web.exposition`.
"""

from __future__ import annotations

import re
import threading
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final
from urllib.parse import parse_qsl, urlencode

from otp.errors import Unavailable
from otp.keys import TokenBytes
from otp.store import Store

EVERY: Final = timedelta(seconds=5)
"""How often `flush` is to be called, and so what a `kill -9` may cost."""

Values = tuple[str, ...]
"""The values of a metric's labels, in their order."""

ANY: Final[Values] = ()
"""Words that are not known beforehand."""
ROUTES: Final[Values] = ("<route>",)
"""The names of the routes in OTP_ROUTE."""

OTHER: Final = "other"
# Never so many digits that they could be a number's, a code's or an id's.
_WORD: Final = re.compile(r"(?!([a-z_]*[0-9]){4})[a-z][a-z0-9_]{0,39}")
_LE: Final = "le"
SUM: Final = "sum"
"""Beside the buckets of a histogram, what all that it saw took, in microseconds."""
_MICROS: Final = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Counter:
    """*labels* are their names, and the values that each may have. Found by identity: a hash over
    all this would cost more than the counting."""

    name: str
    help: str
    labels: Mapping[str, Values]


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """How long something took. *bounds* of its buckets are in seconds."""

    name: str
    help: str
    labels: Mapping[str, Values]
    bounds: tuple[float, ...]


Metric = Counter | Histogram


@cache
def buckets(metric: Histogram) -> tuple[str, ...]:
    """The buckets by their upper bounds, as they are written."""
    return (*(str(float(bound)) for bound in metric.bounds), "+Inf")


DOORS: Final = ("api", "pages", "receipts", "probes")
_MODE: Final = ("live", "test")

REQUESTS: Final = Counter(
    "otp_requests_total",
    "Requests answered, by door and class of status.",
    {
        "door": DOORS,
        "status": ("2xx", "3xx", "4xx", "5xx"),
    },
)
STARTS: Final = Counter(
    "otp_starts_total",
    "Verifications started. In test mode, or of a test number, nothing is ever sent.",
    {"mode": _MODE},
)
RESUMES: Final = Counter(
    "otp_resumes_total", "Starts that took up a pending verification again.", {"mode": _MODE}
)
RESENDS: Final = Counter(
    "otp_resends_total", "New codes asked for, by resend or a resumed start.", {"mode": _MODE}
)
CHECKS: Final = Counter(
    "otp_checks_total",
    "Codes checked: approved; wrong_code (the last wrong one as well); ended before; refused while "
    "the wrong codes of the number are used up.",
    {"outcome": ("approved", "wrong_code", "ended", "refused"), "mode": _MODE},
)
REFUSALS: Final = Counter(
    "otp_refusals_total",
    "Requests refused, by the error's word, and by which limit, or why, where it says so (flood: "
    "too many requests).",
    {"door": DOORS, "error": ANY, "reason": ANY},
)
SENDS: Final = Counter(
    "otp_sends_total",
    "Hand-overs to a route: sent; not_taken (the next route or a later try may); refused (this "
    "message, for good); unknown (may be out, never sent again blindly); of those, settled later "
    "(found out), or returned (certainly not sent, and queued again).",
    {
        "route": ROUTES,
        "outcome": ("sent", "not_taken", "refused", "unknown", "settled", "returned"),
    },
)
RECEIPTS: Final = Counter(
    "otp_receipts_total",
    "Delivery receipts, by what they mean; unknown_word: no table of ours has the gateway's word.",
    {"route": ROUTES, "meaning": ANY},
)
HANDOVER_DELAY: Final = Histogram(
    "otp_handover_delay_seconds",
    "From the request for a message to the gateway's answer that it has it.",
    {"route": ROUTES},
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
DELIVERY_DELAY: Final = Histogram(
    "otp_delivery_delay_seconds",
    "From the hand-over to the gateway to the receipt that the handset has the message.",
    {"route": ROUTES},
    (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600),
)

METRICS: Final[Mapping[str, Metric]] = {
    metric.name: metric
    for metric in (
        REQUESTS,
        STARTS,
        RESUMES,
        RESENDS,
        CHECKS,
        REFUSALS,
        SENDS,
        RECEIPTS,
        HANDOVER_DELAY,
        DELIVERY_DELAY,
    )
}
"""All there are. What the store holds besides was counted by another version, and is not shown."""


_Key = tuple[Metric, Values, str]
"""What is counted in one row: of a histogram, the bound of the bucket or `SUM`."""


class Metrics:
    """Shared by all threads of a process, which *token_bytes* gives a name of its own.

    *routes* are the names of those in OTP_ROUTE.
    """

    def __init__(
        self,
        *,
        store: Store,
        routes: Collection[str],
        clock: Callable[[], datetime],
        token_bytes: TokenBytes,
    ) -> None:
        self._store = store
        self._routes = frozenset(routes)
        self._clock = clock
        self._name = token_bytes(8).hex()
        self._lock = threading.Lock()
        self._counts: dict[_Key, int] = {}
        self._flushing = threading.Lock()

    def count(self, metric: Counter, *values: str) -> None:
        """One more of *metric*, *values* being those of its labels in their order.

        Raises ValueError for values that the metric does not have: they are written in the code.
        """
        key = metric, values, ""
        with self._lock:
            if key in self._counts:  # as in `_add`, whose call would cost as much as all of this
                self._counts[key] += 1
                return
        self._add(key, 1)

    def observe(self, metric: Histogram, took: timedelta, *values: str) -> None:
        """One more that took so long. A span below nothing is that of clocks that differ."""
        seconds = max(took.total_seconds(), 0.0)
        bucket = buckets(metric)[bisect_left(metric.bounds, seconds)]
        self._add((metric, values, bucket), 1)
        self._add((metric, values, SUM), round(seconds * _MICROS))

    def receipt(self, route: str, meaning: str, delivered_after: timedelta | None = None) -> None:
        """One receipt of *route*, pushed or asked for.

        *meaning* is the delivery it tells of, `unknown_word`, or a word for why it was ignored.
        *delivered_after*: it is the first to say that the message arrived, so long after the
        hand-over.
        """
        self.count(RECEIPTS, route, meaning)
        if delivered_after is not None:
            self.observe(DELIVERY_DELAY, delivered_after, route)

    def flush(self) -> None:
        """Add what was counted since the last time to the store's totals: one commit, or none
        where nothing was.

        Raises `Unavailable`, and then nothing is lost: it is added the next time. (Where a
        connection breaks during the commit, it may be added twice.)
        """
        with self._flushing:
            with self._lock:
                counts, self._counts = self._counts, {}
            if not counts:
                return
            # Nobody adds to the rows of an earlier hour, so that anybody may fold them.
            process = f"{_hour(self._clock())} {self._name}"
            try:
                self._store.tally(process, sorted((_row(key), n) for key, n in counts.items()))
            except Unavailable:
                for key, n in counts.items():
                    self._add(key, n)
                raise

    def fold(self) -> None:
        """Make one set of rows of those that no process adds to any more. Raises `Unavailable`."""
        self._store.fold_tallies(_hour(self._clock() - timedelta(hours=1)))

    def _add(self, key: _Key, n: int) -> None:
        with self._lock:
            if key in self._counts:
                self._counts[key] += n
                return
        key = self._checked(key)  # seen for the first time since the last flush
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + n

    def _checked(self, key: _Key) -> _Key:
        metric, values, part = key
        if len(values) != len(metric.labels):
            raise ValueError(f"{metric.name} has {len(metric.labels)} labels")
        kept = []
        for value, (name, known) in zip(values, metric.labels.items(), strict=True):
            if known is ROUTES:
                kept.append(value if value in self._routes else OTHER)
            elif known is ANY:
                kept.append(value if not value or _WORD.fullmatch(value) else OTHER)
            elif value in known:
                kept.append(value)
            else:
                raise ValueError(f"no value of {name} in {metric.name}: {value!r}")
        return metric, tuple(kept), part


@dataclass(frozen=True, slots=True)
class Total:
    """What all processes counted of *metric* under *values*: under "", or of a histogram in each
    of its `buckets`, and under `SUM`."""

    metric: Metric
    values: Values
    counts: Mapping[str, int]


def totals(store: Store, routes: Sequence[str]) -> Iterator[Total]:
    """What all processes have flushed, by the table and its order. What can be foreseen is there
    from the first day, so that its first increase is seen. Raises `Unavailable`."""
    found: dict[str, dict[Values, dict[str, int]]] = {
        name: {values: {} for values in _foreseen(metric, routes)}
        for name, metric in METRICS.items()
    }
    for row, n in store.tallies().items():
        if read := _read(row):
            metric, values, part = read
            found[metric.name].setdefault(values, {})[part] = n
    for name, rows in found.items():
        for values in sorted(rows):
            yield Total(METRICS[name], values, rows[values])


def _hour(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H}"


def _row(key: _Key) -> str:
    """The key as the store keeps it, for another version to read: `name?label=value&…`."""
    metric, values, part = key
    pairs = [*zip(metric.labels, values, strict=True), *([(_LE, part)] if part else [])]
    return f"{metric.name}?{urlencode(pairs)}" if pairs else metric.name


def _read(row: str) -> _Key | None:
    """None for what this version does not know."""
    name, _, rest = row.partition("?")
    metric = METRICS.get(name)
    if metric is None:
        return None
    pairs = dict(parse_qsl(rest, keep_blank_values=True))
    part = pairs.pop(_LE, "")
    is_whole = tuple(pairs) == tuple(metric.labels)
    parts = (*buckets(metric), SUM) if isinstance(metric, Histogram) else ("",)
    if not is_whole or part not in parts:
        return None
    return metric, tuple(pairs.values()), part


def _foreseen(metric: Metric, routes: Sequence[str]) -> list[Values]:
    """The values of all labels, where none of them may be any word."""
    rows: list[Values] = [()]
    for known in metric.labels.values():
        words = tuple(routes) if known is ROUTES else known
        rows = [(*row, word) for row in rows for word in words]
    return rows
