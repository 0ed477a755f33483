"""Liveness and readiness. Both answer for any Host, and tell nothing worth hiding."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from flask import Flask, Response

from otp.errors import Unavailable
from otp.store.flags import PAUSED
from otp.web import World
from otp.web.answers import Checks, Health, Readiness

_LONGEST_QUEUED: Final = timedelta(minutes=1)
"""A message that waits longer says that no provider takes it, or that nobody sends."""


def add(app: Flask, world: World) -> None:
    @app.get("/healthz")
    def healthz() -> Response:
        """The process lives; touches nothing."""
        return _answer(Health(status="ok"), 200)

    @app.get("/readyz")
    def readyz() -> Response:
        """200 when a write to the store would work and its schema is current."""
        checks = Checks(store="ok", sending="ok")
        status = 200
        try:
            world.store.ping()
            oldest = world.store.oldest_queued()
            if world.store.flag(PAUSED):
                checks["sending"] = "paused"
            elif oldest and world.clock() - oldest > _LONGEST_QUEUED:
                checks["sending"] = "delayed"
        except Unavailable:
            checks = Checks(store="unavailable", sending="unknown")
            status = 503
        word = "unavailable" if status == 503 else "ok"
        if checks["sending"] in ("paused", "delayed"):
            word = "degraded"
        return _answer(Readiness(status=word, checks=checks), status)


def _answer(value: Mapping[str, object], status: int) -> Response:
    out = Response(json.dumps(value), status=status, content_type="application/json")
    if status == 503:
        out.headers["Retry-After"] = "5"
    return out
