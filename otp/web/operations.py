"""What may be asked of the machine doors, and all that may come back: one row for each request.

`otp.web.openapi` makes the document of it. `tests/web/test_openapi.py` holds the rows against the
routes, and walks the API to hold them against its answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from otp.web import answers, models
from otp.web.body import Members

RESERVED: Final = {"challenge_required", "idempotency_conflict"}
"""Words that are not said today, and that callers must be ready for."""

_ASKED_WITH_A_KEY: Final = (
    "malformed_body",
    "unauthorized",
    "quota_exceeded",
    "internal",
    "unavailable",
)
_WITH_A_BODY: Final = (
    "body_too_large",
    "unsupported_media_type",
    "invalid_input",
    "idempotency_conflict",
    "idempotency_mismatch",
)
_OF_ONE: Final = ("not_found",)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request comes to when it is not refused: all of *forms* in one object."""

    status: int
    meaning: str
    forms: tuple[Any, ...]
    media_type: str = "application/json"
    links: bool = False
    """Whether the operations on one verification go on from its `id`."""
    location: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path. *words* are the problems that it may answer."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    answers: tuple[Answer, ...]
    words: tuple[str, ...]
    body: type[Members] | None = None
    for_operator: bool = False
    """Whether a token of the operator's opens it, and no key."""
    query: Mapping[str, Any] = field(default_factory=dict)
    """Its query parameters, all needed, and their types."""

    is_webhook: bool = False
    """Whether gateways ask for it, with the secret of a route's webhook."""

    @property
    def needs_key(self) -> bool:
        return "unauthorized" in self.words and not (self.is_webhook or self.for_operator)

    @property
    def is_repeatable(self) -> bool:
        """Whether it honours an Idempotency-Key."""
        return "idempotency_mismatch" in self.words

    @property
    def takes_id(self) -> bool:
        return "{id}" in self.path

    @property
    def takes_route(self) -> bool:
        return "{route}" in self.path


_ANY_KEY: Final = "A secret or a publishable key may ask for it."
_WEBHOOK: Final = (
    "malformed_body",
    "unauthorized",
    "not_found",
    "body_too_large",
    "internal",
    "unavailable",
)
_SERVERS_ONLY: Final = "Only a secret key may ask for it; a publishable one gets 403 `forbidden`."

