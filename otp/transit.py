"""What becomes of one message of a verification: handed over, put back, lost, heard of, settled.

Functions of (verification, now), run by a store as those of `otp.verification` are. Each changes
one challenge, in the order that `otp.challenge` allows. None of them ends a verification: where
nothing is left that may still arrive, `Verification.given_up` does.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from otp.challenge import NOT_SENT_AFTER, Challenge, Delivery
from otp.errors import ClaimLost
from otp.verification import Status, Verification

_FIRST_RETRY: Final = timedelta(seconds=1)
_LONGEST_RETRY: Final = timedelta(seconds=60)

# -- from the queue to the gateway -----------------------------------------------------------------


def hand_over(
    v: Verification, number: int, digest: str, *, claim: str, route: str, now: datetime
) -> Verification:
    """Keep the digest of the code that is about to leave over *route*. Commit this first.

    Raises `VerificationEnded`, or `ClaimLost` if the challenge is another sender's by now.
    """
    v = v.pending_at(now)
    challenge = _claimed(v, number, claim)
    if challenge.handed_by not in (None, claim):
        raise ClaimLost
    return v.having(
        replace(
            challenge,
            digest=digest,
            expires_at=v.code_end(now),
            handed_by=claim,
            route=route,
        )
    )


def taken(
    v: Verification,
    number: int,
    provider_id: str,
    *,
    claim: str,
    now: datetime,
    can_ask: bool = False,
) -> Verification:
    """The gateway has it. Never overwrites what a quicker receipt said.

    *can_ask*: it may be asked what became of it. Raises `ClaimLost` where this answers a
    hand-over that was settled as not sent meanwhile.
    """
    challenge = v.challenge(number)
    if challenge.returned and challenge.handed_by != claim:
        raise ClaimLost
    challenge = replace(challenge, provider_id=provider_id).moved(Delivery.SENT, now)
    return v.having(_awaited(v, challenge, now, can_ask).released(claim))


def refused(
    v: Verification, number: int, reason: str, *, claim: str, now: datetime
) -> Verification:
    """Nobody will ever take it. Ends the verification if no code of it was handed over."""
    return v.given_up(_claimed(v, number, claim).released(claim), reason, now)


def postponed(
    v: Verification,
    number: int,
    reason: str,
    *,
    claim: str,
    now: datetime,
    at_least: timedelta = timedelta(),
) -> Verification:
    """Certainly not taken; due again after 1, 2, 4 … seconds, and not before *at_least*.

    Refused for good where the next try would come too late for the person to use the code.
    """
    challenge = _claimed(v, number, claim)
    wait = max(min(_FIRST_RETRY * 2 ** min(challenge.tries, 10), _LONGEST_RETRY), at_least)
    if not v.at(now).is_pending or now + wait >= v.code_end(challenge.queued_at):
        return refused(v, number, reason, claim=claim, now=now)
    return v.having(
        replace(
            challenge,
            claim=None,
            due_at=now + wait,
            digest=None,
            expires_at=v.code_end(challenge.queued_at),
            handed_by=None,
            tries=challenge.tries + 1,
            reason=reason,
            updated_at=now,
        )
    )


def held_back(v: Verification, number: int, *, claim: str, now: datetime) -> Verification:
    """Not tried, since the route's calls are used up. It keeps its place in the queue."""
    challenge = _claimed(v, number, claim)
    if now >= v.code_end(challenge.queued_at):
        return refused(v, number, "too_late", claim=claim, now=now)
    return v.having(replace(challenge, claim=None))


def delayed(v: Verification, span: timedelta) -> Verification:
    """The newest message is not due before *span* has passed."""
    return v.having(replace(v.newest, due_at=v.newest.queued_at + span))


def rehearsed(
    v: Verification, number: int, digest: str | None, *, expires_at: datetime, now: datetime
) -> Verification:
    """The message of a test counts as delivered, without having been sent.

    Without a *digest* no code opens it. Changes nothing but for the time if the verification
    has ended, or the message is out of the queue already.
    """
    assert v.is_test
    v = v.at(now)
    challenge = v.challenge(number)
    if not v.is_pending or not challenge.is_queued:
        return v
    played = challenge.moved(Delivery.DELIVERED, now)
    return v.having(
        replace(played, digest=digest, expires_at=expires_at, claim=None, handed_by=None)
    )


