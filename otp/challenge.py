"""One passcode sent once, and what may become of its message: the table is `MOVES`.

Frozen values, like all of the core. When a challenge changes is decided in `otp.verification`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One passcode sent once over one channel; a resend makes another.

    *handed_by* names the claim under which the message is being handed over. It is committed before
    the request leaves for the gateway, and withdrawn only by that claim when the message was
    certainly not taken. Who finds somebody else's name in it knows that the message may be out.
    *source* is the keyed name under which the network was counted that asked for it.
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

    @property
    def is_queued(self) -> bool:
        return self.delivery is Delivery.QUEUED

    @property
    def may_be_out(self) -> bool:
        """Whether the message was handed over, or may have been."""
        return self.delivery in _OUT or self.provider_id is not None

    def moved(self, delivery: Delivery, now: datetime, reason: str | None = None) -> Challenge:
        if delivery not in MOVES[self.delivery]:
            return self  # late, twice or out of order: no news
        return replace(self, delivery=delivery, reason=reason, updated_at=now)

    def released(self, claim: str) -> Challenge:
        """Without its claim and its mark, if it is this *claim* or none."""
        if self.claim not in (claim, None):
            return self
        return replace(self, claim=None, handed_by=None)


_OUT: Final = {Delivery.SENT, Delivery.DELIVERED, Delivery.UNKNOWN}
