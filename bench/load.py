"""The load: many keep-alive connections in one thread, each asking again when it was answered.

Requests are bytes made beforehand, and of an answer only its status, its length and what the
caller looks for are read: this must stay several times cheaper than any server it measures.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

PATIENCE = 30.0
"""Seconds without any answer at all, after which a measurement is given up."""

Answered = Callable[[bytes, float], None]
"""Gets the whole answer, and how many seconds it took."""


class Wrong(Exception):
    """Something was answered that should not have been, or nothing."""


class Loop:
    """Calls whoever has something to read, until told that all is done."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._is_done = False

    def watch(self, sock: socket.socket, ready: Callable[[], None]) -> None:
        self._selector.register(sock, selectors.EVENT_READ, ready)

    def forget(self, sock: socket.socket) -> None:
        with suppress(KeyError, ValueError):
            self._selector.unregister(sock)

    def done(self) -> None:
        self._is_done = True

    def run(self) -> None:
        """Returns once somebody called `done`. Raises `Wrong` when nothing comes any more."""
        self._is_done = False
        select = self._selector.select
        while not self._is_done:
            events = select(PATIENCE)
            if not events:
                raise Wrong(f"nothing was answered for {PATIENCE:.0f} s")
            for key, _ in events:
                key.data()

    def turn_until(self, at: float) -> None:
        """Serve whoever has something until `time.perf_counter()` is *at*."""
        while (left := at - time.perf_counter()) > 0:
            for key, _ in self._selector.select(left):
                key.data()

    def close(self) -> None:
        self._selector.close()


class Line:
    """One connection, kept open, with one request under way at most."""

    def __init__(self, loop: Loop, port: int) -> None:
        self._loop = loop
        self._sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._expected = b""
        self._then: Answered | None = None
        self._asked = 0.0
        self._got = b""
        loop.watch(self._sock, self._ready)

    def ask(self, request: bytes, status: int, then: Answered) -> None:
        """Send it; *then* gets the answer. Any other status is `Wrong`."""
        self._expected = b"HTTP/1.1 %d" % status
        self._then = then
        self._asked = time.perf_counter()
        self._sock.sendall(request)

    def close(self) -> None:
        self._loop.forget(self._sock)
        self._sock.close()

    def _ready(self) -> None:
        got = self._sock.recv(65536)
        if not got or self._then is None:
            raise Wrong("the server closed a connection, or answered unasked")
        if self._got:
            got = self._got + got
        if not is_whole(got):
            self._got = got
            return
        took = time.perf_counter() - self._asked
        self._got = b""
        if not got.startswith(self._expected):
            raise Wrong(f"expected {self._expected.decode()}, got {got[:1500]!r}")
        then, self._then = self._then, None
        then(got, took)


def is_whole(message: bytes) -> bool:
    """Whether all of an HTTP message is there: a question, or one with a Content-Length."""
    end = message.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = message[:end].lower()
    at = head.find(b"\r\ncontent-length:")
    if at < 0:
        if head.startswith(b"get "):
            return True
        raise Wrong(f"a message without Content-Length: {message[:300]!r}")
    line_end = head.find(b"\r\n", at + 2)
    length = int(head[at + 17 : line_end if line_end > 0 else end])
    return len(message) >= end + 4 + length


def post(path: str, body: bytes, key: str, host: str = "127.0.0.1:8000") -> bytes:
    """A POST as bytes."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def drive(
    loop: Loop,
    lines: Sequence[Line],
    requests: Sequence[bytes],
    status: int,
    keep: Callable[[int, bytes], None] = lambda place, answer: None,
) -> list[float]:
    """Ask all *requests* over all *lines*; how many seconds each took, in the order they came.

    *keep* gets each answer and the place of its request.
    """
    took: list[float] = []
    places = iter(range(len(requests)))
    under_way = 0

    def next_of(line: Line) -> None:
        nonlocal under_way
        place = next(places, None)
        if place is None:
            return
        under_way += 1

        def then(answer: bytes, seconds: float) -> None:
            nonlocal under_way
            under_way -= 1
            took.append(seconds)
            keep(place, answer)
            next_of(line)
            if not under_way:
                loop.done()

        line.ask(requests[place], status, then)

    for line in lines:
        next_of(line)
    if under_way:
        loop.run()
    return took
