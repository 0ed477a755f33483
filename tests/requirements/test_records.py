"""What is written down, what is not, and what a running service does not show."""

from __future__ import annotations

import io
import json
import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from otp import log
from otp.errors import Rejected, Unknown, Unreachable
from otp.web.api import create_api
from tests.requirements.material import AMPLE, PRODUCTION, started
from tests.requirements.test_strictness import Broken
from tests.web.person import Person
from tests.world import NUMBER, OTHER_NUMBER, ServiceWorld, wrong


@pytest.fixture
def written(world: ServiceWorld) -> io.StringIO:
    """The log as production writes it."""
    stream = io.StringIO()
    log.configure(json=True, secrets=world.settings.secrets, stream=stream)
    return stream


def events(written: io.StringIO) -> dict[str, list[dict[str, Any]]]:
    found = defaultdict(list)
    for line in written.getvalue().splitlines():
        event = json.loads(line)
        assert re.fullmatch(r"2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["timestamp"])
        assert event["level"] in ("info", "warning", "error")
        found[event["event"]].append(event)
    return found


def test_each_step_and_each_refusal_is_one_event_that_says_where_and_about_what(
    world: ServiceWorld, written: io.StringIO
) -> None:
    api = world.api()
    id = started(world)
    code = world.deliver()
    api.resend(id)
    for _ in range(5):
        api.check(id, wrong(code))
    api.check(id, code)
    second = started(world, OTHER_NUMBER)
    api.check(second, world.deliver())
    third = started(world, "+919876543212")
    world.clock.turn(seconds=30)
    world.deliver()
    api.resend(third)
    api.cancel(third)
    for place, error in enumerate((Unreachable("busy"), Rejected("unusable"), Unknown("lost"))):
        started(world, f"+91987654322{place}")
        world.provider.next = [error]
        world.sender.run_once()
    world.api("").start()
    found = events(written)
    expected = {"started", "sent", "wrong_code", "approved", "resent", "canceled", "refused"}
    assert expected | {"send_not_taken", "send_refused", "send_unknown"} <= set(found)
    assert len(found["wrong_code"]) == 5
    assert found["wrong_code"][-1]["status"] == "max_attempts_reached"
    assert len(found["approved"]) == 1
    refusals = [event["error"] for event in found["refused"]]
    for word in ("too_soon", "wrong_code", "verification_ended", "unauthorized"):
        assert word in refusals
    for name in ("started", "wrong_code", "approved", "resent", "canceled"):
        for event in found[name]:
            assert event["client"] == world.client_id
            assert re.fullmatch(r"\+91•+[0-9]{4}", event["phone"])
            assert re.fullmatch(r"[0-9A-Z]{4}-[0-9A-Z]{4}", event["support_code"])
            assert re.fullmatch("[a-z]{20}", event["request_id"])
            assert event["network"] == "127.0.0.0"  # of where the request came from, cut
    for event in found["refused"]:
        assert re.fullmatch("[a-z]{20}", event["request_id"])
        assert event["network"] == "127.0.0.0"
        known = event["error"] != "unauthorized"
        assert event.get("client") == (world.client_id if known else None)


def test_what_the_pages_refuse_is_an_event_as_well(
    world: ServiceWorld, written: io.StringIO, person: Person
) -> None:
    person.ask_for_a_code()
    code = world.deliver()
    person.press("/sign-in/code", code=wrong(code))
    person.press("/sign-in/resend")
    other = Person(world.client())
    other.ask_for_a_code()
    other.press("/sign-in", {"Origin": "https://evil.example"}, phone_number=NUMBER)
    other.open("/nowhere")
    refusals = [event["error"] for event in events(written)["refused"]]
    assert refusals == ["wrong_code", "too_soon", "too_soon", "csrf", "not_found"]


def test_a_defect_is_an_event_with_its_traceback(world: ServiceWorld, written: io.StringIO) -> None:
    broken = create_api(replace(world.parts.world, service=Broken()))  # type: ignore[arg-type]
    headers = {"Authorization": f"Bearer {world.keys['sk_live']}"}
    broken.test_client().post("/v1/verifications", json={"phone_number": NUMBER}, headers=headers)
    [event] = events(written)["internal_error"]
    assert event["level"] == "error"
    assert "RuntimeError" in event["exception"]
    assert NUMBER[1:] not in written.getvalue()


FORGED = '\n{"timestamp": "2026-11-22T08:39:27.000Z", "level": "info", "event": "approved"}'
MARKS = ["\r", "\n", "\r\n", "\x85", "\u2028", "\u2029", "\x0b", "\x0c", "\x1b[2K", "\x00"]


def test_no_request_writes_a_line_of_its_own(world: ServiceWorld, written: io.StringIO) -> None:
    client = world.client()
    key = {"Authorization": f"Bearer {world.keys['sk_live']}"}
    for place, mark in enumerate(MARKS):
        text = f"x{mark}{FORGED}"
        world.api().start(f"+9198765{place:05}", reference=text[:64], nonce=text)
        world.api().start(text)
        world.api().check(text, text[:60])
        client.get("/v1/verifications", query_string={"reference": text}, headers=key)
        person = Person(client)
        person.open("/sign-in")
        person.press("/sign-in", phone_number=text)
    world.sender.run_once()
    text = written.getvalue()
    assert not events(written)["approved"]
    assert "\x1b" not in text
    assert "\x00" not in text
    assert all(char not in text for char in "\x85\u2028\u2029\x0b\x0c\r")


HIDDEN = [
    "/?debug=1",
    "/console",
    "/debug",
    "/debug/pprof",
    "/__debug__",
    "/_debug_toolbar",
    "/metrics",
    "/admin",
    "/.git/HEAD",
    "/.git/config",
    "/.env",
    "/app.py",
    "/data/otp.db",
    "/otp.db",
    "/static/",
    "/static",
    "/static/../app.py",
    "/static/..%2fapp.py",
    "/static/%2e%2e/app.py",
    "/static//etc/passwd",
    "/templates/base.html",
    "/requirements.txt",
    "/demo/phone",
    "/test",
    "/v1/test",
    "/v1/clock",
    "/server-status",
    "/actuator/env",
]


def test_a_production_service_shows_nothing_but_its_doors(tmp_path: Path) -> None:
    base = "https://otp.example.com"
    world = ServiceWorld(tmp_path, **{**PRODUCTION, "OTP_PUBLIC_URL": base})
    client = world.client()
    for path in HIDDEN[1:]:
        answer = client.get(path, base_url=base)
        assert answer.status_code == 404, path
        assert "Traceback" not in answer.text
    assert client.get(HIDDEN[0], base_url=base).status_code in (200, 303)
    for path in ("/healthz", "/readyz"):
        text = client.get(path, base_url=base).text
        assert str(tmp_path) not in text
        assert not re.search(r"[0-9]+\.[0-9]+", text), "no version"
    assert not world.app.debug
    assert not world.app.testing
    world.close()


MASTERS = ["000000", "123456", "111111", "999999", "654321", "", "null", "0", "true", "None", " "]


def test_no_code_opens_everything_and_none_opens_before_there_is_one(tmp_path: Path) -> None:
    world = ServiceWorld(tmp_path, **{**PRODUCTION, **AMPLE, "OTP_PUBLIC_URL": "http://127.0.0.1"})
    headers = {"Host": "127.0.0.1"}
    everything: list[object] = [*MASTERS, None, True, False, 0, [], {}, [""], {"$ne": ""}]
    for place, code in enumerate(everything):
        id = world.api().start(f"+9198765{place:05}", headers=headers).json["id"]
        early = world.api().check(id, code, headers=headers)  # type: ignore[arg-type]
        assert early.status_code == 422, code
        if world.deliver() != code:
            late = world.api().check(id, code, headers=headers)  # type: ignore[arg-type]
            assert late.status_code == 422, code
    world.close()
