"""Delivery receipts: what a gateway says became of a message, pushed to us or asked for.

A receipt is information for people and nothing else: it moves a delivery along its table, and never
proves or ends anything. Each is believed only of the message that it names, on the route that it
came from; what contradicts that is ignored and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from otp import log, transit
from otp.challenge import Challenge, Delivery
from otp.errors import NotFound, OtpError
from otp.metrics import SENDS, Metrics
from otp.providers import REFERENCE, DeliveryReceipt, Inbound, Provider
from otp.store import MessageName, Store
from otp.verification import Verification

_AGAIN: Final = 1000

_log = log.get("otp.receipts")


def reference(verification_id: str, challenge: Challenge) -> str:
    """Our name for one message, given to the provider and echoed in its receipts.

    One that is sent anew, since it was settled that it had not been sent, is another message: of
    challenge 1 they are 1, 1001, 2001 …, for a name must have the same shape always.
    """
    number = challenge.number + _AGAIN * challenge.returned
    return f"{verification_id.removeprefix('ver_')}-{number}"


class Ignored(OtpError):
    """The receipt changes nothing; *why* is a word for the log and the count."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class _Named:
    """The message that a receipt names, and the hand-over of it that our reference was made for."""

    message: MessageName
    returned: int | None


class Receipts:
    """Shared by all threads of a process."""

    def __init__(
        self,
        *,
        store: Store,
        route: Sequence[Provider],
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._providers = {provider.name: provider for provider in route}
        self._clock = clock

    def receive(self, route: str, inbound: Inbound) -> Mapping[str, str]:
        """Write down what a request to the webhook of *route* says; return what it is answered.

        Raises `NotFound` without such a route, `Forged`, and `Unavailable`: then it should come
        again.
        """
        provider = self._providers.get(route)
        if provider is None:
            raise NotFound
        reply = provider.receive(inbound)
        for receipt in reply.receipts:
            self._write_down(route, receipt)
        return reply.body

    def heard(self, route: str, before: Challenge, after: Challenge, what: DeliveryReceipt) -> None:
        """Count what a receipt or an answer of *route* made of a message."""
        arrived = after.delivery is Delivery.DELIVERED is not before.delivery
        took = after.updated_at - before.updated_at if arrived else None
        self._metrics.receipt(
            route,
            what.delivery.value if what.delivery else "unknown_word",
            took if before.delivery is Delivery.SENT else None,
        )
        if before.is_lost and not (after.is_lost or after.is_queued):
            self._metrics.count(SENDS, route, "settled")

    def ignored(self, route: str, why: str) -> None:
        """Count a receipt or an answer of *route* that changed nothing."""
        self._metrics.receipt(route, why)

    def _write_down(self, route: str, receipt: DeliveryReceipt) -> None:
        now = self._clock()
        try:
            v, before, number = self._told(route, receipt, now)
        except Ignored as ignored:
            self.ignored(route, ignored.why)
            _log.warning("receipt_ignored", route=route, why=ignored.why, word=receipt.word)
            return
        challenge = v.challenge(number)
        self.heard(route, before, challenge, receipt)
        _log.info(
            "receipt",
            support_code=v.support_code,
            route=route,
            delivery=challenge.delivery.value,
            reason=challenge.reason,
            word=receipt.word,
        )

    def _told(
        self, route: str, receipt: DeliveryReceipt, now: datetime
    ) -> tuple[Verification, Challenge, int]:
        named = self._named(route, receipt)
        client_id, id, number = named.message
        before: list[Challenge] = []

        def told(v: Verification) -> Verification:
            must_mean(v, number, route, receipt, named.returned)
            before.append(v.challenge(number))
            return transit.received(
                v, number, *said(receipt), now, word=receipt.word, provider_id=receipt.provider_id
            )

        try:
            return self._store.swap(client_id, id, told, now=now), before[-1], number
        except NotFound:
            raise Ignored("unknown_message") from None

    def _named(self, route: str, receipt: DeliveryReceipt) -> _Named:
        """Raises `Ignored` if nothing is known by either name, or by each something else."""
        by_id = self._store.awaited(route, receipt.provider_id) if receipt.provider_id else None
        found = REFERENCE.fullmatch(receipt.reference or "")
        if not found:
            if by_id is None:
                raise Ignored("unknown_message")
            return _Named(by_id, None)
        id = f"ver_{found[1]}"
        client_id = self._store.owner(id)
        if client_id is None:
            raise Ignored("unknown_message")
        returned, number = divmod(int(found[2]), _AGAIN)
        message = MessageName(client_id, id, number)
        if by_id not in (None, message):
            raise Ignored("contradiction")
        return _Named(message, returned)


def must_mean(
    v: Verification, number: int, route: str, receipt: DeliveryReceipt, returned: int | None
) -> None:
    """Raises `Ignored` unless the receipt may be about this message as it was last handed over."""
    if v.is_test:
        raise Ignored("test")
    if not 0 < number <= len(v.challenges):
        raise Ignored("unknown_message")
    challenge = v.challenge(number)
    if challenge.is_queued and not challenge.handed_by:
        raise Ignored("not_handed_over")
    if challenge.route != route:
        raise Ignored("foreign_route")
    if returned not in (None, challenge.returned):
        raise Ignored("earlier_hand_over")
    if None is not challenge.provider_id != receipt.provider_id is not None:
        raise Ignored("contradiction")


def said(receipt: DeliveryReceipt) -> tuple[Delivery | None, str | None]:
    """The delivery that a receipt tells of, and why it is so.

    A gateway that has no news of a message knows it at least: it was sent.
    """
    if receipt.delivery is Delivery.UNKNOWN:
        return Delivery.SENT, receipt.reason or "no_report"
    return receipt.delivery, receipt.reason or None
