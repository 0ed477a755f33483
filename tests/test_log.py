"""The log: that nothing secret gets into it, by whatever way it comes, and that it can be read."""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otp import log
from otp.log.scrub import LONGEST, Scrubber, _is_plain
from otp.phone import Phone

NUMBER = "919876543210"
CODE = "482913"
TOKEN = "f3Gq/8Zr+1Lw=0Xy'7Vb"
KEY_ID = "0123456789abcdef"
API_KEY = f"otp_sk_live_{KEY_ID}_{'a1b2c3d4' * 8}"


class Log:
    """What was written since the start of the test."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    def configure(self, *, json: bool) -> None:
        log.configure(json=json, secrets=[TOKEN, ""], stream=self.stream)

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    @property
    def event(self) -> dict[str, Any]:
        (event,) = self.events
        return event


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Logging is the process's: take nothing from other tests, and give back what they had."""
    structlog.contextvars.clear_contextvars()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def written() -> Log:
    made = Log()
    made.configure(json=True)
    return made


@pytest.fixture(params=[True, False], ids=["json", "readable"])
def either(request: pytest.FixtureRequest) -> Log:
    made = Log()
    made.configure(json=request.param)
    return made


# -- how a line looks -------------------------------------------------------------------------


def test_an_event_is_one_line_of_json_with_its_time_first(written: Log) -> None:
    log.get("otp.sender").info("message handed over", route="main", took_ms=12.345, tries=2)
    assert list(written.event) == [
        "timestamp", "level", "logger", "event", "route", "took_ms", "tries",
    ]  # fmt: skip
    stamp = written.event["timestamp"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stamp)
    assert abs(datetime.fromisoformat(stamp) - datetime.now(UTC)) < timedelta(minutes=1)
    assert written.event | {"timestamp": ""} == {
        "timestamp": "",
        "level": "info",
        "logger": "otp.sender",
        "event": "message handed over",
        "route": "main",
        "took_ms": 12.345,
        "tries": 2,
    }


def test_a_demo_is_readable_and_without_colours_in_a_file() -> None:
    readable = Log()
    readable.configure(json=False)
    log.get("otp.sender").info("message handed over", route="main")
    assert "message handed over" in readable.text
    assert "route=main" in readable.text
    assert "\x1b" not in readable.text


def test_what_belongs_to_a_request_is_in_all_its_events(written: Log) -> None:
    with log.bound(request_id="kqzwvb"):
        log.get("otp.api").info("started")
        logging.getLogger("werkzeug").info("served")
    log.get("otp.api").info("idle")
    assert [event.get("request_id") for event in written.events] == ["kqzwvb", "kqzwvb", None]


def test_what_libraries_log_goes_the_same_way(written: Log) -> None:
    logging.getLogger("urllib3.pool").warning("retry of %s", "/sms", extra={"tries": 2})
    assert written.event["logger"] == "urllib3.pool"
    assert written.event["event"] == "retry of /sms"
    assert written.event["tries"] == 2


def test_a_server_that_brought_its_own_handler_loses_it() -> None:
    elsewhere = io.StringIO()
    server = logging.getLogger("some.server")
    server.addHandler(logging.StreamHandler(elsewhere))
    server.propagate = False
    made = Log()
    made.configure(json=True)
    server.warning("to %s", NUMBER)
    assert elsewhere.getvalue() == ""
    assert made.event["event"] == "to •••"


def test_configured_twice_it_writes_once() -> None:
    first, second = Log(), Log()
    first.configure(json=True)
    second.configure(json=True)
    log.get("otp").info("once")
    assert first.text == ""
    assert second.event["event"] == "once"


def test_debugging_is_off(written: Log) -> None:
    log.get("otp").debug("detail")
    logging.getLogger("urllib3").debug("detail")
    assert written.text == ""


# -- ways in ----------------------------------------------------------------------------------


@dataclass
class Telling:
    number: str


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError(NUMBER)


