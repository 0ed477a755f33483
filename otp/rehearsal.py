"""Test numbers: all that a caller may meet, played without a message. Nothing here sends.

There are two kinds. With a test key, the reserved numbers +1 202 555 0100 to 0199, which are kept
for fiction and belong to nobody: the last digit but one says what happens (`Outcome`), the last
one is free, so that ten runs do not meet. With a client's live keys, the numbers that an operator
made for it (`otp.client.TestNumber`), with one code each; they play `Outcome.RIGHT`.

A verification of either kind `is_test`. Its digest is bound to client and number and made for this
purpose alone, so it opens no other verification; no code opens more than its own number. What is
*not* done here: counting, which is as for every number, under names of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from otp import transit
from otp.client import Mode, TestNumber, mode_of, plain_id
from otp.errors import (
    InvalidPhoneNumber,
    QuotaExceeded,
    TooManyFailures,
    TooSoon,
    Unavailable,
)
from otp.keys import Keyring, Lookup
from otp.phone import ANY, Phone
from otp.verification import Verification

RESERVED: Final = "+120255501"
"""The reserved numbers are this and two more digits."""

UNDELIVERED: Final = "number_unusable"
"""The reason that an undelivered message is given, one of those of real routes."""

LATE_BY: Final = timedelta(seconds=10)
LOCKED_FOR: Final = timedelta(hours=1)
FULL_FOR: Final = timedelta(hours=1)

_PURPOSE: Final = "code of a test number"


class Outcome(Enum):
    """What happens at a reserved number: the digit that asks for it, and in words."""

    RIGHT = "0", "delivered at once; the code is the last digits of the number"
    WRONG = "1", "delivered at once; every code is wrong"
    EXPIRED = "2", "delivered at once; the code is dead on arrival"
    LOCKED = "3", "delivered at once; too many wrong codes came for the number"
    BLOCKED = "4", "the operator has blocked the number"
    UNDELIVERED = "5", "no message gets through"
    LATE = "6", "delivered after 10 seconds; then as 0"
    TOO_SOON = "7", "the wait of the number is not over"
    QUOTA = "8", "the number had too many messages"
    UNAVAILABLE = "9", "nothing can be sent now"

    def __init__(self, digit: str, meaning: str) -> None:
        self.digit = digit
        self.meaning = meaning


_BY_DIGIT: Final = {outcome.digit: outcome for outcome in Outcome}
_LENGTH: Final = len(RESERVED) + 2


def outcome_at(phone: Phone) -> Outcome | None:
    """What a reserved number asks for; None of any other number."""
    number = phone.e164
    if len(number) != _LENGTH or not number.startswith(RESERVED):
        return None
    return _BY_DIGIT[number[len(RESERVED)]]


def outcome_of(v: Verification) -> Outcome | None:
    """What happens to a test; None if its number cannot be read any more."""
    return outcome_at(v.phone) if mode_of(v.client_id) is Mode.TEST else Outcome.RIGHT


def reserved(text: str, region: str) -> Phone:
    """The reserved number that a caller with a test key typed.

    Raises `InvalidPhoneNumber`; it is `not_a_test_number` if it is any other number.
    """
    phone = Phone.parse(text, region=region, served={ANY}, allow=(RESERVED,))
    if outcome_at(phone) is None:
        raise InvalidPhoneNumber("not_a_test_number")
    return phone


def kept(
    numbers: Iterable[TestNumber], text: str, region: str, lookup: Lookup
) -> tuple[Phone, TestNumber] | None:
    """Which of *numbers* was typed, if one was; its country need not be served."""
    by_index = {number.index: number for number in numbers}
    if not by_index:
        return None
    try:
        phone = Phone.parse(text, region=region, served={ANY}, allow=("+",))
    except InvalidPhoneNumber:
        return None
    found = by_index.get(lookup.index(phone))
    return (phone, found) if found else None


def must_start(phone: Phone, *, first_wait: timedelta) -> None:
    """Raises what a start for this reserved number is refused with."""
    match outcome_at(phone):
        case Outcome.BLOCKED:
            raise InvalidPhoneNumber("blocked")
        case Outcome.TOO_SOON:
            raise TooSoon(first_wait)
        case Outcome.QUOTA:
            raise QuotaExceeded("phone_number", FULL_FOR)
        case Outcome.UNAVAILABLE:
            raise Unavailable("route")


def must_be_open(v: Verification) -> None:
    """Raises `TooManyFailures` for a check or resend of a test whose number plays locked."""
    if outcome_of(v) is Outcome.LOCKED:
        raise TooManyFailures(LOCKED_FOR, v)


class Rehearsal:
    """Plays the messages of tests, and knows their codes by digest."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def digest(self, client_id: str, phone: Phone, code: str) -> str:
        """What is kept of the one *code* of a client's test number."""
        return self._keyring.digest(_PURPOSE, plain_id(client_id), phone.e164, code)

    def opens(self, v: Verification, digest: str, code: str) -> bool:
        """Whether *code* made *digest*, in constant time."""
        parts = (plain_id(v.client_id), v.phone.e164, code)
        return self._keyring.matches(digest, _PURPOSE, *parts)

    def asked(self, v: Verification, kept: TestNumber | None = None) -> Verification:
        """A test whose newest message was asked for just now: played, or left to the sender.

        What is played can be checked as soon as this is committed.
        """
        match outcome_of(v):
            case Outcome.UNDELIVERED | None:
                return v
            case Outcome.LATE:
                return transit.delayed(v, LATE_BY)
        digest = kept.digest if kept else None
        now = v.newest.queued_at
        return self.delivered(v, v.newest.number, now, digest)

    def delivered(
        self, v: Verification, number: int, now: datetime, digest: str | None = None
    ) -> Verification:
        """The message arrives, opened by what made *digest*, or by what opened earlier ones."""
        outcome = outcome_of(v)
        dead = outcome is Outcome.EXPIRED
        return transit.rehearsed(
            v,
            number,
            digest or self._digest(v, outcome),
            expires_at=now if dead else v.code_end(now),
            now=now,
        )

    def _digest(self, v: Verification, outcome: Outcome | None) -> str | None:
        if outcome is Outcome.WRONG:
            return None
        if mode_of(v.client_id) is Mode.TEST:
            return self.digest(v.client_id, v.phone, v.phone.national[-v.policy.code_length :])
        return next((c.digest for c in v.challenges if c.digest), None)
