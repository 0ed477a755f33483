"""The background sender: claim, draw, digest, commit, hand over, settle, forget.

One thread claims, a pool of threads sends, so a slow gateway holds up nobody but itself. The
passcode lives in `_send`'s memory and nowhere else. Before a request leaves, the store has
committed that it may leave; so of a sender that dies at any moment it is known whether its message
may be out, and such a message is never sent again blindly.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final

from otp import log, message, passcode
from otp.errors import (
    ClaimLost,
    NotFound,
    OtpError,
    QuotaExceeded,
    Rejected,
    Unavailable,
    Unknown,
    Unreachable,
    VerificationEnded,
)
from otp.keys import Keyring, TokenBytes
from otp.message import Template
from otp.passcode import RandBelow
from otp.providers import Provider, Sms
from otp.service import PAUSED
from otp.store import Claim, Price, Quota, Store
from otp.verification import Verification

_POLL: Final = timedelta(milliseconds=200)
"""How soon a message queued by another process is noticed."""
_SWEEP_EVERY: Final = timedelta(minutes=1)
_LEASE_MARGIN: Final = timedelta(seconds=2)
_SETTLE_TRIES: Final = 20
_SETTLE_PAUSE: Final = 0.5  # seconds
_AT_ONCE: Final = 32

Settling = Callable[[Verification, datetime], Verification]
"""What became of a message, as a function of the verification and the time."""

_log = log.get("otp.sender")


class Sender:
    """Sends what is queued, over the first of *route* that takes it.

    *bell* is rung when something was queued in this process; what others queued is seen by looking.
    """

    def __init__(
        self,
        *,
        store: Store,
        keyring: Keyring,
        route: Sequence[Provider],
        template: Template,
        clock: Callable[[], datetime],
        randbelow: RandBelow,
        token_bytes: TokenBytes,
        bell: threading.Event,
        sweep: Callable[[], object] = lambda: None,
        threads: int = 32,
    ) -> None:
        self._store = store
        self._keyring = keyring
        self._route = tuple(route)
        self._template = template
        self._clock = clock
        self._randbelow = randbelow
        self._token_bytes = token_bytes
        self._sweep = sweep
        self._lease = sum((p.patience for p in self._route), _LEASE_MARGIN)
        self._free = threading.Semaphore(threads)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="otp-send")
        self._bell = bell
        self._stopping = threading.Event()
        self._loops = [
            threading.Thread(target=self._run, name="otp-claim", daemon=True),
            threading.Thread(target=self._run_sweeps, name="otp-sweep", daemon=True),
        ]
        self._quiet_until: datetime | None = None

    # -- life -----------------------------------------------------------------------------------

    def start(self) -> None:
        for loop in self._loops:
            loop.start()

    def stop(self) -> None:
        """Claim nothing more, and return when what is under way has been settled."""
        self._stopping.set()
        self._bell.set()
        for loop in self._loops:
            if loop.is_alive():
                loop.join()
        self._pool.shutdown(wait=True)

    def run_once(self) -> int:
        """Send all that is due now, in this thread; say how many were claimed."""
        count = 0
        while claims := self._claims(_AT_ONCE):
            for claim in claims:
                self._send(claim)
            count += len(claims)
        return count

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._bell.clear()
            busy = False
            try:
                busy = self._dispatch()
            except Unavailable as error:
                _log.warning("store_unavailable", reason=error.reason)
                self._stopping.wait(1)
            except Exception:
                # The loop must outlive a defect, or every later message would wait for ever.
                _log.exception("sender_failed")
                self._stopping.wait(1)
            if not busy:
                self._bell.wait(_POLL.total_seconds())

    def _run_sweeps(self) -> None:
        while not self._stopping.wait(_SWEEP_EVERY.total_seconds()):
            try:
                self._sweep()
            except Exception:
                _log.exception("sweep_failed")

    def _dispatch(self) -> bool:
        """Claim for as many threads as are free, and let them send; say if there was work."""
        room = 0
        while room < _AT_ONCE and self._free.acquire(blocking=False):
            room += 1
        claims: list[Claim] = []
        try:
            claims = self._claims(room) if room else []
        finally:
            for _ in range(room - len(claims)):
                self._free.release()
        for claim in claims:
            self._pool.submit(self._send_in_pool, claim)
        return bool(claims)

    def _claims(self, limit: int) -> list[Claim]:
        now = self._clock()
        if self._quiet_until and now < self._quiet_until:
            return []
        due = self._store.next_due()
        if due is None or due > now or self._store.flag(PAUSED):
            return []
        token = self._token_bytes(12).hex()
        return self._store.claim(token=token, now=now, lease=self._lease, limit=limit)

    def _send_in_pool(self, claim: Claim) -> None:
        try:
            self._send(claim)
        except Exception:
            # Only this claim is lost, and only until its lease runs out.
            _log.exception("send_failed", support_code=claim.verification.support_code)
        finally:
            self._free.release()
            self._bell.set()

    # -- one message ----------------------------------------------------------------------------

    def _send(self, claim: Claim) -> None:
        if claim.challenge.handed_by:
            # Its sender was cut off between commit and answer: the message may be out.
            self._lost(claim, "sender_stopped")
            return
        if not claim.verification.phone:
            self._refuse(claim, "number_unreadable")
            return
        policy = claim.verification.policy
        code = passcode.draw(self._randbelow, policy.code_length)
        text = self._template.render(code, policy.code_life)
        sms = Sms(
            to=claim.verification.phone,
            text=text,
            reference=reference(claim.verification.id, claim.number),
            unicode=message.size(text).unicode,
        )
        refusal: Unreachable | QuotaExceeded | None = None
        for provider in self._route:
            try:
                if not self._commit_hand_over(claim, code, provider):
                    return
                self._taken(claim, provider, provider.send(sms))
                return
            except QuotaExceeded as full:
                refusal = refusal or full
            except Unreachable as error:
                self._warn(claim, "send_not_taken", provider, error)
                refusal = error
            except Rejected as error:
                self._warn(claim, "send_refused", provider, error)
                self._refuse(claim, error.reason)
                return
            except Unknown as error:
                self._warn(claim, "send_unknown", provider, error)
                self._lost(claim, error.reason)
                return
        self._put_back(claim, refusal)

    def _commit_hand_over(self, claim: Claim, code: str, provider: Provider) -> bool:
        """Whether this sender may now hand the message over. It is durable before this returns."""
        now = self._clock()
        v = claim.verification
        digest = passcode.digest(
            self._keyring,
            code,
            client_id=v.client_id,
            verification_id=v.id,
            challenge=claim.number,
            phone=v.phone,
        )
        try:
            self._store.swap(
                v.client_id,
                v.id,
                lambda v: v.hand_over(
                    claim.number, digest, claim=claim.token, route=provider.name, now=now
                ),
                now=now,
                price=Price(take=_ceiling(provider)),
            )
        except VerificationEnded:
            self._settle(claim, lambda v, now: v.at(now))  # written down, it leaves the queue
            return False
        except (ClaimLost, NotFound):
            return False
        return True

    def _taken(self, claim: Claim, provider: Provider, provider_id: str) -> None:
        number, token = claim.number, claim.token
        self._settle(claim, lambda v, now: v.taken(number, provider_id, claim=token, now=now))
        self._say(claim, "sent", route=provider.name)

    def _refuse(self, claim: Claim, reason: str) -> None:
        number, token = claim.number, claim.token
        self._settle(claim, lambda v, now: v.refused(number, reason, claim=token, now=now))

    def _lost(self, claim: Claim, reason: str) -> None:
        self._settle(claim, lambda v, now: v.answer_lost(claim.number, reason, now=now))
        self._say(claim, "answer_lost", reason=reason)

    def _put_back(self, claim: Claim, refusal: Unreachable | QuotaExceeded | None) -> None:
        number, token = claim.number, claim.token
        if isinstance(refusal, Unreachable):
            reason, at_least = refusal.reason, refusal.retry_in or timedelta()
            self._settle(
                claim,
                lambda v, now: v.postponed(number, reason, claim=token, now=now, at_least=at_least),
            )
        elif refusal is not None:
            # The calls of every route are used up: whatever else is due would wait as well.
            self._quiet_until = self._clock() + refusal.retry_in
            self._settle(claim, lambda v, now: v.held_back(number, claim=token, now=now))

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

    def _warn(self, claim: Claim, event: str, provider: Provider, error: Exception) -> None:
        reason, detail = getattr(error, "reason", ""), getattr(error, "detail", "")
        self._say(claim, event, warn=True, route=provider.name, reason=reason, detail=detail)

    def _say(self, claim: Claim, event: str, *, warn: bool = False, **facts: str) -> None:
        tell = _log.warning if warn else _log.info
        v = claim.verification
        tell(event, support_code=v.support_code, phone=v.phone.masked, client=v.client_id, **facts)


def reference(verification_id: str, number: int) -> str:
    """Our name for one message, given to the provider and echoed in its receipts."""
    return f"{verification_id.removeprefix('ver_')}-{number}"


def _ceiling(provider: Provider) -> tuple[Quota, ...]:
    if provider.per_minute is None:
        return ()
    minute = timedelta(minutes=1)
    return (Quota("route", f"route:{provider.name}", provider.per_minute, minute),)
