"""Ten thousand bad requests at the pages' door: forms, cookies, tokens, headers and paths.

Whatever is asked, a page or a redirect to one of our own comes back, never a fault of ours; only a
form of this browser changes anything; what was typed comes back escaped in its own field, and
nowhere else; nothing of it is logged.
"""

from __future__ import annotations

import string
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote_from_bytes, urlencode

import pytest
from flask import Flask
from hypothesis import strategies as st
from werkzeug.wrappers import Response

from otp.web.body import LIMIT
from tests.web.hostile import (
    LONG,
    MARK,
    PAYLOADS,
    Request,
    Site,
    asked,
    code_shapes,
    must_not_tell,
    payloads,
    send,
    texts,
    told,
)
from tests.web.person import Page, Person

pytestmark = pytest.mark.fuzz

FORM = "application/x-www-form-urlencoded"
PLACES = {"/sign-in", "/sign-in/code", "/sign-in/done"}
FORMS = ["/sign-in", "/sign-in/code", "/sign-in/resend", "/sign-in/cancel", "/sign-out"]
PAGES = ["/", "/sign-in", "/sign-in/code", "/sign-in/done", "/demo/phone", "/problems/wrong_code",
         "/problems/nothing", "/problems", "/docs", "/static/otp.css", "/static/otp.js",
         "/nothing"]  # fmt: skip
ANSWERED = {200, 206, 303, 304, 400, 403, 404, 405, 413, 415, 422, 429}


