"""One passcode sent once, and what may become of its message: the table is `MOVES`.

Frozen values, like all of the core. When one changes is decided in `otp.transit`.

Of a message that left, a receipt tells what became of it; where none comes, the gateway is asked,
when `ASKS` says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final


class Channel(StrEnum):
    SMS = "sms"


class Delivery(StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    UNKNOWN = "unknown"


MOVES: Final[dict[Delivery, frozenset[Delivery]]] = {
    Delivery.QUEUED: frozenset(Delivery) - {Delivery.QUEUED},
    # The answer was lost: whatever is learnt later is news.
    Delivery.UNKNOWN: frozenset({Delivery.SENT, Delivery.DELIVERED, Delivery.UNDELIVERED}),
    Delivery.SENT: frozenset({Delivery.DELIVERED, Delivery.UNDELIVERED}),
    # It happens: a network gives a message up, and the handset had it all along.
    Delivery.UNDELIVERED: frozenset({Delivery.DELIVERED}),
    Delivery.DELIVERED: frozenset(),
}
"""One way more leads back into the queue, and no receipt goes it: `transit.not_known`."""


def _waits(*seconds: int) -> tuple[timedelta, ...]:
    return tuple(timedelta(seconds=s) for s in seconds)


ASKS: Final[dict[Delivery, tuple[timedelta, ...]]] = {
    # The person waits, and nothing may be sent before this is known.
    Delivery.UNKNOWN: _waits(2, 3, 10, 15, 30, 60, 120, 240),
    Delivery.SENT: _waits(20, 40, 120, 420),
}
"""The waits before each question what became of a message; of any other nothing is asked."""

NOT_SENT_AFTER: Final = timedelta(seconds=30)
NOT_SENT_ANSWERS: Final = 3
"""A gateway must say so often that it knows no such message, the last time so long after the answer
to the hand-over was lost, before it is believed."""

_FARTHEST_IN_VAIN: Final = 3
"""So far along its waits questions about a lost answer lead that are not answered either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One passcode sent once over one channel; a resend makes another.

    *handed_by* names the claim under which the message is being handed over. It is committed before
    the request leaves for the gateway, and withdrawn only by that claim when the message was
    certainly not taken. Who finds somebody else's name in it knows that the message may be out.
    *source* is the keyed name under which the network was counted that asked for it.

    *word* is the last that the gateway said of the message, in its own words. The gateway is asked
    at *ask_at*, unless a receipt comes before. Since the delivery last moved, *asks* says how far
    along its waits that is, and *misses* how often the gateway said that it knows no such message.
    So often as *returned* says, it was settled that the message had not been sent, and it was
    queued anew.
    """

    number: int
    channel: Channel
    queued_at: datetime
    due_at: datetime
    expires_at: datetime
    updated_at: datetime
    delivery: Delivery = Delivery.QUEUED
    reason: str | None = None
    tries: int = 0
    claim: str | None = None
    handed_by: str | None = None
    digest: str | None = None
    route: str | None = None
    provider_id: str | None = None
    source: str | None = None
    word: str | None = None
    ask_at: datetime | None = None
    asks: int = 0
    misses: int = 0
    returned: int = 0

    @property
    def is_queued(self) -> bool:
        return self.delivery is Delivery.QUEUED

    @property
    def may_be_out(self) -> bool:
        """Whether the message was handed over, or may have been."""
        return self.delivery in _OUT or self.provider_id is not None

    @property
    def is_lost(self) -> bool:
        """Whether nobody knows if the gateway took it."""
        return self.delivery is Delivery.UNKNOWN

    def moved(self, delivery: Delivery, now: datetime, reason: str | None = None) -> Challenge:
        if delivery not in MOVES[self.delivery]:
            return self  # late, twice or out of order: no news
        moved = replace(self, delivery=delivery, reason=reason, updated_at=now)
        return moved if self.ask_at is None else moved.awaited(now)

    # -- what became of it ----------------------------------------------------------------------

    def told(
        self,
        delivery: Delivery | None,
        now: datetime,
        *,
        reason: str | None,
        word: str | None,
        provider_id: str | None,
    ) -> Challenge:
        """With what the gateway says of it. A word that nobody knows moves nothing, and is kept."""
        after = self if delivery is None else self.moved(delivery, now, reason)
        if after.delivery is self.delivery and self.delivery in _OVER:
            return self  # this comes late, or twice
        if after.delivery is delivery is self.delivery and reason:
            after = replace(after, reason=reason)
        return replace(after, word=word or self.word, provider_id=self.provider_id or provider_id)

    def awaited(self, now: datetime) -> Challenge:
        """With its first question ahead, if any is to be put."""
        waits = ASKS.get(self.delivery)
        return replace(self, ask_at=now + waits[0] if waits else None, asks=0, misses=0)

    def asked(self, now: datetime, *, missed: bool = False) -> Challenge:
        """Once more asked about, without news; *missed*: the gateway knows no such message."""
        if self.ask_at is None:
            return self
        asks, waits = self.asks + 1, ASKS[self.delivery]
        ask_at = now + waits[asks] if asks < len(waits) else None
        return replace(self, asks=asks, misses=self.misses + missed, ask_at=ask_at)

    def not_answered(self, now: datetime) -> Challenge:
        """Asked about in vain. That is no answer, so a lost one is asked about no less for it."""
        after = self.asked(now)
        if self.ask_at is None or not self.is_lost or self.asks < _FARTHEST_IN_VAIN:
            return after
        return replace(self, ask_at=now + ASKS[self.delivery][self.asks])

    @property
    def is_missing(self) -> bool:
        """Whether the gateway said often enough that it has no such message, and nothing else."""
        heard = self.provider_id is not None or self.word is not None
        return self.is_lost and not heard and self.misses >= NOT_SENT_ANSWERS

    def released(self, claim: str) -> Challenge:
        """Without its claim and its mark, if it is this *claim* or none."""
        if self.claim not in (claim, None):
            return self
        return replace(self, claim=None, handed_by=None)


_OUT: Final = {Delivery.SENT, Delivery.DELIVERED, Delivery.UNKNOWN}
_OVER: Final = {Delivery.DELIVERED, Delivery.UNDELIVERED}
