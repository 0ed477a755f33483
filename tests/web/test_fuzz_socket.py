"""Malformed HTTP at the socket of the running server: refused or dropped, and the server lives on.

What is no HTTP is answered by the server itself, not in our shape; what is HTTP reaches the API.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gateway import Gateway
from tests.processes import Server, add_client, environment
from tests.web.hostile import BOUNDLESS, MARK, PAYLOADS, TIMES, must_not_tell

pytestmark = [pytest.mark.process, pytest.mark.fuzz]

TOGETHER = 16
SILENCE = 0.25  # seconds without a word, after which we hang up on who waits for the rest
PATIENCE = 20  # seconds for an answer that must come
STATUS = re.compile(rb"^HTTP/1\.[01] ([0-9]{3}) ", re.MULTILINE)


@dataclass
class Site:
    server: Server
    key: str
    unfinished: socket.socket

    def tell(self, raw: bytes, silence: float) -> bytes:
        """What comes back for these bytes, until the server closes or has nothing to say."""
        told = b""
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=10) as line:
            line.settimeout(silence)
            try:
                line.sendall(raw)
                while chunk := line.recv(65536):
                    told += chunk
            except TimeoutError:
                pass  # it waits for the rest, or for the next request
            except OSError:
                pass  # it hung up on us
        return told

    def tell_all(self, raws: list[bytes], silence: float) -> list[bytes]:
        with ThreadPoolExecutor(TOGETHER) as threads:
            return list(threads.map(lambda raw: self.tell(raw, silence), raws))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("socket")
    with Gateway() as gateway:
        env = environment(folder, gateway.url, **BOUNDLESS)
        keys = add_client(env)
        with (
            Server(env) as server,
            socket.create_connection(("127.0.0.1", server.port), timeout=30) as line,
        ):
            line.sendall(b"GET /healthz HTTP/1.1\r\nHost: ")
            yield Site(server, keys["sk_live"], line)


def so_many(count: int) -> Any:
    return settings(
        max_examples=count * TIMES // TOGETHER,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def judge(site: Site, raws: list[bytes], silence: float = SILENCE) -> list[bytes]:
    """Raises unless every answer is one below 500 that tells nothing, and the server is well."""
    family = site.server.family()
    answers = site.tell_all(raws, silence)
    for raw, told in zip(raws, answers, strict=True):
        statuses = [int(found) for found in STATUS.findall(told)]
        assert bool(statuses) == bool(told), (raw[:300], told[:300])
        assert all(200 <= status < 500 for status in statuses), (raw[:300], told[:300])
        must_not_tell(told.decode("latin-1"), where="the answer")
    assert site.server.call("GET", "/healthz").status == 200
    assert site.server.family() == family, "a worker died"
    log = site.server.log.read_text(errors="replace")
    must_not_tell(log, where="the log")
    for word in ("internal_error", "Traceback", "panicked"):
        assert word not in log
    return answers


# -- what is no HTTP ------------------------------------------------------------------------------

LINES = [
    b"", b"GET", b"GET /", b"GET  / HTTP/1.1", b"GET / HTTP/1.1 x", b"GET /healthz HTTP/0.9",
    b"GET /healthz HTTP/2.0", b"GET /healthz HTTP/9.9", b"GET /healthz http/1.1", b"GET * HTTP/1.1",
    b"GET http://evil.example/healthz HTTP/1.1", b"CONNECT evil.example:443 HTTP/1.1",
    b"OPTIONS * HTTP/1.1", b"GET healthz HTTP/1.1", b"GET /\x00 HTTP/1.1", b"GET /\xff HTTP/1.1",
    b"GET /\x7f HTTP/1.1", b"G\x00T / HTTP/1.1", b"G(T / HTTP/1.1", b" GET / HTTP/1.1",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1", b"A" * 70_000, b"GET /?" + b"\xff" * 9 + b" HTTP/1.1",
    b"GET /v1/verifications?reference=\xff HTTP/1.1", b"POST /v1/verifications HTTP/1.1",
    b"POST /v1/verifications HTTP/1.0", b"GET /healthz HTTP/1.1", b"GET //evil.example/ HTTP/1.1",
    b"PRI * HTTP/2.0", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"SSH-2.0-" + MARK.encode(),
    b"\x00" * 40, b"\xff" * 40, MARK.encode() + b" / HTTP/1.1", b"GET /" + MARK.encode(),
]  # fmt: skip
FIELDS = [
    b"Host: localhost", b"Host: 127.0.0.1:8000", b"Host: a\r\nHost: b", b"Host:", b"no colon",
    b" folded: line", b"\tfolded", b": no name", b"na me: x", b"n\x00: x", b"X: \x00", b"X: \xff",
    b"X: a\rb", b"X: a\nb", b"X" * 9000 + b": y", b"X: " + b"y" * 70_000, b"Content-Length: 5",
    b"Content-Length: -1", b"Content-Length: +5", b"Content-Length: 5, 5", b"Content-Length: 0x5",
    b"Content-Length: 5\r\nContent-Length: 6", b"Content-Length: 99999999999999999999",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: xchunked", b"Transfer-Encoding: gzip",
    b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding : chunked",
    b"Transfer-Encoding: chunked\r\nContent-Length: 5", b"Transfer-Encoding:\x0bchunked",
    b"Connection: close", b"Connection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: x",
    b"Expect: 100-continue", b"Expect: " + MARK.encode(), b"Content-Type: application/json",
    b"\r\n".join(b"X-%d: y" % number for number in range(300)),
    MARK.encode() + b": " + MARK.encode(),
]  # fmt: skip
ENDS = [b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b""]
BODIES = [
    b"", b"{}", b"hello", b"0\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n", b"zz\r\nhello\r\n",
    b"-1\r\n\r\n", b"ffffffffffffffffff\r\n", b"5\nhello\n0\n\n", b"5\r\nhello0\r\n\r\n",
    b"5;" + b"x" * 5000 + b"\r\nhello\r\n0\r\n\r\n", b"0\r\nX: y\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x00" * 9000, b"x" * 100_000,
]  # fmt: skip


def _message(line: bytes, fields: list[bytes], end: bytes, body: bytes, cut: int) -> bytes:
    whole = end.join([line, *fields, b"", body])
    return whole[:cut] if cut else whole


messages = st.builds(
    _message,
    line=st.sampled_from(LINES),
    fields=st.lists(st.sampled_from(FIELDS), max_size=3),
    end=st.sampled_from(ENDS),
    body=st.sampled_from(BODIES) | st.binary(max_size=30),
    cut=st.sampled_from([0, 0, 0, 1, 10, 40]),
) | st.binary(min_size=1, max_size=80)


@so_many(480)
@given(raws=st.lists(messages, min_size=TOGETHER, max_size=TOGETHER))
def test_what_is_no_http_is_refused_or_dropped(site: Site, raws: list[bytes]) -> None:
    judge(site, raws)


# -- what is HTTP, and reaches the API -------------------------------------------------------------


def _chunks(body: bytes, size: int) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def _request(
    path: str, name: bytes, value: bytes, body: bytes, chunk: int, query: bytes, key: bool
) -> tuple[bytes, int, bool]:
    """The bytes of it, what its body counts, and whether it has a key's place in it."""
    head = b"POST " + path.encode() + query + b" HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n"
    head += b"Content-Type: application/json\r\nConnection: close\r\n"
    head += b"Authorization: Bearer {key}\r\n" if key else b""
    head += name + b": " + value + b"\r\n" if name else b""
    if chunk:
        return (
            head + b"Transfer-Encoding: chunked\r\n\r\n" + _chunks(body, chunk),
            len(body),
            key,
        )
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body, len(body), key


