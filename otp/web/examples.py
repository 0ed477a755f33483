"""The examples of the OpenAPI document, made by the code that makes the answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from werkzeug.exceptions import MethodNotAllowed, RequestEntityTooLarge, UnsupportedMediaType

from otp import errors
from otp.phone import Phone
from otp.verification import Policy, Status, Verification
from otp.web import answers, models, problems
from otp.web.body import Members
from otp.web.kinds import Kind
from otp.web.resource import resource

_NOW: Final = datetime(2026, 11, 22, 8, 39, 27, tzinfo=UTC)
_REQUEST_ID: Final = "qkzvhwmtbdrnaxpjfyce"

_STARTED: Final = Verification.start(
    id="ver_0f3a9c5e8b7d41d2a6c3e5f70912b4d8",
    client_id="cli_5d0c7f2a9b8e4136a1d4c7e8f0b3a692",
    phone=Phone.of(models.NUMBER),
    policy=Policy(),
    support_code="K7QF-2M9D",
    now=_NOW,
    purpose="sign-in",
    reference="order-7",
)
_GUESSED: Final = replace(_STARTED, attempts=1)
_CANCELED: Final = _STARTED.cancel(_NOW)
_APPROVED: Final = replace(_STARTED, status=Status.APPROVED, attempts=1, ended_at=_NOW)
_LATER: Final = _NOW + timedelta(seconds=30)

ID: Final = _STARTED.id
IDEMPOTENCY_KEY: Final = "f4a1c3de-8b5e-4c0e-9a76-3f1d7c2b5e90"
REFERENCE: Final = "order-7"

BODIES: Final[Mapping[type[Members], Mapping[str, object]]] = {
    models.Start: {"phone_number": models.NUMBER, "purpose": "sign-in", "reference": REFERENCE},
    models.Check: {"code": models.CODE},
    models.Nothing: {},
    models.Redeem: {"proof": "header.claims.signature"},
}

_ERRORS: Final[tuple[Exception, ...]] = (
    problems.MalformedBody(),
    errors.Unauthorized(),
    errors.Forbidden(),
    errors.NotFound(),
    MethodNotAllowed(["GET", "HEAD"]),
    errors.VerificationEnded(_CANCELED),
    RequestEntityTooLarge(),
    UnsupportedMediaType(),
    errors.InvalidInput(errors.Issue("/phone_number", "missing", "This member is needed.")),
    errors.InvalidPhoneNumber("not_mobile"),
    errors.WrongCode(_GUESSED),
    errors.ReplayMismatch(),
    errors.TooSoon(timedelta(seconds=30), _STARTED),
    errors.TooManyFailures(timedelta(hours=6)),
    errors.QuotaExceeded("phone_number", timedelta(hours=1)),
    errors.Unavailable("paused", timedelta(minutes=1)),
)


_SUCCESSES: Final[Mapping[tuple[str, int], Mapping[str, object]]] = {
    ("startVerification", 200): {
        **resource(_STARTED, _LATER),
        **answers.Resumed(resumed=True),
    },
    ("startVerification", 201): {**resource(_STARTED, _NOW)},
    ("searchVerifications", 200): {**answers.Listing(data=[resource(_STARTED, _LATER)])},
    ("readVerification", 200): {**resource(_GUESSED, _LATER)},
    ("checkCode", 200): {
        **resource(_APPROVED, _NOW),
        **answers.Approval(
            proof="header.claims.signature", proof_expires_in=300, phone_number=models.NUMBER
        ),
    },
    ("resendCode", 202): {**resource(_STARTED.resend(_LATER), _LATER)},
    ("cancelVerification", 200): {**resource(_CANCELED, _NOW)},
}


def success(operation: str, status: int) -> Mapping[str, object] | None:
    """What this answer may look like; None: it says too little to need an example."""
    return _SUCCESSES.get((operation, status))


def problem(kind: Kind, public_url: str) -> Mapping[str, object] | None:
    """What this problem may look like; None: nobody has seen it yet."""
    for error in _ERRORS:
        if problems.kind_of(error) == kind:
            return problems.members(
                error,
                public_url=public_url,
                request_id=_REQUEST_ID,
                now=_NOW,
                tell_reason=True,
            )
    if kind.members:
        return None
    return {**problems.standard_members(kind, public_url=public_url, request_id=_REQUEST_ID)}
