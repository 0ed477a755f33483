"""A gateway that answers at once, in the load's own thread, and hands each code on."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable

from bench.load import Loop, is_whole

_TO = re.compile(rb'"to": ?"(\d+)"')
CODE = re.compile(rb"(?<![0-9])[0-9]{6}(?![0-9])")
_BODY = json.dumps(
    {
        "status": 200,
        "message": "1 numbers accepted for delivery.",
        "data": [{"id": "b2f1c0de-0000-4000-8000-000000000000:1", "status": "AWAITING-DLR"}],
    }
).encode()
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(_BODY)
) + _BODY

Took = Callable[[str, str], None]
"""Gets the number, without +, and the code in the message."""


class Gateway:
    """Takes every message. *took* may be put in its place anew for each measurement."""

    def __init__(self, loop: Loop) -> None:
        self.took: Took = lambda number, code: None
        self._loop = loop
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/api/v2/"
        loop.watch(self._listener, self._accept)

    def close(self) -> None:
        for sock in (*self._open, self._listener):
            self._loop.forget(sock)
            sock.close()

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open.add(sock)
        got = b""

        def ready() -> None:
            nonlocal got
            piece = sock.recv(65536)
            if not piece:
                self._loop.forget(sock)
                self._open.discard(sock)
                sock.close()
                return
            got += piece
            if not is_whole(got):
                return
            message, got = got[got.index(b"\r\n\r\n") :], b""
            sock.sendall(_ANSWER)
            to, code = _TO.search(message), CODE.search(message.partition(b'"message"')[2])
            if to and code:
                self.took(to[1].decode(), code[0].decode())

        self._loop.watch(sock, ready)
