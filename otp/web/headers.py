"""What every answer carries, and which hosts are answered at all.

Put on both Flask apps by `install`, errors and static files included. What is not done here:
anything that depends on who asks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import BadRequest

from otp.keys import TokenBytes
from otp.settings.notation import is_private
from otp.web import World

REQUEST_ID_LETTERS: Final = 20

_SECURITY: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "object-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: browsers would send "Origin: null" with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "otp-credentials=(self), camera=(), geolocation=(), microphone=(), "
    "payment=(), usb=()",
}
_HSTS: Final = "max-age=63072000; includeSubDomains"
_STATIC: Final = "/static/"
_FOR_ANY_HOST: Final = {"/healthz", "/readyz"}
_HOST: Final = re.compile(r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[a-z0-9.-]+))(?::[0-9]{1,5})?")


def install(app: Flask, world: World) -> None:
    """Give every request of *app* an id, refuse foreign hosts, and complete every answer."""
    is_ours = _trusted_hosts(world)

    @app.before_request
    def begin() -> None:
        g.request_id = new_request_id(world.token_bytes)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)
        if request.path not in _FOR_ANY_HOST and not is_ours(request.headers.get("Host", "")):
            raise BadRequest

    @app.after_request
    def complete(response: Response) -> Response:
        response.headers.update(_SECURITY)
        response.headers["X-Request-Id"] = g.request_id
        if world.settings.secure:
            response.headers["Strict-Transport-Security"] = _HSTS
        if request.path.startswith(_STATIC) and response.status_code < 400:
            response.headers["Cache-Control"] = "public, max-age=3600"
        else:
            response.headers["Cache-Control"] = "no-store"
        return response


def new_request_id(token_bytes: TokenBytes) -> str:
    """Twenty lower-case letters: no digits, which a search for leaked codes might hit by chance."""
    return "".join(chr(ord("a") + byte % 26) for byte in token_bytes(REQUEST_ID_LETTERS))


def _trusted_hosts(world: World) -> Callable[[str], bool]:
    settings = world.settings
    public = urlsplit(settings.public_url).hostname

    def is_ours(header: str) -> bool:
        found = _HOST.fullmatch(header.lower())
        if not found:
            return False
        name = found["v6"] or found["name"]
        if name == public:
            return True
        return settings.demo and (name in settings.demo_hosts or is_private(name))

    return is_ours
