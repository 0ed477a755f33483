"""The alarm of the budget: said once, when half, four fifths and all of it is used.

The budget itself is a quota like any other and stops by itself. Here it is only looked at, at most
once a second, so that somebody hears of it before it stops.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from otp import log
from otp.errors import Unavailable
from otp.store import Quota, Store
from otp.store.flags import budget_full_flag

LEVELS: Final = (100, 80, 50)
"""Per cent."""

FULL_LASTS: Final = timedelta(minutes=2)
"""For so long a start that did not fit says that the budget is used up."""

_EVERY: Final = timedelta(seconds=1)
_SAID_AGAIN: Final = timedelta(minutes=1)

_log = log.get("otp.budget")


class BudgetAlarm:
    """One for each process: of several, each may say it."""

    def __init__(self, store: Store, budget: Sequence[Quota]) -> None:
        self._store = store
        self._budget = tuple(budget)
        self._told = dict.fromkeys(self._budget, 0)
        self._looked_at: datetime | None = None
        self._refused_at: dict[Quota, datetime] = {}

    def look(self, now: datetime, *, wanted: int = 0) -> None:
        """Say what was newly reached. Raises nothing: it comes after what was asked for is done.

        *wanted*: so many parts were just refused. A window that they do not fit into is used up,
        though a part or two may be left of it. That stands in the store then, for who alarms.
        """
        if not wanted and self._looked_at and abs(now - self._looked_at) < _EVERY:
            return
        self._looked_at = now
        with suppress(Unavailable):
            for quota in self._budget:
                taken = self._store.used(quota, now).taken
                self._tell(quota, taken, wanted)
                if wanted and taken + wanted > quota.limit:
                    self._note(quota, now)

    def _note(self, quota: Quota, now: datetime) -> None:
        """Now and then: there may be many refusals a second, and each note is a write."""
        if abs(now - self._refused_at.get(quota, datetime.min.replace(tzinfo=UTC))) >= _SAID_AGAIN:
            self._store.put_flag(budget_full_flag(quota.window), now.isoformat())
            self._refused_at[quota] = now

    def _tell(self, quota: Quota, taken: int, wanted: int) -> None:
        full = taken + wanted > quota.limit
        used = [level for level in LEVELS if full or taken * 100 >= level * quota.limit]
        for level in reversed(used):
            if level > self._told[quota]:
                say = _log.error if level == LEVELS[0] else _log.warning
                say("budget", level_reached=level, hours=quota.window / timedelta(hours=1))
        # It is told anew only once less than the lowest level is used.
        self._told[quota] = max([self._told[quota], *used]) if used else 0
