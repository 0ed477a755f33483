"""Numbers that an operator makes for a review: one code, one client, some days, no message.

And that without them nothing opens every verification in production (R34).
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from otp import client as clients
from otp import log
from otp.client import SIGN_IN, Client
from otp.keys import Keyring
from otp.phone import Phone
from otp.rehearsal import Outcome, Rehearsal
from otp.service import Caller
from tests.rehearsing import (
    OPENLY,
    claims,
    code_of,
    guessed_out,
    nothing_left,
    number,
    problem,
    started,
)
from tests.web.person import Person
from tests.world import NUMBER, OTHER_NUMBER, ROOMY, START, ServiceWorld, wrong

REVIEWED = "+12025550143"
CODE = "482913"


# -- a number for a review ------------------------------------------------------------------------


def made(
    world: ServiceWorld,
    text: str = REVIEWED,
    *,
    client_id: str | None = None,
    days: int = 3,
    code: str = CODE,
) -> None:
    """As `flask client test-number add` makes it."""
    client = world.store.client(client_id or world.client_id)
    phone = Phone.of(text)
    new = clients.TestNumber(
        index=world.store.lookup.index(phone),
        masked=phone.masked,
        digest=Rehearsal(world.parts.world.keyring).digest(client.id, phone, code),
        code_length=len(code),
        until=(world.clock() + timedelta(days=days)).date(),
    )
    world.store.put_client(replace(client, test_numbers=(*client.test_numbers, new)))


class Heard:
    """The log, from here on."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        log.configure(json=True, secrets=[], stream=self.stream)

    def uses(self) -> list[dict[str, Any]]:
        rows = [json.loads(line) for line in self.stream.getvalue().splitlines()]
        return [row for row in rows if row["event"] == "test_number_used"]


@pytest.mark.parametrize("kind", ["sk_live", "pk_live"])
def test_a_review_number_opens_by_its_code_and_is_marked_a_test(
    world: ServiceWorld, kind: str
) -> None:
    made(world)
    api = world.api(world.keys[kind])
    answer = api.start(REVIEWED)  # its country is not served
    assert answer.json["delivery"]["status"] == "delivered"
    id = answer.json["id"]
    assert problem(api.check(id, code_of(REVIEWED))) == (422, "wrong_code")
    approved = api.check(id, CODE)
    assert approved.status_code == 200
    assert claims(world, approved)["test"] is True
    assert nothing_left(world)


def test_a_review_number_that_is_served_is_not_sent_to_either(world: ServiceWorld) -> None:
    made(world, NUMBER)
    id = started(world.api(), NUMBER)
    assert nothing_left(world)
    assert world.api().check(id, CODE).status_code == 200
    started(world.api(), OTHER_NUMBER)
    assert world.deliver()
    assert [sms.to.e164 for sms in world.provider.sent] == [OTHER_NUMBER]


def test_a_review_number_is_its_clients_alone(world: ServiceWorld) -> None:
    made(world, NUMBER)
    _, others = world.add_client("Other")
    other = world.api(others["sk_live"])
    id = started(other, NUMBER)
    code = world.deliver()
    assert problem(other.check(id, wrong(code))) == (422, "wrong_code")
    approved = other.check(id, code)
    assert "test" not in claims(world, approved)


def test_a_review_number_means_nothing_to_a_test_key(world: ServiceWorld) -> None:
    made(world, NUMBER)
    answer = world.api(world.keys["sk_test"]).start(NUMBER)
    assert answer.json["reason"] == "not_a_test_number"
    made(world)  # and where it is a reserved one, it plays what that plays
    assert world.api(world.keys["sk_test"]).start(REVIEWED).json["reason"] == "blocked"


def test_a_review_number_is_played_again_by_a_resend_and_a_resumed_start(
    world: ServiceWorld,
) -> None:
    made(world)
    id = started(world.api(), REVIEWED)
    world.clock.turn(seconds=30)
    assert world.api().resend(id).json["delivery"]["status"] == "delivered"
    world.clock.turn(seconds=60)
    resumed = world.api().start(REVIEWED)
    assert (resumed.status_code, resumed.json["sends_left"]) == (200, 1)
    world.clock.turn(seconds=599)
    assert world.api().check(id, CODE).status_code == 200
    assert nothing_left(world)


