"""The life of a verification, and the only place that may end it.

    pending ──right code──────────▶ approved
            ──time passed─────────▶ expired
            ──withdrawn───────────▶ canceled
            ──last wrong code─────▶ max_attempts_reached
            ──nothing got through─▶ failed

Everything here is a frozen value or a function of (value, now): no clock, no chance, no I/O.
A store runs these functions alone on a row and writes what they return; if one raises, nothing
was written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, StrEnum, auto
from typing import Final

from otp.challenge import Challenge, Channel, Delivery
from otp.errors import ProofSpent, QuotaExceeded, TooSoon, VerificationEnded
from otp.phone import Phone


class Status(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    EXPIRED = "expired"
    CANCELED = "canceled"
    MAX_ATTEMPTS_REACHED = "max_attempts_reached"
    FAILED = "failed"


class Ending(Enum):
    RIGHT_CODE = auto()
    TIME_PASSED = auto()
    WITHDRAWN = auto()
    LAST_WRONG_CODE = auto()
    NOTHING_GOT_THROUGH = auto()


ENDINGS: Final[dict[Ending, Status]] = {
    Ending.RIGHT_CODE: Status.APPROVED,
    Ending.TIME_PASSED: Status.EXPIRED,
    Ending.WITHDRAWN: Status.CANCELED,
    Ending.LAST_WRONG_CODE: Status.MAX_ATTEMPTS_REACHED,
    Ending.NOTHING_GOT_THROUGH: Status.FAILED,
}


REPEAT_WINDOW: Final = timedelta(seconds=60)
"""For so long the same right code from the same caller gets the same answer again: an answer lost
on the way must not lock a person out."""

PROOF_LIFE: Final = timedelta(seconds=300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a client asks of its verifications. Fixed when one starts."""

    code_length: int = 6
    code_life: timedelta = timedelta(seconds=600)
    life: timedelta = timedelta(seconds=1200)
    max_attempts: int = 5
    resend_waits: tuple[timedelta, ...] = tuple(timedelta(seconds=s) for s in (30, 60, 120))
    live_codes: int = 2

    @property
    def max_sends(self) -> int:
        """The first message, and one for each wait."""
        return len(self.resend_waits) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """A client's claim to one phone number, from its start to its one ending.

    *wrong_at* tells when each wrong code was submitted, so that a success can forgive just these.
    One that *is_test* is never sent, and its proof says so.
    """

    id: str
    client_id: str
    phone: Phone
    policy: Policy
    created_at: datetime
    challenges: tuple[Challenge, ...]
    support_code: str
    purpose: str | None = None
    locale: str | None = None
    nonce: str | None = None
    reference: str | None = None
    status: Status = Status.PENDING
    attempts: int = 0
    ended_at: datetime | None = None
    approved_by: str | None = None
    wrong_at: tuple[datetime, ...] = ()
    is_test: bool = False
    redeemed_at: datetime | None = None

    # -- beginning ------------------------------------------------------------------------------

    @classmethod
    def start(
        cls,
        *,
        id: str,
        client_id: str,
        phone: Phone,
        policy: Policy,
        support_code: str,
        now: datetime,
        purpose: str | None = None,
        locale: str | None = None,
        nonce: str | None = None,
        reference: str | None = None,
        source: str | None = None,
        is_test: bool = False,
    ) -> Verification:
        """A pending verification with its first challenge queued. Nothing secret exists yet."""
        end = now + min(policy.code_life, policy.life)
        return cls(
            id=id,
            client_id=client_id,
            phone=phone,
            policy=policy,
            created_at=now,
            challenges=(_asked(1, now, end, source),),
            support_code=support_code,
            purpose=purpose,
            locale=locale,
            nonce=nonce,
            reference=reference,
            is_test=is_test,
        )

    def resend(self, now: datetime, source: str | None = None) -> Verification:
        """Queue one more message, with a code of its own. Guesses are not given back.

        Raises `VerificationEnded`, `TooSoon`, or `QuotaExceeded` once all sends are used.
        """
        v = self.pending_at(now)
        if v.resend_at is None:
            raise QuotaExceeded("verification", v.expires_at - now, v)
        if now < v.resend_at:
            raise TooSoon(v.resend_at - now, v)
        challenge = _asked(len(v.challenges) + 1, now, v.code_end(now), source)
        return replace(v, challenges=(*v.challenges, challenge))

    # -- reading --------------------------------------------------------------------------------

    @property
    def is_pending(self) -> bool:
        return self.status is Status.PENDING

    @property
    def newest(self) -> Challenge:
        return self.challenges[-1]

    @property
    def expires_at(self) -> datetime:
        """When the newest code dies, and the verification with it."""
        return self.newest.expires_at

    def code_end(self, born: datetime) -> datetime:
        """When a code dies that is drawn, or queued, at *born*."""
        return min(born + self.policy.code_life, self.created_at + self.policy.life)

    @property
    def attempts_left(self) -> int:
        return max(self.policy.max_attempts - self.attempts, 0)

    @property
    def sends_left(self) -> int:
        return max(self.policy.max_sends - len(self.challenges), 0)

    @property
    def resend_at(self) -> datetime | None:
        """When the next resend is allowed, or None if none ever is."""
        if not self.sends_left:
            return None
        return self.newest.queued_at + self.policy.resend_waits[len(self.challenges) - 1]

    @property
    def changes_at(self) -> datetime | None:
        """When `at` would next answer something else than what is written; None: never again."""
        if self.is_pending:
            return self.expires_at
        if self.ended_at is not None and any(c.digest for c in self.challenges):
            return self.ended_at + REPEAT_WINDOW
        return None

    def answers_again(self, now: datetime) -> bool:
        """Whether the approval may still be told again, to who was told it first.

        Not by a clock that was set back either; one that is a little behind is none.
        """
        return (
            self.status is Status.APPROVED
            and self.ended_at is not None
            and abs(now - self.ended_at) < REPEAT_WINDOW
            and any(c.digest for c in self.challenges)
        )

    def at(self, now: datetime) -> Verification:
        """The verification as it stands at *now*: time ends it by itself."""
        if self.changes_at is None or now < self.changes_at:
            return self
        if not self.is_pending:
            return self._forgetting_digests()
        nothing_out = not any(c.may_be_out or c.handed_by for c in self.challenges)
        how = Ending.NOTHING_GOT_THROUGH if nothing_out else Ending.TIME_PASSED
        return self._end(how, self.expires_at)

    def pending_at(self, now: datetime) -> Verification:
        """As it stands at *now*, or raises `VerificationEnded`."""
        v = self.at(now)
        if not v.is_pending:
            raise VerificationEnded(v)
        return v

    # -- guessing -------------------------------------------------------------------------------

    def check(
        self, opens: Callable[[Challenge], bool], *, caller: str, now: datetime
    ) -> Verification:
        """Spend one attempt; *opens* says whether the submitted code fits a challenge.

        The state is looked at before anything is compared, and the attempt is charged before it
        is compared. Raises `VerificationEnded`. An approval may be asked for again by the same
        *caller* while `answers_again`; one wrong code then closes that window.
        """
        if self.answers_again(now) and caller == self.approved_by:
            fits = [opens(c) for c in self.challenges if c.digest]
            return self if any(fits) else self._forgetting_digests()
        v = self.pending_at(now)
        v = replace(v, attempts=v.attempts + 1)
        live = [c for c in v.challenges if c.digest and now < c.expires_at]
        live = live[-v.policy.live_codes :]
        fitting = [c.number for c in live if opens(c)]  # a list: every one is compared
        if fitting:
            return v._forgetting_digests(but=fitting[-1])._end(Ending.RIGHT_CODE, now, by=caller)
        v = replace(v, wrong_at=(*v.wrong_at, now))
        if not v.attempts_left:
            return v._end(Ending.LAST_WRONG_CODE, now)
        return v

    def cancel(self, now: datetime) -> Verification:
        """Withdraw it; once more changes nothing. Raises `VerificationEnded` for other endings."""
        v = self.at(now)
        return v if v.status is Status.CANCELED else v.pending_at(now)._end(Ending.WITHDRAWN, now)

    # -- redeeming ------------------------------------------------------------------------------

    @property
    def proof_expires_at(self) -> datetime:
        """When the proof of an approval dies: to the second, as its `exp` tells it."""
        assert self.ended_at is not None
        return self.ended_at.replace(microsecond=0) + PROOF_LIFE

    def redeem(self, now: datetime) -> Verification:
        """Use up the proof of this approval; possible once, and before it dies.

        Raises `ProofSpent`, also where there never was an approval.
        """
        is_approved = self.status is Status.APPROVED
        if not is_approved or self.redeemed_at is not None or now >= self.proof_expires_at:
            raise ProofSpent(self)
        return replace(self, redeemed_at=now)

    # -- its messages: what becomes of one is decided in `otp.transit` --------------------------

    def challenge(self, number: int) -> Challenge:
        return self.challenges[number - 1]

    def having(self, challenge: Challenge) -> Verification:
        """With *challenge* in the place of the one of its number."""
        place = challenge.number - 1
        before, after = self.challenges[:place], self.challenges[place + 1 :]
        return replace(self, challenges=(*before, challenge, *after))

    def given_up(self, challenge: Challenge, reason: str, now: datetime) -> Verification:
        """With *challenge*, whose message was certainly not sent and will not be.

        Ends the verification if it was the last that may still arrive.
        """
        challenge = replace(challenge, digest=None, expires_at=self.code_end(challenge.queued_at))
        v = self.having(challenge.moved(Delivery.UNDELIVERED, now, reason)).at(now)
        if v.is_pending and not any(c.is_queued or c.may_be_out for c in v.challenges):
            return v._end(Ending.NOTHING_GOT_THROUGH, now)
        return v

    # -- the one way out ------------------------------------------------------------------------

    def _end(self, how: Ending, now: datetime, *, by: str | None = None) -> Verification:
        assert self.is_pending
        v = self if how is Ending.RIGHT_CODE else self._forgetting_digests()
        waiting = [c for c in v.challenges if c.is_queued and not c.handed_by]
        for challenge in waiting:  # nobody needs a code any more
            moved = challenge.moved(Delivery.UNDELIVERED, now, "verification_ended")
            v = v.having(replace(moved, claim=None))
        if how is Ending.RIGHT_CODE:
            for challenge in [c for c in v.challenges if c.ask_at is not None]:
                v = v.having(replace(challenge, ask_at=None))
        return replace(v, status=ENDINGS[how], ended_at=now, approved_by=by)

    def _forgetting_digests(self, but: int | None = None) -> Verification:
        if all(c.number == but or not c.digest for c in self.challenges):
            return self
        kept = tuple(
            c if c.number == but or not c.digest else replace(c, digest=None)
            for c in self.challenges
        )
        return replace(self, challenges=kept)


def _asked(number: int, now: datetime, end: datetime, source: str | None) -> Challenge:
    """A message that was asked for just now."""
    return Challenge(
        number=number,
        channel=Channel.SMS,
        queued_at=now,
        due_at=now,
        expires_at=end,
        updated_at=now,
        source=source,
    )
