"""The door for Prometheus: open only with the token of OTP_METRICS_TOKEN, for any Host.

Who scrapes calls a process by its address and not by its public name, and is proven by the token.
"""

from __future__ import annotations

import hmac

from flask import Flask, Response, request

from otp.errors import NotFound, Unauthorized
from otp.web import World


def add(app: Flask, world: World) -> None:
    token = world.settings.metrics_token

    @app.get("/metrics")
    def metrics() -> Response:
        if token is None:
            raise NotFound
        if not _is(token, request.headers.get("Authorization", "")):
            raise Unauthorized
        # Its library takes a tenth of a second to load, which nobody pays who is not scraped.
        from otp.web.exposition import exposed

        body, content_type = exposed(world, request.headers.get("Accept", ""))
        return Response(body, content_type=content_type)


def _is(token: str, header: str) -> bool:
    """Compared in a time that tells nothing of the token."""
    scheme, _, presented = header.partition(" ")
    # As bytes: a comparison of text refuses what is not ASCII.
    is_equal = hmac.compare_digest(presented.strip().encode(), token.encode())
    return is_equal and scheme.lower() == "bearer"
