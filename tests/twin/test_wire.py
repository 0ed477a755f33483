"""The small HTTP server, asked what clients should not ask."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.gateway import Behaviour, Gateway
from tests.providers.sockets import server_tls
from tests.twin.callers import Caller


def spoken(caller: Caller, request: bytes) -> bytes:
    """What comes back until the twin ends the connection."""
    host, port = caller.twin.origin.removeprefix("http://").split(":")
    said = b""
    with socket.create_connection((host, int(port)), timeout=5) as line:
        line.sendall(request)
        while received := line.recv(65536):
            said += received
    return said


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"POST /api/v2/sms/send HTTP/1.1\r\nContent-Length: 9999999\r\n", b"413"),
        (b"POST /api/v2/sms/send HTTP/1.1\r\nContent-Length: -1\r\n", b"413"),
        (b"POST /api/v2/sms/send HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", b"411"),
        (b"GET http://[ HTTP/1.1\r\n", b"400"),
        (b"nonsense\r\n", b""),
    ],
)
def test_what_cannot_be_read_ends_the_connection(
    caller: Caller, head: bytes, status: bytes
) -> None:
    said = spoken(caller, head + b"\r\n")
    assert status in said.split(b"\r\n")[0]
    assert caller.send().status == 200


def test_a_connection_is_kept_and_every_answer_has_its_length(caller: Caller) -> None:
    one = b"GET /login HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /login HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    said = spoken(caller, one + one + last)
    assert said.count(b"HTTP/1.1 200 OK\r\n") == 3
    assert said.count(b"Content-Length: ") == 3
    assert caller.twin.connections == 1


def test_the_head_alone_can_be_asked_for(caller: Caller) -> None:
    said = spoken(caller, b"HEAD /login HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert said.endswith(b"\r\n\r\n")
    assert b"<!DOCTYPE" not in said


def test_who_says_nothing_holds_nobody_up(caller: Caller) -> None:
    host, port = caller.twin.origin.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))):
        assert caller.send().status == 200


def test_a_handshake_can_be_cut_before_it_is_made(tmp_path: Path) -> None:
    with Gateway(tls=server_tls(tmp_path)) as gateway:
        gateway.answer_with(Behaviour(cut="unread"), Behaviour())
        port = int(gateway.url.split(":")[2].split("/")[0])
        with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
            line.sendall(b"\x16\x03\x01")
            with pytest.raises(ConnectionResetError):
                line.recv(1)
        assert not gateway.ledger
