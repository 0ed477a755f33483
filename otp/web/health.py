"""Liveness and readiness. Both answer for any Host, and tell nothing worth hiding."""

from __future__ import annotations

import json
from collections.abc import Mapping

from flask import Flask, Response

from otp.breaker import State
from otp.errors import Unavailable
from otp.store.flags import PAUSED
from otp.watch import LONGEST_QUEUED
from otp.web import World
from otp.web.answers import Checks, Health, Readiness


def add(app: Flask, world: World) -> None:
    @app.get("/healthz")
    def healthz() -> Response:
        """The process lives; touches nothing."""
        return _answer(Health(status="ok"), 200)

    @app.get("/readyz")
    def readyz() -> Response:
        """200 when a write to the store would work and its schema is current."""
        checks = Checks(store="ok", sending="ok", routes={})
        status = 200
        try:
            world.store.ping()
            now = world.clock()
            oldest = world.store.oldest_queued()
            breakers = world.routes.breakers()
            checks["routes"] = {name: found.state(now) for name, found in breakers.items()}
            if world.store.flag(PAUSED):
                checks["sending"] = "paused"
            elif oldest and now - oldest > LONGEST_QUEUED:
                checks["sending"] = "delayed"
        except Unavailable:
            checks = Checks(store="unavailable", sending="unknown", routes={})
            status = 503
        return _answer(Readiness(status=_word(checks), checks=checks), status)


def _word(checks: Checks) -> str:
    if checks["store"] != "ok":
        return "unavailable"
    all_well = checks["sending"] == "ok" and set(checks["routes"].values()) <= {State.CLOSED}
    return "ok" if all_well else "degraded"


def _answer(value: Mapping[str, object], status: int) -> Response:
    out = Response(json.dumps(value), status=status, content_type="application/json")
    if status == 503:
        out.headers["Retry-After"] = "5"
    return out