JSONS = [b"{}", b"[", b'{"phone_number": "' + MARK.encode() + b'"}', b'{"phone_number": NaN}',
         b"\xef\xbb\xbf{}", b"\xff" * 9, b" " * 4096, b" " * 4097, b" " * 4098, b"{" * 4000,
         b" " * 300_000, b'{"phone_number": 98761234567890123}']  # fmt: skip
VALUES = [text.encode("utf-8", "surrogatepass") for text in PAYLOADS]
requests = st.builds(
    _request,
    path=st.sampled_from(["/v1/verifications", "/v1/verifications/ver_" + "0" * 32 + "/check"]),
    name=st.sampled_from([b"", b"Idempotency-Key", b"X-Forwarded-For", b"Cookie", b"X-Any"]),
    value=st.sampled_from([v for v in VALUES if not re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", v)]),
    body=st.sampled_from(JSONS),
    chunk=st.sampled_from([0, 0, 1, 7, 4096]),
    query=st.sampled_from([b"", b"?code=1", b"?%ff=%00", b"?" + MARK.encode()]),
    key=st.booleans(),
)


@so_many(320)
@given(asked=st.lists(requests, min_size=TOGETHER, max_size=TOGETHER))
def test_what_is_http_is_refused_in_our_shape(
    site: Site, asked: list[tuple[bytes, int, bool]]
) -> None:
    raws = [raw.replace(b"{key}", site.key.encode()) for raw, _, _ in asked]
    for (raw, size, key), told in zip(asked, judge(site, raws, PATIENCE), strict=True):
        status = int(STATUS.findall(told)[0])
        assert status in (400, 401, 404, 413, 422), (raw[:300], told[:300])
        assert b"content-type: application/problem+json" in told.lower(), (raw[:300], told[:300])
        if not key:
            assert status == 401
        elif size > 4096:
            assert status == 413


def test_a_request_that_never_ends_is_dropped(site: Site) -> None:
    told = site.unfinished.recv(65536)  # it was begun before the other tests
    assert b" 200 " not in told
    assert not told or site.unfinished.recv(65536) == b""
