"""A stand-in for the SMS gateway, over a real socket.

It keeps a ledger of what it was asked, and answers as it is told to: at once, late, in drops, not
at all, or with the wrong thing. Unless told otherwise it takes every message, as documented, from
anybody. Where the rules of the real one matter, use `otp.twin`, whose wire this is.

As its own process: `python -m tests.gateway --port 0 --delay 2` prints its URL; `GET /ledger`
answers the ledger, `POST /behave` takes the members of a `Behaviour`, or a list of them.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from otp.twin.wire import Answer, Door, Manner, Reply, Request

_CONTROL = (b"GET /ledger ", b"POST /behave ")
_CODE = re.compile(r"(?<![0-9])[0-9]{6,10}(?![0-9])")


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How one request is answered.

    *body* may be text, bytes or a value to write as JSON; None: what the gateway says to a
    message it takes. *cut* resets the connection: "unread" (when the first bytes of the request
    have come), "unanswered" (after it was read and written down), "halfway" (through the body).
    *trickle*: seconds between any two bytes of the answer, status line and headers included.
    *closes*: "idle" ends the connection after the answer without having said so.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    delay: float = 0
    stall: bool = False
    cut: Literal["unread", "unanswered", "halfway"] | None = None
    trickle: float = 0
    closes: str | None = None


@dataclass(frozen=True, kw_only=True)
class Received:
    """One request, as it was read from the wire. *at* is the gateway's monotonic clock."""

    at: float
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    text: str
    json: Any


class Gateway:
    """Takes messages at `url` while the `with` block runs."""

    def __init__(
        self,
        *,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        takes: Callable[[Mapping[str, Any]], object] | None = None,
    ) -> None:
        """*takes* makes what it says to a message it takes: MOBtexting's words unless told."""
        self._taken = takes or taken
        self._lock = threading.Lock()
        self._behaviours = [Behaviour()]
        self._ledger: list[Received] = []
        self._door = Door(self, host="127.0.0.1", port=port, tls=tls)
        self.url = f"{self._door.url}/api/v2/"

    def __enter__(self) -> Gateway:
        self._door.open()
        return self

    def __exit__(self, *_: object) -> None:
        self._door.close()

    # -- what tests tell it ---------------------------------------------------------------------

    def answer_with(self, *behaviours: Behaviour) -> None:
        """One behaviour per request from now on; the last one stays."""
        with self._lock:
            self._behaviours = list(behaviours)

    # -- what tests ask it ----------------------------------------------------------------------

    @property
    def ledger(self) -> list[Received]:
        """All requests so far, oldest first."""
        with self._lock:
            return list(self._ledger)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The bodies of all requests to send one, oldest first."""
        return [r.json for r in self.ledger if r.path.endswith("/sms/send") and r.json]

    @property
    def connections(self) -> int:
        """How many connections were ever taken."""
        return self._door.connections

    @property
    def open_connections(self) -> int:
        return self._door.open_connections

    def texts_for(self, number: str) -> list[str]:
        """The texts sent to an E.164 number, oldest first."""
        to = number.removeprefix("+")
        return [message["message"] for message in self.messages if message.get("to") == to]

    def codes_for(self, number: str) -> list[str]:
        """The codes a person with this number would have read, oldest first."""
        found = [_CODE.search(text) for text in self.texts_for(number)]
        return [match[0] for match in found if match]

    def wait_for(self, count: int, *, seconds: float = 10) -> list[Received]:
        """The ledger, once it holds *count* requests; fails if it does not in time."""
        until(lambda: len(self.ledger) >= count, seconds=seconds)
        return self.ledger

    # -- what its door asks it ------------------------------------------------------------------

    def cuts(self, start: bytes) -> bool:
        with self._lock:
            if self._behaviours[0].cut != "unread" or start.startswith(_CONTROL):
                return False
        self._next_behaviour()
        return True

    def reply(self, request: Request) -> Reply:
        content = _json(request.body)
        if request.path == "/ledger":
            return self._said(Behaviour(body=[asdict(received) for received in self.ledger]), None)
        if request.path == "/behave":
            told = content if isinstance(content, list) else [content]
            self.answer_with(*(Behaviour(**members) for members in told))
            return self._said(Behaviour(body={}), None)
        received = Received(
            at=time.monotonic(),
            method=request.method,
            path=request.path,
            query={name: values for name, values in request.query.items() if any(values)},
            headers=dict(request.headers.items()),
            text=request.body.decode(errors="replace"),
            json=content,
        )
        with self._lock:
            self._ledger.append(received)
        return self._said(self._next_behaviour(), content)

    def _next_behaviour(self) -> Behaviour:
        with self._lock:
            rest = self._behaviours
            return rest.pop(0) if len(rest) > 1 else rest[0]

    def _said(self, behaviour: Behaviour, content: Any) -> Reply:
        body = behaviour.body
        if body is None:
            body = self._taken(content if isinstance(content, dict) else {})
        if isinstance(body, str):
            body = body.encode()
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        return Reply(
            answer=Answer(status=behaviour.status, headers=behaviour.headers, body=body),
            manner=Manner(
                delay=behaviour.delay,
                stall=behaviour.stall,
                cut="unanswered" if behaviour.cut == "unread" else behaviour.cut,
                trickle=behaviour.trickle,
                closes=behaviour.closes,
            ),
        )


def until(condition: Callable[[], bool], *, seconds: float = 10) -> None:
    """Return as soon as *condition* holds; fail if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)  # who is waited for may need this core
        time.sleep(0.005)


def taken(message: Mapping[str, Any], *, status: str = "AWAITING-DLR") -> dict[str, object]:
    """What the gateway says to a message it takes, as documented."""
    return {
        "status": 200,
        "message": "1 numbers accepted for delivery.",
        "data": [
            {
                "id": f"{uuid.uuid4()}:1",
                "mobile": message.get("to", ""),
                "status": status,
                "units": 1,
                "length": len(str(message.get("message", ""))),
                "charges": 1,
                "customid": message.get("custom", ""),
                "iso_code": None,
                "submitted_at": "2026-11-22 16:27:35",
            }
        ],
    }


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None


def main() -> None:
    options = argparse.ArgumentParser(description="A stand-in for the SMS gateway.")
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--delay", type=float, default=0, help="seconds before each answer")
    chosen = options.parse_args()
    with Gateway(port=chosen.port) as gateway:
        gateway.answer_with(Behaviour(delay=chosen.delay))
        print(gateway.url, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
