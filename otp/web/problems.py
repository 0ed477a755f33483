"""Every refusal as an RFC 9457 problem: one table from error class to word and status.

A class that is not in the table takes its nearest ancestor's row. The standard members win: they
are merged last, so no extension can overwrite them. No problem repeats a value the caller sent.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

from werkzeug.exceptions import HTTPException

from otp.errors import (
    Forbidden,
    InvalidInput,
    InvalidPhoneNumber,
    InvalidProof,
    NotFound,
    OtpError,
    ProofSpent,
    QuotaExceeded,
    Refused,
    ReplayMismatch,
    TooManyFailures,
    TooSoon,
    Unauthorized,
    Unavailable,
    VerificationEnded,
    Wait,
    WrongCode,
)
from otp.web.answers import Extensions, Problem
from otp.web.asked import Answered
from otp.web.kinds import KINDS, Kind
from otp.web.resource import resource, seconds, timestamp

CONTENT_TYPE: Final = "application/problem+json"


class MalformedBody(OtpError):
    """Not a JSON object, or a header that cannot be read."""


_WORDS: Final[dict[type[OtpError], str]] = {
    MalformedBody: "malformed_body",
    InvalidInput: "invalid_input",
    InvalidPhoneNumber: "invalid_phone_number",
    Unauthorized: "unauthorized",
    Forbidden: "forbidden",
    NotFound: "not_found",
    InvalidProof: "invalid_proof",
    ReplayMismatch: "idempotency_mismatch",
    WrongCode: "wrong_code",
    TooSoon: "too_soon",
    TooManyFailures: "too_many_failures",
    QuotaExceeded: "quota_exceeded",
    VerificationEnded: "verification_ended",
    ProofSpent: "proof_spent",
    Unavailable: "unavailable",
}

_HTTP_WORDS: Final = {
    400: "malformed_body",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
    429: "quota_exceeded",
}


def kind_of(error: Exception) -> Kind:
    """The row of an error's class, or of its nearest ancestor that has one."""
    if isinstance(error, HTTPException):
        is_ours = (error.code or 500) >= 500
        return KINDS[
            _HTTP_WORDS.get(error.code or 500, "internal" if is_ours else "malformed_body")
        ]
    for ancestor in type(error).__mro__:
        if ancestor in _WORDS:
            return KINDS[_WORDS[ancestor]]
    return KINDS["internal"]


def retry_in(error: Exception) -> int | None:
    """Whole seconds after which the same request may succeed, at least 1; None: no such time."""
    if isinstance(error, Wait | Unavailable):
        return max(seconds(error.retry_in), 1)
    return None


def headers(error: Exception) -> dict[str, str]:
    """What a refusal says outside of its body."""
    out: dict[str, str] = {}
    if (wait := retry_in(error)) is not None:
        out["Retry-After"] = str(wait)
    if isinstance(error, Unauthorized):
        out["WWW-Authenticate"] = "Bearer"
    if isinstance(error, HTTPException) and error.code == 405:
        out |= {name: value for name, value in error.get_headers() if name == "Allow"}
    return out


def problem(
    error: Exception, *, public_url: str, request_id: str, now: datetime, tell_reason: bool
) -> Answered:
    """The problem as `application/problem+json`. *tell_reason*: the caller holds a secret key."""
    said = members(
        error, public_url=public_url, request_id=request_id, now=now, tell_reason=tell_reason
    )
    out = Answered.of(json.dumps(said).encode(), kind_of(error).status, CONTENT_TYPE)
    out.headers += headers(error).items()
    return out


def members(
    error: Exception, *, public_url: str, request_id: str, now: datetime, tell_reason: bool
) -> dict[str, object]:
    """What the body of the problem holds."""
    standard = standard_members(kind_of(error), public_url=public_url, request_id=request_id)
    return {**_extensions(error, now, tell_reason), **standard}


def standard_members(kind: Kind, *, public_url: str, request_id: str) -> Problem:
    return {
        "type": f"{public_url}/problems/{kind.word}",
        "title": kind.title,
        "status": kind.status,
        "detail": kind.meaning,
        "error": kind.word,
        "request_id": request_id,
    }


def _extensions(error: Exception, now: datetime, tell_reason: bool) -> Extensions:
    out: Extensions = {}
    if (wait := retry_in(error)) is not None:
        out["retry_in"] = wait
    if isinstance(error, InvalidPhoneNumber):
        out["reason"] = error.reason
    if isinstance(error, InvalidInput):
        out["errors"] = [
            {"pointer": issue.pointer, "code": issue.code, "detail": issue.detail}
            for issue in error.issues
        ]
    if isinstance(error, QuotaExceeded):
        out["quota"] = error.quota
    if isinstance(error, WrongCode):
        out["attempts_left"] = error.verification.attempts_left
    if isinstance(error, VerificationEnded) and error.verification.ended_at:
        out["verification_status"] = error.verification.status
        out["ended_at"] = timestamp(error.verification.ended_at)
    if isinstance(error, Refused) and error.verification:
        out["verification"] = resource(error.verification, now)
    if isinstance(error, Unavailable) and tell_reason:
        out["reason"] = error.reason
    return out
