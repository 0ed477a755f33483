"""Nobody learns by asking whether a number is known, or what its owner is doing."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from types import FrameType

import pytest
from werkzeug.test import TestResponse

from otp.phone import Phone
from tests.requirements.material import AMPLE, started
from tests.web.person import Person
from tests.world import Api, ServiceWorld

KNOWN = [f"+9198765{n:05}" for n in range(20)]
# What is logged differs by its digits, and the count of the caller by what it did before.
OURS = re.compile(r"/otp/(?!log/|floods/)")
UNKNOWN = [f"+9198765{n:05}" for n in range(20, 40)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceWorld]:
    """Each of the known has signed in at the pages and at another client before."""
    made = ServiceWorld(tmp_path_factory.mktemp("known"), **AMPLE)
    _, keys = made.add_client("Other")
    other = made.api(keys["sk_live"])
    for number in KNOWN:
        other.check(started_at(other, number), made.deliver())
    made.clock.turn(seconds=60)
    for number in KNOWN:
        person = Person(made.client())
        person.ask_for_a_code(number)
        assert person.press("/sign-in/code", code=made.deliver()).title.startswith("Signed in")
    yield made
    made.close()


@pytest.fixture(autouse=True)
def later(world: ServiceWorld) -> None:
    """Every wait of the test before is over."""
    world.sender.run_once()
    world.clock.turn(hours=1)
    world.upkeep.sweep()


def started_at(api: Api, number: str) -> str:
    return str(api.start(number).json["id"])


def masked(answer: TestResponse, number: str) -> tuple[int, list[tuple[str, str]], str]:
    """All of an answer, but for what is another one each time."""
    text = answer.text.replace(number[-4:], "0000")
    text = re.sub(r"ver_[0-9a-f]{32}", "ver", text)
    text = re.sub(r"[0-9A-Z]{4}-[0-9A-Z]{4}", "support", text)
    text = text.replace(answer.headers["X-Request-Id"], "")
    text = re.sub(r'(name="csrf" value=")[^"]+', r"\1", text)
    headers = [
        (name, re.sub(r"ver_[0-9a-f]{32}|(?<=otp=)[\w=.-]+", "", value))
        for name, value in answer.headers
        if name not in ("X-Request-Id", "RateLimit")
    ]
    return answer.status_code, headers, text


def test_known_and_unknown_numbers_get_the_same_answers(world: ServiceWorld) -> None:
    seen = set()
    for number in KNOWN + UNKNOWN:
        app = world.api(world.keys["pk_live"])
        answer = app.start(number)
        again = app.start(number)
        person = Person(world.client())
        person.open("/sign-in")
        page = person.post("/sign-in", phone_number=number)
        assert (answer.status_code, again.status_code, page.status_code) == (201, 429, 429)
        seen.add(str([masked(one, number) for one in (answer, again, page)]))
    assert len(seen) == 1


def test_known_and_unknown_numbers_get_the_same_pages(world: ServiceWorld) -> None:
    seen = set()
    for number in [*KNOWN[:5], *(f"+9198765{n:05}" for n in range(50, 55))]:
        person = Person(world.client())
        person.open("/sign-in")
        answers = [person.post("/sign-in", phone_number=number)]
        person.open("/sign-in/code")
        answers.append(person.answer)
        seen.add(str([masked(one, number) for one in answers]))
    assert len(seen) == 1


def calls_of(action: Callable[[], object]) -> list[str]:
    """The functions of ours that run in this thread, in their order."""
    called: list[str] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and OURS.search(frame.f_code.co_filename):
            called.append(frame.f_code.co_qualname)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(before)
    return called


def test_a_known_number_takes_the_same_way_through_the_service_as_an_unknown_one(
    world: ServiceWorld,
) -> None:
    """A clock would measure the machine; this compares what is done."""
    api, app = world.api(), world.api(world.keys["pk_live"])
    for asker in (app, api):
        asker.start("+919876500099")  # what is made once is made by now
    for asker, number in ((app, 0), (api, 5)):
        for e164 in (KNOWN[number], f"+91987650006{number}"):
            world.store.lookup.index(Phone.of(e164))  # remembered by each process for a while
        known = calls_of(lambda a=asker, n=number: a.start(KNOWN[n]))  # type: ignore[misc]
        unknown = calls_of(lambda a=asker, n=number: a.start(f"+91987650006{n}"))  # type: ignore[misc]
        assert len(known) > 50
        assert known == unknown


def test_a_request_never_waits_for_a_gateway(world: ServiceWorld) -> None:
    def send(_: object) -> str:
        raise AssertionError("sent within a request")

    before, world.provider.send = world.provider.send, send  # type: ignore[method-assign,assignment]
    try:
        id = started(world)
        world.clock.turn(seconds=30)
        assert world.api().resend(id).status_code == 202
        person = Person(world.client())
        assert person.ask_for_a_code("+919876543219").title.startswith("Enter the code")
    finally:
        world.provider.send = before  # type: ignore[method-assign]


def test_a_stranger_does_not_see_that_somebody_is_signing_in(world: ServiceWorld) -> None:
    busy, idle = "+919876500071", "+919876500072"
    victim = Person(world.client())
    victim.ask_for_a_code(busy)
    code = world.deliver()
    world.clock.turn(seconds=30)
    app = world.api(world.keys["pk_live"])
    assert masked(app.start(busy), busy) == masked(app.start(idle), idle)
    assert victim.press("/sign-in/code", code=code).title.startswith("Signed in")
