"""Ten thousand bad requests at the API door: what they are refused for, and what they never do.

Whatever is asked, the answer is a declared one in the one shape, never a fault of ours; no attempt
is lost and no message queued by what is refused; nothing that was sent comes back, or is logged.
"""

from __future__ import annotations

import json
import string
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from flask import Flask
from hypothesis import strategies as st
from werkzeug.wrappers import Response

from otp.web.body import LIMIT
from otp.web.kinds import KINDS
from otp.web.openapi import document
from otp.web.problems import CONTENT_TYPE
from tests.web.contract import Contract
from tests.web.hostile import (
    LONG,
    MARK,
    Request,
    Site,
    as_json,
    asked,
    code_shapes,
    must_not_tell,
    payloads,
    send,
    texts,
    values,
)

pytestmark = pytest.mark.fuzz

STARTS = "/v1/verifications"
ONE = f"{STARTS}/{{id}}"
POSTS = [STARTS, f"{ONE}/check", f"{ONE}/resend", f"{ONE}/cancel", "/v1/proofs/redeem"]
GETS = [STARTS, ONE, "/.well-known/jwks.json", "/openapi.json", "/healthz", "/readyz"]
JSON = "application/json"
REFUSED = {400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 429}
ECHOED = {"reference", "purpose"}
"""The client's own words, which every answer about a verification shows."""


