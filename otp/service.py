"""The use cases: start, check, resend, cancel, read. Both doors call these and nothing else.

Each is one transaction of the store around one function of `otp.verification`. What is *not* done
here: sending (the sender draws the code and hands it over), HTTP, and any rule of the life of a
verification.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from otp import log, passcode
from otp.challenge import Challenge
from otp.errors import (
    InvalidInput,
    InvalidPhoneNumber,
    Issue,
    NotFound,
    ProofSpent,
    TooSoon,
    Unavailable,
    VerificationEnded,
    WrongCode,
)
from otp.keys import Keyring
from otp.passcode import RandBelow
from otp.phone import Phone
from otp.proof import Statement
from otp.settings import Settings
from otp.store import Gap, Price, Replay, Store
from otp.store.flags import PAUSED, blocked_flag
from otp.verification import Policy, Verification

_SUPPORT_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # nothing that is read aloud as another
_PURGE_BATCH = 500
_FIRST_WAIT = timedelta(seconds=30)
"""Where no resend is allowed, and so no wait is set."""

_log = log.get("otp.service")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks. *credential* names the API key or browser session; the same answer may be given
    again only to the same one. *is_secret* says that it is a back end, which may resume."""

    client_id: str
    credential: str
    is_secret: bool = False
    is_test: bool = False


@dataclass(frozen=True, slots=True)
class Started:
    """What a start came to: a new verification, or a pending one taken up again."""

    verification: Verification
    resumed: bool