class ListLike(list[str]):
    pass


WRAPPINGS: dict[str, Callable[[str], Any]] = {
    "text": lambda s: s,
    "sentence": lambda s: f"sent to {s}, twice",
    "inside a word": lambda s: f"id{s}x",
    "underscores": lambda s: f"a_{s}_b",
    "number": int,
    "negative": lambda s: -int(s),
    "float": float,
    "fraction": lambda s: float(f"0.{s}1"),
    "thousands": lambda s: f"{int('1' + s):,}",
    "bytes": str.encode,
    "bytearray": lambda s: bytearray(s.encode()),
    "list": lambda s: [s],
    "deep": lambda s: [({"a": [(s,)]},)],
    "deeper than is shown": lambda s: [[[[[[[[s]]]]]]]],
    "set": lambda s: {s},
    "generator of a subclass": lambda s: ListLike([s]),
    "key": lambda s: {s: 1},
    "number as a key": lambda s: {int(s): 1},
    "tuple as a key": lambda s: {(s, 1): 1},
    "dataclass": Telling,
    "exception": ValueError,
    "repr in text": lambda s: repr({"to": s.encode()}),
    "url": lambda s: f"https://x.example/?mobiles_no=%2B{s}&y=1",
    "percent": lambda s: "".join(f"%3{digit}" for digit in s),
    "escaped": lambda s: "".join(f"\\u003{digit}" for digit in s),
    "other script": lambda s: s.translate({48 + n: 0x0966 + n for n in range(10)}),
    "full width": lambda s: s.translate({48 + n: 0xFF10 + n for n in range(10)}),
    "zero width": lambda s: "\u200b".join(s),
    "beside a date": lambda s: f"2026-11-22 {s}",
    "like an address": lambda s: f"10.0.0.1 {s} 10.0.0.2",
}


def told(secret: str, text: str) -> bool:
    """Whether a reader of *text* has the secret, whatever its digits are made of."""
    plain = re.sub(r"(?i)%3(\d)|\\+u003(\d)", lambda m: m[1] or m[2], text)
    plain = re.sub("[\u200b,_]", "", plain)
    digits = re.sub(r"\d", lambda m: str(int(m[0])), plain)
    return secret in digits


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("secret", [NUMBER, CODE, "1234567", "98765432"])
def test_no_number_and_no_code_gets_through(either: Log, wrapping: str, secret: str) -> None:
    value = WRAPPINGS[wrapping](secret)
    logger = log.get("otp.test")
    logger.info("in a value", value=value)
    logger.info(value)
    logger.info("in an argument %s", value)
    logger.bind(value=value).info(f"in a sentence {value!r}")
    logging.getLogger("library").warning("in an argument %r", value)
    logging.getLogger("library").warning("in an extra", extra={"value": value})
    logging.getLogger("library").warning(value)
    with log.bound(value=value):
        logger.info("in the request's values")
    assert len(either.text.splitlines()) == 8
    assert "could not be written" not in either.text
    assert not told(secret, either.text)


@pytest.mark.parametrize(
    "group",
    [
        "+91 98765 43210",
        "+91-98765-43210",
        "(91) 98765.43210",
        "+91 (98765) 432-10",
        "98765 43210",
        "98765\u00a043210",
        "98765\u201343210",
        "98765\n43210",
        "98765%2043210",
        "9 8 7 6 5 4 3 2 1 0",
        "482 913",
        "482-913",
        "482\u2011913",
        "48 29 13",
        "48-29-13",
        "4829 1374",
        "4 8 2 9 1 3",
        "took 5 482 913",
        "2026-11-2298765",
    ],
)
def test_digits_in_groups_are_seen_as_one_number(either: Log, group: str) -> None:
    log.get("otp").info(f"before {group} after", value=group)
    for digits in re.findall(r"\d{2,}", group):
        assert digits not in either.text.partition("before")[2]