class Door:
    """The API, with a pending verification to aim at, and a judge of every answer."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.app: Flask = site.world.app
        self.contract = Contract(document(site.world.settings.public_url))
        self.asked = 0
        self._numbers = iter(range(100_000))
        self._aim()

    def ask(self, request: Request, *, key: str | None = "sk_live") -> Response:
        """Send it with this kind of key, `{id}` in its path put in, and judge what comes."""
        path = request.path.replace("{id}", self.id)
        if key and not any(name.lower() == "authorization" for name, _ in request.headers):
            request = request.with_header("Authorization", f"Bearer {self.site.world.keys[key]}")
        answer = send(self.app, replace(request, path=path))
        self.asked += 1
        self._judge(replace(request, path=path), answer)
        self._reckon(answer)
        return answer

    def _judge(self, request: Request, answer: Response) -> None:
        status = answer.status_code
        assert status < 300 or status in REFUSED, (status, answer.data)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Request-Id"].isalpha()
        must_not_tell(str(answer.headers), where="the headers")
        must_not_tell(self.site.logged(), where="the log")
        if request.method == "HEAD":
            assert answer.data == b""
            return
        must_not_tell(json.dumps(_without_echoes(answer.json)), where="the answer")
        if status >= 400:
            assert answer.content_type == CONTENT_TYPE
            kind = KINDS[answer.json["error"]]
            assert (answer.json["status"], answer.json["title"]) == (status, kind.title)
            assert kind.status == status
            assert ("Allow" in answer.headers) == (status == 405)
        operation = self.contract.operation(request.method, request.path)
        if operation:
            self.contract.judge(operation, answer)

    def _reckon(self, answer: Response) -> None:
        spent, queued = self.site.ledger.changes()
        status = answer.status_code
        told = answer.json if answer.data else {}
        word = told.get("error") if status >= 400 else ""
        if word == "wrong_code":
            assert spent == 1
        elif spent:
            assert spent == 1
            assert status == 200 or told["verification_status"] == "max_attempts_reached"
        assert queued == 0 or (queued == 1 and status in (200, 201, 202)), (queued, status)
        if not spent and not queued and word != "verification_ended" and status >= 400:
            return
        self._spent += spent
        v = self.site.world.read(self.id)
        assert v.attempts == self._spent
        if not v.is_pending:
            self._aim()

    def _aim(self) -> None:
        """A pending verification, its message sent."""
        world = self.site.world
        world.clock.turn(seconds=31)
        self.id = world.api().start(f"+9198765{next(self._numbers):05}").json["id"]
        world.sender.run_once()
        world.clock.turn(seconds=31)
        self._spent = 0
        self.site.ledger.changes()
        self.site.logged()


def _quoted(text: str) -> str:
    return quote_from_bytes(text.encode("utf-8", "surrogatepass"), safe="")


def _without_echoes(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_echoes(v) for k, v in value.items() if k not in ECHOED}
    return [_without_echoes(part) for part in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    site = Site.open(tmp_path_factory.mktemp("door"))
    yield Door(site)
    site.close()


# -- values ---------------------------------------------------------------------------------------

MEMBERS = ["phone_number", "region", "channel", "purpose", "locale", "nonce", "reference"]
OTHERS = [
    "client_ip",
    "device",
    "code",
    "proof",
    "attempts",
    "status",
    "client_id",
    "__proto__",
    "",
    MARK,
]
NUMBERS = ["+919876599999", "098765 99999", "+91٩٨٧٦٥٩٩٩٩٩", "＋919876599999", "tel:+919876599999",
           "+919876599999;ext=9", f"+919876599999{MARK}", "+91 98765 HELLO", "+882 1", "112",
           "+91\u200b9876599999", "+919876599999\x00", f"{LONG}"]  # fmt: skip

some_members = st.dictionaries(
    st.sampled_from(MEMBERS + OTHERS), values | st.sampled_from(NUMBERS), max_size=3
)
keys = st.sampled_from(["sk_live", "sk_live", "pk_live", "sk_test", "pk_test", None])


@asked(2400, path=st.sampled_from(POSTS), members=some_members, key=keys, real=st.booleans())
def test_members_of_any_kind(
    door: Door, path: str, members: dict[str, Any], key: str | None, real: bool
) -> None:
    if real and path == STARTS:
        members = {"phone_number": "+919876599999", **members}
    request = Request("POST", path, body=as_json(members), content_type=JSON)
    answer = door.ask(request, key=key)
    if set(members) - {*MEMBERS, "client_ip", "device"} and key:
        assert answer.status_code >= 400 or path.endswith("/check")


@asked(1600, code=code_shapes, key=st.sampled_from(["sk_live", "pk_live"]))
def test_codes_of_any_shape(door: Door, code: Any, key: str) -> None:
    request = Request("POST", f"{ONE}/check", body=as_json({"code": code}), content_type=JSON)
    answer = door.ask(request, key=key)
    if not isinstance(code, str) or not set(string.digits) & set(code):
        assert (answer.status_code, answer.json["error"]) in [
            (422, "invalid_input"),
            (400, "malformed_body"),
            (413, "body_too_large"),
        ]


# -- bodies ---------------------------------------------------------------------------------------

GOOD = {
    STARTS: b'{"phone_number": "+919876599999"}',
    f"{ONE}/check": b'{"code": "12"}',
    f"{ONE}/resend": b"{}",
    f"{ONE}/cancel": b'{"a": 1}',
    "/v1/proofs/redeem": b'{"proof": "a.b.c"}',
}


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Bytes that are nearly JSON, or not at all."""
    good = draw(st.sampled_from(list(GOOD.values())))
    match draw(st.integers(0, 10)):
        case 0:
            return draw(st.binary(max_size=60))
        case 1:
            return good[: draw(st.integers(0, len(good)))]
        case 2:
            return (
                draw(st.sampled_from([b"\xef\xbb\xbf", b"\xff\xfe", b"\x00", b"\x1f\x8b"])) + good
            )
        case 3:
            return good.decode().encode(draw(st.sampled_from(["utf-16", "utf-16-le", "utf-32"])))
        case 4:
            name = draw(st.sampled_from([b"code", b"phone_number", b"\\u0063ode", b"reference"]))
            return b'{"code": "1", "phone_number": "x", "reference": "r", "' + name + b'": "2"}'
        case 5:
            word = draw(st.sampled_from(["NaN", "Infinity", "-Infinity", "nan", "01", "1.", "'1'"]))
            return b'{"code": ' + word.encode() + b"}"
        case 6:
            depth = draw(st.sampled_from([5, 50, 500, 990, 1010, 2040]))
            left, right = draw(st.sampled_from([(b"[", b"]"), (b'{"a":', b"}")]))
            whole = left * depth + b"1" + right * depth
            return draw(st.sampled_from([whole, b'{"code": ' + whole + b"}"]))
        case 7:
            number = b"9" * draw(st.sampled_from([20, 400, 4000, 4070]))
            return b'{"code": ' + draw(st.sampled_from([b"", b"-", b"1e", b"0."])) + number + b"}"
        case 8:
            at = draw(st.integers(0, len(good)))
            return good[:at] + draw(st.binary(min_size=1, max_size=3)) + good[at:]
        case 9:
            size = draw(
                st.sampled_from([LIMIT - 1, LIMIT, LIMIT + 1, LIMIT + 2, 2 * LIMIT, 70_000])
            )
            return good + b" " * (size - len(good))
        case _:
            return as_json(draw(values)) + draw(st.sampled_from([b"", b"\n", b"{}", b"\x00", b","]))


