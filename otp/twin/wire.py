"""A small HTTP server that can also fail: late, in drops, cut at any point, or never.

What is answered is decided elsewhere; here it is put on the wire, or not. Every answer is one
write. A connection is kept until its client or the answer ends it.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any, Final, Literal, Protocol
from urllib.parse import parse_qs, urlsplit

MOST_BYTES: Final = 1024 * 1024
"""No request has a longer body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: Message
    body: bytes
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Content-Type is JSON unless *headers* name another; the length is added."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How an answer is put on the wire.

    *cut* resets the connection: "unanswered" (the request was read), "halfway" (through the body).
    *trickle*: seconds between any two bytes, status line and headers included. *closes*: "idle"
    ends the connection after the answer without having said so. *raw* stands for the whole answer.
    """

    delay: float = 0
    stall: bool = False
    cut: Literal["unanswered", "halfway"] | None = None
    trickle: float = 0
    closes: str | None = None
    raw: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """*told* hears whether the whole answer goes to a client that is still there: before its last
    byte, and before a connection stalls or is cut. *done* follows when all is over."""

    answer: Answer
    manner: Manner = Manner()
    told: Callable[[bool], None] = lambda _: None
    done: Callable[[], None] = lambda: None


class Site(Protocol):
    def cuts(self, start: bytes) -> bool:
        """Whether the request that starts so is cut before it is read; nothing yet: during the
        TLS handshake."""
        ...

    def reply(self, request: Request) -> Reply: ...


class Door:
    """Lets clients in at `url` from `open` until `close`, each connection in its own thread."""

    def __init__(
        self, site: Site, *, host: str, port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._connections = 0
        self._open: set[socket.socket] = set()
        self._server = _server(self, site, host, port)
        if tls:
            # The handshake is left to the connection's own thread, so that none blocks the others.
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        port = self._server.server_address[1]
        shown = f"[{host}]" if ":" in host else host
        self.url = f"{'https' if tls else 'http'}://{shown}:{port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.005,))

    def open(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End every connection, those that stall too, and wait for their threads."""
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._server.server_close()

    @property
    def connections(self) -> int:
        """How many were ever taken."""
        with self._lock:
            return self._connections

    @property
    def open_connections(self) -> int:
        with self._lock:
            return len(self._open)

    @contextlib.contextmanager
    def connected(self, connection: socket.socket) -> Iterator[None]:
        with self._lock:
            self._connections += 1
            self._open.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(connection)

    def pause(self, seconds: float | None) -> bool:
        """Wait, but not longer than the door is open; say whether it still is."""
        return not self._closing.wait(seconds)


def _server(door: Door, site: Site, host: str, port: int) -> ThreadingTCPServer:
    class Server(ThreadingTCPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        allow_reuse_address = True
        daemon_threads = False
        request_queue_size = 256

        def process_request_thread(self, request: Any, client_address: Any) -> None:
            with door.connected(request):
                super().process_request_thread(request, client_address)

        def handle_error(self, request: Any, client_address: Any) -> None:
            # Clients that hang up, or do not trust a certificate, are what is tested.
            if not isinstance(sys.exc_info()[1], OSError):
                super().handle_error(request, client_address)

    return Server((host, port), _handler(door, site))


def _handler(door: Door, site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle(self) -> None:
            with contextlib.suppress(OSError):  # the client hung up
                super().handle()

        def handle_one_request(self) -> None:
            if self._is_cut_unread():
                self._reset()
            else:
                super().handle_one_request()

        def _is_cut_unread(self) -> bool:
            line = self.connection
            if isinstance(line, ssl.SSLSocket) and line.version() is None:
                select.select([line], [], [])  # what comes is the handshake, and can be cut too
                if site.cuts(b""):
                    return True
            start: bytes = self.rfile.peek(1)  # type: ignore[attr-defined]
            return bool(start) and site.cuts(start)

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "0")
            if "Transfer-Encoding" in self.headers:
                self._refuse(411)
                return
            if not length.isascii() or not length.isdigit() or int(length) > MOST_BYTES:
                self._refuse(413)
                return
            try:
                split = urlsplit(self.path)
            except ValueError:
                self._refuse(400)
                return
            self._put(
                site.reply(
                    Request(
                        method=self.command,
                        path=split.path,
                        query=parse_qs(split.query, keep_blank_values=True),
                        headers=self.headers,
                        body=self.rfile.read(int(length)),
                        address=str(self.client_address[0]),
                    )
                )
            )

        do_GET = do_HEAD = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_POST  # noqa: N815

        def _refuse(self, status: int) -> None:
            self.close_connection = True
            self.wfile.write(_framed(Answer(status=status, headers={"Connection": "close"})))

        def _put(self, reply: Reply) -> None:
            manner = reply.manner
            if manner.cut == "unanswered":
                reply.told(False)
                reply.done()
                self._reset()
            elif manner.stall:
                reply.told(False)
                reply.done()
                door.pause(None)
                self.close_connection = True
            elif not manner.delay or door.pause(manner.delay):
                try:
                    self._put_in_time(reply)
                finally:
                    reply.done()

        def _put_in_time(self, reply: Reply) -> None:
            manner = reply.manner
            answer = _framed(reply.answer)
            if self.command == "HEAD":
                answer = answer[: answer.index(b"\r\n\r\n") + 4]
            if manner.raw is not None:
                answer = manner.raw
                self.close_connection = True
            if manner.cut == "halfway":
                reply.told(False)
                self.wfile.write(answer[: len(answer) - (len(reply.answer.body) + 1) // 2])
                self._reset()
                return
            if manner.trickle and not self._trickled(answer[:-1], manner.trickle):
                self.close_connection = True
                reply.told(False)
                return
            # Told first: who reads the answer may ask at once what was told.
            reply.told(not self._is_deserted())
            self.wfile.write(answer[-1:] if manner.trickle else answer)
            if manner.closes == "idle":
                self.close_connection = True

        def _is_deserted(self) -> bool:
            """Whether the client has hung up."""
            if isinstance(self.connection, ssl.SSLSocket):
                return False
            readable, _, _ = select.select([self.connection], [], [], 0)
            try:
                return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)
            except OSError:
                return True

        def _trickled(self, answer: bytes, pause: float) -> bool:
            for byte in answer:
                if self._is_deserted():
                    return False
                self.wfile.write(bytes([byte]))
                if not door.pause(pause):
                    return False
            return True

        def _reset(self) -> None:
            """Cut the line at once: no goodbye, nothing more is read."""
            self.close_connection = True
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()

        def log_message(self, format: str, *args: object) -> None:
            """Silent: addresses may hold a token."""

    return Handler


def _framed(answer: Answer) -> bytes:
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(answer.body)),
        **answer.headers,
    }
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = "Whatever"
    lines = [f"HTTP/1.1 {answer.status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + answer.body
