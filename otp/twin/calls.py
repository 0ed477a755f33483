"""One call from the gateway to somebody's webhook."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

PATIENCE: Final = 3.0
"""Seconds. Not documented for SMS; the gateway's other channels wait so long."""

_MOST_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Called:
    """*status* is None where nothing could be understood as an answer."""

    status: int | None
    body: bytes = b""


def call(uri: str, content: Mapping[str, object] | None, *, secret: str, method: str) -> Called:
    """Ask *uri* once, over a connection of its own."""
    split = urlsplit(uri)
    secure = split.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(split.hostname or "", split.port, timeout=PATIENCE)
    headers = {"content-type": "application/json", "user-agent": "otp-twin"}
    if secret:
        headers["authorization"] = f"Bearer {secret}"
    target = (split.path or "/") + (f"?{split.query}" if split.query else "")
    body = None if content is None else json.dumps(content)
    try:
        connection.request(method, target, body, headers)
        response = connection.getresponse()
        return Called(response.status, response.read(_MOST_BYTES))
    except (OSError, http.client.HTTPException, ValueError):
        return Called(None)
    finally:
        connection.close()
