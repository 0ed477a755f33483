"""The alarm of the budget: said once, when half, four fifths and all of it is used.

The budget itself is a quota like any other and stops by itself. Here it is only looked at, at most
once a second, so that somebody hears of it before it stops.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from otp import log
from otp.errors import Unavailable
from otp.store import Quota, Store

LEVELS: Final = (100, 80, 50)
"""Per cent."""

_EVERY: Final = timedelta(seconds=1)

_log = log.get("otp.budget")


class BudgetAlarm:
    """One for each process: of several, each may say it."""

    def __init__(self, store: Store, budget: Sequence[Quota]) -> None:
        self._store = store
        self._budget = tuple(budget)
        self._told = dict.fromkeys(self._budget, 0)
        self._looked_at: datetime | None = None

    def look(self, now: datetime, *, refused: bool = False) -> None:
        """Say what was newly reached. Raises nothing: it comes after what was asked for is done.

        *refused*: a send was, for the budget. Then all of it is used, though a part or two may be
        left that the message did not fit into.
        """
        if not refused and self._looked_at and abs(now - self._looked_at) < _EVERY:
            return
        self._looked_at = now
        with suppress(Unavailable):
            for quota in self._budget:
                self._tell(quota, self._store.used(quota, now).taken, refused=refused)

    def _tell(self, quota: Quota, taken: int, *, refused: bool) -> None:
        reached = [level for level in LEVELS if taken * 100 >= level * quota.limit]
        if refused and LEVELS[1] in reached:
            reached.insert(0, LEVELS[0])
        for level in sorted(set(reached)):
            if level > self._told[quota]:
                say = _log.error if level == LEVELS[0] else _log.warning
                say("budget", level_reached=level, hours=quota.window / timedelta(hours=1))
        self._told[quota] = max(reached, default=0)
