"""Sign-in, told as a person lives it. No script runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from otp.errors import Rejected, Unreachable
from otp.verification import Status
from tests.web.person import Person
from tests.world import NUMBER, OTHER_NUMBER, ServiceWorld, wrong

MASKED = "+91••••••3210"


def test_a_person_signs_in_and_out(world: ServiceWorld, person: Person) -> None:
    page = person.ask_for_a_code()
    assert page.title.startswith("Enter the code")
    assert MASKED in page.text
    assert "10 minutes, until 08:49 UTC" in page.text
    page = person.press("/sign-in/code", code=world.deliver())
    assert page.title.startswith("Signed in")
    assert MASKED in page.text
    page = person.press("/sign-out")
    assert page.title.startswith("Sign in")
    assert person.open("/sign-in/done").title.startswith("Sign in")


def test_every_post_is_answered_by_see_other(world: ServiceWorld, person: Person) -> None:
    person.open("/sign-in")
    assert person.post("/sign-in", phone_number=NUMBER).status_code == 303
    person.open("/sign-in/code")
    answer = person.post("/sign-in/code", code=world.deliver())
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in/done")
    person.open("/sign-in/done")
    answer = person.post("/sign-out")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")


def test_the_home_page_leads_to_sign_in(person: Person) -> None:
    assert person.open("/").title.startswith("Sign in")


def test_no_page_shows_the_number_in_full(world: ServiceWorld, person: Person) -> None:
    person.ask_for_a_code()
    shown = [person.answer.text]
    person.press("/sign-in/code", code=wrong(world.deliver()))
    shown.append(person.answer.text)
    person.press("/sign-in/code", code=world.provider.codes[-1])
    shown.append(person.answer.text)
    for html in shown:
        assert "3210" in html
        assert "543210" not in html


# -- the phone page ------------------------------------------------------------------------------


def test_the_number_field_suits_a_phone(person: Person) -> None:
    page = person.open("/sign-in")
    field = page.element("phone_number")
    assert (field["type"], field["autocomplete"], field["inputmode"]) == ("tel", "tel", "tel")
    assert int(field["maxlength"] or 0) >= 32
    assert "pattern" not in field
    assert [held["for"] for held in page.all("label")] == ["phone_number", "region"]


def test_the_country_counts_for_a_number_without_its_code(tmp_path: Path) -> None:
    world = ServiceWorld(tmp_path, OTP_COUNTRIES="IN,GB")
    person = Person(world.client())
    assert "India (+91)" in person.open("/sign-in").text
    assert "+44" in person.press("/sign-in", phone_number="07400 123456", region="GB").text
    world.close()


def test_all_countries_are_listed_by_name_where_all_are_served(tmp_path: Path) -> None:
    world = ServiceWorld(tmp_path, OTP_COUNTRIES="ALL")
    page = Person(world.client()).open("/sign-in")
    assert len(page.all("option")) > 240
    assert page.text.index("Albania (+355)") < page.text.index("Zimbabwe (+263)")
    world.close()


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "Enter a mobile number"),
        ("98765", "too short"),
        ("+91 98765 43210 99", "too long"),
        ("+442079460000", "do not send messages to this country"),
        ("+91 98765 HELLO", "Enter a mobile number"),
        ("98765\0 43210", "Enter a mobile number"),
    ],
)
def test_a_number_that_cannot_be_used_is_explained_beside_its_field(
    world: ServiceWorld, person: Person, typed: str, says: str
) -> None:
    person.open("/sign-in")
    page = person.press("/sign-in", phone_number=typed)
    assert person.answer.status_code == 422
    assert page.title.startswith("Error: ")
    field = page.element("phone_number")
    assert field["aria-invalid"] == "true"
    assert field["aria-describedby"] == "phone_number-error"
    assert page.element("phone_number-error")
    assert says in page.text
    assert ("href", "#phone_number") in [item for held in page.all("a") for item in held.items()]
    assert any(held.get("role") == "alert" for held in page.all("div"))
    world.sender.run_once()
    assert not world.provider.sent


def test_what_was_typed_is_kept_and_harmless(person: Person) -> None:
    person.open("/sign-in")
    typed = '"><script>alert(1)</script>'
    page = person.press("/sign-in", phone_number=typed)
    assert page.element("phone_number")["value"] == typed
    assert "<script>alert" not in person.answer.text


def test_a_second_sign_in_for_a_number_waits_and_says_how_long(
    world: ServiceWorld, person: Person
) -> None:
    person.ask_for_a_code()
    other = Person(world.client())
    world.clock.turn(seconds=5)
    page = other.ask_for_a_code()
    assert other.answer.status_code == 429
    assert other.answer.headers["Retry-After"] == "25"
    assert "You can ask for a new one in 25 seconds" in page.text


# -- the code page -------------------------------------------------------------------------------


def test_the_code_field_is_one_text_field_that_takes_a_pasted_code(person: Person) -> None:
    page = person.ask_for_a_code()
    field = page.element("code")
    assert (field["type"], field["inputmode"]) == ("text", "numeric")
    assert field["autocomplete"] == "one-time-code"
    assert int(field["maxlength"] or 0) >= 12
    assert "pattern" not in field
    assert field.get("value") is None


@pytest.mark.parametrize("form", [" {} {} ", "{}-{}", "{} {}\r\n"])
def test_a_code_may_be_pasted_with_spaces_and_dashes(
    world: ServiceWorld, person: Person, form: str
) -> None:
    person.ask_for_a_code()
    code = world.deliver()
    page = person.press("/sign-in/code", code=form.format(code[:3], code[3:]))
    assert page.title.startswith("Signed in")


def test_a_wrong_code_costs_a_try_and_says_how_many_are_left(
    world: ServiceWorld, person: Person
) -> None:
    person.ask_for_a_code()
    code = world.deliver()
    page = person.press("/sign-in/code", code=wrong(code))
    assert person.answer.status_code == 422
    assert page.title.startswith("Error: ")
    assert "4 tries left" in page.text
    assert page.element("code")["aria-invalid"] == "true"
    assert "code-error" in (page.element("code")["aria-describedby"] or "").split()
    assert page.element("code").get("value") is None
    assert person.press("/sign-in/code", code=code).title.startswith("Signed in")


@pytest.mark.parametrize("typed", ["", "12345", "abcdef", "१२३४५६", "12345\0", "1" * 3000])
def test_what_cannot_be_a_code_costs_no_try(
    world: ServiceWorld, person: Person, typed: str
) -> None:
    person.ask_for_a_code()
    code = world.deliver()
    page = person.press("/sign-in/code", code=typed)
    assert person.answer.status_code == 422
    assert "Enter the 6 digits" in page.text
    assert "4 tries left" in person.press("/sign-in/code", code=wrong(code)).text


def test_the_last_wrong_code_ends_it_and_one_press_starts_again(
    world: ServiceWorld, person: Person
) -> None:
    page = person.ask_for_a_code()
    code = world.deliver()
    for _ in range(5):
        page = person.press("/sign-in/code", code=wrong(code))
    assert page.title.startswith("Too many wrong codes")
    assert "/sign-in/code" not in page.forms
    world.clock.turn(seconds=30)
    assert MASKED in person.press("/sign-in/resend").text
    page = person.press("/sign-in/code", code=world.deliver())
    assert page.title.startswith("Signed in")


def test_an_expired_code_is_called_expired_and_one_press_gets_a_new_one(
    world: ServiceWorld, person: Person
) -> None:
    person.ask_for_a_code()
    code = world.deliver()
    world.clock.turn(minutes=11)
    page = person.press("/sign-in/code", code=code)
    assert page.title.startswith("The code has expired")
    page = person.press("/sign-in/resend")
    assert page.title.startswith("Enter the code")
    assert person.press("/sign-in/code", code=world.deliver()).title.startswith("Signed in")


def test_a_new_code_may_be_asked_for_after_the_wait_and_not_before(
    world: ServiceWorld, person: Person
) -> None:
    page = person.ask_for_a_code()
    first = world.deliver()
    assert "You can ask for a new code in 30 seconds" in page.text
    page = person.press("/sign-in/resend")
    assert (person.answer.status_code, person.answer.headers["Retry-After"]) == (429, "30")
    assert page.title.startswith("Error: ")
    world.clock.turn(seconds=30)
    assert "A new code was sent" not in page.text
    page = person.press("/sign-in/resend")
    assert page.title.startswith("Enter the code")
    assert "A new code was sent" in page.text
    assert world.deliver() == world.provider.codes[-1] != first
    assert len(world.provider.sent) == 2


def test_no_more_than_the_allowed_messages_are_sent(world: ServiceWorld, person: Person) -> None:
    page = person.ask_for_a_code()
    for _ in range(3):
        world.clock.turn(seconds=120)
        page = person.press("/sign-in/resend")
        world.deliver()
    assert "No more messages can be sent" in page.text
    assert "/sign-in/resend" not in page.forms
    assert len(world.provider.sent) == 4


def test_another_number_withdraws_the_first_and_shows_nothing_of_it(
    world: ServiceWorld, person: Person
) -> None:
    person.ask_for_a_code()
    code = world.deliver()
    old = world.provider.sent[0]
    page = person.press("/sign-in/cancel")
    assert page.title.startswith("Sign in")
    assert page.element("phone_number")["value"] == ""
    assert "3210" not in person.answer.text
    page = person.press("/sign-in", phone_number=OTHER_NUMBER)
    world.deliver()
    assert world.provider.sent[-1].to != old.to
    assert "4 tries left" in person.press("/sign-in/code", code=wrong(code)).text
    [v] = world.store.of_number(old.to, 5)
    assert v.status is Status.CANCELED


def test_the_page_says_what_became_of_the_message(world: ServiceWorld, person: Person) -> None:
    assert "leaves now" in person.ask_for_a_code().text
    world.deliver()
    assert "on its way" in person.open("/sign-in/code").text


@pytest.mark.parametrize(
    ("reason", "says", "first"),
    [
        ("recipient_refuses", "blocks such messages", "Use another number"),
        ("number_unusable", "cannot receive our messages", "Use another number"),
        ("refused", "Check it, or try again later", "Send a new code"),
        ("account_refused", "the fault is not yours", "Send a new code"),
    ],
)
def test_a_message_that_nobody_takes_has_its_one_way_on(
    world: ServiceWorld, person: Person, reason: str, says: str, first: str
) -> None:
    person.ask_for_a_code()
    world.provider.next = [Rejected(reason)]
    world.sender.run_once()
    page = person.open("/sign-in/code")
    assert page.title.startswith("No message could be sent")
    assert says in page.text
    assert {"/sign-in/resend", "/sign-in/cancel"} <= set(page.forms)
    html = person.answer.text
    [second] = {"Use another number", "Send a new code"} - {first}
    assert html.index(f"{first}</button>") < html.index(f"{second}</button>")


def test_a_message_that_waits_is_not_said_to_leave_now(world: ServiceWorld, person: Person) -> None:
    person.ask_for_a_code()
    world.provider.next = [Unreachable("unreachable")]
    world.sender.run_once()
    assert "takes longer than usual" in person.open("/sign-in/code").text
    world.clock.turn(seconds=2)
    world.deliver()
    assert "on its way" in person.open("/sign-in/code").text


def test_the_support_code_is_at_hand(world: ServiceWorld, person: Person) -> None:
    page = person.ask_for_a_code()
    world.deliver()
    [v] = world.store.of_number(world.provider.sent[0].to, 1)
    assert v.support_code in page.text
    assert v.id not in person.answer.text
