"""Limits out of the way, for tests of something else; and all that an answer says."""

from __future__ import annotations

import base64
import re

from werkzeug.test import TestResponse

from tests.world import NUMBER, ServiceWorld

AMPLE = {
    "OTP_PHONE_SENDS": "100000/hour",
    "OTP_PHONE_SENDS_TOTAL": "100000/day",
    "OTP_PHONE_FAILURES": "100000/day",
    "OTP_ADDRESS_SENDS": "100000/hour",
    "OTP_ADDRESS6_SENDS": "100000/hour",
    "OTP_PREFIX_SENDS": "100000/hour",
    "OTP_SEND_BUDGET": "100000/hour",
    "OTP_FLOOD_LIMIT": "100000/minute",
    "OTP_CLIENT_FLOOD_LIMIT": "1000000/minute",
}

PRODUCTION = {
    "OTP_DEMO": "0",
    "OTP_SERVICE_NAME": "Acme",
    "OTP_SIGN_IN": "open",
    "OTP_ROUTE": "mobtexting",
    "OTP_MOBTEXTING_TOKEN": "c0ffee5eedc0ffee5eed4a7b",
    "OTP_MOBTEXTING_SENDER": "ACMEIN",
    "OTP_TRUSTED_PROXIES": "0",
    **AMPLE,
}


def started(world: ServiceWorld, number: str = NUMBER, **members: str) -> str:
    answer = world.api().start(number, **members)
    assert answer.status_code == 201, answer.text
    return str(answer.json["id"])


def told(answer: TestResponse) -> tuple[int, dict[str, str], bytes]:
    """All of an answer but the name of the request, and what is left of the caller's own limit."""
    varying = ("X-Request-Id", "RateLimit")
    headers = {name: value for name, value in answer.headers.items() if name not in varying}
    name = answer.headers["X-Request-Id"].encode()
    return answer.status_code, headers, answer.data.replace(name, b"")


def everything(answer: TestResponse) -> bytes:
    """Status line, headers, body, and what is behind the base64 of cookies and tokens."""
    text = f"{answer.status}\n{answer.headers}\n".encode() + answer.data
    hidden = []
    for word in re.findall(rb"[A-Za-z0-9_-]{12,}", text):
        for cut in range(4):  # a word may be more than its base64
            whole = word[cut : cut + (len(word) - cut) // 4 * 4]
            hidden.append(base64.urlsafe_b64decode(whole))
    return b"\n".join([text, *hidden])
