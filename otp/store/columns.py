"""Values as columns, and back. Times are whole microseconds since 1970 UTC, policies compact JSON.

No status word is spelled here or in any statement: what a query must know, the state machine says
in `is_pending`, `is_queued` and `changes_at`, and they are copied.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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
)


def of_verification(v: Verification) -> dict[str, Any]:
    """All columns of *v* but its key, its number and its challenges."""
    return {
        "client": v.client_id,
        "policy": _policy_text(v.policy),
        "created_at": micros(v.created_at),
        "support_code": v.support_code,
        "purpose": v.purpose,
        "locale": v.locale,
        "nonce": v.nonce,
        "reference": v.reference,
        "status": v.status.value,
        "attempts": v.attempts,
        "ended_at": micros_or_none(v.ended_at),
        "approved_by": v.approved_by,
        "redeemed_at": micros_or_none(v.redeemed_at),
        "is_pending": v.is_pending,
        "changes_at": micros_or_none(v.changes_at),
    }


def of_challenge(c: Challenge) -> dict[str, Any]:
    return {
        "number": c.number,
        "channel": c.channel.value,
        "queued_at": micros(c.queued_at),
        "due_at": micros(c.due_at),
        "expires_at": micros(c.expires_at),
        "updated_at": micros(c.updated_at),
        "delivery": c.delivery.value,
        "reason": c.reason,
        "tries": c.tries,
        "claim": c.claim,
        "handed_by": c.handed_by,
        "digest": c.digest,
        "route": c.route,
        "provider_id": c.provider_id,
        "is_queued": c.is_queued,
    }


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of *after* that are not as they were."""
    return {name: value for name, value in after.items() if value != before[name]}


def to_challenge(values: Sequence[Any]) -> Challenge:
    """The challenge behind the `CHALLENGE` columns."""
    row = dict(zip(CHALLENGE, values, strict=True))
    return Challenge(
        number=row["number"],
        channel=Channel(row["channel"]),
        queued_at=moment(row["queued_at"]),
        due_at=moment(row["due_at"]),
        expires_at=moment(row["expires_at"]),
        updated_at=moment(row["updated_at"]),
        delivery=Delivery(row["delivery"]),
        reason=row["reason"],
        tries=row["tries"],
        claim=row["claim"],
        handed_by=row["handed_by"],
        digest=row["digest"],
        route=row["route"],
        provider_id=row["provider_id"],
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