def test_a_review_number_is_good_through_its_last_day(world: ServiceWorld) -> None:
    made(world, NUMBER, days=2)
    world.clock.now = START.replace(hour=23, minute=59, second=50) + timedelta(days=2)
    id = started(world.api(), NUMBER)
    assert nothing_left(world)
    world.clock.turn(seconds=40)
    later = world.api(world.keys["pk_live"]).start(NUMBER)
    assert later.status_code == 201
    assert world.deliver(), "it is an ordinary number again"
    assert world.api().check(id, CODE).json["status"] == "approved", "what was begun stays a test"


def test_what_became_a_review_number_does_not_take_up_what_was_sent(world: ServiceWorld) -> None:
    sent = started(world.api(), NUMBER)
    world.deliver()
    made(world, NUMBER)
    world.clock.turn(seconds=31)
    id = started(world.api(), NUMBER)
    assert id != sent
    world.sender.run_once()
    assert len(world.provider.sent) == 1


def test_a_review_of_another_length_of_code_keeps_its_length(world: ServiceWorld) -> None:
    made(world, code="20482913")
    answer = world.api().start(REVIEWED)
    assert answer.json["code_length"] == 8
    assert world.api().check(answer.json["id"], "20482913").status_code == 200


def test_a_review_and_people_count_for_themselves(world: ServiceWorld) -> None:
    made(world, NUMBER)
    guessed_out(world, world.api(), NUMBER, wrong(CODE))
    _, others = world.add_client("Other")
    other = world.api(others["sk_live"])
    id = started(other, NUMBER)
    assert other.check(id, world.deliver()).status_code == 200


def test_each_use_of_a_review_number_is_a_warning_without_the_code(world: ServiceWorld) -> None:
    made(world)
    heard = Heard()
    id = started(world.api(), REVIEWED)
    support_code = world.read(id).support_code
    world.api().start(REVIEWED)
    world.api().check(id, wrong(CODE))
    world.clock.turn(seconds=30)
    world.api().resend(id)
    world.api().check(id, CODE)
    uses = heard.uses()
    assert [row["use"] for row in uses] == [
        "started",
        "resumed",
        "wrong_code",
        "resent",
        "approved",
    ]
    for row in uses:
        assert (row["level"], row["client"]) == ("warning", world.client_id)
        assert (row["phone"], row["support_code"]) == ("+1••••••0143", support_code)
    assert CODE not in heard.stream.getvalue()
    assert REVIEWED not in heard.stream.getvalue()


def test_a_locked_review_number_is_logged_as_used_too(world: ServiceWorld) -> None:
    made(world)
    heard = Heard()
    id = guessed_out(world, world.api(), REVIEWED, wrong(CODE))
    assert heard.uses()[-1]["use"] == "too_many_failures"
    assert problem(world.api().check(id, CODE)) == (429, "too_many_failures")


def test_what_is_no_review_is_not_logged_as_one(world: ServiceWorld) -> None:
    made(world)
    heard = Heard()
    started(world.api(), NUMBER)
    world.deliver()
    started(world.api(world.keys["sk_test"]), number(Outcome.RIGHT))
    assert heard.uses() == []


def test_a_person_signs_in_at_the_pages_with_a_review_number(
    world: ServiceWorld,
) -> None:
    made(world, client_id=SIGN_IN)
    person = Person(world.client())
    person.ask_for_a_code(REVIEWED)
    assert "+1••••••0143" in person.page.text
    person.press("/sign-in/code", code=wrong(CODE))
    assert person.answer.status_code == 422
    assert person.press("/sign-in/code", code=CODE).title.startswith("Signed in")
    assert nothing_left(world)
    assert problem(world.api().start(REVIEWED)) == (422, "invalid_phone_number")


