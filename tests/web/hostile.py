"""Requests that nobody means well by, and what must hold whatever is asked.

A request goes to the WSGI application as a server would hand it on, so that any path, any header
and any body can be sent, those that a client would tidy up as well.
"""

from __future__ import annotations

import io
import json
import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Response

from tests.world import ServiceWorld

MARK = "Mk9xQ7Zp"
"""In every text that is sent, and in nothing that comes back."""
LONG = 98761234567890123
"""In numbers, likewise."""

TOGETHER = 8
TIMES = int(os.environ.get("OTP_TEST_FUZZ", "1"))

MANY = "10000000/hour"
BOUNDLESS = {
    "OTP_SEND_BUDGET": MANY,
    "OTP_PHONE_SENDS": MANY,
    "OTP_PHONE_SENDS_TOTAL": MANY,
    "OTP_PHONE_FAILURES": MANY,
    "OTP_ADDRESS_SENDS": MANY,
    "OTP_ADDRESS6_SENDS": MANY,
    "OTP_PREFIX_SENDS": MANY,
    "OTP_FLOOD_LIMIT": MANY,
    "OTP_CLIENT_FLOOD_LIMIT": MANY,
}
"""Floods are not what is looked for here."""


def asked(
    count: int, **strategies: st.SearchStrategy[Any]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Runs a test that takes a door, and what is drawn, *count* times; OTP_TEST_FUZZ multiplies.

    Several are drawn at once: Hypothesis takes longer to think of a case than we to answer it.
    """

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        one = st.fixed_dictionaries(strategies)

        @settings(
            max_examples=count * TIMES // TOGETHER,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        @given(drawn=st.lists(one, min_size=TOGETHER, max_size=TOGETHER))
        def ask_all(door: Any, drawn: list[dict[str, Any]]) -> None:
            for case in drawn:
                test(door, **case)

        return ask_all

    return decorate


@dataclass(frozen=True)
class Request:
    """*path* is as on the wire, percent-encoded or not. *headers* win over those of the body."""

    method: str = "GET"
    path: str = "/"
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    content_type: str | None = None
    chunked: bool = False

    def with_header(self, name: str, value: str) -> Request:
        return replace(self, headers=((name, value), *self.headers))


def send(app: Flask, request: Request) -> Response:
    """What the application answers to exactly this."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": request.query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.1",
        "HTTP_HOST": "localhost",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if request.content_type is not None:
        environ["CONTENT_TYPE"] = request.content_type
    if request.chunked:
        environ |= {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    elif request.body:
        environ["CONTENT_LENGTH"] = str(len(request.body))
    for name, value in request.headers:
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    body, status, headers = run_wsgi_app(app, environ, buffered=True)  # type: ignore[arg-type]
    return Response(body, status, headers)


class Ledger:
    """What a request changed, by looking into the database file behind the service's back."""

    def __init__(self, world: ServiceWorld) -> None:
        [file] = world.folder.glob("otp.db")
        self._connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        self.attempts, self.messages = self._look()

    def _look(self) -> tuple[int, int]:
        attempts = self._connection.execute("SELECT total(attempts) FROM verification")
        messages = self._connection.execute("SELECT count(*) FROM challenge")
        return int(attempts.fetchone()[0]), int(messages.fetchone()[0])

    def changes(self) -> tuple[int, int]:
        """Attempts spent and messages queued since this was last asked."""
        before = self.attempts, self.messages
        self.attempts, self.messages = self._look()
        return self.attempts - before[0], self.messages - before[1]

    def close(self) -> None:
        self._connection.close()


@dataclass
class Site:
    """A service to be ill-treated, with its ledger and its log."""

    world: ServiceWorld
    ledger: Ledger
    log: io.StringIO

    @classmethod
    def open(cls, folder: Path, **env: str) -> Site:
        log = io.StringIO()
        world = ServiceWorld(folder, logs=log, **BOUNDLESS, **env)
        return cls(world, Ledger(world), log)

    def logged(self) -> str:
        """What was logged since this was last asked."""
        text = self.log.getvalue()
        self.log.seek(0)
        self.log.truncate()
        return text

    def close(self) -> None:
        self.ledger.close()
        self.world.close()


def told(text: str) -> bool:
    """Whether anything that was sent is in there."""
    return any(mark.lower() in text.lower() for mark in (MARK, str(LONG)))


def must_not_tell(text: str, *, where: str) -> None:
    assert not told(text), f"what was sent is in {where}: {text}"


# -- what is sent ---------------------------------------------------------------------------------

PAYLOADS = [
    MARK,
    "",
    " ",
    f"{MARK}' OR '1'='1",
    f'{MARK}"; DROP TABLE verification; --',
    f"{MARK}\\' UNION SELECT * FROM api_key --",
    f"{MARK}\r\nX-Injected: 1\r\n\r\n<b>",
    f"{MARK}\nSet-Cookie: a=b",
    f"{MARK}\x00",
    f"\x00{MARK}",
    f"{{{{7*7}}}}{MARK}",
    f"${{jndi:ldap://{MARK}.example/a}}",
    f"<script>alert('{MARK}')</script>",
    f'"><img src=x onerror={MARK}>',
    f"../../../../etc/passwd{MARK}",
    f"%2e%2e%2f{MARK}%00",
    f"%s%n%d{MARK}",
    f"$(id){MARK}`id`",
    f"\u202e{MARK}\u202c",
    f"\u200b{MARK}\ufeff",
    f"{MARK}\ud800",
    f"\udfff{MARK}",
    f"{MARK}\U0001f600\U0010ffff",
    "é" * 40 + MARK,
    "Z̸̢̛̼" * 10 + MARK,
    MARK * 30,
    MARK * 600,
    "9" * 4000 + MARK,
    "true",
    "null",
    "NaN",
    "Infinity",
    "-0",
    "1e400",
    "0x1F",
    "[]",
    "{}",
]

PLAIN = [
    None, True, False, 0, -1, LONG, -LONG, 10**30, 2**63, 0.1, -0.0, 1e308, 919876543210,
    float("nan"), float("inf"), float("-inf"),
]  # fmt: skip
NESTED = [
    *([value] for value in [*PAYLOADS, *PLAIN]),
    *({name: value} for name in ("code", "$ne", "", MARK) for value in (MARK, None, 1, [MARK])),
    [],
    {},
    [[]],
    [{}, {"a": [MARK, {"b": None}]}],
    {"code": {"code": {"code": MARK}}},
    [MARK] * 50,
    {f"{MARK}{number}": number for number in range(40)},
]

# Drawn from what is made beforehand: drawing the parts of each value would take longer than asking.
payloads = st.sampled_from(PAYLOADS)
texts = payloads | st.text(max_size=8).map(lambda text: MARK + text)
values = st.sampled_from([*PAYLOADS, *PLAIN, *NESTED]) | texts

ASCII = "0123456789"
DIGITS = [
    "".join(chr(first + place) for place in range(10))
    for first in (
        0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6,
        0x0D66, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x17E0, 0x1810, 0xFF10, 0x104A0, 0x1D7CE, 0x1D7D8,
        0x1D7F6, 0x1E950, 0x1FBF0, 0x2080, 0x2460, 0x2776, 0x2160,
    )
]  # fmt: skip
"""Ten characters in a row of each, that some program or other takes for digits."""
AROUND = ["", " ", "-", "\u00a0", "\u2009", "\u2212", "\u200f", "\u200b", "\t", ".", ",", "_", "+"]


_EDGES = [*AROUND, "\n", "\x00", "0", MARK, "\ud800", "e0", "'"]


def _shaped(digits: str, around: str, length: int, number: int, edge: str, first: bool) -> str:
    places = [int(place) for place in str(number).zfill(length)[:length]]
    made = around.join(digits[place] for place in places)
    return edge + made if first else made + edge


code_shapes: st.SearchStrategy[Any] = (
    st.builds(
        _shaped,
        digits=st.sampled_from([ASCII, ASCII, *DIGITS]),
        around=st.sampled_from(AROUND),
        length=st.sampled_from([6, 6, 6, 0, 1, 5, 7, 10, 64, 65]),
        number=st.integers(0, 999_999),
        edge=st.sampled_from(["", *_EDGES]),
        first=st.booleans(),
    )
    | values
)
"""What somebody may send for a code."""


def as_json(value: Any) -> bytes:
    """JSON as lax senders write it: NaN, and lone surrogates as escapes."""
    return json.dumps(value).encode()
