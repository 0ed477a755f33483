"""What an operator must hear of while it happens: budgets, routes, the queue, balances.

It looks at the store, so it does not matter which process met the trouble; of several that look,
one tells. An alarm is told once, and again every hour while it lasts. Nothing here decides
anything: limits and breakers stop by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from otp import log
from otp.breaker import State
from otp.budget import FULL_LASTS, LEVELS
from otp.errors import ProviderError, QuotaExceeded, Unreachable
from otp.handover import ceiling
from otp.providers import Provider
from otp.routes import Routes
from otp.store import Quota, Store
from otp.store.flags import SENDER_SEEN, budget_full_flag

EVERY: Final = timedelta(seconds=2)
"""How often the looks are to be called."""

LONGEST_QUEUED: Final = timedelta(minutes=1)
"""A message that waits longer says that no route takes it, or that nobody sends."""

_BEAT: Final = timedelta(seconds=10)
_AGAIN: Final = timedelta(hours=1)
_BALANCE_EVERY: Final = timedelta(minutes=10)
_BALANCE_LOOK: Final = timedelta(seconds=30)
"""So often a process looks whether it is its turn to ask: each look begins a write."""
_PATIENCE: Final = timedelta(seconds=30)
"""So long nothing is posted again after a post that failed."""

_REPAIRS: Final = {
    "account_refused": "check the token, the addresses it may be used from, the sender and the "
    "credit of the account; `flask doctor` says which",
    "tls": "check the certificate and the address of its API",
}

_log = log.get("otp.watch")

Post = Callable[[Mapping[str, object]], None]
"""Sends a small JSON object to the operator, or raises `ProviderError`."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """*subject* is the route, or the window of a budget; *text* one sentence for people."""

    event: str
    subject: str
    text: str
    is_critical: bool = True


class Watch:
    def __init__(
        self,
        *,
        store: Store,
        routes: Routes,
        route: Sequence[Provider],
        budget: Sequence[Quota],
        low_balance: Decimal,
        post: Post | None,
        service: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._routes = routes
        self._route = tuple(route)
        self._budget = tuple(budget)
        self._low_balance = low_balance
        self._post = post
        self._service = service
        self._clock = clock
        self._quiet_until: dict[tuple[str, str], datetime] = {}
        self._balance_at: dict[str, datetime] = {}
        self._beat_at: datetime | None = None

    def look_at_store(self) -> None:
        """Tell what is newly wrong, and that somebody looks; waits for no gateway. Raises
        `Unavailable`."""
        now = self._clock()
        if self._beat_at is None or abs(now - self._beat_at) >= _BEAT:
            self._store.put_flag(SENDER_SEEN, now.isoformat())
            self._beat_at = now
        for alarm in (*self._budgets(), *self._breakers(), *self._queue()):
            self._tell(alarm)

    def look_at_accounts(self) -> None:
        """The balances, as slow as their gateways. Raises `Unavailable`."""
        for alarm in self._balances():
            self._tell(alarm)

    # -- what may be wrong ----------------------------------------------------------------------

    def _budgets(self) -> Iterator[Alarm]:
        for quota in self._budget:
            used = self._store.used(quota, self._clock()).taken
            full = self._refuses(quota)
            reached = [level for level in LEVELS if full or used * 100 >= level * quota.limit]
            hours = round(quota.window / timedelta(hours=1), 2)
            for level in reached[:1]:
                stops = level == LEVELS[0]
                yield Alarm(
                    f"budget_{level}",
                    f"{hours:g} h",
                    f"{level} % of the send budget of {hours:g} hours is used"
                    + (": starts are refused until some of it is free again." if stops else "."),
                    is_critical=stops,
                )

    def _refuses(self, quota: Quota) -> bool:
        """Whether a start was refused lately that did not fit, though a part or two may be left."""
        seen = self._store.flag(budget_full_flag(quota.window))
        return seen is not None and self._clock() - datetime.fromisoformat(seen) < FULL_LASTS

    def _breakers(self) -> Iterator[Alarm]:
        now = self._clock()
        for name, breaker in self._routes.breakers().items():
            if breaker.state(now) is State.CLOSED or not breaker.trips:
                continue
            event = "account_refused" if breaker.refused else "route_open"
            repair = _REPAIRS.get(breaker.reason or "", "it is tried again by itself")
            yield Alarm(
                event, name, f"Route {name} takes no messages ({breaker.reason}): {repair}."
            )

    def _queue(self) -> Iterator[Alarm]:
        oldest = self._store.oldest_queued()
        if oldest and self._clock() - oldest > LONGEST_QUEUED:
            yield Alarm(
                "queue_delayed", "", "The oldest queued message has waited for more than a minute."
            )

    def _balances(self) -> Iterator[Alarm]:
        for provider in self._route:
            now = self._clock()
            if now < self._balance_at.get(provider.name, now):
                continue
            self._balance_at[provider.name] = now + _BALANCE_LOOK
            try:
                turn = Quota("balance", f"balance:{provider.name}", 1, _BALANCE_EVERY)
                # By the new name of the balance, and perhaps by the old one.
                self._store.take([turn, *ceiling(provider) * 2], now)
                left = provider.balance().credits
            except QuotaExceeded:
                continue  # it was looked at lately, or messages need the calls
            except Unreachable as error:
                if error.account:
                    yield Alarm(
                        "account_refused", provider.name, f"Route {provider.name}: {error.detail}"
                    )
            except ProviderError:
                pass  # messages will show it, if it lasts
            else:
                if left is not None and left < self._low_balance:
                    yield Alarm(
                        "balance_low",
                        provider.name,
                        f"The account of route {provider.name} has {left} credits left.",
                        is_critical=False,
                    )

    # -- telling it -----------------------------------------------------------------------------

    def _tell(self, alarm: Alarm) -> None:
        now, key = self._clock(), (alarm.event, alarm.subject)
        if now < self._quiet_until.get(key, now):
            return
        once = Quota("alarm", f"alarm:{alarm.event}:{alarm.subject}", 1, _AGAIN)
        try:
            self._store.take([once], now)
        except QuotaExceeded as told:
            self._quiet_until[key] = now + told.retry_in
            return
        self._quiet_until[key] = now + _AGAIN
        _log.error("alarm", alarm=alarm.event, subject=alarm.subject, detail=alarm.text)
        if self._post is None:
            return
        try:
            self._post(
                {
                    "event": alarm.event,
                    "level": "critical" if alarm.is_critical else "warning",
                    "subject": alarm.subject,
                    "text": f"{self._service}: {alarm.text}",
                    "at": now.replace(microsecond=0).isoformat().replace("+00:00", "Z"),
                }
            )
        except ProviderError as error:
            # It is not told yet: whoever looks next tries again.
            self._store.forget_counts([once])
            self._quiet_until[key] = now + _PATIENCE
            _log.error("alarm_not_delivered", reason=error.reason)
