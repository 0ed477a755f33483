"""A stand-in for the SMS gateway, over a real socket.

It keeps a ledger of what it was asked, and answers as it is told to: at once, late, in drops, not
at all, or with the wrong thing. Unless told otherwise it takes every message, as documented.

As its own process: `python tests/gateway.py --port 0 --delay 2` prints its URL; `GET /ledger`
answers the ledger, `POST /behave` takes the members of a `Behaviour`, or a list of them.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import select
import socket
import ssl
import struct
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

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
    cut: str | None = None
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
        self._closing = threading.Event()
        self._behaviours = [Behaviour()]
        self._ledger: list[Received] = []
        self._connections = 0
        self._open: set[socket.socket] = set()
        self._server = _Server(port, self)
        if tls:
            # The handshake is left to the connection's own thread, so that none blocks the others.
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        scheme, port = ("https" if tls else "http"), self._server.server_address[1]
        self.url = f"{scheme}://127.0.0.1:{port}/api/v2/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.005,))

    def __enter__(self) -> Gateway:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._server.server_close()  # waits for the connections' threads

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
        with self._lock:
            return self._connections

    @property
    def open_connections(self) -> int:
        with self._lock:
            return len(self._open)

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

    # -- what the handler asks it ---------------------------------------------------------------

    def _next_behaviour(self) -> Behaviour:
        with self._lock:
            rest = self._behaviours
            return rest.pop(0) if len(rest) > 1 else rest[0]

    def _resets_next(self) -> bool:
        with self._lock:
            return self._behaviours[0].cut == "unread"

    def _write_down(self, received: Received) -> None:
        with self._lock:
            self._ledger.append(received)

    @contextlib.contextmanager
    def _connected(self, connection: socket.socket) -> Iterator[None]:
        with self._lock:
            self._connections += 1
            self._open.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(connection)

    def _pause(self, seconds: float | None) -> bool:
        """Wait, but not longer than the gateway lives; say whether it still does."""
        return not self._closing.wait(seconds)


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


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 256

    def __init__(self, port: int, gateway: Gateway) -> None:
        super().__init__(("127.0.0.1", port), _handler(gateway))
        self._gateway = gateway

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        with self._gateway._connected(request):
            super().process_request_thread(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Silent: clients that hang up, or do not trust our certificate, are what is tested."""


def _handler(gateway: Gateway) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle(self) -> None:
            with contextlib.suppress(OSError):  # the client hung up
                if gateway._resets_next():
                    gateway._next_behaviour()
                    select.select([self.connection], [], [], 10)
                    self._reset()
                else:
                    super().handle()

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            split = urlsplit(self.path)
            content = _json(raw)
            if split.path == "/behave":
                told = content if isinstance(content, list) else [content]
                gateway.answer_with(*(Behaviour(**members) for members in told))
                self._answer(Behaviour(body={}), None)
                return
            gateway._write_down(
                Received(
                    at=time.monotonic(),
                    method=self.command,
                    path=split.path,
                    query=parse_qs(split.query),
                    headers=dict(self.headers.items()),
                    text=raw.decode(errors="replace"),
                    json=content,
                )
            )
            self._behave(gateway._next_behaviour(), content)

        def do_GET(self) -> None:
            if self.path == "/ledger":
                self._answer(
                    Behaviour(body=[asdict(received) for received in gateway.ledger]), None
                )
            else:
                self.do_POST()

        def _behave(self, behaviour: Behaviour, content: Any) -> None:
            if behaviour.cut in ("unread", "unanswered"):
                self._reset()
            elif not behaviour.stall:
                if gateway._pause(behaviour.delay):
                    self._answer(behaviour, content)
            else:
                gateway._pause(None)
                self.close_connection = True

        def _answer(self, behaviour: Behaviour, content: Any) -> None:
            body = behaviour.body
            if body is None:
                body = gateway._taken(content if isinstance(content, dict) else {})
            if isinstance(body, str):
                body = body.encode()
            if not isinstance(body, bytes):
                body = json.dumps(body).encode()
            headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
            lines = [f"HTTP/1.1 {behaviour.status} Whatever"]
            lines += [
                f"{name}: {value}" for name, value in (headers | dict(behaviour.headers)).items()
            ]
            head = "\r\n".join([*lines, "", ""]).encode()
            if behaviour.cut == "halfway":
                self.wfile.write(head + body[: len(body) // 2])
                self._reset()
                return
            self._write(head + body, behaviour.trickle)
            if behaviour.closes == "idle":
                self.close_connection = True

        def _write(self, answer: bytes, trickle: float) -> None:
            if not trickle:
                self.wfile.write(answer)
                return
            for byte in answer:
                self.wfile.write(bytes([byte]))
                if not gateway._pause(trickle):
                    return

        def _reset(self) -> None:
            """Cut the line at once: no goodbye, nothing more is read."""
            self.close_connection = True
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()

        def log_message(self, format: str, *args: object) -> None:
            """Silent: the ledger is the log."""

    return Handler


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
