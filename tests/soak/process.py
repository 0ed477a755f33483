"""The two processes of the Procfile, by a clock that can be moved: `web PORT`, or `send`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from flask import Flask

import app
from otp import server
from otp.serving import at_end
from tests.soak.clock import Clock

CLOCK = "SOAK_CLOCK"


def assembled() -> app.Parts:
    return app.assemble(app.read_settings(), clock=Clock(Path(os.environ[CLOCK])))


def web() -> Flask:
    """What the server calls in its worker."""
    parts = assembled()
    at_end(parts.close)
    return app.wsgi_app(parts)


def send() -> None:
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    parts = assembled()
    parts.sender.start()
    signal.sigwait(ends)
    parts.close()


def main(role: str, port: str = "") -> None:
    if role == "send":
        send()
        return

    class Server(server.Server):
        def __init__(self, _: str, **options: Any) -> None:
            super().__init__("tests.soak.process:web", **options)

    server.Server = Server  # type: ignore[assignment,misc]
    server.main("127.0.0.1", port, "1", "json")


if __name__ == "__main__":
    main(*sys.argv[1:])
