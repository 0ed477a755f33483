"""Test keys: every outcome at its number, counters of their own, and never a message."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from otp.challenge import Delivery
from otp.client import Mode
from otp.phone import Phone
from otp.rehearsal import RESERVED, Outcome, Rehearsal, outcome_at
from otp.store.flags import PAUSED
from otp.verification import Verification
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
from tests.world import NUMBER, Api, ServiceWorld, secret_key, wrong

DOCS = Path(__file__).parents[1] / "docs" / "testing.md"
KINDS = ("sk_test", "pk_test")
CODE = "482913"


@pytest.fixture(params=KINDS)
def api(request: pytest.FixtureRequest, world: ServiceWorld) -> Api:
    return world.api(world.keys[request.param])


# -- what a test key meets ------------------------------------------------------------------------


def test_right_the_code_is_the_end_of_the_number_at_once(world: ServiceWorld, api: Api) -> None:
    answer = api.start(number(Outcome.RIGHT, 7))
    assert answer.json["delivery"]["status"] == "delivered"
    id = answer.json["id"]
    assert problem(api.check(id, wrong("550107"))) == (422, "wrong_code")
    approved = api.check(id, "550107")
    assert (approved.status_code, approved.json["status"]) == (200, "approved")
    told = claims(world, approved)
    assert (told["test"], told["aud"]) == (True, world.client_id)
    assert told["phone_number"] == "+12025550107"
    assert nothing_left(world)


def test_right_has_as_many_digits_as_the_client_asks_for(world: ServiceWorld) -> None:
    client = world.store.client(world.client_id)
    world.store.put_client(replace(client, policy=(("code_length", 10),)))
    api = world.api(world.keys["sk_test"])
    id = started(api, number(Outcome.RIGHT, 7))
    assert api.check(id, "2025550107").status_code == 200


def test_wrong_every_code_is_wrong_until_no_attempt_is_left(api: Api) -> None:
    text = number(Outcome.WRONG)
    id = started(api, text)
    for left in (4, 3, 2, 1):
        answer = api.check(id, code_of(text))
        assert problem(answer) == (422, "wrong_code")
        assert answer.json["attempts_left"] == left
    last = api.check(id, code_of(text))
    assert problem(last) == (410, "verification_ended")
    assert last.json["verification_status"] == "max_attempts_reached"


def test_expired_the_code_is_dead_on_arrival(api: Api) -> None:
    text = number(Outcome.EXPIRED)
    answer = api.start(text)
    assert (answer.status_code, answer.json["status"]) == (201, "pending")
    assert answer.json["expires_in"] == 0
    id = answer.json["id"]
    for refused in (api.check(id, code_of(text)), api.resend(id)):
        assert problem(refused) == (410, "verification_ended")
        assert refused.json["verification_status"] == "expired"
    assert api.read(id).json["status"] == "expired"


def test_locked_nothing_is_compared_and_nothing_spent(world: ServiceWorld, api: Api) -> None:
    text = number(Outcome.LOCKED)
    id = started(api, text)
    for code in (code_of(text), wrong(code_of(text))):
        answer = api.check(id, code)
        assert problem(answer) == (429, "too_many_failures")
        assert answer.json["verification"]["attempts_left"] == 5
        assert int(answer.headers["Retry-After"]) == 3600
    assert api.read(id).json["status"] == "pending"
    world.clock.turn(seconds=30)
    assert problem(api.resend(id)) == (429, "too_many_failures")
    assert api.read(id).json["sends_left"] == 3


@pytest.mark.parametrize(
    ("outcome", "error", "members"),
    [
        (Outcome.BLOCKED, (422, "invalid_phone_number"), {"reason": "blocked"}),
        (Outcome.TOO_SOON, (429, "too_soon"), {"retry_in": 30}),
        (Outcome.QUOTA, (429, "quota_exceeded"), {"quota": "phone_number"}),
        (Outcome.UNAVAILABLE, (503, "unavailable"), {"retry_in": 5}),
    ],
)
def test_a_start_may_be_refused_and_leaves_nothing(
    world: ServiceWorld,
    api: Api,
    outcome: Outcome,
    error: tuple[int, str],
    members: dict[str, Any],
) -> None:
    answer = api.start(number(outcome))
    assert problem(answer) == error
    assert members.items() <= answer.json.items()
    assert world.store.of_number(Phone.of(number(outcome)), 1) == []


def test_undelivered_ends_failed_with_a_reason(world: ServiceWorld, api: Api) -> None:
    answer = api.start(number(Outcome.UNDELIVERED))
    assert answer.json["delivery"]["status"] == "queued"
    assert nothing_left(world)
    shown = api.read(answer.json["id"]).json
    assert shown["status"] == "failed"
    assert shown["delivery"]["status"] == "undelivered"
    assert shown["delivery"]["reason"] == "number_unusable"


def test_late_arrives_after_ten_seconds_and_then_opens(world: ServiceWorld, api: Api) -> None:
    text = number(Outcome.LATE)
    id = started(api, text)
    world.clock.turn(seconds=9)
    assert world.sender.run_once() == 0
    assert api.read(id).json["delivery"]["status"] == "queued"
    assert problem(api.check(id, code_of(text))) == (422, "wrong_code")
    world.clock.turn(seconds=1)
    assert nothing_left(world)
    shown = api.read(id).json
    assert (shown["delivery"]["status"], shown["expires_in"]) == ("delivered", 600)
    assert api.check(id, code_of(text)).status_code == 200


def test_late_is_not_waited_for_by_who_canceled(world: ServiceWorld, api: Api) -> None:
    id = started(api, number(Outcome.LATE))
    api.cancel(id)
    world.clock.turn(seconds=10)
    assert nothing_left(world)
    assert api.read(id).json["status"] == "canceled"


def test_late_comes_too_late_if_no_sender_runs(world: ServiceWorld, api: Api) -> None:
    id = started(api, number(Outcome.LATE))
    world.clock.turn(hours=1)
    assert nothing_left(world)
    assert api.read(id).json["status"] == "failed"
    assert world.store.next_due() is None


@pytest.mark.parametrize("text", [NUMBER, "+12025550200", "+12025550099", "+447400123456"])
def test_any_other_number_is_no_test_number(world: ServiceWorld, api: Api, text: str) -> None:
    answer = api.start(text)
    assert problem(answer) == (422, "invalid_phone_number")
    assert answer.json["reason"] == "not_a_test_number"
    assert nothing_left(world)


def test_a_test_number_may_be_written_as_at_home(api: Api) -> None:
    assert started(api, "(202) 555-0107", region="US")


def test_every_reserved_number_has_its_outcome_and_no_other_has_one() -> None:
    found = [outcome_at(Phone.of(f"{RESERVED}{end:02}")) for end in range(100)]
    assert [outcome.digit for outcome in found if outcome] == [str(end // 10) for end in range(100)]
    assert outcome_at(Phone.of("+12025550200")) is None
    assert outcome_at(Phone.UNREADABLE) is None


def test_the_documentation_has_each_outcome_in_its_row() -> None:
    rows = re.findall(r"^\| `(\+1 202 555 01.x)` \| ([^|]+) \|", DOCS.read_text(), re.MULTILINE)
    assert rows == [(f"+1 202 555 01{outcome.digit}x", outcome.meaning) for outcome in Outcome]


# -- resend, resume -------------------------------------------------------------------------------


def test_a_resend_is_played_at_once_after_the_usual_wait(world: ServiceWorld, api: Api) -> None:
    text = number(Outcome.RIGHT)
    id = started(api, text)
    assert problem(api.resend(id)) == (429, "too_soon")
    world.clock.turn(seconds=30)
    answer = api.resend(id)
    assert (answer.status_code, answer.json["sends_left"]) == (202, 2)
    assert answer.json["delivery"]["status"] == "delivered"
    assert nothing_left(world)
    world.clock.turn(seconds=580)  # the first code is dead by now
    assert api.check(id, code_of(text)).status_code == 200


def test_a_resend_of_what_is_late_is_late_again(world: ServiceWorld, api: Api) -> None:
    id = started(api, number(Outcome.LATE))
    world.clock.turn(seconds=30)
    assert api.resend(id).json["delivery"]["status"] == "queued"
    assert nothing_left(world)
    assert api.read(id).json["delivery"]["status"] == "queued"
    assert [c.delivery for c in read(world, id).challenges] == ["delivered", "queued"]
    world.clock.turn(seconds=10)
    assert nothing_left(world)
    assert api.read(id).json["delivery"]["status"] == "delivered"


def test_a_secret_test_key_resumes_and_a_publishable_one_waits(world: ServiceWorld) -> None:
    secret, public = (world.api(world.keys[kind]) for kind in KINDS)
    text = number(Outcome.RIGHT)
    id = started(secret, text)
    again = secret.start(text)
    assert (again.status_code, again.json["id"], again.json["resumed"]) == (200, id, True)
    assert problem(public.start(text)) == (429, "too_soon")
    world.clock.turn(seconds=30)
    resent = secret.start(text)
    assert (resent.json["id"], resent.json["sends_left"]) == (id, 2)
    assert secret.check(id, code_of(text)).status_code == 200
    assert nothing_left(world)


def test_a_repeated_start_is_answered_again(world: ServiceWorld, api: Api) -> None:
    once = {"Idempotency-Key": "a"}
    ids = {started(api, number(Outcome.RIGHT), headers=once) for _ in range(2)}
    assert len(ids) == 1


def test_a_pause_of_sending_is_met_by_tests_too(world: ServiceWorld, api: Api) -> None:
    world.store.put_flag(PAUSED, "1")
    assert problem(api.start(number(Outcome.RIGHT))) == (503, "unavailable")


# -- counters of their own ------------------------------------------------------------------------


def used_up(world: ServiceWorld, api: Api, text: str) -> tuple[int, str]:
    """What refuses a start in the end, after as many as are allowed, each in its wait's time."""
    for _ in range(20):
        answer = api.start(text)
        if answer.status_code == 429:
            return problem(answer)
        api.cancel(answer.json["id"])
        world.clock.turn(seconds=30)
    raise AssertionError("never refused")


