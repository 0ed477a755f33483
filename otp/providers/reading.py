"""What a gateway wrote, read without trust: each function answers a value that is safe to keep,
or that there is none.

What the values mean is each provider's own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from otp.providers import REFERENCE

LONGEST_WORD: Final = 40
_LONGEST_ID: Final = 200
_LONGEST_WAIT: Final = timedelta(hours=1)
_OUR_WORD: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")


def json_object(body: bytes) -> Mapping[str, Any]:
    """What the body says, or nothing where it is no JSON object."""
    content = json_value(body)
    return content if isinstance(content, dict) else {}


def json_value(body: bytes) -> Any:
    """What the body says; None where it is no JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def is_page(body: bytes) -> bool:
    # Not by Content-Type: PHP says text/html of everything, a crash after the hand-over included.
    return body.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html"))


def message_id(value: object) -> str | None:
    """A provider's name for a message: not blank, printable ASCII, not too long to keep."""
    if isinstance(value, str) and value.strip() and len(value) <= _LONGEST_ID:
        return value if value.isascii() and value.isprintable() else None
    return None


def our_reference(value: object) -> str | None:
    """A name that we gave a message, known by its shape: fields of that kind may hold others'."""
    return value if isinstance(value, str) and REFERENCE.fullmatch(value) else None


def raw_word(value: object) -> str:
    """A word or number as it was written, cut to what may be kept and shown."""
    text = str(value).strip() if isinstance(value, str | int) else ""
    return "".join(c for c in text if c.isascii() and c.isprintable())[:LONGEST_WORD]


def our_word(value: object) -> str | None:
    """A reason in the manner of ours, such as `number_unusable`, that a gateway may choose."""
    return value if isinstance(value, str) and _OUR_WORD.fullmatch(value) else None


def small_number(value: object) -> int | None:
    """A count of parts, written as a number or as digits."""
    text = str(value) if isinstance(value, str | int) else ""
    return int(text) if re.fullmatch(r"[0-9]{1,3}", text) else None


def retry_in(headers: Mapping[str, str]) -> timedelta | None:
    """How long the gateway asks to wait, at most an hour; a date is read by the gateway's clock."""
    asked = headers.get("Retry-After", "").strip()
    try:
        if re.fullmatch(r"[0-9]{1,9}", asked):
            wait = timedelta(seconds=int(asked))
        else:
            wait = parsedate_to_datetime(asked) - parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError, OverflowError):  # no date, or one of the two has no time zone
        return None
    return min(max(wait, timedelta()), _LONGEST_WAIT)


def gateway_time(headers: Mapping[str, str]) -> datetime | None:
    """The gateway's clock, in UTC, to the second."""
    try:
        said = parsedate_to_datetime(headers.get("Date", ""))
        return said.astimezone(UTC) if said.tzinfo else said.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError):
        return None
