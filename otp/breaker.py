"""Whether a route is worth asking: a circuit breaker, as a value that all processes share.

    closed ──failures in a row, or the account refused──▶ open
    open ──its time is over──▶ half open: one message tries it, the others wait or go elsewhere
    half open ──it works──▶ closed
    half open ──it does not──▶ open, for twice as long

What a gateway asks for (`Retry-After`) is no failure, and is kept to here as well, so that every
process leaves it alone for so long.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

FAILURES: Final = 5
"""So many in a row open it."""

_FIRST_REST: Final = timedelta(seconds=5)
_LONGEST_REST: Final = timedelta(seconds=60)
_LONGEST_REST_IF_CERTAIN: Final = timedelta(seconds=20)
"""What is certainly not taken is lost by no try, so nobody need wait for a minute."""


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """What is known of one route.

    *failures* in a row; *trips*: how often it opened without having worked since. *reason* is why
    it last opened, or the gateway's own wish (`busy`); *refused*: the account was refused, so an
    operator has to act. While a message tries a half-open one, nobody else does before
    *tried_until*.
    """

    failures: int = 0
    trips: int = 0
    reason: str | None = None
    refused: bool = False
    open_until: datetime | None = None
    tried_until: datetime | None = None

    def state(self, now: datetime) -> State:
        if self.open_until is None:
            return State.CLOSED
        return State.OPEN if now < self.open_until else State.HALF_OPEN

    def free_at(self, now: datetime) -> datetime:
        """When the next message may try it: *now*, or later."""
        return max(now, self.open_until or now, self.tried_until or now)

    def tried(self, now: datetime, patience: timedelta) -> Breaker:
        """A message tries it that is half open, and has an answer after *patience* at the latest.

        The same value where somebody else was quicker, or where it need not be asked for.
        """
        if self.state(now) is not State.HALF_OPEN or now < self.free_at(now):
            return self
        return replace(self, tried_until=now + patience)

    def worked(self, now: datetime) -> Breaker:
        """It answered as it should, were it with the refusal of one message.

        Who was asked before the gateway asked to wait, and answers after, takes no wish back.
        """
        return self if self.reason == "busy" and self.state(now) is State.OPEN else CLOSED

    def failed(
        self,
        reason: str,
        now: datetime,
        *,
        refused: bool = False,
        certain: bool = False,
        asked_at: datetime | None = None,
    ) -> Breaker:
        """No answer, or none to be had from it; *refused*: the account is, whatever the message.

        *certain*: the message was not taken. It was *asked_at* that time, if that is known.
        """
        if self.state(asked_at or now) is State.OPEN or self.state(now) is State.OPEN:
            return self  # it was asked before it opened, or before its rest was over
        failures = self.failures + 1
        v = replace(self, failures=failures, reason=reason, refused=refused, tried_until=None)
        if not (refused or failures >= FAILURES or self.open_until):
            return v
        longest = _LONGEST_REST_IF_CERTAIN if certain else _LONGEST_REST
        rest = min(_FIRST_REST * 2 ** min(self.trips, 10), longest)
        return replace(v, trips=self.trips + 1, open_until=now + rest)

    def busy(self, wait: timedelta, now: datetime) -> Breaker:
        """The gateway asked to be left alone for so long."""
        until = max(now + wait, self.open_until or now)
        return replace(self, reason="busy", open_until=until, tried_until=None)


CLOSED: Final = Breaker()
