"""What a browser's session opens, when it ends, and what a stolen or planted cookie is worth."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.web.person import Person
from tests.world import NUMBER, ServiceWorld


def test_nothing_is_stored_and_nothing_sent_by_looking(world: ServiceWorld, person: Person) -> None:
    for path in ("/sign-in", "/sign-in/code", "/sign-in/done", "/demo/phone", "/"):
        assert person.client.head(path).status_code in (200, 303)
        person.open(path)
    person.ask_for_a_code()
    before = world.deliver()
    for path in ("/sign-in", "/sign-in/code", "/sign-in/done"):
        person.open(path)
        person.client.head(path)
    assert person.open("/sign-in/code").title.startswith("Enter the code")
    assert person.press("/sign-in/code", code=before).title.startswith("Signed in")
    assert len(world.provider.sent) == 1


def test_the_cookie_changes_at_each_step_and_the_old_ones_open_nothing(
    world: ServiceWorld, person: Person
) -> None:
    person.open("/sign-in")
    cookies = [person.cookie()]
    person.press("/sign-in", phone_number=NUMBER)
    cookies.append(person.cookie())
    person.press("/sign-in/code", code=world.deliver())
    cookies.append(person.cookie())
    assert len(set(cookies)) == 3
    for old in cookies[:2]:
        thief = Person(world.client())
        thief.client.set_cookie("otp", old)
        assert thief.open("/sign-in/done").title.startswith("Sign in")


def test_who_has_not_signed_in_yet_is_not_called_signed_in(person: Person) -> None:
    person.ask_for_a_code()
    assert person.open("/sign-in/done").title.startswith("Enter the code")


def test_a_planted_cookie_is_worth_nothing_after_the_sign_in(
    world: ServiceWorld, person: Person
) -> None:
    attacker = Person(world.client())
    attacker.open("/sign-in")
    planted = attacker.cookie()
    person.client.set_cookie("otp", planted)
    person.ask_for_a_code()
    person.press("/sign-in/code", code=world.deliver())
    assert person.cookie() != planted
    for path in ("/sign-in/code", "/sign-in/done"):
        assert attacker.open(path).title.startswith("Sign in")


@pytest.mark.parametrize("planted", ["AAAA", "", "a.b.c", "é", "A" * 3000])
def test_a_made_up_cookie_is_replaced(person: Person, planted: str) -> None:
    person.client.set_cookie("otp", planted)
    assert person.open("/sign-in/done").title.startswith("Sign in")
    assert person.cookie() not in ("", planted)


def test_the_right_code_from_another_browser_opens_nothing(
    world: ServiceWorld, person: Person
) -> None:
    person.ask_for_a_code()
    code = world.deliver()
    stranger = Person(world.client())
    form = dict(person.page.forms["/sign-in/code"], code=code)
    stranger.open("/sign-in")
    assert stranger.client.post("/sign-in/code", data=form).status_code == 403
    form["csrf"] = stranger.page.forms["/sign-in"]["csrf"]
    answer = stranger.client.post("/sign-in/code", data=form)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")
    assert person.press("/sign-in/code", code=code).title.startswith("Signed in")


def test_signing_out_ends_the_session_at_the_server(world: ServiceWorld, person: Person) -> None:
    person.ask_for_a_code()
    person.press("/sign-in/code", code=world.deliver())
    kept = person.cookie()
    person.press("/sign-out")
    thief = Person(world.client())
    thief.client.set_cookie("otp", kept)
    assert thief.open("/sign-in/done").title.startswith("Sign in")


def test_a_signed_in_session_ends_after_a_day(world: ServiceWorld, person: Person) -> None:
    person.ask_for_a_code()
    person.press("/sign-in/code", code=world.deliver())
    world.clock.turn(hours=23, minutes=59)
    assert person.open("/sign-in").title.startswith("Signed in")
    world.clock.turn(minutes=1)
    assert person.open("/sign-in/done").title.startswith("Sign in")


def test_a_forgotten_sign_in_leads_to_the_first_page(world: ServiceWorld, person: Person) -> None:
    life = world.settings.policy.life
    person.ask_for_a_code()
    world.deliver()
    world.clock.now += life + timedelta(minutes=9, seconds=59)
    assert person.open("/sign-in/code").title.startswith("The code has expired")
    world.clock.turn(seconds=1)
    assert person.open("/sign-in/code").title.startswith("Sign in")


def test_an_erased_number_is_signed_out_without_an_error(
    world: ServiceWorld, person: Person
) -> None:
    person.ask_for_a_code()
    person.press("/sign-in/code", code=world.deliver())
    world.store.forget_number(world.provider.sent[0].to)
    assert person.open("/sign-in/done").title.startswith("Sign in")
