"""Every refusal, drawn as a tree. Nothing here knows HTTP; `web.problems` does.

OtpError
├── InvalidInput             a value cannot be used; names the member, never repeats it
│   └── InvalidPhoneNumber   why this is no number we serve
├── Unauthorized             no key, a wrong key, a revoked key: one and the same
├── Forbidden                the key is known but may not do this
├── NotFound                 unknown, malformed, foreign or purged
├── InvalidProof             broken, or not signed by us as a proof
├── ReplayMismatch           the same idempotency key came with another request
├── Refused
│   ├── WrongCode            an attempt was spent
│   ├── VerificationEnded    decided before anything is compared
│   ├── ProofSpent           redeemed before, past its life, or of a forgotten approval
│   └── Wait                 time lifts it, and it says when
│       ├── TooSoon          the wait of this number is not over
│       ├── TooManyFailures  wrong codes for this number, over all its verifications
│       └── QuotaExceeded    at most n per window, and they are used up
├── Flagged                  an operator's word forbids it: sending is paused, a number blocked
├── ClaimLost                the lease ran out and somebody else holds the challenge
└── Unavailable              refused rather than guessed; try again

ProviderError                never reaches a door
├── Unreachable              certainly not taken; another route, or a later try, may work
├── Rejected                 certainly not taken, and never will be
├── Unknown                  may have been taken: never sent again blindly
└── Forged                   a request to a webhook that does not prove where it comes from
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otp.verification import Verification


class OtpError(Exception):
    """What this service refuses, and why."""


@dataclass(frozen=True, slots=True)
class Issue:
    """What is wrong with one member: where (a JSON pointer), a word, a sentence."""

    pointer: str
    code: str
    detail: str


class InvalidInput(OtpError):
    def __init__(self, *issues: Issue) -> None:
        super().__init__(", ".join(f"{issue.pointer}: {issue.code}" for issue in issues))
        self.issues = issues


class InvalidPhoneNumber(InvalidInput):
    """*reason* is one of the words of the API: too_short, not_mobile, country_not_served …"""

    def __init__(self, reason: str) -> None:
        super().__init__(Issue("/phone_number", reason, "This phone number cannot be used."))
        self.reason = reason


class Unauthorized(OtpError):
    pass


class Forbidden(OtpError):
    pass


class NotFound(OtpError):
    pass


class InvalidProof(OtpError):
    pass


class ReplayMismatch(OtpError):
    pass


class Refused(OtpError):
    """A rule said no; *verification* is the one concerned, where the caller may read it."""

    def __init__(self, verification: Verification | None = None) -> None:
        super().__init__(type(self).__name__)
        self.verification = verification


class WrongCode(Refused):
    verification: Verification

    def __init__(self, verification: Verification) -> None:
        super().__init__(verification)


class VerificationEnded(Refused):
    verification: Verification

    def __init__(self, verification: Verification) -> None:
        super().__init__(verification)


class ProofSpent(Refused):
    pass


class Wait(Refused):
    """A refusal that time lifts: the caller may come back after *retry_in*."""

    def __init__(self, retry_in: timedelta, verification: Verification | None = None) -> None:
        super().__init__(verification)
        self.retry_in = retry_in


class TooSoon(Wait):
    pass


class TooManyFailures(Wait):
    pass


class QuotaExceeded(Wait):
    """*quota* is the limit's public name, never its count."""

    def __init__(
        self, quota: str, retry_in: timedelta, verification: Verification | None = None
    ) -> None:
        super().__init__(retry_in, verification)
        self.quota = quota


class Flagged(OtpError):
    """*name* is the flag in the store."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class ClaimLost(OtpError):
    pass


class Unavailable(OtpError):
    """*reason*: store, budget, route or paused. Nothing was done, or it is not known to be."""

    def __init__(self, reason: str, retry_in: timedelta = timedelta(seconds=5)) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_in = retry_in


class ProviderError(Exception):
    """What became of a hand-over that did not plainly succeed.

    *reason* is a word of ours for programs, *detail* a sentence for the operator. Neither may
    hold the message, the number or a credential; raise it `from None`, since the exceptions of
    an HTTP library quote the request.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class Unreachable(ProviderError):
    """Certainly not taken. *retry_in* is what the gateway asked for: *for_all* messages of the
    route, or for this one. *account* says that it refused us rather than this message, so an
    operator has to act."""

    def __init__(
        self,
        reason: str,
        detail: str = "",
        *,
        retry_in: timedelta | None = None,
        for_all: bool = False,
        account: bool = False,
    ) -> None:
        super().__init__(reason, detail)
        self.retry_in = retry_in
        self.for_all = for_all
        self.account = account


class Rejected(ProviderError):
    pass


class Unknown(ProviderError):
    pass


class Forged(ProviderError):
    """Nothing in it is read further. A door answers 401."""

    def __init__(self) -> None:
        super().__init__("forged")