TESTS_THEN_LIVE = [("sk_test", "sk_live"), ("sk_live", "sk_test")]


@pytest.mark.parametrize(("first", "second"), TESTS_THEN_LIVE)
def test_messages_of_one_mode_do_not_count_in_the_other(
    tmp_path: Path, first: str, second: str
) -> None:
    world = ServiceWorld(tmp_path, **OPENLY)
    text = number(Outcome.RIGHT)
    assert used_up(world, world.api(world.keys[first]), text) == (429, "quota_exceeded")
    assert started(world.api(world.keys[second]), text)
    world.close()


def test_the_wait_of_a_number_is_each_modes_own(tmp_path: Path) -> None:
    world = ServiceWorld(tmp_path, **OPENLY)
    text = number(Outcome.RIGHT)
    _, others = world.add_client("Other")
    started(world.api(world.keys["pk_test"]), text)
    started(world.api(world.keys["pk_live"]), text)
    started(world.api(others["pk_test"]), text)
    assert problem(world.api(others["pk_live"]).start(text)) == (429, "too_soon")
    world.close()


@pytest.mark.parametrize(("first", "second"), TESTS_THEN_LIVE)
def test_wrong_codes_of_one_mode_do_not_lock_the_other(
    tmp_path: Path, first: str, second: str
) -> None:
    world = ServiceWorld(tmp_path, **OPENLY)
    text = number(Outcome.RIGHT)
    guessed_out(world, world.api(world.keys[first]), text, "000000")
    other = world.api(world.keys[second])
    id = started(other, text)
    assert problem(other.check(id, "000000")) == (422, "wrong_code")
    world.close()


