"""What the API and the pages may refuse: every kind of problem, in words for people and programs.

Which error of ours is of which kind is in `otp.web.problems`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


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
