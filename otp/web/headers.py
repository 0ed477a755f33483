"""What every answer carries, and which hosts are answered at all.

Put on both Flask apps by `install`, errors and static files included. What is not done here:
anything that depends on who asks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from flask import Flask, g, request
from werkzeug.exceptions import BadRequest

from otp import log
from otp.keys import TokenBytes
from otp.settings.notation import is_private
from otp.web import World, counting
from otp.web.address import network_in
from otp.web.asked import REQUEST_ID

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

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
_LETTERS: Final = bytes(ord("a") + byte % 26 for byte in range(256))
_HSTS: Final = "max-age=63072000; includeSubDomains"
_STATIC: Final = "/static/"
_FOR_ANY_HOST: Final = {"/healthz", "/readyz", "/metrics"}
_HOST: Final = re.compile(r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[a-z0-9.-]+))(?::[0-9]{1,5})?")


def install(app: Flask, world: World) -> Callable[[WSGIEnvironment, str], None]:
    """Give every request of *app* an id, refuse foreign hosts, and complete every answer.

    What looks at each request before anything else, by its environ and its path, is returned for
    who does not go through Flask's hooks. It raises `BadRequest`.
    """
    is_ours = _trusted_hosts(world)
    inner = app.wsgi_app
    usual = [*_SECURITY.items()]
    if world.settings.secure:
        usual.append(("Strict-Transport-Security", _HSTS))

    # Around the application and not in it: a response object checks each header anew.
    def complete(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request_id = environ[REQUEST_ID] = new_request_id(world.token_bytes)

        def started(
            status: str, headers: list[tuple[str, str]], error: Any = None, /
        ) -> Callable[[bytes], object]:
            kept = environ["PATH_INFO"].startswith(_STATIC) and status < "4"
            counting.request(world.metrics, environ["PATH_INFO"], status)
            return start_response(
                status,
                [
                    *(header for header in headers if header[0] != "Cache-Control"),
                    *usual,
                    ("X-Request-Id", request_id),
                    ("Cache-Control", "public, max-age=3600" if kept else "no-store"),
                ],
                error,
            )

        network = network_in(environ, world.settings.trusted_proxies)
        with log.bound(request_id=request_id, network=network.cut):
            return inner(environ, started)

    app.wsgi_app = complete  # type: ignore[method-assign]

    def begin(environ: WSGIEnvironment, path: str) -> None:
        if path not in _FOR_ANY_HOST and not is_ours(environ.get("HTTP_HOST", "")):
            raise BadRequest

    @app.before_request
    def begin_in_flask() -> None:
        g.request_id = request.environ[REQUEST_ID]  # a page shows it
        begin(request.environ, request.path)

    return begin


def new_request_id(token_bytes: TokenBytes) -> str:
    """Twenty lower-case letters: no digits, which a search for leaked codes might hit by chance."""
    return token_bytes(REQUEST_ID_LETTERS).translate(_LETTERS).decode("ascii")


def _trusted_hosts(world: World) -> Callable[[str], bool]:
    settings = world.settings
    public = urlsplit(settings.public_url).hostname

    # Nearly all requests name the same host.
    @lru_cache(maxsize=64)
    def is_ours(header: str) -> bool:
        found = _HOST.fullmatch(header.lower())
        if not found:
            return False
        name = found["v6"] or found["name"]
        if name == public:
            return True
        return settings.demo and (name in settings.demo_hosts or is_private(name))

    return is_ours