def test_wrong_codes_of_one_client_do_not_lock_a_test_of_another(world: ServiceWorld) -> None:
    text = number(Outcome.RIGHT)
    guessed_out(world, world.api(world.keys["sk_test"]), text, "000000")
    _, others = world.add_client("Other")
    other = world.api(others["sk_test"])
    assert other.check(started(other, text), code_of(text)).status_code == 200


def test_tests_cost_nothing_of_the_budget(tmp_path: Path) -> None:
    world = ServiceWorld(tmp_path, OTP_SEND_BUDGET="1/day", OTP_PREFIX_SENDS="1/day")
    test = world.api(world.keys["sk_test"])
    for free in range(10):
        started(test, number(Outcome.RIGHT, free))
    started(world.api(), NUMBER)
    world.close()


# -- the two modes do not meet --------------------------------------------------------------------


def everything(api: Api, id: str, code: str) -> Iterator[TestResponse]:
    yield api.read(id)
    yield api.check(id, code)
    yield api.resend(id)
    yield api.cancel(id)


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [(a, b) for a, b in itertools.product(("sk", "pk"), repeat=2)],
)
def test_neither_mode_finds_what_the_other_started(tmp_path: Path, mine: str, theirs: str) -> None:
    world = ServiceWorld(tmp_path, **OPENLY)
    text = number(Outcome.RIGHT)
    tested = started(world.api(world.keys[f"{mine}_test"]), text)
    lived = started(world.api(world.keys[f"{mine}_live"]), text)
    code = world.deliver()
    world.clock.turn(seconds=30)
    nobodys = world.api().read("ver_" + "0" * 32)
    for kind, id in ((f"{theirs}_live", tested), (f"{theirs}_test", lived)):
        for answer in everything(world.api(world.keys[kind]), id, code):
            assert without_id(answer) == without_id(nobodys)
    assert world.read(lived).attempts == read(world, tested).attempts == 0
    world.close()


def without_id(answer: TestResponse) -> tuple[int, dict[str, Any]]:
    return answer.status_code, {k: v for k, v in answer.json.items() if k != "request_id"}