def test_an_exception_may_not_tell_nor_may_what_caused_it(either: Log) -> None:
    try:
        try:
            try:
                int(f"{NUMBER}x")
            except ValueError as cause:
                raise KeyError({"code": CODE}) from cause
        except KeyError:
            raise RuntimeError(f"Bearer {TOKEN}")  # noqa: B904  the context is what is tested
    except RuntimeError as problem:
        problem.add_note(f"number {NUMBER}")
        log.get("otp").exception("failed")
        logging.getLogger("library").exception("failed")
        log.get("otp").error("failed", exc_info=ExceptionGroup(CODE, [problem]))
    assert "RuntimeError" in either.text
    assert "KeyError" in either.text
    for secret in (NUMBER, CODE, TOKEN):
        assert secret not in either.text


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "readable"])
def test_a_log_call_that_is_wrong_itself_tells_nothing(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    either = Log()
    either.configure(json=as_json)  # here, so that pytest's own handler is gone
    logging.getLogger("library").warning("to %d", NUMBER)
    logging.getLogger("library").warning("to %s %s", NUMBER)
    log.get("otp").info("strange", value=Broken())
    assert "could not be written" in either.text
    assert "<Broken>" in either.text
    assert NUMBER not in either.text + "".join(capsys.readouterr())


def test_a_log_that_can_not_be_written_stops_nothing() -> None:
    made = Log()
    made.configure(json=True)
    made.stream.close()
    log.get("otp").info("goes nowhere")


# -- credentials ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        TOKEN,
        f"x{TOKEN}y",
        quote(TOKEN, safe=""),
        repr({"token": TOKEN}),
        json.dumps({"token": TOKEN}),
        f"Authorization: Bearer {TOKEN}",
        f"https://x.example/?access_token={TOKEN}&to=x",
    ],
)
def test_a_given_secret_is_found_in_every_dress(either: Log, text: str) -> None:
    log.get("otp").info(text, value=[text.encode()], **{f"a {text}": 1})
    assert TOKEN not in either.text
    assert quote(TOKEN, safe="") not in either.text
    assert TOKEN[:8] not in either.text


@pytest.mark.parametrize(
    "text",
    [
        "Bearer unknown-Secret",
        "bearer  unknown-Secret",
        "access_token=unknown-Secret&x=1",
        "{'access_token': 'unknown-Secret'}",
        "eyJhbGciOiJFUzI1NiJ9.unknown-Secret.c2lnbmF0dXJl",
    ],
)
def test_a_credential_is_known_by_what_stands_before_it(either: Log, text: str) -> None:
    log.get("otp").info(text)
    assert "unknown-Secret" not in either.text


def test_headers_that_carry_credentials_are_hidden_whole(written: Log) -> None:
    log.get("otp").info("sent", headers={"Authorization": "Basic eDp5", "Cookie": "s=1", "A": "b"})
    assert written.event["headers"] == {"Authorization": "•••", "Cookie": "•••", "A": "b"}


def test_an_api_key_keeps_its_id_alone(either: Log) -> None:
    log.get("otp").info(f"refused {API_KEY}", key=API_KEY)
    assert either.text.count(f"otp_sk_live_{KEY_ID}_…") == 2
    assert "a1b2c3d4" not in either.text


def test_the_id_of_a_verification_gives_no_rights(written: Log) -> None:
    log.get("otp").info("checked", id="ver_" + "0a" * 16)
    assert written.event["id"] == "ver_•••"


# -- what stays -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "message handed over",
        "192.168.100.200",
        "from 192.168.100.200, port 443",
        "2001:db8:1234:5678:9012:3456:7890:1234",
        "2026-11-22",
        "2026-11-22T08:39:27.123Z",
        "2026-11-22 08:39:27+00:00",
        "K7QF-2M9D",
        "+91••••••3210",
        "cli_" + KEY_ID * 2,
        'GET /v1/verifications HTTP/1.1" 200',
        "3 of 4 sends, 99.5 percent",
        12345,
        482.913,
        True,
        None,
        {"a": [1, 2.5, "b"]},
    ],
)
def test_what_is_no_secret_can_be_read(written: Log, value: object) -> None:
    log.get("otp").info("event", value=value)
    assert written.event["value"] == value


