"""The ceiling: the least that Flask can do with such a request."""

from __future__ import annotations

from typing import Any

from flask import Flask, request


def serve() -> Flask:
    app = Flask(__name__, static_folder=None)

    @app.post("/hello")
    def hello() -> dict[str, Any]:
        asked = request.get_json()
        return {
            "id": "ver_00000000000000000000000000000000",
            "status": "pending",
            "purpose": asked.get("purpose"),
            "expires_in": 1200,
        }

    @app.get("/readyz")
    def readyz() -> str:
        return "ready"

    return app