def test_with_a_live_key_a_reserved_number_is_any_number(tmp_path: Path) -> None:
    world = ServiceWorld(tmp_path, **OPENLY)
    text = number(Outcome.BLOCKED)
    id = started(world.api(), text)
    code = world.deliver()
    assert [sms.to.e164 for sms in world.provider.sent] == [text]
    approved = world.api().check(id, code)
    assert approved.status_code == 200
    assert "test" not in claims(world, approved)
    world.close()


def test_with_a_live_key_a_reserved_number_must_be_served(world: ServiceWorld) -> None:
    answer = world.api().start(number(Outcome.RIGHT))
    assert answer.json["reason"] == "country_not_served"


# -- never sent -----------------------------------------------------------------------------------


def read(world: ServiceWorld, id: str) -> Verification:
    return world.read(id, world.store.client(world.client_id).acting(Mode.TEST))


def forced(world: ServiceWorld, v: Verification) -> Verification:
    """A copy of a test that stands in the queue although nothing may put it there."""
    waiting = replace(
        v.newest, delivery=Delivery.QUEUED, due_at=world.clock(), digest=None, handed_by=None
    )
    return world.store.swap(
        v.client_id, v.id, lambda v: replace(v, challenges=(waiting,)), now=world.clock()
    )


@pytest.mark.parametrize(
    "outcome",
    [
        o
        for o in Outcome
        if o not in (Outcome.BLOCKED, Outcome.TOO_SOON, Outcome.QUOTA, Outcome.UNAVAILABLE)
    ],
)
def test_a_test_that_is_forced_into_the_queue_reaches_no_provider(
    world: ServiceWorld, outcome: Outcome
) -> None:
    api = world.api(world.keys["sk_test"])
    id = started(api, number(outcome))
    v = forced(world, replace(read(world, id)))
    assert world.store.next_due() == world.clock()
    assert nothing_left(world)
    assert not read(world, v.id).newest.is_queued
    assert world.store.next_due() is None


def test_a_test_that_seems_to_be_under_way_reaches_no_provider(world: ServiceWorld) -> None:
    """As a sender would have left it that took it for a message."""
    api = world.api(world.keys["sk_test"])
    id = started(api, number(Outcome.LATE))
    marked = replace(read(world, id).newest, due_at=world.clock(), handed_by="other", claim="other")
    v = read(world, id)
    world.store.swap(v.client_id, id, lambda v: replace(v, challenges=(marked,)), now=world.clock())
    assert nothing_left(world)
    assert read(world, id).newest.delivery == "delivered"


def test_a_test_whose_number_cannot_be_read_ends_failed(tmp_path: Path) -> None:
    world = ServiceWorld(tmp_path)
    id = started(world.api(world.keys["sk_test"]), number(Outcome.LATE))
    acting = read(world, id).client_id
    world.close()
    fresh = secret_key("k2", 2)
    ServiceWorld(tmp_path, OTP_SECRET_KEYS=f"{fresh},{secret_key()}").close()
    world = ServiceWorld(tmp_path, OTP_SECRET_KEYS=fresh)
    world.clock.turn(seconds=10)
    assert nothing_left(world)
    v = world.read(id, acting)
    assert (v.status, v.newest.reason) == ("failed", "number_unreadable")
    world.close()


# -- digests --------------------------------------------------------------------------------------


def test_a_code_of_a_test_opens_nothing_that_is_live(tmp_path: Path) -> None:
    world = ServiceWorld(tmp_path, **OPENLY)
    text = number(Outcome.RIGHT)
    tested = started(world.api(world.keys["sk_test"]), text)
    lived = started(world.api(), text)
    copied = read(world, tested).newest.digest
    world.deliver()
    world.store.swap(
        world.client_id,
        lived,
        lambda v: replace(v, challenges=(replace(v.newest, digest=copied),)),
        now=world.clock(),
    )
    assert problem(world.api().check(lived, code_of(text))) == (422, "wrong_code")
    world.close()


def test_a_digest_of_a_test_is_bound_to_its_client_and_number(world: ServiceWorld) -> None:
    played = Rehearsal(world.parts.world.keyring)
    id = started(world.api(world.keys["sk_test"]), number(Outcome.RIGHT))
    v = read(world, id)
    mine = played.digest(world.client_id, v.phone, CODE)
    assert played.opens(v, mine, CODE)
    assert mine != played.digest("cli_other", v.phone, CODE)
    assert not played.opens(v, played.digest("cli_other", v.phone, CODE), CODE)
    assert not played.opens(v, played.digest(world.client_id, Phone.of(NUMBER), CODE), CODE)
    assert not played.opens(v, mine, wrong(CODE))
    assert CODE not in mine