def test_a_masked_number_stays_masked(written: Log) -> None:
    log.get("otp").info("sent", to=Phone.of(f"+{NUMBER}"))
    assert written.event["to"] == "Phone('+91••••••3210')"


def test_times_are_written_as_times(written: Log) -> None:
    at = datetime(2026, 11, 22, 8, 39, 27, 123456, tzinfo=UTC)
    log.get("otp").info("due", at=at, day=at.date(), wait=timedelta(seconds=1.5))
    assert (written.event["at"], written.event["day"], written.event["wait"]) == (
        "2026-11-22T08:39:27.123+00:00", "2026-11-22", 1.5,
    )  # fmt: skip


# -- injection, size --------------------------------------------------------------------------

BREAKS = ["\n", "\r\n", "\x0b", "\x1b[2J", "\x85", "\u2028", "\x00", "\x7f", "\u202e", "\ud800"]


@pytest.mark.parametrize("mark", BREAKS, ids=ascii)
def test_nobody_can_make_a_line_of_his_own(either: Log, mark: str) -> None:
    log.get("otp").info(f"a{mark}level=info forged", value=[f"b{mark}forged"], **{f"c{mark}": 1})
    logging.getLogger(f"d{mark}").warning("%s", f"e{mark}forged")
    assert len(either.text.splitlines()) == 2
    assert mark not in either.text.replace("\n", "", 2).replace("\n", "\n\n")
    either.text.encode()


def test_a_traceback_cannot_forge_a_line_either(either: Log) -> None:
    try:
        raise ValueError("a\n2026-11-22T08:39:27.123Z [info     ] forged")
    except ValueError:
        log.get("otp").exception("failed")
    first, *others = either.text.splitlines()
    assert "failed" in first
    assert all(line.startswith("    ") for line in others)


def test_a_long_value_is_cut(written: Log) -> None:
    log.get("otp").info("x" * 10_000, value="y " * 10_000, many=list(range(1000)))
    assert written.event["event"] == "x" * LONGEST + "…"
    assert len(written.event["value"]) == LONGEST + 1
    assert len(written.event["many"]) < 100


def test_of_a_long_traceback_the_end_is_kept(written: Log) -> None:
    try:
        raise ValueError("x" * 50_000 + " the end")
    except ValueError:
        log.get("otp").exception("failed")
    assert written.event["exception"].endswith(" the end")
    assert len(written.event["exception"]) < 20_000


def test_a_structure_that_holds_itself_is_written(written: Log) -> None:
    loop: list[object] = ["a"]
    loop.append(loop)
    log.get("otp").info("loop", value=loop)
    assert written.event["value"][0] == "a"


# -- whatever it is put in --------------------------------------------------------------------

# How fast examples are drawn is the machine's matter: the first ones build tables of Unicode.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

secrets_told = st.text("0123456789", min_size=6, max_size=15).filter(lambda s: s.strip("0"))
padding = st.text(max_size=12)


@st.composite
def structures(draw: st.DrawFn) -> tuple[str, Any]:
    """A secret, and something that holds it."""
    secret = draw(secrets_told)
    leaf = st.one_of(
        st.builds(lambda a, b: a + secret + b, padding, padding),
        st.builds(lambda a, b: (a + secret + b).encode("utf-8", "replace"), padding, padding),
        st.sampled_from([int(secret), -int(secret), float(secret), Telling(secret)]),
    )
    other = st.one_of(padding, st.integers(), st.floats(), st.binary(max_size=8), st.none())
    keys = st.one_of(
        padding, st.builds(lambda a: a + secret, padding), st.just(int(secret)), st.just((secret,))
    )
    value = st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.lists(st.one_of(inner, other), max_size=3),
            st.tuples(inner, other),
            st.dictionaries(keys, st.one_of(inner, other), max_size=3),
            st.builds(ValueError, inner),
        ),
        max_leaves=5,
    )
    return secret, draw(value)