@asked(2000, path=st.sampled_from(POSTS), body=bodies(), chunked=st.booleans(), key=keys)
def test_bodies_of_any_bytes(
    door: Door, path: str, body: bytes, chunked: bool, key: str | None
) -> None:
    request = Request("POST", path, body=body, content_type=JSON, chunked=chunked)
    answer = door.ask(request, key=key)
    if len(body) > LIMIT:
        assert answer.status_code == (413 if key else 401)


TYPES = [JSON, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data",
         "multipart/form-data; boundary=x", "application/problem+json", "text/json", "*/*",
         "application/json, text/html", "application/jsonx", "application /json", "", MARK,
         "application/JSON"]  # fmt: skip
PARAMETERS = ["", "; charset=utf-8", "; charset=UTF8", '; charset="utf-8"', "; charset=utf-16",
              "; charset=latin-1", "; charset=utf-7", f"; charset={MARK}", "; charset=", ";", ";;=",
              "; charset*=utf-8''utf-8", "; boundary=x", f"; {MARK}={MARK}", "; charset=utf-8\x00",
              "; charset=utf-8; charset=utf-16", "; charset=\xff"]  # fmt: skip


@asked(
    800,
    path=st.sampled_from(POSTS),
    kind=st.sampled_from(TYPES) | st.text(string.printable, max_size=12),
    parameter=st.sampled_from(PARAMETERS),
    body=st.sampled_from(["good", "form", "none"]),
    encoding=st.sampled_from(["", "", "gzip", "identity", MARK]),
)
def test_content_types_of_any_kind(
    door: Door, path: str, kind: str, parameter: str, body: str, encoding: str
) -> None:
    raw = {"good": GOOD[path], "form": f"code=123456&a={MARK}".encode(), "none": b""}[body]
    headers = (("Content-Encoding", encoding),) if encoding else ()
    request = Request("POST", path, body=raw, content_type=kind + parameter, headers=headers)
    answer = door.ask(request)
    if raw and kind.strip().lower() != JSON:
        assert answer.status_code == 415


# -- methods, parameters, headers, paths ----------------------------------------------------------

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get",
           "PROPFIND", "PoSt", MARK, "QUERY", "PURGE"]  # fmt: skip
OVERRIDES = ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"]


