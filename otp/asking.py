"""Asking a gateway what became of a message, where no receipt tells, and settling lost answers.

When a message is to be asked about is decided in `otp.challenge`; who of several processes asks, by
the swap that takes the turn. A message whose answer was lost may be sent a second time only if the
gateway says that it never had it, and that is worth nothing unless it would find one by our
reference: so one that it took, by its own word, is looked up in the same way before.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from otp import log, transit
from otp.breaker import State
from otp.challenge import NOT_SENT_AFTER, Challenge
from otp.errors import ClaimLost, NotFound, ProviderError, QuotaExceeded, Unknown, Unreachable
from otp.handover import ceiling
from otp.metrics import SENDS, Metrics
from otp.providers import Asked, DeliveryReceipt, Provider
from otp.receipts import Ignored, Receipts, must_mean, reference, said
from otp.routes import Routes
from otp.store import MessageName, Price, Store
from otp.store.flags import finds_flag
from otp.verification import Verification

EVERY: Final = timedelta(milliseconds=500)
"""How often `ask_all` is to be called."""

_AT_ONCE: Final = 32
_LEASE_MARGIN: Final = timedelta(seconds=2)
_LONGEST_FOR_MESSAGES: Final = timedelta(minutes=1)
_PROOF_LIFE: Final = timedelta(minutes=10)
_PROOF_PAUSE: Final = timedelta(seconds=30)

_log = log.get("otp.asking")


class Asker:
    """Asks the gateway of one route. One thread uses it; other processes have their own."""

    def __init__(
        self,
        *,
        provider: Provider,
        store: Store,
        routes: Routes,
        receipts: Receipts,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._provider = provider
        self._store = store
        self._routes = routes
        self._receipts = receipts
        self._metrics = metrics
        self._clock = clock
        self._proof_tried_at: datetime | None = None
        self._quiet_until: datetime | None = None

    def ask_all(self) -> int:
        """Put the questions that are due, those about lost answers first; say how many.

        Raises `Unavailable`.
        """
        count = 0
        for lost in (True, False):
            if not lost and self._something_waits():
                break
            due = self._store.due_asks(self._provider.name, self._clock(), _AT_ONCE, lost=lost)
            for name in due:
                if self._is_closed():
                    return count
                try:
                    count += self._ask(name)
                except QuotaExceeded:
                    break  # the route's calls are used up, or kept for what is to be sent
        return count

    def _something_waits(self) -> bool:
        """Whether a message is due: it goes before questions that can wait."""
        due = self._store.next_due()
        return due is not None and due <= self._clock()

    def _is_closed(self) -> bool:
        """Whether the gateway is left alone now, by its own wish or since it does not work."""
        if self._quiet_until and self._clock() < self._quiet_until:
            return True
        breaker = self._routes.breakers()[self._provider.name]
        return breaker.state(self._clock()) is State.OPEN

    def _ask(self, name: MessageName) -> bool:
        """Put one question; False if somebody else does, or nobody need any more.

        Raises `QuotaExceeded`.
        """
        now = self._clock()
        until = now + self._provider.patience + _LEASE_MARGIN
        try:
            v = self._store.swap(
                name.client_id,
                name.verification_id,
                lambda v: transit.asking(v, name.number, until=until, now=now),
                now=now,
                price=lambda before, _: self._price(before.challenge(name.number)),
            )
        except (NotFound, ClaimLost):
            return False
        challenge = v.challenge(name.number)
        if not v.phone:
            self._settle(name, challenge, lambda v, now: transit.never_asked(v, name.number))
            return False
        asked = Asked(v.phone, reference(v.id, challenge), challenge.provider_id)
        try:
            receipt = self._answer(asked)
            if receipt is None:
                self._not_known(name, challenge)
            else:
                self._told(name, challenge, asked, receipt)
        except ProviderError as error:
            self._settle(name, challenge, lambda v, now: transit.not_answered(v, name.number, now))
            _log.warning(
                "not_answered",
                support_code=v.support_code,
                route=self._provider.name,
                reason=error.reason,
            )
        return True

    def _answer(self, asked: Asked) -> DeliveryReceipt | None:
        try:
            return self._provider.ask(asked)
        except Unreachable as error:
            if error.for_all and error.retry_in:
                # Its wish is kept to by questions, and by messages for a little: the same calls may
                # be counted for both, or may not.
                self._quiet_until = self._clock() + error.retry_in
                self._routes.busy(self._provider.name, min(error.retry_in, _LONGEST_FOR_MESSAGES))
            raise

    def _price(self, challenge: Challenge) -> Price:
        """The calls of the route that it may take: without an id of the gateway's, two. A fifth of
        all is kept from questions that can wait."""
        calls = ceiling(self._provider)
        if challenge.provider_id is None:
            calls *= 2
        if challenge.is_lost:
            return Price(take=calls)
        return Price(take=calls, room=tuple(c._replace(limit=c.limit * 4 // 5) for c in calls))

    # -- what the answer means ------------------------------------------------------------------

    def _told(
        self, name: MessageName, challenge: Challenge, asked: Asked, receipt: DeliveryReceipt
    ) -> None:
        """Raises `Unknown` where the answer is about another message."""
        if receipt.reference is None and asked.provider_id is None and not self._finds():
            raise Unknown("unnamed", "The answer does not say which message it is about.")
        if receipt.reference not in (None, asked.reference):
            self._receipts.ignored(self._provider.name, "contradiction")
            raise Unknown("contradiction", "The answer is about another message.")

        def told(v: Verification, now: datetime) -> Verification:
            must_mean(v, name.number, self._provider.name, receipt, challenge.returned)
            return transit.answered(
                v,
                name.number,
                *said(receipt),
                now,
                word=receipt.word,
                provider_id=receipt.provider_id,
            )

        try:
            v = self._settle(name, challenge, told)
        except Ignored as ignored:
            self._receipts.ignored(self._provider.name, ignored.why)
            raise Unknown(ignored.why) from None
        if v is None:
            return
        after = v.challenge(name.number)
        self._receipts.heard(self._provider.name, challenge, after, receipt)
        _log.info(
            "asked",
            support_code=v.support_code,
            route=self._provider.name,
            delivery=after.delivery.value,
            reason=after.reason,
            word=receipt.word,
        )

    def _not_known(self, name: MessageName, challenge: Challenge) -> None:
        one_more = challenge.asked(self._clock(), missed=True)
        proven = one_more.is_missing and self._finds()
        v = self._settle(
            name, challenge, lambda v, now: transit.not_known(v, name.number, now, proven=proven)
        )
        if v is None:
            return
        after = v.challenge(name.number)
        if after.is_lost or not challenge.is_lost:
            _log.info("asked_not_known", support_code=v.support_code, route=self._provider.name)
            return
        what = "returned" if after.is_queued else "settled"
        self._metrics.count(SENDS, self._provider.name, what)
        _log.warning(
            "settled_as_not_sent",
            support_code=v.support_code,
            route=self._provider.name,
            delivery=after.delivery.value,
        )

    def _settle(
        self,
        name: MessageName,
        asked: Challenge,
        change: Callable[[Verification, datetime], Verification],
    ) -> Verification | None:
        """Write an answer down, unless the message was handed over anew since it was *asked* for.

        None where the verification is gone.
        """
        now = self._clock()

        def settled(v: Verification) -> Verification:
            is_same = v.challenge(name.number).returned == asked.returned
            return change(v, now) if is_same else v

        try:
            return self._store.swap(name.client_id, name.verification_id, settled, now=now)
        except NotFound:
            return None

    # -- whether not being found means anything -------------------------------------------------

    def _finds(self) -> bool:
        """Whether the gateway finds by our reference alone what it surely has: whether it did a
        short while ago, or does now."""
        now, flag = self._clock(), finds_flag(self._provider.name)
        found_at = self._store.flag(flag)
        if found_at and abs(now - datetime.fromisoformat(found_at)) < _PROOF_LIFE:
            return True
        if self._proof_tried_at and abs(now - self._proof_tried_at) < _PROOF_PAUSE:
            return False
        self._proof_tried_at = now
        sample = self._store.taken_over(self._provider.name, now - NOT_SENT_AFTER)
        finds = sample is not None and self._finds_again(sample)
        if finds or found_at:
            self._store.put_flag(flag, now.isoformat() if finds else None)
        return finds

    def _finds_again(self, sample: MessageName) -> bool:
        try:
            v = self._store.get(sample.client_id, sample.verification_id)
            challenge = v.challenge(sample.number)
            if not v.phone:
                return False
            self._store.take(ceiling(self._provider), self._clock())
            name = reference(v.id, challenge)
            receipt = self._answer(Asked(v.phone, name, None))
        except (NotFound, QuotaExceeded, ProviderError):
            return False
        finds = (
            receipt is not None
            and receipt.provider_id == challenge.provider_id
            and receipt.reference in (None, name)
        )
        if not finds:
            _log.warning(
                "lookups_find_nothing", support_code=v.support_code, route=self._provider.name
            )
        return finds
