"""Which routes may be asked now: what their breakers in the store say, and what was found full.

Every process looks at the same breakers. A look is at most so old as `_FRESH`, and each change goes
through the store; that a route's calls are used up is found out by counting, and kept here alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from otp import log
from otp.breaker import CLOSED, Breaker, State
from otp.errors import Unavailable
from otp.store import Store

_REFUSED_FOR_LONG: Final = 3
"""So often in a row our account was refused before starts are: once may be a slip of the gateway's,
and what is accepted meanwhile waits."""

_FRESH: Final = timedelta(milliseconds=200)

_log = log.get("otp.routes")


class Routes:
    """*names* are those of `OTP_ROUTE`, in its order. Shared by all threads of a process."""

    def __init__(self, store: Store, names: Sequence[str], clock: Callable[[], datetime]) -> None:
        self._store = store
        self.names = tuple(names)
        self._clock = clock
        self._seen: Mapping[str, Breaker] = {}
        self._seen_at: datetime | None = None
        self._full_until: dict[str, datetime] = {}

    def breakers(self) -> dict[str, Breaker]:
        """Each route's, as of a moment ago. Raises `Unavailable`."""
        now = self._clock()
        if self._seen_at is None or abs(now - self._seen_at) >= _FRESH:
            self._seen, self._seen_at = self._store.breakers(), now
        return {name: self._seen.get(name, CLOSED) for name in self.names}

    def allowed(self, limit: int) -> int:
        """How many messages may be taken up now, at most *limit*: all, if a route works; one for
        each that is only tried; none while all are closed to us. Raises `Unavailable`."""
        now, tries = self._clock(), 0
        for name, breaker in self.breakers().items():
            if now < max(self._full_until.get(name, now), breaker.free_at(now)):
                continue
            if breaker.state(now) is State.CLOSED:
                return limit
            tries += 1
        return min(tries, limit)

    def refused_for(self) -> timedelta | None:
        """For how long no message can leave, since every route goes on refusing our account; None:
        one may.

        What is started now could not be sent until an operator has acted. Raises `Unavailable`.
        """
        if not self.names:
            return None
        now = self._clock()
        breakers = self.breakers().values()
        if not all(
            b.refused and b.trips >= _REFUSED_FOR_LONG and b.state(now) is State.OPEN
            for b in breakers
        ):
            return None
        return min(b.free_at(now) for b in breakers) - now

    def may_try(self, name: str, patience: timedelta) -> bool:
        """Whether a message may go over the route now; of a half-open one, the first who asks may.

        Raises `Unavailable`.
        """
        now = self._clock()
        if now < self._full_until.get(name, now):
            return False
        breaker = self.breakers()[name]
        if breaker.state(now) is State.CLOSED:
            return True
        if now < breaker.free_at(now):
            return False
        mine = False

        def tried(found: Breaker) -> Breaker:
            nonlocal mine
            after = found.tried(now, patience)
            mine = after is not found or found.state(now) is State.CLOSED
            return after

        self._turn(name, tried)
        return mine

    def full(self, name: str, wait: timedelta) -> None:
        """Our own ceiling on its calls is reached."""
        self._full_until[name] = self._clock() + wait

    # -- what became of a message. These raise nothing: the message itself matters more. ----------

    def worked(self, name: str) -> None:
        """The gateway answered as it should, were it with the refusal of one message."""
        if self._seen.get(name, CLOSED) == CLOSED:
            return
        now = self._clock()
        with suppress(Unavailable):
            was = self._turn(name, lambda breaker: breaker.worked(now))
            if was.trips and self._seen[name] == CLOSED:
                _log.warning("breaker_closed", route=name)

    def failed(
        self,
        name: str,
        reason: str,
        *,
        refused: bool = False,
        certain: bool = False,
        asked_at: datetime | None = None,
    ) -> None:
        """It did not answer, or so that nothing can be had from it; *refused*: our account is;
        *certain*: the message was not taken. It was *asked_at* that time, if that is known."""
        now = self._clock()

        def failed(breaker: Breaker) -> Breaker:
            return breaker.failed(reason, now, refused=refused, certain=certain, asked_at=asked_at)

        with suppress(Unavailable):
            was = self._turn(name, failed)
            found = self._seen[name]
            if found.trips > was.trips:
                rest = (found.free_at(now) - now).total_seconds()
                _log.error("breaker_opened", route=name, reason=reason, seconds=rest)

    def busy(self, name: str, wait: timedelta) -> None:
        """It asks to be left alone for so long."""
        now = self._clock()
        with suppress(Unavailable):
            self._turn(name, lambda breaker: breaker.busy(wait, now))
            _log.warning("route_busy", route=name, seconds=wait.total_seconds())

    def _turn(self, name: str, change: Callable[[Breaker], Breaker]) -> Breaker:
        """Change it in the store; return what it was before."""
        before, after = self._store.turn(name, change)
        self._seen = {**self._seen, name: after}
        return before
