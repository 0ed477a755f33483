"""One story told through each door: a machine with a key, and a person with a browser."""

from __future__ import annotations

import pytest

from otp.client import SIGN_IN
from otp.errors import Rejected
from otp.phone import Phone
from tests.web.person import Person
from tests.world import NUMBER, ServiceWorld, wrong


class Json:
    """The JSON door."""

    def __init__(self, world: ServiceWorld) -> None:
        self._api = world.api(world.keys["pk_live"])
        self.client_id = world.client_id
        self.id = ""

    def start(self, number: str = NUMBER) -> int:
        answer = self._api.start(number)
        self.id = answer.json.get("id", "")
        return answer.status_code

    def check(self, code: str) -> int:
        return self._api.check(self.id, code).status_code

    def resend(self) -> int:
        return self._api.resend(self.id).status_code


class Html:
    """The HTML door. A page that says how it ended counts as the 410 it stands for."""

    def __init__(self, world: ServiceWorld) -> None:
        self._world = world
        self._person = Person(world.client())
        self._phone = Phone.of(NUMBER)
        self.client_id = SIGN_IN

    @property
    def id(self) -> str:
        [found] = self._world.store.of_number(self._phone, 1)
        return found.id

    def start(self, number: str = NUMBER) -> int:
        self._person.open("/sign-in")
        status = self._person.post("/sign-in", phone_number=number).status_code
        return 201 if status == 303 else status

    def check(self, code: str) -> int:
        page = self._person.open("/sign-in/code")
        if "/sign-in/code" not in page.forms:
            return 410
        answer = self._person.post("/sign-in/code", code=code)
        if answer.status_code == 422:
            return 422
        return 200 if answer.headers["Location"] == "/sign-in/done" else 410

    def resend(self) -> int:
        self._person.open("/sign-in/code")
        status = self._person.post("/sign-in/resend").status_code
        return 202 if status == 303 else status


Door = Json | Html


@pytest.fixture(params=[Json, Html])
def door(request: pytest.FixtureRequest, world: ServiceWorld) -> Door:
    made: Door = request.param(world)
    return made


def test_the_right_code_proves_the_number(world: ServiceWorld, door: Door) -> None:
    assert door.start() == 201
    assert door.check(world.deliver()) == 200
    assert world.read(door.id, door.client_id).status == "approved"


def test_wrong_codes_run_out_and_then_the_right_one_is_refused(
    world: ServiceWorld, door: Door
) -> None:
    door.start()
    code = world.deliver()
    assert [door.check(wrong(code)) for _ in range(5)] == [422, 422, 422, 422, 410]
    assert door.check(code) == 410
    assert world.read(door.id, door.client_id).attempts == 5


def test_a_resend_waits_and_brings_a_new_code(world: ServiceWorld, door: Door) -> None:
    door.start()
    first = world.deliver()
    assert door.resend() == 429
    world.clock.turn(seconds=30)
    assert door.resend() == 202
    second = world.deliver()
    assert first != second
    assert door.check(second) == 200


def test_a_code_dies_with_its_time(world: ServiceWorld, door: Door) -> None:
    door.start()
    code = world.deliver()
    world.clock.turn(seconds=600)
    assert door.check(code) == 410


def test_a_number_waits_whichever_door_is_asked(world: ServiceWorld, door: Door) -> None:
    door.start()
    other = (Html if isinstance(door, Json) else Json)(world)
    assert other.start("098765 43210") == 429
    world.sender.run_once()
    assert len(world.provider.sent) == 1


def test_a_number_that_is_none_is_refused_and_sends_nothing(
    world: ServiceWorld, door: Door
) -> None:
    assert door.start("+91 98765 HELLO") == 422
    world.sender.run_once()
    assert world.provider.sent == []


def test_nothing_got_through_ends_it(world: ServiceWorld, door: Door) -> None:
    door.start()
    world.provider.next = [Rejected("number_unusable")]
    world.sender.run_once()
    assert door.check("123456") == 410