class Service:
    """*wake* is called after a commit that queued a message."""

    def __init__(
        self,
        *,
        store: Store,
        keyring: Keyring,
        settings: Settings,
        clock: Callable[[], datetime],
        randbelow: RandBelow,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._keyring = keyring
        self._settings = settings
        self._clock = clock
        self._randbelow = randbelow
        self._wake = wake

    @property
    def first_wait(self) -> timedelta:
        """The wait between two accepted messages to one number."""
        return next(iter(self._settings.resend_waits), _FIRST_WAIT)

    def start(
        self,
        caller: Caller,
        phone_number: str,
        *,
        region: str | None = None,
        purpose: str | None = None,
        locale: str | None = None,
        nonce: str | None = None,
        reference: str | None = None,
        replay: Replay | None = None,
    ) -> Started:
        """Queue one message with a code to the number, or resume a pending verification.

        Raises `InvalidPhoneNumber`, `TooSoon`, `QuotaExceeded`, `ReplayMismatch`, `Unavailable`.
        """
        now = self._clock()
        if replay and (known := self._store.replayed(caller.client_id, replay)):
            return Started(known.verification.at(now), resumed=known.outcome == "resumed")
        self._must_not_be_paused()
        phone = self._phone(caller, phone_number, region)
        if caller.is_secret and (resumed := self._resume(caller, phone, purpose, replay, now)):
            return resumed
        verification = Verification.start(
            id=self._new_id(now),
            client_id=caller.client_id,
            phone=phone,
            policy=self._policy(caller.client_id),
            support_code=self._new_support_code(),
            now=now,
            purpose=purpose,
            locale=locale,
            nonce=nonce,
            reference=reference,
        )
        try:
            added = self._store.add(
                verification, now=now, price=Price(gap=self._gap(phone)), replay=replay
            )
        except TooSoon:
            # A twin of this request may have won the race; then there is one to resume by now.
            if caller.is_secret and (resumed := self._resume(caller, phone, purpose, replay, now)):
                return resumed
            raise
        self._wake()
        if added.id == verification.id:  # else a twin of this request was quicker
            _say("started", added)
        return Started(added, resumed=False)

    def check(
        self,
        caller: Caller,
        id: str,
        code: str,
        *,
        purpose: str | None = None,
        replay: Replay | None = None,
    ) -> Verification:
        """Spend one attempt. Returns the approved verification; anything else raises.

        Raises `WrongCode`, `VerificationEnded` (after the last wrong code as well), `NotFound`,
        or `InvalidInput` for what cannot be a code of this verification, which spends nothing.
        """
        now = self._clock()
        if replay and (known := self._store.replayed(caller.client_id, replay)):
            return known.verification

        def change(v: Verification) -> Verification:
            v = v.at(now)
            if not v.is_pending and not v.answers_again(now):
                raise VerificationEnded(v)
            if purpose is not None and purpose != v.purpose:
                raise InvalidInput(Issue("/purpose", "mismatch", "Not the purpose of the start."))
            digits = passcode.tidied(code, v.policy.code_length)
            if digits is None:
                raise InvalidInput(
                    Issue("/code", "not_a_code", f"A code has {v.policy.code_length} digits.")
                )
            return v.check(self._opener(v, digits), caller=caller.credential, now=now)

        if replay:
            replay = replace(replay, only_if=lambda v: v.answers_again(now))
        v = self._store.swap(caller.client_id, id, change, now=now, replay=replay)
        if v.answers_again(now):
            if v.ended_at == now:  # else it is only told again
                _say("approved", v)
            return v
        _say("wrong_code", v)
        raise WrongCode(v) if v.is_pending else VerificationEnded(v)

    def resend(self, caller: Caller, id: str, *, replay: Replay | None = None) -> Verification:
        """Queue one more message with a new code.

        Raises `TooSoon`, `QuotaExceeded`, `VerificationEnded`, `NotFound`, `Unavailable`.
        """
        now = self._clock()
        if replay and (known := self._store.replayed(caller.client_id, replay)):
            return known.verification.at(now)
        self._must_not_be_paused()
        return self._resent(caller, id, replay, now)

    def cancel(self, caller: Caller, id: str, *, replay: Replay | None = None) -> Verification:
        """End it as canceled; once more is fine. Raises `VerificationEnded`, `NotFound`."""
        now = self._clock()
        if replay and (known := self._store.replayed(caller.client_id, replay)):
            return known.verification.at(now)
        v = self._store.swap(caller.client_id, id, lambda v: v.cancel(now), now=now, replay=replay)
        _say("canceled", v)
        return v

    def get(self, client_id: str, id: str) -> Verification:
        """The verification as it stands now, or `NotFound`."""
        return self._store.get(client_id, id).at(self._clock())

    def by_reference(self, client_id: str, reference: str, limit: int = 20) -> list[Verification]:
        """The client's own verifications under its own reference, newest first."""
        now = self._clock()
        return [v.at(now) for v in self._store.by_reference(client_id, reference, limit)]

    def sweep(self) -> tuple[int, int]:
        """Write down what time ended, and forget what is past its retention: how many of each."""
        now = self._clock()
        ended = 0
        while batch := self._store.overdue(now, _PURGE_BATCH):
            for client_id, id in batch:
                with suppress(NotFound):  # erased meanwhile
                    self._store.swap(client_id, id, lambda v: v.at(now), now=now)
            ended += len(batch)
        purged = 0
        while count := self._store.purge(now - self._settings.retention, now, _PURGE_BATCH):
            purged += count
        return ended, purged

    def redeem(self, caller: Caller, proof: Statement, *, replay: Replay | None = None) -> None:
        """Use up a proof: of all who bring it, this returns to one, and to repeats of its request.

        Raises `NotFound` for a proof made for another client, or in the other mode; `ProofSpent`,
        also where the verification was purged or erased: a good signature says that it was there;
        `ReplayMismatch`.
        """
        if (proof.client_id, proof.is_test) != (caller.client_id, caller.is_test):
            raise NotFound
        now = self._clock()
        try:
            v = self._store.swap(
                proof.client_id,
                proof.verification_id,
                lambda v: v.redeem(now),
                now=now,
                replay=replay,
            )
        except NotFound:
            raise ProofSpent from None
        if v.redeemed_at == now:  # else it is only told again
            _say("redeemed", v)

    # -- parts ----------------------------------------------------------------------------------

    def _resume(
        self,
        caller: Caller,
        phone: Phone,
        purpose: str | None,
        replay: Replay | None,
        now: datetime,
    ) -> Started | None:
        """The pending verification of this client, number and purpose; a new code if its wait is
        over, and otherwise as it is."""
        found = self._store.pending(caller.client_id, phone, purpose)
        if found is None or not found.phone or not found.at(now).is_pending:
            return None  # none, or one whose number cannot be read any more
        if replay:
            replay = replace(replay, outcome="resumed")
        try:
            if found.resend_at is not None and now >= found.resend_at:
                found = self._resent(caller, found.id, replay, now)
                return self._taken_up(caller, found, replay, now)
        except TooSoon:
            pass  # somebody was quicker, or the number waits for another client's message
        except VerificationEnded:
            return None
        if replay:
            found = self._store.swap(
                caller.client_id, found.id, lambda v: v, now=now, replay=replay
            )
        return self._taken_up(caller, found, replay, now)

    def _taken_up(
        self, caller: Caller, found: Verification, replay: Replay | None, now: datetime
    ) -> Started:
        """A resumed start; to a twin of one that started anew, its first answer."""
        known = self._store.replayed(caller.client_id, replay) if replay else None
        return Started(found.at(now), resumed=known is None or known.outcome == "resumed")

    def _resent(
        self, caller: Caller, id: str, replay: Replay | None, now: datetime
    ) -> Verification:
        try:
            v = self._store.swap(
                caller.client_id,
                id,
                lambda v: v.resend(now),
                now=now,
                price=lambda before, _: Price(gap=self._gap(before.phone)),
                replay=replay,
            )
        except TooSoon as error:
            # The number waits for another message; the caller may still read its own verification.
            error.verification = error.verification or self.get(caller.client_id, id)
            raise
        self._wake()
        _say("resent", v)
        return v

    def _phone(self, caller: Caller, text: str, region: str | None) -> Phone:
        if caller.is_test:
            raise InvalidPhoneNumber("not_a_test_number")
        phone = Phone.parse(
            text,
            region=region or self._settings.default_region,
            served=self._settings.countries,
            allow=self._settings.phone_allow,
        )
        self._must_not_be_blocked(phone)
        return phone

    def _must_not_be_blocked(self, phone: Phone) -> None:
        if self._store.flag(blocked_flag(self._store.lookup, phone)):
            raise InvalidPhoneNumber("blocked")

    def _policy(self, client_id: str) -> Policy:
        own = dict(self._store.client(client_id).policy)
        policy = self._settings.policy
        return replace(
            policy,
            code_length=own.get("code_length", policy.code_length),
            max_attempts=own.get("max_attempts", policy.max_attempts),
            code_life=timedelta(seconds=own.get("code_life", policy.code_life.total_seconds())),
            live_codes=own.get("live_codes", policy.live_codes),
        )

    def _gap(self, phone: Phone) -> Gap:
        """Waits belong to the number, over all clients."""
        return Gap(bucket=f"phone:{self._store.lookup.index(phone).hex()}", wait=self.first_wait)

    def _opener(self, v: Verification, code: str) -> Callable[[Challenge], bool]:
        def opens(challenge: Challenge) -> bool:
            assert challenge.digest is not None
            return passcode.matches(
                self._keyring,
                challenge.digest,
                code,
                client_id=v.client_id,
                verification_id=v.id,
                challenge=challenge.number,
                phone=v.phone,
            )

        return opens

    def _must_not_be_paused(self) -> None:
        if self._store.flag(PAUSED):
            raise Unavailable("paused", timedelta(minutes=1))

    def _new_id(self, now: datetime) -> str:
        """Time-ordered where it is stored, and telling nothing where it is seen."""
        milliseconds = int(now.timestamp() * 1000)
        row_key = milliseconds.to_bytes(6, "big") + self._randbelow(1 << 80).to_bytes(10, "big")
        return self._store.lookup.public_id(row_key)

    def _new_support_code(self) -> str:
        letters = [_SUPPORT_ALPHABET[self._randbelow(len(_SUPPORT_ALPHABET))] for _ in range(8)]
        return "".join(letters[:4]) + "-" + "".join(letters[4:])


def _say(event: str, v: Verification) -> None:
    _log.info(
        event,
        support_code=v.support_code,
        phone=v.phone.masked,
        client=v.client_id,
        status=v.status.value,
        attempts_left=v.attempts_left,
    )
