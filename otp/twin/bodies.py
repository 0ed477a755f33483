"""What the gateway says when it refuses, and its log-in page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from otp.twin.wire import Answer

LOGIN_PAGE: Final = (
    b"<!DOCTYPE html>\n<html><head><title>Login</title></head>"
    b'<body><form method="post" action="/login"><input name="email">'
    b'<input name="password" type="password"><button>Login</button></form></body></html>\n'
)
HTML: Final = {"Content-Type": "text/html; charset=UTF-8"}


def answer(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status=status, headers=headers or {}, body=json.dumps(content).encode())


def fine(message: str, content: object) -> Answer:
    """As webhooks and subscriptions say it."""
    return answer({"status": "OK", "code": 200, "message": message, "data": content})


def error(code: int, message: str, **more: object) -> Answer:
    return answer({"status": "ERROR", "code": code, "message": message, **more}, code)


def unauthenticated_of_old() -> Answer:
    """As before March 2023."""
    return answer({"status": 401, "message": "Unauthenticated."}, 401)


def invalid(errors: Mapping[str, str]) -> Answer:
    """*errors*: what is wrong, by field."""
    first = next(iter(errors.values()))
    return error(422, first, errors={name: [says] for name, says in errors.items()})


def throttled(seconds: int, limit: int) -> Answer:
    minutes = -(-seconds // 60)
    said = error(429, f"Too Many Attempts. You may try again after {minutes} minutes.")
    headers = {
        "Retry-After": str(seconds),
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": "0",
    }
    return Answer(status=429, headers=headers, body=said.body)


def redirect(location: str) -> Answer:
    body = f'<!DOCTYPE html><html><body>Redirecting to <a href="{location}">it</a></body></html>'
    return Answer(status=302, headers={"Location": location, **HTML}, body=body.encode())


def login_page() -> Answer:
    return Answer(headers=HTML, body=LOGIN_PAGE)


def server_page(status: int, says: str, **headers: str) -> Answer:
    """What stands before the gateway says where the gateway does not."""
    page = f"<html><head><title>{status} {says}</title></head><body><h1>{says}</h1></body></html>"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, headers={**HTML, **named}, body=page.encode())


def object_of(body: bytes) -> dict[str, Any] | None:
    """The JSON object in *body*, or None."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
