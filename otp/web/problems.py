"""Every refusal as an RFC 9457 problem: one table from error class to word and status.

A class that is not in the table takes its nearest ancestor's row. The standard members win: they
are merged last, so no extension can overwrite them. No problem repeats a value the caller sent.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flask import Response
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
from otp.web.resource import resource, seconds, timestamp

CONTENT_TYPE: Final = "application/problem+json"


class MalformedBody(OtpError):
    """Not a JSON object, or a header that cannot be read."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One machine word, its status, and what it means to people and to developers.

    *members* are the extensions that always come with it, *at_times* those that may.
    """

    word: str
    status: int
    title: str
    meaning: str
    advice: str
    members: tuple[str, ...] = ()
    at_times: tuple[str, ...] = ()


_KINDS: Final = (
    Kind(
        "malformed_body",
        400,
        "The request cannot be read",
        "The body is not one JSON object in UTF-8, or a header has not the form it must have.",
        "Send one object, without duplicate members, NaN or a byte order mark.",
    ),
    Kind(
        "unauthorized",
        401,
        "A valid API key is needed",
        "No key came with the request, or one that is wrong or revoked.",
        "Send “Authorization: Bearer” and a key of your client.",
    ),
    Kind(
        "forbidden",
        403,
        "This key may not do that",
        "A publishable key may start, check, resend, cancel, and read by id; nothing else.",
        "Make this call from your server, with the client's secret key.",
    ),
    Kind(
        "csrf",
        403,
        "This form did not come from our page",
        "The form was sent from another site, or from a page of another browser session.",
        "Open the sign-in page again and fill in the form there.",
    ),
    Kind(
        "challenge_required",
        403,
        "Please show that you are a person",
        "Too many requests came from where you are, so one more step is asked for.",
        "Open the address in “challenge_url” in a browser, then try again.",
        members=("challenge_url",),
    ),
    Kind(
        "not_found",
        404,
        "Nothing is here",
        "There is no such address, or no such verification for this key. A verification is also "
        "forgotten some time after it ended.",
        "Check the address and the id.",
    ),
    Kind(
        "method_not_allowed",
        405,
        "Not this method",
        "The address exists, and does not answer this HTTP method.",
        "The “Allow” header names those it answers.",
    ),
    Kind(
        "idempotency_conflict",
        409,
        "The first request with this key still runs",
        "Another request with the same Idempotency-Key has not been answered yet.",
        "Wait for its answer, or try again in a moment.",
    ),
    Kind(
        "verification_ended",
        410,
        "This verification has ended",
        "It was approved, canceled or failed, its time or its attempts ran out; “verification_"
        "status” says which. What is submitted to it is not looked at any more.",
        "Start a new one.",
        members=("verification_status", "ended_at", "verification"),
    ),
    Kind(
        "proof_spent",
        410,
        "This proof cannot be redeemed any more",
        "A proof is redeemed once, within five minutes of the approval it tells of. This one was "
        "redeemed before, came too late, or its verification was erased.",
        "Start a new verification. Where an answer was lost on its way, repeat the request with "
        "the same Idempotency-Key.",
        at_times=("verification",),
    ),
    Kind(
        "body_too_large",
        413,
        "The body is too large",
        "A request body may have up to 4096 bytes.",
        "Send less.",
    ),
    Kind(
        "unsupported_media_type",
        415,
        "Not this kind of body",
        "The API reads application/json, and the forms of the pages what a browser sends.",
        "Set “Content-Type: application/json”.",
    ),
    Kind(
        "invalid_input",
        422,
        "A value cannot be used",
        "“errors” names each member that is missing, unknown, or has a value that cannot be used.",
        "Mend them and send the request again. Nothing was spent.",
        members=("errors",),
    ),
    Kind(
        "invalid_phone_number",
        422,
        "This phone number cannot be used",
        "“reason” says why: not_a_number, too_short, too_long, not_mobile, country_not_served, "
        "blocked, or not_a_test_number for a test key.",
        "Check the number, its country code first.",
        members=("reason", "errors"),
    ),
    Kind(
        "wrong_code",
        422,
        "That code is not right",
        "One attempt was spent; “attempts_left” says how many there are.",
        "Look at the newest message and type its code.",
        members=("attempts_left", "verification"),
    ),
    Kind(
        "invalid_proof",
        422,
        "This is no proof of ours",
        "It is cut short or changed, is not signed with a key of this service, or is another kind "
        "of token.",
        "Pass on the “proof” of the approving check as it came.",
    ),
    Kind(
        "idempotency_mismatch",
        422,
        "Same Idempotency-Key, other request",
        "This key came before with another request.",
        "Draw a new key for each new request.",
    ),
    Kind(
        "too_soon",
        429,
        "A message was sent a moment ago",
        "Between two messages to a number lies a wait, whoever asks for them.",
        "Come back after “retry_in” seconds.",
        members=("retry_in",),
        at_times=("verification",),
    ),
    Kind(
        "too_many_failures",
        429,
        "Too many wrong codes for this number",
        "So many wrong codes came for this number that it is closed for a while; the right code is "
        "refused as well.",
        "Come back after “retry_in” seconds.",
        members=("retry_in",),
        at_times=("verification",),
    ),
    Kind(
        "quota_exceeded",
        429,
        "A limit is used up",
        "“quota” names it: phone_number, address, prefix, country, client, or verification for the "
        "messages of one verification.",
        "Come back after “retry_in” seconds.",
        members=("quota", "retry_in"),
        at_times=("verification",),
    ),
    Kind(
        "internal",
        500,
        "Something is broken here",
        "The fault is ours, and it is in our log under the request id.",
        "Try again later; tell the operator the request id.",
    ),
    Kind(
        "unavailable",
        503,
        "Not available right now",
        "The service cannot do this safely at the moment, so it refuses rather than guesses.",
        "Try again after “retry_in” seconds.",
        members=("retry_in",),
        at_times=("reason",),
    ),
)

KINDS: Final = {kind.word: kind for kind in _KINDS}

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
) -> Response:
    """The problem as `application/problem+json`. *tell_reason*: the caller holds a secret key."""
    said = members(
        error, public_url=public_url, request_id=request_id, now=now, tell_reason=tell_reason
    )
    return Response(
        json.dumps(said),
        status=kind_of(error).status,
        headers=headers(error),
        content_type=CONTENT_TYPE,
    )


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
