"""Buttons pressed twice, and forms of a second tab: nothing happens twice, nobody is stranded."""

from __future__ import annotations

import threading

from tests.web.person import Person
from tests.world import NUMBER, OTHER_NUMBER, ServiceWorld

MASKED = "+91••••••3210"


def test_a_double_press_of_send_code_sends_one_message(world: ServiceWorld, person: Person) -> None:
    person.open("/sign-in")
    before = person.cookie()
    first = person.post("/sign-in", phone_number=NUMBER)
    person.client.set_cookie("otp", before)
    second = person.post("/sign-in", phone_number=NUMBER)
    assert [first.status_code, second.status_code] == [303, 303]
    assert person.open("/sign-in/code").title.startswith("Enter the code")
    assert person.press("/sign-in/code", code=world.deliver()).title.startswith("Signed in")
    assert len(world.provider.sent) == 1


def test_a_double_press_with_the_right_code_makes_one_session(
    world: ServiceWorld, person: Person
) -> None:
    person.ask_for_a_code()
    code, before = world.deliver(), person.cookie()
    person.post("/sign-in/code", code=code)
    signed_in = person.cookie()
    person.client.set_cookie("otp", before)
    answer = person.post("/sign-in/code", code=code)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in/done")
    assert person.cookie() == signed_in
    assert person.open("/sign-in/done").title.startswith("Signed in")


def test_presses_at_the_very_same_time_all_sign_in(world: ServiceWorld, person: Person) -> None:
    person.ask_for_a_code()
    code, cookie = world.deliver(), person.cookie()
    form = dict(person.page.forms["/sign-in/code"], code=code)
    barrier = threading.Barrier(8)
    places: list[str | None] = []

    def press() -> None:
        client = world.client()
        client.set_cookie("otp", cookie)
        barrier.wait()
        places.append(client.post("/sign-in/code", data=form).headers.get("Location"))

    threads = [threading.Thread(target=press) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert places == ["/sign-in/done"] * 8


def test_the_old_cookie_signs_in_nobody_after_the_repeat_window(
    world: ServiceWorld, person: Person
) -> None:
    person.ask_for_a_code()
    code, before = world.deliver(), person.cookie()
    person.post("/sign-in/code", code=code)
    world.clock.turn(seconds=60)
    thief = Person(world.client())
    thief.client.set_cookie("otp", before)
    thief.page = person.page
    assert thief.press("/sign-in/code", code=code).title.startswith("Sign in –")


def test_a_double_press_of_send_a_new_code_sends_one(world: ServiceWorld, person: Person) -> None:
    person.ask_for_a_code()
    world.deliver()
    world.clock.turn(seconds=30)
    person.open("/sign-in/code")
    answers = [person.post("/sign-in/resend").status_code for _ in range(2)]
    assert answers == [303, 303]
    world.deliver()
    assert len(world.provider.sent) == 2


def test_a_stale_form_of_a_second_tab_leads_on_and_does_nothing(
    world: ServiceWorld, person: Person
) -> None:
    person.open("/sign-in")
    second_tab = Person(person.client)
    second_tab.open("/sign-in")
    person.press("/sign-in", phone_number=NUMBER)
    code = world.deliver()
    assert MASKED in second_tab.press("/sign-in", phone_number=OTHER_NUMBER).text
    world.sender.run_once()
    assert len(world.provider.sent) == 1
    person.press("/sign-in/code", code=code)
    assert second_tab.press("/sign-in/cancel").title.startswith("Signed in")
    person.press("/sign-out")
    assert second_tab.press("/sign-out").title.startswith("Sign in –")
