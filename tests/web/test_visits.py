"""Whose forms are taken, and what the cookie is like."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.web.person import Page, Person
from tests.world import NUMBER, ServiceWorld

FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    ],
)
def test_a_form_from_another_site_sends_nothing(
    world: ServiceWorld, person: Person, headers: dict[str, str]
) -> None:
    person.open("/sign-in")
    page = person.press("/sign-in", headers, phone_number=NUMBER)
    assert person.answer.status_code == 403
    assert "Nothing was sent and no try was used" in page.text
    world.sender.run_once()
    assert not world.provider.sent


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_a_form_of_our_own_is_taken(person: Person, headers: dict[str, str]) -> None:
    person.open("/sign-in")
    assert person.press("/sign-in", headers, phone_number=NUMBER).title.startswith("Enter the code")


def test_only_the_public_origin_is_ours_outside_of_demo(tmp_path: Path) -> None:
    """The cookie has the __Host- prefix there, so the jar is asked for https."""
    world = ServiceWorld(tmp_path, OTP_PUBLIC_URL="https://otp.example.com", **PRODUCTION)
    client = world.client()
    base = "https://otp.example.com"
    page = Page(client.get("/sign-in", base_url=base).text)
    form = dict(page.forms["/sign-in"], phone_number=NUMBER)
    for origin, status in (("http://otp.example.com", 403), (base, 303)):
        answer = client.post("/sign-in", data=form, base_url=base, headers={"Origin": origin})
        assert answer.status_code == status
    assert client.get("/sign-in", base_url="https://127.0.0.1").status_code == 400
    assert client.get("/demo/phone", base_url=base).status_code == 404
    world.close()


PRODUCTION = {
    "OTP_DEMO": "0",
    "OTP_SERVICE_NAME": "Acme",
    "OTP_SIGN_IN": "open",
    "OTP_ROUTE": "mobtexting",
    "OTP_MOBTEXTING_TOKEN": "c0ffee5eedc0ffee5eed4a7b",
    "OTP_MOBTEXTING_SENDER": "ACMEIN",
    "OTP_SEND_BUDGET": "100/hour",
    "OTP_TRUSTED_PROXIES": "0",
}


@pytest.mark.parametrize("token", [None, "", "x", "A.B", "\ud83d\ude00", "é"])
def test_a_form_without_a_token_of_ours_spends_no_try(
    world: ServiceWorld, person: Person, token: str | None
) -> None:
    person.ask_for_a_code()
    code = world.deliver()
    form = {"code": code} if token is None else {"code": code, "csrf": token}
    data = "&".join(f"{name}={value}" for name, value in form.items())
    sent = data.encode("utf-8", "surrogatepass")
    answer = person.client.post("/sign-in/code", data=sent, content_type=FORM)
    assert answer.status_code == 403
    assert person.press("/sign-in/code", code=code).title.startswith("Signed in")


@pytest.mark.parametrize("at", [0, 20, 50, -2])
def test_a_changed_token_is_refused(person: Person, at: int) -> None:
    person.open("/sign-in")
    token = list(person.page.forms["/sign-in"]["csrf"])
    token[at] = "A" if token[at] != "A" else "B"
    person.press("/sign-in", csrf="".join(token), phone_number=NUMBER)
    assert person.answer.status_code == 403


def test_a_form_without_any_cookie_is_refused(world: ServiceWorld, person: Person) -> None:
    person.open("/sign-in")
    form = dict(person.page.forms["/sign-in"], phone_number=NUMBER)
    assert world.client().post("/sign-in", data=form).status_code == 403


def test_values_in_the_address_count_for_nothing(world: ServiceWorld, person: Person) -> None:
    person.open("/sign-in")
    token = person.page.forms["/sign-in"]["csrf"]
    answer = person.client.post(
        f"/sign-in?csrf={token}&phone_number=%2B919876543210", data={"a": 1}
    )
    assert answer.status_code == 403


def test_of_a_field_that_comes_twice_the_first_counts(world: ServiceWorld, person: Person) -> None:
    person.ask_for_a_code()
    code, token = world.deliver(), person.page.forms["/sign-in/code"]["csrf"]
    sent = f"csrf={token}&code={code}&code=000000&csrf=x"
    answer = person.client.post("/sign-in/code", data=sent, content_type=FORM)
    assert answer.headers["Location"] == "/sign-in/done"


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data", "text/plain", ""])
def test_only_plain_forms_are_read(person: Person, kind: str) -> None:
    person.open("/sign-in")
    answer = person.client.post("/sign-in", data=b"csrf=x", content_type=kind)
    assert answer.status_code == 415


def test_a_form_over_4_kib_is_refused(person: Person) -> None:
    person.open("/sign-in")
    for size, status in ((4096, 403), (4097, 413), (100_000, 413)):
        answer = person.client.post("/sign-in", data=b"a" * size, content_type=FORM)
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\xff\xfe", 403),  # not UTF-8: nothing of it is read, the form token neither
        (b"phone_number=%ED%A0%80", 422),
        (b"phone_number=%FF", 422),
        (b"phone_number=%00", 422),
        (b"%00=%00", 422),
        (b"&&=&;", 422),
    ],
)
def test_odd_bytes_are_no_error_of_ours(person: Person, sent: bytes, status: int) -> None:
    person.open("/sign-in")
    token = person.page.forms["/sign-in"]["csrf"].encode()
    answer = person.client.post("/sign-in", data=b"csrf=" + token + b"&" + sent, content_type=FORM)
    assert answer.status_code == status
    assert "<html" in answer.text


# -- cookies -------------------------------------------------------------------------------------


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(person: Person) -> None:
    person.open("/sign-in")
    [cookie] = person.answer.headers.getlist("Set-Cookie")
    assert re.fullmatch(r"otp=[\w=.-]+; HttpOnly; Path=/; SameSite=Lax", cookie)
    assert "Cookie" in person.answer.headers["Vary"]


def test_over_https_the_cookie_is_bound_to_the_host(tmp_path: Path) -> None:
    world = ServiceWorld(
        tmp_path, OTP_PUBLIC_URL="https://otp.example.com", OTP_TRUSTED_PROXIES="0"
    )
    answer = world.client().get("/sign-in", base_url="https://otp.example.com")
    [cookie] = answer.headers.getlist("Set-Cookie")
    assert re.fullmatch(r"__Host-otp=[\w=.-]+; Secure; HttpOnly; Path=/; SameSite=Lax", cookie)
    world.close()


def test_a_page_without_a_form_sets_no_cookie(world: ServiceWorld) -> None:
    for path in ("/problems/too_soon", "/nowhere", "/static/otp.css", "/demo/phone", "/"):
        assert "Set-Cookie" not in world.client().get(path, buffered=True).headers