def test_a_new_code_at_the_pages_is_played_as_well(world: ServiceWorld) -> None:
    made(world, client_id=SIGN_IN)
    person = Person(world.client())
    person.ask_for_a_code(REVIEWED)
    world.clock.turn(minutes=11)
    page = person.open("/sign-in/code")
    assert "/sign-in/resend" in page.forms
    person.press("/sign-in/resend")
    assert person.press("/sign-in/code", code=CODE).title.startswith("Signed in")
    assert nothing_left(world)


def test_a_client_that_the_caller_brings_along_is_not_looked_up(world: ServiceWorld) -> None:
    made(world)
    client = world.store.client(world.client_id)
    caller = Caller(client_id=client.id, credential="key", client=client)
    world.store.put_client(replace(client, test_numbers=()))
    assert world.service.start(caller, REVIEWED).verification.is_test


def test_a_day_is_a_day_in_utc_wherever_the_clock_stands() -> None:
    kept = clients.TestNumber(
        index=b"", masked="", digest="", code_length=6, until=date(2026, 11, 22)
    )
    late = START.replace(hour=23, minute=59)
    for hours in (-8, 0, 5.5):
        zone = timezone(timedelta(hours=hours))
        assert kept.is_open(late.astimezone(zone))
        assert not kept.is_open((late + timedelta(minutes=1)).astimezone(zone))


# -- R34: no master code, no switch in production -------------------------------------------------

PRODUCTION = {
    "OTP_DEMO": "0",
    "OTP_SERVICE_NAME": "Acme",
    "OTP_ROUTE": "mobtexting",
    "OTP_MOBTEXTING_TOKEN": "0d9f64b1c85e4f0e9f3c7a1b2d4e6f80",
    "OTP_MOBTEXTING_SENDER": "ACMEIN",
    "OTP_TRUSTED_PROXIES": "0",
    "OTP_SIGN_IN": "open",
    **ROOMY,
    **OPENLY,
}


@pytest.fixture
def production(tmp_path: Path) -> Iterator[ServiceWorld]:
    world = ServiceWorld(tmp_path, **PRODUCTION)
    assert not world.settings.demo
    yield world
    world.close()


GUESSES = ["000000", "123456", "111111", "", None, True, "550100"]


@pytest.mark.parametrize("kind", ["sk_live", "pk_live"])
@pytest.mark.parametrize("text", [NUMBER, number(Outcome.RIGHT)])
@pytest.mark.parametrize("sent", [False, True])
def test_no_code_opens_every_verification(
    production: ServiceWorld, kind: str, text: str, sent: bool
) -> None:
    api = production.api(production.keys[kind])
    for code in GUESSES:
        id = started(api, text)
        if sent:
            assert production.deliver() != code, "once in a million"
        for members in ({"code": code}, {"code": code, "test": True}):
            assert api.post(f"/v1/verifications/{id}/check", members).status_code != 200
        assert api.cancel(id).json["status"] == "canceled", "it was pending until now"
        production.clock.turn(seconds=30)


@pytest.mark.parametrize("code", ["000000", "123456", "111111", "", "550100"])
def test_no_code_opens_every_page(production: ServiceWorld, code: str) -> None:
    person = Person(production.client())
    person.ask_for_a_code(number(Outcome.RIGHT))
    assert production.deliver() != code
    person.post("/sign-in/code", code=code)
    assert person.answer.status_code == 422


def test_there_is_no_test_number_unless_one_is_made(production: ServiceWorld) -> None:
    assert [client.test_numbers for client in production.store.clients()] == [(), ()]
    for outcome in Outcome:
        started(production.api(), number(outcome))
    production.sender.run_once()
    assert len(production.provider.sent) == len(Outcome)
    assert Client(id="cli_1", name="Acme", created_at=START).test_numbers == ()


def test_a_keyring_without_the_key_of_a_code_opens_nothing(world: ServiceWorld) -> None:
    made(world)
    id = started(world.api(), REVIEWED)
    v = world.read(id)
    other = replace(world.parts.world.keyring.newest, id="k2")
    assert v.newest.digest
    stranger = Rehearsal(Keyring((other,), world.parts.world.token_bytes))
    assert not stranger.opens(v, v.newest.digest, CODE)
