"""What a browser is told: where to go, what to keep, whom to trust."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from otp.web.api import create_api
from otp.web.headers import _SECURITY
from tests.requirements.material import AMPLE, PRODUCTION
from tests.requirements.test_strictness import Broken
from tests.web.person import Page, Person
from tests.world import NUMBER, OTHER_NUMBER, ServiceWorld, wrong

BASE = "https://otp.example.com"
FORM = "application/x-www-form-urlencoded"


def test_every_answer_of_an_https_service_holds_the_browser_to_https_and_to_our_rules(
    tmp_path: Path,
) -> None:
    world = ServiceWorld(tmp_path, **{**PRODUCTION, "OTP_PUBLIC_URL": BASE})
    client = world.client()
    key = {"Authorization": f"Bearer {world.keys['sk_live']}"}
    api = {"base_url": BASE, "headers": key}
    start = {"phone_number": NUMBER}
    page = client.get("/sign-in", base_url=BASE)
    form = dict(Page(page.text).forms["/sign-in"], phone_number=OTHER_NUMBER)
    answers = [
        page,
        client.post("/sign-in", data=form, base_url=BASE),
        client.post("/sign-in", data={"csrf": "x"}, base_url=BASE),
        client.post("/sign-in", data="x" * 5000, base_url=BASE, content_type=FORM),
        client.get("/nowhere", base_url=BASE),
        client.get("/sign-out", base_url=BASE),
        client.get("/sign-in", base_url="https://evil.example"),
        client.get("/static/otp.css", base_url=BASE, buffered=True),
        client.get("/static/none.css", base_url=BASE),
        client.post("/v1/verifications", json=start, **api),  # type: ignore[arg-type]
        client.post("/v1/verifications", json=start, base_url=BASE),
        client.post("/v1/verifications", json={"phone_number": OTHER_NUMBER}, **api),  # type: ignore[arg-type]
        client.post("/v1/verifications", json={}, **api),  # type: ignore[arg-type]
        client.get("/healthz", base_url=BASE),
    ]
    broken = create_api(replace(world.parts.world, service=Broken()))  # type: ignore[arg-type]
    answers.append(broken.test_client().post("/v1/verifications", json=start, **api))  # type: ignore[arg-type]
    world.store.close()
    answers.append(client.post("/v1/verifications", json=start, **api))  # type: ignore[arg-type]
    statuses = {answer.status_code for answer in answers}
    assert {200, 201, 303, 400, 401, 403, 404, 405, 413, 422, 429, 500, 503} <= statuses
    for answer in answers:
        max_age = re.match(r"max-age=(\d+); includeSubDomains", transport_security(answer))
        assert max_age
        assert int(max_age[1]) >= 31_536_000
        for name, value in _SECURITY.items():
            assert answer.headers[name] == value
        is_file = answer.status_code == 200 and "text/css" in answer.headers["Content-Type"]
        assert is_file or answer.headers["Cache-Control"] == "no-store"
        assert "Server" not in answer.headers
    world.close()


def transport_security(answer: TestResponse) -> str:
    return answer.headers["Strict-Transport-Security"]


def test_scripts_and_styles_come_from_us_alone_and_no_frame_holds_us() -> None:
    policy = _SECURITY["Content-Security-Policy"]
    rules = {name: words for name, *words in (rule.split() for rule in policy.split("; "))}
    assert rules["default-src"] == rules["base-uri"] == rules["frame-ancestors"] == ["'none'"]
    assert rules["object-src"] == ["'none'"]
    for name in ("script-src", "style-src", "img-src", "connect-src", "form-action"):
        assert rules[name] == ["'self'"]
    assert "unsafe" not in policy
    assert "*" not in policy


def test_no_address_of_a_flow_holds_a_secret(world: ServiceWorld, person: Person) -> None:
    seen: list[str] = []

    def look() -> None:
        seen.append(person.answer.headers.get("Location", ""))
        seen.extend(re.findall(r'(?:href|src|action)="([^"]*)"', person.answer.text))

    person.open("/sign-in")
    look()
    tokens = [person.page.forms["/sign-in"]["csrf"], person.cookie()]
    person.post("/sign-in", phone_number=NUMBER)
    look()
    person.open("/sign-in/code")
    look()
    tokens += [person.page.forms["/sign-in/code"]["csrf"], person.cookie()]
    code = world.deliver()
    person.press("/sign-in/code", code=wrong(code))
    look()
    person.post("/sign-in/code", code=code)
    look()
    person.open("/sign-in/done")
    look()
    tokens.append(person.cookie())
    person.post("/sign-out")
    look()
    [v] = world.store.of_number(world.provider.sent[0].to, 1)
    assert len(seen) > 20
    for address in seen:
        assert "?" not in address or re.fullmatch(r"/static/[a-z.]+\?v=[0-9a-f]{10}", address)
        for secret in (*tokens, code, v.id, v.support_code, NUMBER[1:], "3210"):
            assert secret not in address


ELSEWHERE = [
    "https://evil.example/",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "\x01https://evil.example",
    "https:evil.example",
    "https:/evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "/sign-in@evil.example",
    "http://localhost@evil.example/",
    "/a\r\nX-Injected: yes",
    "%2f%2fevil.example",
    "／／evil.example",
]
NAMES = ("next", "return_to", "redirect", "redirect_uri", "url", "continue", "returnTo", "back")
OURS = {None, "/sign-in", "/sign-in/code", "/sign-in/done"}


@pytest.mark.parametrize("path", ["/", "/sign-in", "/sign-in/code", "/sign-in/done"])
def test_nobody_is_sent_where_a_caller_wants(world: ServiceWorld, path: str) -> None:
    client = world.client()
    for target in ELSEWHERE:
        answer = client.get(path, query_string=dict.fromkeys(NAMES, target))
        assert answer.status_code in (200, 303)
        assert answer.headers.get("Location") in OURS
        assert "X-Injected" not in answer.headers
        assert "evil" not in answer.text


def test_nobody_is_sent_elsewhere_after_a_form_either(world: ServiceWorld) -> None:
    for place, target in enumerate(ELSEWHERE):
        person = Person(world.client())
        person.open("/sign-in")
        extra = dict.fromkeys(NAMES, target)
        person.post("/sign-in", phone_number=f"+9198765{place:05}", **extra)
        assert person.answer.headers["Location"] == "/sign-in/code"
        person.open("/sign-in/code")
        person.post("/sign-in/code", code=world.deliver(), **extra)
        assert person.answer.headers["Location"] == "/sign-in/done"


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-Host": "evil.example"},
        {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"},
        {"Forwarded": "host=evil.example;proto=https"},
        {"X-Host": "evil.example", "X-Original-Host": "evil.example"},
        {"Host": "192.168.1.7:8000"},
    ],
    ids=str,
)
def test_our_name_is_what_the_settings_say_whoever_asks_in_what_name(
    tmp_path: Path, headers: dict[str, str]
) -> None:
    world = ServiceWorld(tmp_path, OTP_PUBLIC_URL="http://127.0.0.1:8000", **AMPLE)
    headers = {"Host": "127.0.0.1:8000", **headers}
    answer = world.api().start(headers=headers)
    assert answer.status_code == 201
    assert answer.headers["Location"].startswith("/v1/verifications/ver_")
    world.deliver()
    assert re.search(r"\n@127\.0\.0\.1 #[0-9]{6}$", world.provider.sent[-1].text)
    refusal = world.api().start("112", headers=headers)
    assert refusal.json["type"].startswith("http://127.0.0.1:8000/problems/")
    page = world.client().get("/sign-in", headers=headers)
    assert "evil" not in page.text
    assert "evil" not in str(page.headers)
    world.close()


def test_wrong_hosts_get_no_page_no_message_and_no_key_looked_up(world: ServiceWorld) -> None:
    for host in ("evil.example", "localhost.evil.example", "localhost:80@evil.example", "a, b"):
        answer = world.api().start(headers={"Host": host})
        assert answer.status_code == 400
        assert world.client().get("/sign-in", headers={"Host": host}).status_code == 400
    world.sender.run_once()
    assert world.provider.sent == []


def test_every_page_names_its_language_and_direction(world: ServiceWorld, person: Person) -> None:
    pages = [person.open("/sign-in"), person.open("/nowhere"), person.ask_for_a_code()]
    code = world.deliver()
    pages.append(person.press("/sign-in/code", code=wrong(code)))
    pages.append(person.press("/sign-in/code", code=code))
    pages.append(person.open("/problems/too_soon"))
    for page in pages:
        [html] = page.all("html")
        assert (html["lang"], html["dir"]) == ("en", "ltr")


def test_what_becomes_of_a_message_is_said_as_a_status(world: ServiceWorld, person: Person) -> None:
    """Read out politely, once: neither is the countdown in it, nor does a script send a form as
    digits are typed."""
    page = person.ask_for_a_code()
    assert sum(held.get("role") == "status" for held in page.all("p")) == 1
    world.clock.turn(seconds=30)
    page = person.press("/sign-in/resend")
    assert sum(held.get("role") == "status" for held in page.all("p")) == 2
    for paragraph in re.findall(r'<p role="status">.*?</p>', person.answer.text, re.DOTALL):
        assert "data-wait" not in paragraph
    script = (Path(__file__).parents[2] / "static" / "otp.js").read_text()
    assert "focus(" not in script
    assert '"input"' not in script
    assert "keyup" not in script
    assert '"paste"' not in script


def test_who_gets_no_message_finds_every_way_on(world: ServiceWorld, person: Person) -> None:
    page = person.ask_for_a_code()
    assert "No message?" in page.text
    assert {"/sign-in/resend", "/sign-in/cancel", "/sign-in/code"} <= set(page.forms)
    assert "in 30 seconds" in page.text
    assert "+91••••••3210" in page.text
    page = person.press("/sign-in/cancel")
    assert page.title.startswith("Sign in")
    assert person.open("/sign-in/code").title.startswith("Sign in"), "the sign-in is forgotten"


def test_no_puzzle_stands_between_a_person_and_a_code(person: Person) -> None:
    """Nothing to remember, to copy out or to solve, and nothing that keeps a paste away."""
    for page in (person.open("/sign-in"), person.ask_for_a_code()):
        shown = [held for held in page.all("input") if held.get("type") != "hidden"]
        assert len(shown) == 1
        assert not {"onpaste", "oncopy", "pattern", "disabled", "readonly"} & set(shown[0])
        assert shown[0]["autocomplete"] in ("tel", "one-time-code")
        assert not page.all("img")
        assert not page.all("canvas")
        assert not page.all("iframe")
