"""The webhook door: what gateways say became of messages, at /receipts/<route>.

What counts as a receipt, and who may bring one, is the provider's to say. It is not counted against
any flood limit: who is authentic must be heard however much there is to report, and of anybody else
nothing is read but the secret, which costs no more than to refuse.
"""

from __future__ import annotations

import json

from flask import Flask, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from otp.errors import Forged, Unauthorized
from otp.providers import Inbound
from otp.web import World, body
from otp.web.asked import Asked


def add(app: Flask, world: World) -> None:
    # By GET too: some gateways set a webhook up so, and the provider knows which.
    @app.get("/receipts/<route>", endpoint="set_up_receipts")
    @app.post("/receipts/<route>")
    def receipts(route: str) -> Response:
        asked = Asked(request.environ, request.path)
        try:
            try:
                content = body.read(asked)
            except RequestEntityTooLarge:
                # Nobody learns more than that by a body of any size who does not know the secret.
                world.receipts.receive(route, _inbound(asked, b""))
                raise
            told = world.receipts.receive(route, _inbound(asked, content))
        except Forged:
            raise Unauthorized from None
        return Response(json.dumps(dict(told)), content_type="application/json")


def _inbound(asked: Asked, content: bytes) -> Inbound:
    request = asked.request
    return Inbound(
        method=request.method,
        headers={name.lower(): value for name, value in request.headers.items()},
        query={name: body.parameter(asked, name) for name in request.args},
        body=content,
    )