@unhurried
@given(structures())
def test_a_secret_is_in_no_line_whatever_it_was_put_in(drawn: tuple[str, Any]) -> None:
    secret, value = drawn
    for as_json in (True, False):
        made = Log()
        made.configure(json=as_json)
        log.get("otp").info("event", value=value)
        log.get("otp").info(value)
        logging.getLogger("library").warning("%s %r", value, value)
        try:
            raise ValueError(value)
        except ValueError:
            log.get("otp").exception("failed")
        # Times are ours; digits in a row across them are chance.
        lines = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "", made.text)
        assert secret not in lines
        assert "could not be written" not in lines
        assert str(int(secret)) not in lines or len(str(int(secret))) < 6


@unhurried
@given(st.text())
def test_scrubbing_twice_is_scrubbing_once(text: str) -> None:
    scrubber = Scrubber([TOKEN])
    once = scrubber.text(text)
    assert scrubber.text(once) == once


@settings(max_examples=2000)
@given(
    st.text(
        st.sampled_from("0123456789٣ -.%3\\xu&#;_/:'•abenoptrvyj\u200b\n")
        | st.characters(codec="utf-8"),
        max_size=48,
    )
)
def test_what_is_taken_for_plain_has_nothing_in_it_to_hide(text: str) -> None:
    scrubber = Scrubber(["given-secret"])
    assert scrubber.text(text) == scrubber._searched(text)


@pytest.mark.parametrize("text", ["otp.service", "+91••••••3210", "K7QF-2M9D", "a given-secret b"])
def test_usual_values_are_plain_and_lose_a_secret_all_the_same(text: str) -> None:
    assert _is_plain(text)
    assert Scrubber(["given-secret"]).text(text) == text.replace("given-secret", "•••")


def test_hostile_text_takes_no_time() -> None:
    scrubber = Scrubber([TOKEN])
    for mark in (
        "1 ",
        "1.",
        "%3",
        "access_token ",
        "eyJ.",
        "otp_sk_",
        "2026-11-22 ",
        "1.1.",
        " \n",
    ):
        begun = time.process_time()
        scrubber.text(mark * 200_000)
        scrubber.traceback(mark * 200_000)
        assert time.process_time() - begun < 1


def test_the_stream_is_asked_whether_it_shows_colours() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    log.configure(json=False, secrets=[], stream=terminal)
    log.get("otp").info("coloured")
    assert "\x1b[" in terminal.getvalue()
    assert sys.stdout is not terminal


def test_what_nobody_catches_is_logged_and_scrubbed_too() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, threading\n"
            "from otp import log\n"
            "log.configure(json=True, secrets=[], stream=sys.stdout)\n"
            "log.catch_uncaught()\n"
            "def fail(): raise ValueError('code 482913 of +919876543210')\n"
            "thread = threading.Thread(target=fail); thread.start(); thread.join()\n"
            "fail()\n",
        ],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
    )
    assert done.stderr == ""
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events] == ["uncaught", "uncaught"]
    assert all("ValueError" in event["exception"] for event in events)
    assert "482913" not in done.stdout
    assert "9876543210" not in done.stdout


@pytest.mark.parametrize(
    "digits", [["4", "8", "2", "9", "1", "3"], (4, 8, 2, 9, 1, 3), ["48", 2913]]
)
def test_digits_side_by_side_in_a_list_are_a_number_too(digits: object) -> None:
    assert Scrubber([])(None, "", {"event": "x", "value": digits})["value"] == "•••"
    assert Scrubber([])(None, "", {"event": "x", "value": [200, "ok"]})["value"] == [200, "ok"]
