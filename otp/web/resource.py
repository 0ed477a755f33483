"""A verification as callers see it: the same everywhere, spans in whole seconds, rounded up."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from functools import lru_cache

from otp.verification import Verification
from otp.web.answers import Resource


def resource(v: Verification, now: datetime) -> Resource:
    """The public resource of *v* as it stands at *now*. Holds no full number, and no code."""
    newest, is_pending, expires_at = v.newest, v.is_pending, v.expires_at
    resend_at = v.resend_at if is_pending else None
    return {
        "id": v.id,
        "status": v.status,
        "phone_number_masked": v.phone.masked,
        "channel": newest.channel.value,
        "purpose": v.purpose,
        "reference": v.reference,
        "support_code": v.support_code,
        "code_length": v.policy.code_length,
        "attempts_left": v.attempts_left,
        "sends_left": v.sends_left,
        "resend_in": seconds(resend_at - now) if resend_at else None,
        "expires_in": seconds(expires_at - now) if is_pending else None,
        "created_at": timestamp(v.created_at),
        "expires_at": timestamp(expires_at),
        "ended_at": timestamp(v.ended_at) if v.ended_at else None,
        "delivery": {
            "status": newest.delivery.value,
            "reason": newest.reason,
            "updated_at": timestamp(newest.updated_at),
        },
    }


def seconds(span: timedelta) -> int:
    """Whole seconds, rounded up, never below zero."""
    return max(math.ceil(span.total_seconds()), 0)


@lru_cache(maxsize=256)
def timestamp(at: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return f"{at.isoformat(timespec='seconds')[:19]}Z"