@asked(
    900,
    method=st.sampled_from(METHODS) | st.text(string.ascii_letters, min_size=1, max_size=8),
    path=st.sampled_from(POSTS + GETS),
    override=st.sampled_from(OVERRIDES),
    instead=st.sampled_from(METHODS),
    parameter=st.sampled_from(["", "_method=POST", "_method=DELETE"]),
    key=keys,
)
def test_methods_of_any_name(
    door: Door, method: str, path: str, override: str, instead: str, parameter: str, key: str | None
) -> None:
    before = door.site.ledger.attempts, door.site.ledger.messages
    answer = door.ask(
        Request(method, path, query=parameter, headers=((override, instead),)), key=key
    )
    known = {"POST"} if path in POSTS[1:] else {"GET", "HEAD"}
    known |= {"POST"} if path == STARTS else set()
    method = method.upper()  # Werkzeug takes get for GET
    assert (answer.status_code == 405) == (method not in known)
    if answer.status_code == 405:
        assert set(answer.headers["Allow"].split(", ")) == known
    if method != "POST":
        assert (door.site.ledger.attempts, door.site.ledger.messages) == before


NAMES = ["code", "phone_number", "reference", "id", "access_token", "api_key", "callback", MARK,
         "_method", "reference[]", "reference[$ne]"]  # fmt: skip
encoded = st.sampled_from(["", "%00", "%ff", "%zz", "%", "+", "%0d%0aX:1", "%e2%80%ae", "%uD800",
                           f"{MARK}", f"%27{MARK}%20OR%201=1", f"{MARK}" * 200, "\xff", "a" * 64,
                           "482913", "%2B919876599999"])  # fmt: skip


@asked(
    700,
    path=st.sampled_from(POSTS + GETS),
    parameters=st.lists(st.tuples(st.sampled_from(NAMES), encoded), max_size=4),
    glue=st.sampled_from(["&", "&", ";", "&&", "?"]),
    key=keys,
)
def test_parameters_of_any_kind(
    door: Door, path: str, parameters: list[tuple[str, str]], glue: str, key: str | None
) -> None:
    query = glue.join(f"{name}={value}" for name, value in parameters)
    method = "POST" if path in POSTS[1:] else "GET"
    answer = door.ask(Request(method, path, query=query), key=key)
    if path.endswith("/check"):
        assert answer.status_code in (400, 401, 404, 415), "a code is read from the body alone"


HEADERS = {
    "Idempotency-Key": ["", '"', '"a', 'a"', '""', "a b", "\xe9", MARK, f'"{MARK}"', "x" * 255,
                        "x" * 256, '"\\"', '"\\x"', "a,b", "\t", "'", f"{MARK}; drop"],
    "Authorization": ["", "Bearer", "Bearer ", f"Bearer {MARK}", f"Basic {MARK}", MARK, "\xff",
                      f"Bearer otp_sk_live_{'0' * 16}_{'0' * 64}", "Bearer otp_sk_live__",
                      f"Bearer otp_sk_live_{'g' * 16}_{'0' * 64}", f"Bearer {MARK * 500}",
                      f"Bearer otp_sk_live_{'0' * 16}_{'0' * 64} {MARK}", "Bearer ' OR 1=1 --"],
    "Host": ["", MARK, "localhost:99999", "localhost:x", "localhost@evil.example", "[::1]", "a..b",
             "127.0.0.1, evil.example", "localhost\x00", "\xe9", f"{MARK}.example", "localhost/",
             "LOCALHOST", "localhost.", " localhost", "x" * 300],
    "X-Forwarded-For": [MARK, "1.2.3.4, 5.6.7.8", "::1", "'", "999.1.1.1", "1.2.3.4\x00"],
    "X-Forwarded-Host": [f"{MARK}.example"],
    "X-Forwarded-Proto": ["https", MARK],
    "Forwarded": [f"for={MARK};host={MARK}"],
    "X-Original-URL": ["/healthz", f"/{MARK}"],
    "X-Rewrite-URL": ["/healthz"],
    "X-Request-Id": [MARK, "\r\nX: 1"],
    "Expect": ["100-continue", MARK],
    "Range": ["bytes=0-0", "bytes=-1", MARK],
    "If-None-Match": ["*", MARK],
    "If-Modified-Since": [MARK, "Thu, 01 Jan 1970 00:00:00 GMT"],
    "Accept": ["text/html", MARK, "*/*;q=2", ""],
    "Accept-Encoding": ["gzip", MARK],
    "Accept-Language": [MARK, "\xff"],
    "Cookie": [f"otp={MARK}", "=;=;", "\xff", "a" * 4000],
    "Origin": ["null", f"https://{MARK}.example"],
    "Access-Control-Request-Method": ["POST"],
    "Connection": ["close", MARK],
    "Upgrade": ["h2c", "websocket"],
    "Content-Length": ["-1", "abc", "1e3", "+5", "0", "99999999999", "4097", "5", MARK],
    "Transfer-Encoding": ["chunked", "identity", MARK],
    "User-Agent": [MARK, "\xff", ""],
    MARK: [MARK],
}  # fmt: skip

