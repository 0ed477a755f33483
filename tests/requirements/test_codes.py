"""How codes are made, how long they live, and that each is good once."""

from __future__ import annotations

import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from otp.errors import Rejected
from otp.service import Caller
from tests.gateway import until
from tests.requirements.material import AMPLE, everything, started, told
from tests.web.person import Person
from tests.world import NUMBER, OTHER_NUMBER, ServiceWorld, wrong


def test_two_thousand_codes_are_as_even_as_chance_makes_them(world: ServiceWorld) -> None:
    caller = Caller(client_id=world.client_id, credential="key")
    with ThreadPoolExecutor(32) as crowd:  # together they share commits
        numbers = [f"+9198765{number:05}" for number in range(2000)]
        list(crowd.map(lambda number: world.service.start(caller, number), numbers))
    world.sender.start()
    until(lambda: len(world.provider.sent) == 2000, seconds=60)
    codes = world.provider.codes
    assert len(codes) == 2000
    assert all(re.fullmatch(r"[0-9]{6}", code, re.ASCII) for code in codes)
    # Each bound is five standard deviations away, and more: an honest draw fails once in a million.
    assert 132 < sum(code.startswith("0") for code in codes) < 268
    pairs = sum(count * (count - 1) // 2 for count in Counter(codes).values())
    assert pairs < 14, "two expected"


def test_the_clock_of_the_server_alone_ends_a_code(world: ServiceWorld) -> None:
    alive, first = started(world), world.deliver()
    dead, second = started(world, OTHER_NUMBER), world.deliver()
    early = {"Date": "Sun, 22 Nov 2026 08:39:27 GMT", "X-Request-Start": "t=0", "Age": "-600"}
    world.clock.turn(seconds=599, milliseconds=999)
    assert world.api().check(alive, first).status_code == 200
    world.clock.turn(milliseconds=1)
    assert world.api().check(dead, second, headers=early).status_code == 410
    assert world.api().check(dead, second, now="2026-11-22T08:39:27Z").status_code in (410, 422)


def test_of_three_codes_the_first_is_dead_and_in_strict_mode_the_second_too(
    tmp_path: Path,
) -> None:
    for live in (1, 2):
        world = ServiceWorld(tmp_path / str(live), OTP_LIVE_CODES=str(live), **AMPLE)
        id = started(world)
        world.deliver()
        for wait in (30, 60):
            world.clock.turn(seconds=wait)
            assert world.api().resend(id).status_code == 202
            world.deliver()
        first, second, third = world.provider.codes
        assert world.api().check(id, first).status_code == 422
        if live == 1:
            assert world.api().check(id, second).status_code == 422
            assert world.api().check(id, third).status_code == 200
        else:
            assert world.api().check(id, second).status_code == 200
        world.close()


def test_a_resend_that_nobody_takes_leaves_the_earlier_code_good(world: ServiceWorld) -> None:
    id = started(world)
    code = world.deliver()
    world.clock.turn(seconds=30)
    assert world.api().resend(id).status_code == 202
    world.provider.next = [Rejected("number_unusable")]
    world.sender.run_once()
    assert world.api().read(id).json["delivery"]["status"] == "undelivered"
    assert world.api().check(id, code).status_code == 200


def test_no_resend_keeps_a_verification_alive_beyond_twenty_minutes(world: ServiceWorld) -> None:
    id = started(world)
    world.deliver()
    for later in (590, 590):
        world.clock.turn(seconds=later)
        assert world.api().resend(id).status_code == 202
        code = world.deliver()
    world.clock.turn(seconds=19)
    assert world.api().read(id).json["status"] == "pending"
    world.clock.turn(seconds=1)
    assert world.api().resend(id).status_code == 410
    assert world.api().check(id, code).status_code == 410


# -- what answers tell ----------------------------------------------------------------------------


def approve(world: ServiceWorld, id: str, code: str) -> None:
    assert world.api().check(id, code).status_code == 200
    world.clock.turn(seconds=60)


def use_up(world: ServiceWorld, id: str, code: str) -> None:
    for _ in range(5):
        world.api().check(id, wrong(code))


ENDINGS = {
    "approved": approve,
    "expired": lambda world, id, code: world.clock.turn(seconds=600),
    "canceled": lambda world, id, code: world.api().cancel(id),
    "max_attempts_reached": use_up,
}


@pytest.mark.parametrize("status", ENDINGS)
def test_of_what_has_ended_right_and_wrong_codes_learn_the_same(
    world: ServiceWorld, status: str
) -> None:
    id = started(world)
    code = world.deliver()
    ENDINGS[status](world, id, code)
    right, other = world.api().check(id, code), world.api().check(id, wrong(code))
    assert right.json["verification_status"] == status
    assert told(right) == told(other)
    assert right.status_code == 410


def without_counts(answer: TestResponse) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(answer.data)
    for counts in (body, body["verification"]):
        counts.pop("attempts_left")
    body.pop("request_id")
    return body


def test_a_guess_that_is_nearly_right_learns_as_much_as_any_other(world: ServiceWorld) -> None:
    bodies, lengths = [], set()
    for number, shared in ((NUMBER, (0, 1, 2, 3)), (OTHER_NUMBER, (5, 4, 3, 2))):
        id = started(world, number)
        code = world.deliver()
        learned = []
        for digits in shared:
            rest = "".join(str((int(digit) + 5) % 10) for digit in code[digits:])
            answer = world.api().check(id, code[:digits] + rest)
            assert answer.status_code == 422
            learned.append(without_counts(answer))
            lengths.add(len(answer.data))
        assert all(one == learned[0] for one in learned)
        bodies.append(learned)
    assert len(lengths) == 1, "not even by its length"


# -- the code is in no answer ---------------------------------------------------------------------


def test_no_answer_of_a_whole_flow_holds_a_code(world: ServiceWorld) -> None:
    answers = []
    for kind in ("sk_live", "pk_live"):
        api = world.api(world.keys[kind])
        number = NUMBER if kind == "sk_live" else OTHER_NUMBER
        key = {"Idempotency-Key": f"the-start-{kind}"}
        begun = [api.start(number, headers=key), api.start(number, headers=key)]
        id = begun[0].json["id"]
        first = world.deliver()
        world.clock.turn(seconds=30)
        answers += [*begun, api.resend(id)]
        world.deliver()
        key = {"Idempotency-Key": f"the-check-{kind}"}
        answers += [api.start(number, headers=key), api.read(id), api.check(id, wrong(first))]
        answers += [api.check(id, first, headers=key) for _ in range(2)]
        world.clock.turn(seconds=61)
        answers += [api.check(id, first), api.read(id), api.cancel(id), api.resend(id)]
    assert {answer.status_code for answer in answers} == {200, 201, 202, 410, 422, 429}

    person = Person(world.client())
    answers.append(person.client.get("/sign-in"))
    person.ask_for_a_code("+919876543212")
    answers.append(person.answer)
    code = world.deliver()
    person.press("/sign-in/code", code=wrong(code))
    answers += [person.answer, person.post("/sign-in/code", code=code)]
    answers += [person.client.get(path) for path in ("/sign-in/done", "/sign-in/code")]
    codes = world.provider.codes
    assert len(codes) == 5
    for answer in answers:
        for code in codes:
            assert not re.search(rb"(?<![0-9])%b(?![0-9])" % code.encode(), everything(answer))


def test_nobody_chooses_the_code_of_another(world: ServiceWorld) -> None:
    for member in ("code", "passcode", "otp", "custom_code", "token"):
        assert world.api().start(**{member: "123456"}).status_code == 422
    world.sender.run_once()
    assert world.provider.sent == []
