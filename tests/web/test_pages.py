"""How refusals look, and the plain pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from otp.store.flags import PAUSED
from otp.web.kinds import KINDS
from otp.web.pages import create_pages
from tests.web.person import Person
from tests.world import NUMBER, START, ServiceWorld

# -- refusals ------------------------------------------------------------------------------------


def test_an_unknown_page_says_so_in_words(person: Person) -> None:
    page = person.open("/nowhere")
    assert person.answer.status_code == 404
    assert page.title.startswith("Error: There is no such page")
    assert person.answer.headers["X-Request-Id"] in page.text


def test_a_wrong_method_names_the_right_ones(person: Person) -> None:
    answer = person.client.get("/sign-out")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    assert "<html" in answer.text


def test_a_pause_of_sending_is_told_and_may_be_waited_for(
    world: ServiceWorld, person: Person
) -> None:
    person.open("/sign-in")
    world.store.put_flag(PAUSED, "1")
    page = person.press("/sign-in", phone_number=NUMBER)
    assert person.answer.status_code == 503
    assert person.answer.headers["Retry-After"] == "60"
    assert "60 seconds" in page.text


def test_an_error_of_ours_tells_nothing_but_the_request_id(
    world: ServiceWorld, person: Person
) -> None:
    @world.app.get("/broken")
    def broken() -> str:
        raise RuntimeError("the secret is 4711")

    page = person.open("/broken")
    assert person.answer.status_code == 500
    assert "4711" not in person.answer.text
    assert person.answer.headers["X-Request-Id"] in page.text
    assert person.answer.headers["Cache-Control"] == "no-store"


# -- plain pages ---------------------------------------------------------------------------------


@dataclass
class Shown:
    to_masked: str
    text: str
    sent_at: datetime


def test_the_demo_phone_shows_messages_the_newest_first(world: ServiceWorld) -> None:
    messages = [
        Shown("+91••••••3210", "654321 is your <Demo> code.\n@localhost #654321", START),
        Shown("+91••••••3210", "123456 is your <Demo> code.", START),
    ]
    person = Person(create_pages(world.parts.world, messages=lambda: messages).test_client())
    page = person.open("/demo/phone")
    assert page.text.index("654321 is your <Demo> code.") < page.text.index("123456 is")
    assert "08:39 UTC" in page.text


def test_without_messages_there_is_no_demo_phone(world: ServiceWorld) -> None:
    person = Person(create_pages(world.parts.world, messages=None).test_client())
    person.open("/demo/phone")
    assert person.answer.status_code == 404


@pytest.mark.parametrize("word", sorted(KINDS))
def test_every_problem_is_explained(person: Person, word: str) -> None:
    page = person.open(f"/problems/{word}")
    assert person.answer.status_code == 200
    assert word in page.text
    assert "What to do" in page.text


def test_an_unknown_problem_is_not_found(person: Person) -> None:
    person.open("/problems/bad_luck")
    assert person.answer.status_code == 404


def test_where_clients_send_people_sign_in_is_closed_to_passers_by(tmp_path: Path) -> None:
    world = ServiceWorld(tmp_path, OTP_SIGN_IN="clients")
    person = Person(world.client())
    assert person.open("/").title.startswith("Phone verification")
    page = person.open("/sign-in")
    assert person.answer.status_code == 403
    assert "Go back to the application" in page.text
    assert person.client.post("/sign-in", data={"phone_number": NUMBER}).status_code == 403
    world.close()


def test_no_page_has_code_or_style_of_its_own(world: ServiceWorld, person: Person) -> None:
    shown = [person.open("/sign-in"), person.ask_for_a_code(), person.open("/nowhere")]
    shown += [person.open("/demo/phone"), person.open("/problems/internal")]
    for page in shown:
        for tag, held in page.elements:
            assert tag != "style"
            assert tag != "script" or (held["src"] or "").startswith("/static/otp.js?v=")
            assert not [name for name in held if name == "style" or name.startswith("on")]