headers = st.sampled_from([(name, value) for name, some in HEADERS.items() for value in some])


@asked(
    1000,
    path=st.sampled_from([*POSTS, *GETS]),
    sent=st.lists(headers, min_size=1, max_size=4),
    key=st.sampled_from(["sk_live", "pk_live"]),
)
def test_headers_of_any_kind(door: Door, path: str, sent: list[tuple[str, str]], key: str) -> None:
    posted = path in POSTS
    request = Request(
        "POST" if posted else "GET",
        path,
        headers=tuple(sent),
        body=GOOD[path] if posted else b"",
        content_type=JSON if posted else None,
    )
    answer = door.ask(request, key=key)
    assert "Access-Control-Allow-Origin" not in answer.headers
    hosts = [value for name, value in sent if name == "Host"]  # the last one wins
    if hosts[-1:] == [f"{MARK}.example"] and path not in ("/healthz", "/readyz"):
        assert answer.status_code == 400


PIECES = [
    "..", ".", "", "%00", "%2e%2e", "%2f", "%5c", "\\", "%0d%0aX:1", "%ff", "%e2%80%ae", "*", "v1",
    "%25", "%20", "'", "%27%20OR%201=1--", MARK, f"%27{MARK}", "{id}", "ver_" + "0" * 32, "check",
    "ver_" + "A" * 32, "resend", "cancel", "é", "%zz", "~", "{{7*7}}", "$(id)", "a" * 3000, ";a=b",
    "verifications", "jwks.json", "problems", "static", "openapi.json",
]  # fmt: skip
ROOTS = ["/v1", "/v1/verifications", "/.well-known", "/openapi.json", "//v1", "/v1/", "/healthz",
         "/receipts", "/metrics", "/V1/verifications"]  # fmt: skip


@asked(
    1200,
    root=st.sampled_from(ROOTS),
    pieces=st.lists(st.sampled_from(PIECES) | payloads.map(_quoted), min_size=1, max_size=4),
    method=st.sampled_from(["GET", "POST", "HEAD"]),
    key=keys,
)
def test_paths_of_any_kind(
    door: Door, root: str, pieces: list[str], method: str, key: str | None
) -> None:
    path = "/".join([root, *pieces])
    if path.lstrip("/").startswith("V1"):
        return  # the pages' door
    door.ask(Request(method, path), key=key)


@asked(400, reference=texts, nonce=texts, purpose=st.sampled_from(["sign-in", "a_b"]))
def test_what_is_stored_comes_back_as_it_was(
    door: Door, reference: str, nonce: str, purpose: str
) -> None:
    number = f"+9198764{door.asked % 100_000:05}"
    members = {"phone_number": number, "reference": reference, "nonce": nonce, "purpose": purpose}
    answer = door.ask(Request("POST", STARTS, body=as_json(members), content_type=JSON))
    if answer.status_code == 201:
        assert answer.json["reference"] == reference
        assert door.site.world.read(answer.json["id"]).nonce == nonce