class Door:
    """The pages, two browsers before them, and a judge of every answer.

    `visitor` has come to the phone page; `coder` was sent a code and sees the code page.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        self.app: Flask = site.world.app
        self.asked = 0
        self._numbers = iter(range(100_000))
        person = Person(site.world.client())
        person.open("/sign-in")
        self.visitor = person.cookie(), person.page.forms["/sign-in"]["csrf"]
        self._aim()

    def post(self, path: str, fields: list[tuple[str, str]], *, by: str, **more: Any) -> Response:
        """The form of this browser, filled in."""
        cookie, token = self.browser(by)
        body = _encoded([("csrf", token), *fields])
        headers = (*more.pop("headers", ()), ("Cookie", f"otp={cookie}"))
        request = Request("POST", path, body=body, content_type=FORM, headers=headers, **more)
        return self.ask(request, by=by)

    def fresh_number(self) -> str:
        return f"+9198765{next(self._numbers):05}"

    def browser(self, by: str) -> tuple[str, str]:
        return self.coder if by == "coder" else self.visitor

    def ask(self, request: Request, *, by: str = "") -> Response:
        answer = send(self.app, request)
        self.asked += 1
        self._judge(request, answer)
        spent, queued = self.site.ledger.changes()
        status, changes = answer.status_code, request.method == "POST"
        assert not spent or (spent == 1 and changes and request.path == "/sign-in/code")
        assert spent == 0 or status in (422, 303)
        assert queued == 0 or (queued == 1 and changes and status == 303), (queued, status)
        if by == "coder" and changes and status == 303:
            self._aim()
        return answer

    def _judge(self, request: Request, answer: Response) -> None:
        status = answer.status_code
        assert status in ANSWERED, (status, answer.data)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert status != 303 or answer.headers["Location"] in PLACES
        for cookie in answer.headers.getlist("Set-Cookie"):
            assert "HttpOnly" in cookie
            assert "SameSite=Lax" in cookie
        must_not_tell(str(answer.headers), where="the headers")
        must_not_tell(self.site.logged(), where="the log")
        if answer.content_type.startswith("text/html"):
            assert answer.headers["Cache-Control"] == "no-store"
            self._read(request, answer.get_data(as_text=True))
        else:
            assert request.path.startswith("/static/") or request.method == "HEAD"

    def _read(self, request: Request, html: str) -> None:
        """What was typed is in its own field of the phone page, if it is anywhere."""
        if request.method == "POST" and request.path == "/sign-in" and told(html):
            page = Page(html)
            typed = page.forms["/sign-in"]["phone_number"]
            others = [(tag, held) for tag, held in page.elements if held.get("value") != typed]
            must_not_tell(str(others) + page.text, where="the page")
        else:
            must_not_tell(html, where="the page")

    def _aim(self) -> None:
        """The coder has a pending verification, its message sent."""
        world = self.site.world
        world.clock.turn(seconds=31)
        person = Person(world.client())
        page = person.ask_for_a_code(self.fresh_number())
        world.sender.run_once()
        world.clock.turn(seconds=31)
        self.coder = person.cookie(), page.forms["/sign-in/code"]["csrf"]
        self.site.ledger.changes()
        self.site.logged()


def _encoded(fields: list[tuple[str, str]]) -> bytes:
    return urlencode(fields, errors="surrogatepass").encode()


def _quoted(text: str) -> str:
    return quote_from_bytes(text.encode("utf-8", "surrogatepass"), safe="")


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    site = Site.open(tmp_path_factory.mktemp("door"))
    yield Door(site)
    site.close()


# -- what is typed --------------------------------------------------------------------------------

FRESH = "one that nobody was sent a code at"
NUMBERS = [FRESH, "098764 99999", "+919876499999", "+91٩٨٧٦٤٩٩٩٩٩", "tel:+919876499999",
           f"+919876499999{MARK}", f"{LONG}", "+91 98765 HELLO", "9876499999\x00", "112",
           "+882 1"]  # fmt: skip
REGIONS = ["IN", "US", "", "in", "XX", "ZZ", "001", MARK, "IN\x00", "<b>", "I" * 500]
browsers = st.sampled_from(["visitor", "coder"])
extras = st.lists(
    st.tuples(
        st.sampled_from(["phone_number", "region", "code", "csrf", "next", MARK, "", "_method"]),
        payloads,
    ),
    max_size=2,
)


@asked(
    2600,
    number=st.sampled_from(NUMBERS) | texts,
    region=st.sampled_from(REGIONS) | payloads,
    extra=extras,
    by=browsers,
)
def test_phone_forms_with_any_text(
    door: Door, number: str, region: str, extra: list[tuple[str, str]], by: str
) -> None:
    number = door.fresh_number() if number == FRESH else number
    fields = [("phone_number", number), ("region", region), *extra]
    answer = door.post("/sign-in", fields, by=by)
    if answer.status_code in (422, 429):
        for payload in ("<script>alert", "<img src=x", "<b>"):
            assert payload not in answer.get_data(as_text=True)


@asked(2200, code=code_shapes, extra=extras, by=browsers)
def test_code_forms_with_any_text(
    door: Door, code: Any, extra: list[tuple[str, str]], by: str
) -> None:
    answer = door.post("/sign-in/code", [("code", str(code)), *extra], by=by)
    assert answer.status_code in (303, 413, 422)
    if by == "visitor":
        assert answer.status_code in (303, 413)


# -- how it is sent -------------------------------------------------------------------------------

KINDS = [FORM, f"{FORM}; charset=utf-16", f"{FORM}; charset={MARK}", "multipart/form-data",
         "multipart/form-data; boundary=x", "application/json", "text/plain", "", MARK,
         "application/x-www-form-urlencoded, text/plain", f"{FORM};;=", f"{FORM}\x00"]  # fmt: skip
BODIES = [
    b"", b"&", b"=", b"&&&&", b"%", b"%zz=%zz", b"\xff\xfe", b"code=%ff%fe", b"code=%00", b"code",
    b"code=1&code=2", b"a=1;code=2", b"a[]=1", b"\x00" * 50, b"&" * 4000, b"a=1&" * 1000,
    b'{"code": "1"}', b"--x\r\nContent-Disposition: form-data; name=csrf\r\n\r\n1\r\n--x--",
    b"x" * LIMIT, b"x" * (LIMIT + 1), b"x" * 70_000, MARK.encode(), b"code=" + MARK.encode(),
]  # fmt: skip


@asked(
    1600,
    path=st.sampled_from(FORMS),
    kind=st.sampled_from(KINDS),
    body=st.sampled_from(BODIES) | st.binary(max_size=40),
    by=browsers,
    token=st.booleans(),
    chunked=st.booleans(),
)
def test_forms_of_any_bytes(
    door: Door, path: str, kind: str, body: bytes, by: str, token: bool, chunked: bool
) -> None:
    cookie, csrf = door.browser(by)
    raw = _encoded([("csrf", csrf)]) + b"&" + body if token else body
    request = Request(
        "POST",
        path,
        body=raw,
        content_type=kind,
        chunked=chunked,
        headers=(("Cookie", f"otp={cookie}"),),
    )
    answer = door.ask(request, by=by)
    if len(raw) > LIMIT:
        assert answer.status_code in (413, 415)
    if not token:
        assert answer.status_code in (403, 413, 415)


@st.composite
def forged(draw: st.DrawFn) -> str:
    """What to do to a token or a cookie: cut it, swap, put something in; or something else."""
    return draw(
        st.sampled_from(["cut", "flip", "case", "none", "payload", "other", "dot", "twice"])
    )


def _forge(text: str, how: str, other: str, payload: str, at: int) -> str:
    at %= len(text)
    flipped = "A" if text[at] != "A" else "B"
    return {
        "cut": text[:at],
        "flip": text[:at] + flipped + text[at + 1 :],
        "case": text.swapcase(),
        "none": "",
        "payload": payload,
        "other": other,
        "dot": text.replace(".", "", 1),
        "twice": text + text,
    }[how]


printable = [p for p in PAYLOADS if p.isprintable() and p.isascii() and len(p) < 200]


@asked(
    1400,
    path=st.sampled_from(FORMS),
    what=st.sampled_from(["token", "cookie", "both"]),
    how=forged(),
    payload=st.sampled_from(printable),
    at=st.integers(0, 200),
    by=browsers,
)
def test_tokens_and_cookies_that_are_not_ours_change_nothing(
    door: Door, path: str, what: str, how: str, payload: str, at: int, by: str
) -> None:
    cookie, token = door.browser(by)
    other = door.browser("visitor" if by == "coder" else "coder")
    sent_cookie = _forge(cookie, how, other[0], payload, at) if what != "token" else cookie
    sent_token = _forge(token, how, other[1], payload, at) if what != "cookie" else token
    if how == "other" and what == "both":
        return
    before = door.site.ledger.attempts, door.site.ledger.messages
    request = Request(
        "POST",
        path,
        body=_encoded([("csrf", sent_token), ("code", "123456"), ("phone_number", "9876488888")]),
        content_type=FORM,
        headers=(("Cookie", f"otp={sent_cookie}"),),
    )
    assert door.ask(request).status_code == 403
    assert (door.site.ledger.attempts, door.site.ledger.messages) == before


# -- around it ------------------------------------------------------------------------------------

HEADERS = {
    "Sec-Fetch-Site": ["cross-site", "same-site", "same-origin", "none", "", MARK],
    "Origin": ["null", f"https://{MARK}.example", "http://localhost", "http://localhost:80", "",
               "http://localhost.evil.example", "HTTP://LOCALHOST", "http://localhost/\x00"],
    "Referer": [f"https://{MARK}.example/"],
    "Host": ["", f"{MARK}.example", "localhost:1", "[::1]:80", "localhost\x00", "a..b", "\xe9",
             "localhost@evil.example", "127.0.0.1"],
    "X-Forwarded-Host": [f"{MARK}.example"],
    "X-Forwarded-Proto": ["https", MARK],
    "X-Forwarded-For": [MARK, "1.2.3.4", "::1", "'"],
    "X-Forwarded-Prefix": [f"/{MARK}"],
    "X-HTTP-Method-Override": ["POST", "DELETE"],
    "Accept-Language": [MARK, "hi;q=\xff", "," * 500],
    "Accept": ["application/json", MARK],
    "Range": ["bytes=0-0", "bytes=99999999-", "bytes=-1", "bytes=5-2", MARK],
    "If-None-Match": ["*", MARK],
    "If-Modified-Since": [MARK, "Thu, 01 Jan 1970 00:00:00 GMT"],
    "If-Range": [MARK],
    "Cookie": [f"otp={MARK}", "=;=;", "\xff", "otp", "otp=" + "a" * 4000, f"{MARK}={MARK}"],
    "Content-Length": ["-1", "abc", "99999999999", "0"],
    "Content-Encoding": ["gzip"],
    "Expect": [MARK],
    "User-Agent": [MARK, "\xff"],
    MARK: [MARK],
}  # fmt: skip
headers = st.sampled_from([(name, value) for name, some in HEADERS.items() for value in some])


@asked(
    1100,
    path=st.sampled_from([*PAGES, *FORMS]),
    posted=st.booleans(),
    sent=st.lists(headers, min_size=1, max_size=3),
    by=browsers,
)
def test_headers_of_any_kind(
    door: Door, path: str, posted: bool, sent: list[tuple[str, str]], by: str
) -> None:
    if posted:
        before = door.site.ledger.attempts, door.site.ledger.messages
        answer = door.post(path, [("code", "12"), ("phone_number", "1")], by=by, headers=sent)
        if sent[-1] in [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "same-site")]:
            assert answer.status_code in (400, 403, 404, 405, 413)
            assert (door.site.ledger.attempts, door.site.ledger.messages) == before
    else:
        answer = door.ask(Request("GET", path, headers=tuple(sent)))
    assert "Access-Control-Allow-Origin" not in answer.headers


PIECES = [
    "..", ".", "", "%00", "%2e%2e", "%2f", "%5c", "\\", "%0d%0aX:1", "%ff", "%e2%80%ae", "*", "%20",
    ";a=b", "%25", "'", MARK, f"%27{MARK}", "é", "%zz", "{{7*7}}", "a" * 3000, "otp.css", "app.py",
    "code", "done", "resend", "wrong_code", "phone", "templates", "base.html", "etc", "passwd",
]  # fmt: skip
ROOTS = ["", "/sign-in", "/static", "/problems", "/demo", "//static", "/static/", "/sign-out", "//",
         "/%2e%2e", "/static/..", "/Sign-In", "/docs", "/problems/"]  # fmt: skip
METHODS = ["GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", MARK]


@asked(
    1600,
    root=st.sampled_from(ROOTS),
    pieces=st.lists(st.sampled_from(PIECES) | payloads.map(_quoted), min_size=1, max_size=4),
    method=st.sampled_from(METHODS) | st.text(string.ascii_uppercase, min_size=1, max_size=6),
    query=st.sampled_from(
        ["", f"next=//{MARK}.example", "code=123456", "%ff=%00", "\xff", "csrf=1"]
    ),
)
def test_paths_and_methods_of_any_kind(
    door: Door, root: str, pieces: list[str], method: str, query: str
) -> None:
    cookie, _ = door.coder
    path = "/".join([root, *pieces])
    request = Request(method, path, query=query, headers=(("Cookie", f"otp={cookie}"),))
    answer = door.ask(request)
    assert (answer.status_code == 405) == ("Allow" in answer.headers)
    if answer.status_code == 200 and root.lstrip("/").startswith("static"):
        assert "otp.css" in path


@asked(
    400,
    path=st.sampled_from(PAGES),
    method=st.sampled_from(METHODS),
    query=st.sampled_from(["", f"next=https://{MARK}.example", f"region={MARK}", "code=123456"]),
    by=browsers,
)
def test_pages_with_any_question_change_nothing(
    door: Door, path: str, method: str, query: str, by: str
) -> None:
    cookie, _ = door.browser(by)
    before = door.site.ledger.attempts, door.site.ledger.messages
    door.ask(Request(method, path, query=query, headers=(("Cookie", f"otp={cookie}"),)))
    assert (door.site.ledger.attempts, door.site.ledger.messages) == before
