"""Values as columns, and back. Times are whole microseconds since 1970 UTC, policies compact JSON.

No status word is spelled here or in any statement: what a query must know, the state machine says
in `is_pending`, `is_queued`, `is_lost` and `changes_at`, and they are copied.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from otp.challenge import Challenge, Channel, Delivery
from otp.verification import Policy, Verification

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

VERIFICATION: Final = (
    "client",
    "policy",
    "created_at",
    "support_code",
    "purpose",
    "locale",
    "nonce",
    "reference",
    "status",
    "attempts",
    "ended_at",
    "approved_by",
    "wrong_at",
    "is_test",
    "redeemed_at",
)
CHALLENGE: Final = (
    "number",
    "channel",
    "queued_at",
    "due_at",
    "expires_at",
    "updated_at",
    "delivery",
    "reason",
    "tries",
    "claim",
    "handed_by",
    "digest",
    "route",
    "provider_id",
    "source",
    "word",
    "ask_at",
    "asks",
    "misses",
    "returned",
)
# What is written besides: told by the state machine, so that SQL needs none of its words.
VERIFICATION_ROW: Final = (*VERIFICATION, "is_pending", "changes_at")
CHALLENGE_ROW: Final = (*CHALLENGE, "is_queued", "is_lost")


def of_verification(v: Verification) -> tuple[Any, ...]:
    """The values of `VERIFICATION_ROW`: all of *v* but its key, its number and its challenges."""
    return (
        v.client_id,
        _policy_text(v.policy),
        micros(v.created_at),
        v.support_code,
        v.purpose,
        v.locale,
        v.nonce,
        v.reference,
        v.status.value,
        v.attempts,
        micros_or_none(v.ended_at),
        v.approved_by,
        moments_text(v.wrong_at),
        v.is_test,
        micros_or_none(v.redeemed_at),
        v.is_pending,
        micros_or_none(v.changes_at),
    )


def of_challenge(c: Challenge) -> tuple[Any, ...]:
    """The values of `CHALLENGE_ROW`."""
    return (
        c.number,
        c.channel.value,
        micros(c.queued_at),
        micros(c.due_at),
        micros(c.expires_at),
        micros(c.updated_at),
        c.delivery.value,
        c.reason,
        c.tries,
        c.claim,
        c.handed_by,
        c.digest,
        c.route,
        c.provider_id,
        c.source,
        c.word,
        micros_or_none(c.ask_at),
        c.asks,
        c.misses,
        c.returned,
        c.is_queued,
        c.is_lost,
    )


def changed(names: Sequence[str], before: Sequence[Any], after: Sequence[Any]) -> dict[str, Any]:
    """The columns of *after* that are not as they were, by name."""
    both = zip(names, before, after, strict=True)
    return {name: new for name, old, new in both if new != old}


def to_challenge(values: Sequence[Any]) -> Challenge:
    """The challenge behind the `CHALLENGE` columns."""
    (number, channel, queued_at, due_at, expires_at, updated_at, delivery, *rest) = values
    (reason, tries, claim, handed_by, digest, route, provider_id, source, *fate) = rest
    (word, ask_at, asks, misses, returned) = fate
    return Challenge(
        number=number,
        channel=Channel(channel),
        queued_at=moment(queued_at),
        due_at=moment(due_at),
        expires_at=moment(expires_at),
        updated_at=moment(updated_at),
        delivery=Delivery(delivery),
        reason=reason,
        tries=tries,
        claim=claim,
        handed_by=handed_by,
        digest=digest,
        route=route,
        provider_id=provider_id,
        source=source,
        word=word,
        ask_at=moment_or_none(ask_at),
        asks=asks,
        misses=misses,
        returned=returned,
    )


# Few policies are in use at any time, and each is on many rows.
@lru_cache(maxsize=256)
def _policy_text(policy: Policy) -> str:
    return json.dumps(
        {
            "code_length": policy.code_length,
            "code_life": policy.code_life // _MICROSECOND,
            "life": policy.life // _MICROSECOND,
            "max_attempts": policy.max_attempts,
            "resend_waits": [wait // _MICROSECOND for wait in policy.resend_waits],
            "live_codes": policy.live_codes,
        },
        separators=(",", ":"),
    )


@lru_cache(maxsize=256)
def to_policy(text: str) -> Policy:
    kept = json.loads(text)
    return Policy(
        code_length=kept["code_length"],
        code_life=timedelta(microseconds=kept["code_life"]),
        life=timedelta(microseconds=kept["life"]),
        max_attempts=kept["max_attempts"],
        resend_waits=tuple(timedelta(microseconds=wait) for wait in kept["resend_waits"]),
        live_codes=kept["live_codes"],
    )


def micros(at: datetime) -> int:
    """Whole microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def micros_or_none(at: datetime | None) -> int | None:
    return None if at is None else micros(at)


def moment(number: int) -> datetime:
    """The time *number* microseconds after 1970 began."""
    return _EPOCH + timedelta(microseconds=number)


def moment_or_none(number: int | None) -> datetime | None:
    return None if number is None else moment(number)


def moments_text(moments: Sequence[datetime]) -> str:
    """Several times in one column: their microseconds, separated by spaces."""
    return " ".join(str(micros(at)) for at in moments)


def to_moments(text: str) -> tuple[datetime, ...]:
    return tuple(moment(int(number)) for number in text.split())
