"""Signed requests, ours and those to us, as https://www.standardwebhooks.com has them.

Its own library reads the clock by itself, and brings an HTTP client; the scheme is a dozen lines.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

TOLERANCE: Final = timedelta(minutes=5)
"""How far the clocks of both ends may be apart, and how old a request may be."""

_MOST_SIGNATURES: Final = 8


def signed(id: str, body: bytes, *, keys: Sequence[bytes], now: datetime) -> dict[str, str]:
    """The headers that prove *body* to whoever holds one of *keys*."""
    at = str(int(now.timestamp()))
    signatures = [_signature(key, id, at, body) for key in keys]
    return {
        "webhook-id": id,
        "webhook-timestamp": at,
        "webhook-signature": " ".join(signatures),
    }


def is_genuine(
    headers: Mapping[str, str], body: bytes, *, keys: Sequence[bytes], now: datetime
) -> bool:
    """Whether *body* is young, and signed with one of *keys*; compared in constant time. The names
    of *headers* are lower case."""
    at = headers.get("webhook-timestamp", "")
    if not re.fullmatch(r"[0-9]{1,12}", at):
        return False
    shown = headers.get("webhook-signature", "").split()[:_MOST_SIGNATURES]
    expected = [_signature(key, headers.get("webhook-id", ""), at, body) for key in keys]
    same = [
        hmac.compare_digest(a.encode(errors="backslashreplace"), b.encode())
        for a in shown
        for b in expected
    ]
    return any(same) and abs(int(now.timestamp()) - int(at)) <= TOLERANCE.total_seconds()


def _signature(key: bytes, id: str, at: str, body: bytes) -> str:
    content = f"{id}.{at}.".encode(errors="backslashreplace") + body
    return "v1," + base64.b64encode(hmac.digest(key, content, "sha256")).decode()
