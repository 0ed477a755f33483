"""The limits as callers meet them: whose network counts at which door, and what is said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.person import Person
from tests.world import NUMBER, ROOMY, ServiceWorld, wrong

PROXIED = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}


@pytest.fixture
def tight(tmp_path: Path) -> Iterator[ServiceWorld]:
    """Two messages an hour for one address, of either kind."""
    made = ServiceWorld(
        tmp_path, **{**ROOMY, "OTP_ADDRESS_SENDS": "2/hour", "OTP_ADDRESS6_SENDS": "2/hour"}
    )
    yield made
    made.close()


def numbers(count: int = 3) -> list[str]:
    return [f"+9198{n:04}5678" for n in range(count)]


def test_a_back_ends_start_counts_where_it_says_the_person_is(tight: ServiceWorld) -> None:
    api = tight.api()
    for address, other in (("198.51.100.7", "198.51.100.8"), ("2001:db8::1", "2001:db8:1::1")):
        made = [api.start(n, client_ip=address).status_code for n in numbers()]
        assert made == [201, 201, 429]
        refused = api.start("+919900005678", client_ip=address)
        assert (refused.json["error"], refused.json["quota"]) == ("quota_exceeded", "address")
        assert int(refused.headers["Retry-After"]) == refused.json["retry_in"] <= 3660
        assert api.start("+919900005678", client_ip=other).status_code == 201
        tight.clock.turn(hours=2)


def test_a_back_end_that_names_no_address_meets_no_limit_of_addresses(tight: ServiceWorld) -> None:
    assert {tight.api().start(n).status_code for n in numbers(9)} == {201}


def test_an_app_counts_where_its_request_comes_from_whatever_it_says(tight: ServiceWorld) -> None:
    api = tight.api(tight.keys["pk_live"])
    for header in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "CF-Connecting-IP"):
        answers = [
            api.start(number, {header: f"198.51.100.{n}"}).status_code
            for n, number in enumerate(numbers())
        ]
        assert answers == [201, 201, 429]
        tight.clock.turn(hours=2)


def test_behind_a_proxy_the_person_counts_and_what_the_person_wrote_does_not(
    tmp_path: Path,
) -> None:
    world = ServiceWorld(
        tmp_path, **{**ROOMY, "OTP_ADDRESS_SENDS": "2/hour", "OTP_TRUSTED_PROXIES": "1"}
    )
    try:
        api = world.api(world.keys["pk_live"])
        spoofed = [{"X-Forwarded-For": f"198.51.100.{n}, 203.0.113.9"} for n in range(3)]
        answers = [api.start(n, h).status_code for n, h in zip(numbers(), spoofed, strict=True)]
        assert answers == [201, 201, 429]
        other = {"X-Forwarded-For": "203.0.113.9, 203.0.113.10"}
        assert api.start("+919900005678", other).status_code == 201
    finally:
        world.close()


def test_a_page_counts_the_same_person_as_the_api(tight: ServiceWorld) -> None:
    api = tight.api(tight.keys["pk_live"])
    assert [api.start(n).status_code for n in numbers(2)] == [201, 201]
    person = Person(tight.client())
    person.open("/sign-in")
    page = person.post("/sign-in", phone_number="098765 43210")
    assert page.status_code == 429
    assert "Retry-After" in page.headers


def test_a_used_up_budget_is_told_to_a_back_end_alone(tmp_path: Path) -> None:
    world = ServiceWorld(tmp_path, **{**ROOMY, "OTP_SEND_BUDGET": "1/hour"})
    try:
        assert world.api().start().status_code == 201
        for kind, reason in (("sk_live", "budget"), ("pk_live", None)):
            refused = world.api(world.keys[kind]).start("+919900005678")
            assert (refused.status_code, refused.json["error"]) == (503, "unavailable")
            assert refused.json.get("reason") == reason
            assert int(refused.headers["Retry-After"]) >= 1
    finally:
        world.close()


def test_too_many_wrong_codes_are_a_429_with_the_verification_still_open(
    world: ServiceWorld,
) -> None:
    api = world.api(world.keys["pk_live"])
    for _ in range(2):
        id = api.start().json["id"]
        code = world.deliver()
        for _ in range(4):
            assert api.check(id, wrong(code)).status_code == 422
        world.clock.turn(seconds=31)
    id = api.start().json["id"]
    code = world.deliver()
    for _ in range(2):
        api.check(id, wrong(code))
    for submitted in (code, wrong(code)):
        refused = api.check(id, submitted)
        assert (refused.status_code, refused.json["error"]) == (429, "too_many_failures")
        assert refused.json["verification"]["status"] == "pending"
        assert refused.json["verification"]["attempts_left"] == 3
        assert refused.json["retry_in"] % 3600 == 0, "coarse: it tells nothing of when"
        assert "RateLimit" not in refused.headers
    world.clock.turn(seconds=31)
    for refused in (api.resend(id), api.start()):
        assert (refused.status_code, refused.json["error"]) == (429, "too_many_failures")
    world.sender.run_once()
    assert len(world.provider.sent) == 3


def test_every_number_is_answered_alike_whether_it_was_ever_seen(world: ServiceWorld) -> None:
    def shape(number: str) -> tuple[int, list[str], int]:
        answer = world.api(world.keys["pk_live"]).start(number)
        return answer.status_code, sorted(answer.json), len(answer.data)

    api = world.api()
    known = NUMBER
    id = api.start(known).json["id"]
    assert api.check(id, world.deliver()).status_code == 200
    world.clock.turn(hours=1)
    assert shape(known) == shape("+919876543219")