OPERATIONS: Final = (
    Operation(
        id="startVerification",
        method="post",
        path="/v1/verifications",
        summary="Start a verification",
        description="Sends a code to a phone number by SMS. The message is queued, and `delivery` "
        "says what became of it. A start with a secret key while a verification of the same "
        "number and purpose is pending takes that one up again: 200 with `resumed`, and a new "
        "code only if the wait for a resend is over; `nonce`, `reference` and `locale` stay those "
        "of the first start. Anybody else gets a verification of their own, and waits like "
        f"everybody (429 `too_soon`). {_ANY_KEY}",
        body=models.Start,
        answers=(
            Answer(200, "A pending one was taken up again.", (answers.Resource, answers.Resumed)),
            Answer(201, "Started.", (answers.Resource,), links=True, location=True),
        ),
        words=(
            *_ASKED_WITH_A_KEY,
            *_WITH_A_BODY,
            "challenge_required",
            "invalid_phone_number",
            "too_soon",
            "too_many_failures",
        ),
    ),
    Operation(
        id="searchVerifications",
        method="get",
        path="/v1/verifications",
        summary="Search by your own reference",
        description="The verifications that were started with this `reference`, newest first, at "
        f"most {answers.LISTED}. {_SERVERS_ONLY}",
        answers=(Answer(200, "What was found, if anything.", (answers.Listing,)),),
        words=(
            *_ASKED_WITH_A_KEY,
            "forbidden",
            "invalid_input",
        ),
        query={"reference": models.Reference},
    ),
    Operation(
        id="readVerification",
        method="get",
        path="/v1/verifications/{id}",
        summary="Read a verification",
        description="As it stands now. It can be read until it is purged, some time after its "
        f"end. {_ANY_KEY}",
        answers=(Answer(200, "The verification.", (answers.Resource,), links=True),),
        words=(*_ASKED_WITH_A_KEY, *_OF_ONE),
    ),
    Operation(
        id="checkCode",
        method="post",
        path="/v1/verifications/{id}/check",
        summary="Check the code that a person typed",
        description="Spends one attempt. The right code approves, and the answer holds a `proof`. "
        "A wrong one is 422 `wrong_code`; the last wrong one ends the verification, 410. What "
        "cannot be a code of this verification is 422 `invalid_input` and costs nothing. The same "
        "right code from the same key gets the same answer again for 60 seconds, so that a lost "
        f"answer locks nobody out. {_ANY_KEY} The whole `phone_number` is told to a secret key "
        "only.",
        body=models.Check,
        answers=(Answer(200, "Approved.", (answers.Resource, answers.Approval)),),
        words=(
            *_ASKED_WITH_A_KEY,
            *_WITH_A_BODY,
            *_OF_ONE,
            "verification_ended",
            "wrong_code",
            "too_many_failures",
        ),
    ),
    Operation(
        id="resendCode",
        method="post",
        path="/v1/verifications/{id}/resend",
        summary="Send a new code",
        description="Queues one more message, with a code of its own. Attempts are not given "
        f"back. Allowed once `resend_in` seconds are over, `sends_left` times. {_ANY_KEY}",
        body=models.Nothing,
        answers=(Answer(202, "Queued.", (answers.Resource,)),),
        words=(
            *_ASKED_WITH_A_KEY,
            *_WITH_A_BODY,
            *_OF_ONE,
            "verification_ended",
            "invalid_phone_number",
            "too_soon",
            "too_many_failures",
        ),
    ),
    Operation(
        id="cancelVerification",
        method="post",
        path="/v1/verifications/{id}/cancel",
        summary="Cancel a verification",
        description="Ends it as canceled; no code opens it any more, and a message that still "
        f"waits is not sent. Once more is fine. {_ANY_KEY}",
        body=models.Nothing,
        answers=(Answer(200, "Canceled.", (answers.Resource,)),),
        words=(
            *_ASKED_WITH_A_KEY,
            *_WITH_A_BODY,
            *_OF_ONE,
            "verification_ended",
        ),
    ),
    Operation(
        id="redeemProof",
        method="post",
        path="/v1/proofs/redeem",
        summary="Redeem a proof",
        description="Reads a proof of your own client, once. A second time, or after its life, it "
        f"is 410 `proof_spent`. {_SERVERS_ONLY}",
        body=models.Redeem,
        answers=(Answer(200, "What the proof says.", (answers.Claims,)),),
        words=(
            *_ASKED_WITH_A_KEY,
            *_WITH_A_BODY,
            *_OF_ONE,
            "forbidden",
            "proof_spent",
            "invalid_proof",
        ),
    ),
    Operation(
        id="takeReceipts",
        method="post",
        path="/receipts/{route}",
        summary="Take delivery receipts",
        description="For gateways: what became of messages, in the gateway's own form, as JSON or "
        "a form. Answered 200 for every authentic receipt, whether its message is known or not. "
        "The challenge of a webhook's set-up is echoed.",
        answers=(Answer(200, "Taken.", (answers.Echo,)),),
        words=_WEBHOOK,
        is_webhook=True,
    ),
    Operation(
        id="setUpReceipts",
        method="get",
        path="/receipts/{route}",
        summary="Set a webhook up",
        description="For gateways that set a webhook up, or send receipts, by GET.",
        answers=(Answer(200, "Taken.", (answers.Echo,)),),
        words=_WEBHOOK,
        is_webhook=True,
    ),
    Operation(
        id="readKeys",
        method="get",
        path="/.well-known/jwks.json",
        summary="The public keys that proofs are signed with",
        description="A JWK set (RFC 7517), for anybody. Read it again when a proof names a `kid` "
        "that you do not know.",
        answers=(Answer(200, "The keys.", (answers.Jwks,)),),
        words=("malformed_body", "internal"),
    ),
    Operation(
        id="readDocument",
        method="get",
        path="/openapi.json",
        summary="This document",
        description="What you are reading, made from the code that answers you.",
        answers=(Answer(200, "An OpenAPI 3.1 document.", (dict[str, Any],)),),
        words=("malformed_body", "internal"),
    ),
    Operation(
        id="isAlive",
        method="get",
        path="/healthz",
        summary="Is the process alive?",
        description="Touches nothing. Answers whatever name the prober calls the host by.",
        answers=(Answer(200, "It is.", (answers.Health,)),),
        words=("internal",),
    ),
    Operation(
        id="isReady",
        method="get",
        path="/readyz",
        summary="Is the service ready?",
        description="Whether a write to the store would work, and how sending goes. `degraded` is "
        "still ready. Answers whatever name the prober calls the host by.",
        answers=(
            Answer(200, "It is.", (answers.Readiness,)),
            Answer(503, "It is not; `checks` says what is missing.", (answers.Readiness,)),
        ),
        words=("internal",),
    ),
    Operation(
        id="readMetrics",
        method="get",
        path="/metrics",
        summary="Figures for Prometheus",
        description="What all processes have counted, and how things stand. Only with the "
        "operator's `OTP_METRICS_TOKEN` as a bearer token; where none is set, there is nothing "
        "here. A scraper that accepts OpenMetrics gets that. Answers whatever name it calls the "
        "host by.",
        answers=(
            Answer(200, "The text format.", (str,), "text/plain; version=0.0.4; charset=utf-8"),
        ),
        words=("unauthorized", "not_found", "internal", "unavailable"),
        for_operator=True,
    ),
)
