"""The use cases: start, check, resend, cancel, read. Both doors call these and nothing else.

Each is one transaction of the store around one function of `otp.verification`. What is *not* done
here: sending (the sender draws the code and hands it over), HTTP, and any rule of the life of a
verification.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache

from otp import log, message, passcode, rehearsal
from otp.budget import BudgetAlarm
from otp.challenge import Challenge
from otp.client import Client, Mode, TestNumber, mode_of, plain_id
from otp.errors import (
    Flagged,
    InvalidInput,
    InvalidPhoneNumber,
    Issue,
    NotFound,
    OtpError,
    ProofSpent,
    QuotaExceeded,
    TooSoon,
    Unavailable,
    VerificationEnded,
    WrongCode,
)
from otp.keys import Keyring
from otp.message import Template
from otp.metrics import CHECKS, RESENDS, RESUMES, STARTS, Metrics
from otp.network import Network
from otp.passcode import RandBelow
from otp.phone import Phone
from otp.phrasebook import Phrasebook
from otp.proof import Statement
from otp.quotas import BUDGET, Quotas, refusal
from otp.rehearsal import Rehearsal
from otp.routes import Routes
from otp.settings import Settings
from otp.store import Price, Replay, Store
from otp.store.flags import PAUSED
from otp.verification import Policy, Verification

_SUPPORT_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ"  # none that is read aloud as another
_SUPPORT_ANY = "23456789" + _SUPPORT_LETTERS
# Three are letters for certain: the log would take six digits for a passcode, and hide them.
_SUPPORT_PLACES = tuple(_SUPPORT_ANY if place == "?" else _SUPPORT_LETTERS for place in "A??A???A")
_SUPPORT_CODES = math.prod(map(len, _SUPPORT_PLACES))
_TWINS = 3
"""So often a start tries again that found one to resume which ended in that very moment."""

_log = log.get("otp.service")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks. *credential* names the API key or browser session; the same answer may be given
    again only to the same one. *is_secret* says that it is a back end, which may resume.
    *network* is where the person is, as far as it is known. Without a *client*, the store is asked
    where it is needed."""

    client_id: str
    credential: str
    is_secret: bool = False
    is_test: bool = False
    network: Network | None = None
    client: Client | None = None


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
        routes: Routes,
        phrasebook: Phrasebook,
        metrics: Metrics,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._keyring = keyring
        self._settings = settings
        self._clock = clock
        self._randbelow = randbelow
        self._routes = routes
        self._metrics = metrics
        self._wake = wake
        self._quotas = Quotas(settings, store.lookup)
        self._budget = BudgetAlarm(store, self._quotas.budget())
        self._rehearsal = Rehearsal(keyring)
        self._phrasebook = phrasebook

    @property
    def first_wait(self) -> timedelta:
        """The wait between two accepted messages to one number."""
        return self._quotas.first_wait

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

        Raises `InvalidPhoneNumber`, `TooSoon`, `TooManyFailures`, `QuotaExceeded`,
        `ReplayMismatch`, `Unavailable`.
        """
        now = self._clock()
        client = caller.client or self._store.client(plain_id(caller.client_id))
        phone, kept = self._number(caller, client, phone_number, region, now)
        verification = Verification.start(
            id=self._new_id(now),
            client_id=caller.client_id,
            phone=phone,
            policy=self._policy(client, kept),
            support_code=self._new_support_code(),
            now=now,
            purpose=purpose,
            locale=locale,
            nonce=nonce,
            reference=reference,
            source=self._quotas.source(caller.network),
            is_test=caller.is_test or kept is not None,
        )
        if verification.is_test:
            verification = self._rehearsal.asked(verification, kept)
        else:
            _must_leave(self._routes.refused_for())
        for _ in range(_TWINS):
            added = self._added(caller, verification, replay, now)
            if added.id == verification.id:
                self._wake()
                _say("started", added)
                self._metrics.count(STARTS, _mode(added))
                self._budget.look(now)
                return Started(added, resumed=False)
            if replay and (known := self._store.replayed(caller.client_id, replay)):
                return Started(known.verification.at(now), resumed=known.outcome == "resumed")
            if resumed := self._resume(caller, added, replay, now):
                _say_test("resumed", resumed.verification)
                self._metrics.count(RESUMES, _mode(resumed.verification))
                return resumed
        raise Unavailable("store")

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

        Raises `WrongCode`, `VerificationEnded` (after the last wrong code as well), `NotFound`;
        `InvalidInput` for what cannot be a code of this verification, and `TooManyFailures` while
        the wrong codes of its number are used up: these spend nothing.
        """
        now = self._clock()
        if replay and (known := self._store.replayed(caller.client_id, replay)):
            return known.verification

        looked = unwritten = False

        def change(kept: Verification) -> Verification:
            nonlocal looked, unwritten
            looked = True
            v = kept.at(now)
            unwritten = v is not kept
            if not v.is_pending and not v.answers_again(now):
                raise VerificationEnded(v)
            if purpose is not None and purpose != v.purpose:
                raise InvalidInput(Issue("/purpose", "mismatch", "Not the purpose of the start."))
            digits = passcode.tidied(code, v.policy.code_length)
            if digits is None:
                raise InvalidInput(
                    Issue("/code", "not_a_code", f"A code has {v.policy.code_length} digits.")
                )
            if v.is_test:
                rehearsal.must_be_open(v)
            return v.check(self._opener(v, digits), caller=caller.credential, now=now)

        if replay:
            replay = replace(replay, only_if=lambda v: v.answers_again(now))
        try:
            v = self._store.swap(
                caller.client_id, id, change, now=now, price=self._quotas.of_check, replay=replay
            )
        except QuotaExceeded as full:
            _log.warning("too_many_failures", client=caller.client_id)
            found = self.get(caller.client_id, id)
            _say_test("too_many_failures", found)
            self._metrics.count(CHECKS, "refused", _mode(found))
            raise refusal(full, found) from None
        except VerificationEnded as ended:
            self._metrics.count(CHECKS, "ended", _mode(ended.verification))
            # Once told it is written down: a clock that is set back makes no dead code good again.
            if unwritten:
                self._store.swap(caller.client_id, id, lambda v: v.at(now), now=now)
            raise
        if not looked:
            return v  # a twin of this request was quicker, and was approved
        if v.answers_again(now):
            if v.ended_at == now:  # else it is only told again
                _say("approved", v)
                self._metrics.count(CHECKS, "approved", _mode(v))
            return v
        _say("wrong_code", v)
        self._metrics.count(CHECKS, "wrong_code", _mode(v))
        raise WrongCode(v) if v.is_pending else VerificationEnded(v)

    def resend(self, caller: Caller, id: str, *, replay: Replay | None = None) -> Verification:
        """Queue one more message with a new code.

        Raises `TooSoon`, `TooManyFailures`, `QuotaExceeded`, `VerificationEnded`, `NotFound`,
        `InvalidPhoneNumber` for a number that was blocked meanwhile, `Unavailable`.
        """
        now = self._clock()
        if replay and (known := self._store.replayed(caller.client_id, replay)):
            return known.verification.at(now)
        return self._resent(caller, id, replay, now)

    def cancel(self, caller: Caller, id: str, *, replay: Replay | None = None) -> Verification:
        """End it as canceled; once more is fine. Raises `VerificationEnded`, `NotFound`."""
        now = self._clock()
        if replay and (known := self._store.replayed(caller.client_id, replay)):
            return known.verification.at(now)
        v = self._store.swap(caller.client_id, id, lambda v: v.cancel(now), now=now, replay=replay)
        if v.ended_at == now:  # else it was before
            _say("canceled", v)
        return v

    def get(self, client_id: str, id: str) -> Verification:
        """The verification as it stands now, or `NotFound`."""
        return self._store.get(client_id, id).at(self._clock())

    def by_reference(self, client_id: str, reference: str, limit: int = 20) -> list[Verification]:
        """The client's own verifications under its own reference, newest first."""
        now = self._clock()
        return [v.at(now) for v in self._store.by_reference(client_id, reference, limit)]

    def redeem(self, caller: Caller, proof: Statement, *, replay: Replay | None = None) -> None:
        """Use up a proof: of all who bring it, this returns to one, and to repeats of its request.

        Raises `NotFound` for a proof made for another client, or in the other mode; `ProofSpent`,
        also where the verification was purged or erased: a good signature says that it was there;
        `ReplayMismatch`.
        """
        if proof.client_id != plain_id(caller.client_id):
            raise NotFound
        now = self._clock()
        try:
            v = self._store.swap(
                caller.client_id,
                proof.verification_id,
                lambda v: v.redeem(now),
                now=now,
                replay=replay,
            )
        except NotFound:
            # What the other mode started is not found either.
            raise (ProofSpent if proof.is_test == caller.is_test else NotFound) from None
        if v.redeemed_at == now:  # else it is only told again
            _say("redeemed", v)

    # -- parts ----------------------------------------------------------------------------------

    def _added(
        self, caller: Caller, v: Verification, replay: Replay | None, now: datetime
    ) -> Verification:
        """*v* in the store, or the one that stands in its place: a twin's, or one to resume."""
        self._phrasebook.look()
        parts = self._parts(v)
        price = self._quotas.of_send(v, source=v.newest.source, parts=parts)
        try:
            return self._store.add(v, now=now, price=price, replay=replay, resumes=caller.is_secret)
        except (Flagged, QuotaExceeded) as error:
            raise self._refused(error, None, parts) from None

    def _resume(
        self, caller: Caller, found: Verification, replay: Replay | None, now: datetime
    ) -> Started | None:
        """A pending verification taken up again: with a new code if its wait is over, and
        otherwise as it is. None if it ended meanwhile."""
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
        asked_by = self._quotas.source(caller.network)
        refused_for = self._routes.refused_for()

        def change(v: Verification) -> Verification:
            # Who calls from a back end asks for the person that the start was for.
            after = v.resend(now, asked_by or v.newest.source)
            if not v.is_test:
                _must_leave(refused_for)
                return after
            rehearsal.must_be_open(v)
            return self._rehearsal.asked(after)

        def price(_: Verification, after: Verification) -> Price:
            parts = self._parts(after)
            return self._quotas.of_send(after, source=after.newest.source, parts=parts)

        self._phrasebook.look()
        try:
            v = self._store.swap(caller.client_id, id, change, now=now, price=price, replay=replay)
        except TooSoon as error:
            # The number waits for another message; the caller may still read its own verification.
            error.verification = error.verification or self.get(caller.client_id, id)
            raise
        except (Flagged, QuotaExceeded) as error:
            v = self.get(caller.client_id, id)
            raise self._refused(error, v, self._parts(v)) from None
        if v.newest.queued_at == now:  # else by a twin of this request
            self._wake()
            _say("resent", v)
            self._metrics.count(RESENDS, _mode(v))
            self._budget.look(now)
        return v

    def _refused(
        self, error: Flagged | QuotaExceeded, v: Verification | None, parts: int
    ) -> OtpError:
        """What a send of so many *parts* is told that was refused by a flag or a limit.

        The log keeps the limit.
        """
        if isinstance(error, QuotaExceeded):
            _log.warning("limit_hit", limit=error.quota)
            if error.quota == BUDGET:
                self._budget.look(self._clock(), wanted=parts)
            return refusal(error, v)
        if error.name == PAUSED:
            return Unavailable("paused", timedelta(minutes=1))
        return InvalidPhoneNumber("blocked")

    def _number(
        self, caller: Caller, client: Client, text: str, region: str | None, now: datetime
    ) -> tuple[Phone, TestNumber | None]:
        """What was typed, and what the client keeps of it if it is a test number of its own."""
        region = region or self._settings.default_region
        if caller.is_test:
            phone = rehearsal.reserved(text, region)
            rehearsal.must_start(phone, first_wait=self.first_wait)
            return phone, None
        if found := rehearsal.kept(client.open_numbers(now), text, region, self._store.lookup):
            return found
        phone = Phone.parse(
            text,
            region=region,
            served=self._settings.countries,
            allow=self._settings.phone_allow,
        )
        return phone, None

    def _parts(self, v: Verification) -> int:
        """How many SMS the message takes at most. Its text has no more than its template."""
        phrase = self._phrasebook.phrase(v.client_id, v.purpose, v.locale)
        return _parts(phrase.template, v.policy.code_length, v.policy.code_life)

    def _policy(self, client: Client, kept: TestNumber | None) -> Policy:
        policy = self._settings.policy
        own = dict(client.policy)
        if kept:
            own["code_length"] = kept.code_length
        if not own:
            return policy
        return replace(
            policy,
            code_length=own.get("code_length", policy.code_length),
            max_attempts=own.get("max_attempts", policy.max_attempts),
            code_life=timedelta(seconds=own.get("code_life", policy.code_life.total_seconds())),
            live_codes=own.get("live_codes", policy.live_codes),
        )

    def _opener(self, v: Verification, code: str) -> Callable[[Challenge], bool]:
        def opens(challenge: Challenge) -> bool:
            assert challenge.digest is not None
            if v.is_test:
                return self._rehearsal.opens(v, challenge.digest, code)
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

    def _new_id(self, now: datetime) -> str:
        """Time-ordered where it is stored, and telling nothing where it is seen."""
        milliseconds = int(now.timestamp() * 1000)
        row_key = milliseconds.to_bytes(6, "big") + self._randbelow(1 << 80).to_bytes(10, "big")
        return self._store.lookup.public_id(row_key)

    def _new_support_code(self) -> str:
        letters, rest = "", self._randbelow(_SUPPORT_CODES)
        for place in _SUPPORT_PLACES:
            rest, drawn = divmod(rest, len(place))
            letters += place[drawn]
        return f"{letters[:4]}-{letters[4:]}"


@lru_cache(maxsize=64)
def _parts(template: Template, code_length: int, life: timedelta) -> int:
    return message.size(template.render("0" * code_length, life)).parts


def _must_leave(refused_for: timedelta | None) -> None:
    """Raises `Unavailable` while every route refuses our account."""
    if refused_for is not None:
        raise Unavailable("route", max(refused_for, timedelta(seconds=1)))


def _mode(v: Verification) -> str:
    return "test" if v.is_test else "live"


def _say(event: str, v: Verification) -> None:
    _log.info(
        event,
        support_code=v.support_code,
        phone=v.phone.masked,
        client=v.client_id,
        status=v.status.value,
        attempts_left=v.attempts_left,
    )
    _say_test(event, v)


def _say_test(event: str, v: Verification) -> None:
    """Each use of a test number with live keys is a warning: it proves nothing about a person."""
    if v.is_test and mode_of(v.client_id) is Mode.LIVE:
        _log.warning(
            "test_number_used",
            use=event,
            support_code=v.support_code,
            phone=v.phone.masked,
            client=v.client_id,
        )