def answer_lost(
    v: Verification, number: int, reason: str, *, now: datetime, can_ask: bool = False
) -> Verification:
    """It may have been taken, so it is never sent again blindly; the code stays good.

    *can_ask*: the gateway may be asked whether it was.
    """
    challenge = v.challenge(number)
    if not challenge.is_queued:
        return v
    moved = _awaited(v, challenge.moved(Delivery.UNKNOWN, now, reason), now, can_ask)
    return v.having(replace(moved, claim=None, handed_by=None))


# -- what is heard of it ---------------------------------------------------------------------------


def received(
    v: Verification,
    number: int,
    delivery: Delivery | None,
    reason: str | None,
    now: datetime,
    *,
    word: str | None = None,
    provider_id: str | None = None,
) -> Verification:
    """What a delivery receipt says. Never a proof of anything, and never an ending.

    *delivery* is None if nobody knows its *word*: that is kept, and moves nothing.
    """
    challenge = v.challenge(number)
    return v.having(
        challenge.told(delivery, now, reason=reason, word=word, provider_id=provider_id)
    )


def asking(v: Verification, number: int, *, until: datetime, now: datetime) -> Verification:
    """Somebody asks the gateway about the message now, and nobody else before *until*.

    Raises `ClaimLost` unless it is to be asked about now.
    """
    challenge = v.challenge(number)
    if challenge.ask_at is None or now < challenge.ask_at:
        raise ClaimLost
    return v.having(replace(challenge, ask_at=until))


def answered(
    v: Verification,
    number: int,
    delivery: Delivery | None,
    reason: str | None,
    now: datetime,
    *,
    word: str | None = None,
    provider_id: str | None = None,
) -> Verification:
    """What the gateway said when it was asked: as if a receipt had said it."""
    heard = received(v, number, delivery, reason, now, word=word, provider_id=provider_id)
    after = heard.challenge(number)
    is_news = after.delivery is not v.challenge(number).delivery
    return heard if is_news else heard.having(after.asked(now))


def not_answered(v: Verification, number: int, now: datetime) -> Verification:
    """The gateway was asked, and did not say."""
    challenge = v.challenge(number)
    if v.at(now).is_pending:
        return v.having(challenge.not_answered(now))
    return v.having(challenge.asked(now))


def not_known(v: Verification, number: int, now: datetime, *, proven: bool) -> Verification:
    """The gateway was asked by our reference, and says that it knows no such message.

    *proven*: it is certain that it would find one under such a reference. Said often enough and
    late enough, the message was not sent then: it is queued anew, and a new code will be drawn.
    It is given up where a newer message stands in its place, or its code would come too late.
    """
    challenge = v.challenge(number).asked(now, missed=True)
    late_enough = now - challenge.updated_at >= NOT_SENT_AFTER
    if not (proven and challenge.is_missing and late_enough):
        return v.having(challenge)
    is_wanted = v.at(now).is_pending and number == v.newest.number
    if not is_wanted or now >= v.code_end(challenge.queued_at):
        return v.given_up(challenge, "not_sent", now)
    return v.having(
        replace(
            challenge,
            delivery=Delivery.QUEUED,
            reason="not_sent",
            due_at=now,
            updated_at=now,
            digest=None,
            expires_at=v.code_end(challenge.queued_at),
            ask_at=None,
            asks=0,
            misses=0,
            returned=challenge.returned + 1,
        )
    )


def never_asked(v: Verification, number: int) -> Verification:
    """Nobody can ask about the message any more."""
    return v.having(replace(v.challenge(number), ask_at=None))


def _awaited(v: Verification, challenge: Challenge, now: datetime, can_ask: bool) -> Challenge:
    """Who typed the code has the message: what became of it is nobody's question any more."""
    is_asked = can_ask and challenge.ask_at is None and v.status is not Status.APPROVED
    return challenge.awaited(now) if is_asked else challenge


def _claimed(v: Verification, number: int, claim: str) -> Challenge:
    challenge = v.challenge(number)
    if not challenge.is_queued or challenge.claim != claim:
        raise ClaimLost
    return challenge
