"""One message: draw its code, commit, hand it over, settle what became of it, forget the code.

The passcode lives in `send`'s memory and nowhere else. Before a request leaves, the store has
committed that it may leave; so of a sender that dies at any moment it is known whether its message
may be out, and such a message is never sent again blindly.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from otp import log, message, passcode, rehearsal, transit
from otp.errors import (
    ClaimLost,
    NotFound,
    OtpError,
    ProviderError,
    QuotaExceeded,
    Rejected,
    Unavailable,
    Unknown,
    Unreachable,
    VerificationEnded,
)
from otp.keys import Keyring
from otp.metrics import HANDOVER_DELAY, SENDS, Metrics
from otp.passcode import RandBelow
from otp.phrasebook import Phrasebook
from otp.providers import Provider, Sms
from otp.receipts import reference
from otp.rehearsal import Outcome, Rehearsal
from otp.routes import Routes
from otp.store import Claim, Price, Quota, Store
from otp.store.flags import blocked_flag
from otp.verification import Verification

_SETTLE_TRIES: Final = 20
_SETTLE_PAUSE: Final = 0.5  # seconds

Settling = Callable[[Verification, datetime], Verification]
"""What became of a message, as a function of the verification and the time."""

_log = log.get("otp.sender")


class HandOver:
    """Hands messages over to the first of *route* that takes them, of those that *routes* lets
    through. Shared by sending threads."""

    def __init__(
        self,
        *,
        store: Store,
        keyring: Keyring,
        route: Sequence[Provider],
        routes: Routes,
        phrasebook: Phrasebook,
        metrics: Metrics,
        clock: Callable[[], datetime],
        randbelow: RandBelow,
    ) -> None:
        self._store = store
        self._keyring = keyring
        self._rehearsal = Rehearsal(keyring)
        self._route = tuple(route)
        self._routes = routes
        self._phrasebook = phrasebook
        self._metrics = metrics
        self._clock = clock
        self._randbelow = randbelow

    def send(self, claim: Claim) -> None:
        """Take one claimed challenge as far as it goes, and write down how far that is.

        Raises `Unavailable` where the store could not be told; the claim's lease then runs out.
        """
        if claim.verification.is_test:
            self._rehearse(claim)
            return
        if claim.challenge.handed_by:
            # Its sender was cut off between commit and answer: the message may be out.
            self._metrics.count(SENDS, claim.challenge.route or "", "unknown")
            self._lost(claim, "sender_stopped", self._provider_of(claim))
            return
        if not claim.verification.phone:
            self._refuse(claim, "number_unreadable")
            return
        if self._store.flag(blocked_flag(self._store.lookup, claim.verification.phone)):
            self._refuse(claim, "blocked")
            return
        code = passcode.draw(self._randbelow, claim.verification.policy.code_length)
        sms = self._sms(claim, code)
        refusal: Unreachable | None = None
        for provider in self._route:
            try:
                if not self._routes.may_try(provider.name, provider.patience):
                    continue
                asked_at = self._clock()
                self._commit(claim, code, provider)
                provider_id = provider.send(sms)
            except QuotaExceeded as full:
                self._routes.full(provider.name, full.retry_in)
            except Unreachable as error:
                self._tell(claim, "send_not_taken", provider, error)
                self._blame(provider, error, asked_at)
                refusal = error
            except Rejected as error:
                self._tell(claim, "send_refused", provider, error)
                self._refuse(claim, error.reason)
                self._routes.worked(provider.name)
                return
            except Unknown as error:
                self._tell(claim, "send_unknown", provider, error)
                self._lost(claim, error.reason, provider)
                self._routes.failed(provider.name, error.reason, asked_at=asked_at)
                return
            except (ClaimLost, NotFound):
                return
            except VerificationEnded:
                if refusal is None:
                    # What time ended leaves the queue once it is written down.
                    self._settle(claim, lambda v, now: v.at(now))
                    return
                break
            except Unavailable:
                # Whether or not the commit came through: no request left.
                refusal = refusal or Unreachable("store")
                break
            else:
                self._taken(claim, provider, provider_id)
                self._routes.worked(provider.name)
                return
        self._put_back(claim, refusal)

    def _sms(self, claim: Claim, code: str) -> Sms:
        v, now = claim.verification, self._clock()
        self._phrasebook.look()
        phrase = self._phrasebook.phrase(v.client_id, v.purpose, v.locale)
        text = phrase.template.render(code, v.code_end(now) - now)
        return Sms(
            to=v.phone,
            text=text,
            reference=reference(v.id, claim.challenge),
            unicode=message.size(text).unicode,
            template_id=phrase.template_id,
        )

    def _commit(self, claim: Claim, code: str, provider: Provider) -> None:
        """Make it durable that the message may leave over *provider*, and what opens it."""
        v, now = claim.verification, self._clock()
        digest = passcode.digest(
            self._keyring,
            code,
            client_id=v.client_id,
            verification_id=v.id,
            challenge=claim.number,
            phone=v.phone,
        )
        self._store.swap(
            v.client_id,
            v.id,
            lambda v: transit.hand_over(
                v, claim.number, digest, claim=claim.token, route=provider.name, now=now
            ),
            now=now,
            price=Price(take=ceiling(provider)),
        )

    def _rehearse(self, claim: Claim) -> None:
        """Let a message of a test fare as it should. No provider hears of it."""
        number = claim.number
        match rehearsal.outcome_of(claim.verification):
            case None:
                self._refuse(claim, "number_unreadable")
            case Outcome.UNDELIVERED:
                self._refuse(claim, rehearsal.UNDELIVERED)
            case _:
                self._settle(claim, lambda v, now: self._rehearsal.delivered(v, number, now))
                _log.info("rehearsed", **_facts(claim))

    # -- what became of it ----------------------------------------------------------------------

    def _taken(self, claim: Claim, provider: Provider, provider_id: str) -> None:
        number, token = claim.number, claim.token
        self._settle(
            claim,
            lambda v, now: transit.taken(
                v, number, provider_id, claim=token, now=now, can_ask=provider.can_ask
            ),
        )
        _log.info("sent", **_facts(claim), route=provider.name)
        self._metrics.count(SENDS, provider.name, "sent")
        took = self._clock() - claim.challenge.queued_at
        self._metrics.observe(HANDOVER_DELAY, took, provider.name)

    def _refuse(self, claim: Claim, reason: str) -> None:
        number, token = claim.number, claim.token
        self._settle(claim, lambda v, now: transit.refused(v, number, reason, claim=token, now=now))
        _log.warning("not_sent", **_facts(claim), reason=reason)

    def _lost(self, claim: Claim, reason: str, provider: Provider | None) -> None:
        can_ask = provider is not None and provider.can_ask
        self._settle(
            claim,
            lambda v, now: transit.answer_lost(v, claim.number, reason, now=now, can_ask=can_ask),
        )
        _log.warning("answer_lost", **_facts(claim), reason=reason)

    def _put_back(self, claim: Claim, refusal: Unreachable | None) -> None:
        number, token = claim.number, claim.token
        if refusal is None:
            self._settle(claim, lambda v, now: transit.held_back(v, number, claim=token, now=now))
            return
        reason, at_least = refusal.reason, refusal.retry_in or timedelta()
        self._settle(
            claim,
            lambda v, now: transit.postponed(
                v, number, reason, claim=token, now=now, at_least=at_least
            ),
        )

    def _settle(self, claim: Claim, change: Settling) -> None:
        """Write down what became of it, patiently: what is not written counts as unknown."""
        v = claim.verification
        for left in reversed(range(_SETTLE_TRIES)):
            now = self._clock()
            try:
                self._store.swap(v.client_id, v.id, lambda v, now=now: change(v, now), now=now)  # type: ignore[misc]
            except Unavailable:
                if not left:
                    raise
                time.sleep(_SETTLE_PAUSE)
            except OtpError:
                return  # purged, or another sender's by now: not ours to say any more
            else:
                return

    def _provider_of(self, claim: Claim) -> Provider | None:
        """Over whom the message left, if that route is still one of ours."""
        found = [p for p in self._route if p.name == claim.challenge.route]
        return found[0] if found else None

    # -- the route ------------------------------------------------------------------------------

    def _blame(self, provider: Provider, error: Unreachable, asked_at: datetime) -> None:
        """What a message that was not taken says about its route, if it does."""
        if error.for_all and error.retry_in:
            self._routes.busy(provider.name, error.retry_in)
        elif error.retry_in is None:
            self._routes.failed(
                provider.name,
                error.reason,
                refused=error.account,
                certain=True,
                asked_at=asked_at,
            )
        else:
            self._routes.worked(provider.name)  # it answered, and asks to wait with this message

    def _tell(self, claim: Claim, event: str, provider: Provider, error: ProviderError) -> None:
        # Who refuses the account refuses every message until an operator has acted.
        self._metrics.count(SENDS, provider.name, event.removeprefix("send_"))
        is_account = isinstance(error, Unreachable) and error.account
        (_log.error if is_account else _log.warning)(
            event, **_facts(claim), route=provider.name, reason=error.reason, detail=error.detail
        )


def ceiling(provider: Provider) -> tuple[Quota, ...]:
    """What counts one call of the route, over all processes."""
    if provider.per_minute is None:
        return ()
    minute = timedelta(minutes=1)
    return (Quota("route", f"route:{provider.name}", provider.per_minute, minute),)


def _facts(claim: Claim) -> dict[str, str]:
    v = claim.verification
    return {"support_code": v.support_code, "phone": v.phone.masked, "client": v.client_id}
