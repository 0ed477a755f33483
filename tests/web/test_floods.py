"""The flood limits at both doors, and what the answers say about them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from limits.storage import MovingWindowSupport, Storage
from werkzeug.test import TestResponse

from app import wsgi_app
from otp import log
from otp.errors import QuotaExceeded, TooManyFailures, TooSoon, Unavailable
from otp.floods import Floods, Limit, Where
from otp.store.flags import PAUSED
from otp.web.api import create_api
from tests.web.person import Person
from tests.world import NUMBER, OTHER_NUMBER, ServiceWorld

PERSON = "198.51.100.7"
WAIT = timedelta(seconds=9)
NOBODY = "/v1/verifications/ver_00000000000000000000000000000000"


@pytest.fixture(params=[True, False], ids=["in memory", "in the database"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServiceWorld]:
    made = flooded(tmp_path, alone=request.param)
    yield made
    made.close()


def flooded(folder: Path, **env: Any) -> ServiceWorld:
    return ServiceWorld(
        folder, **{"OTP_FLOOD_LIMIT": "5/minute", "OTP_CLIENT_FLOOD_LIMIT": "7/minute", **env}
    )


def asked(
    world: ServiceWorld, path: str, key: str = "", peer: str = PERSON, **headers: str
) -> TestResponse:
    all_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if key:
        all_headers["Authorization"] = f"Bearer {world.keys.get(key, key)}"
    return world.client().get(
        path, headers=all_headers, environ_base={"REMOTE_ADDR": peer}, buffered=True
    )


def statuses(world: ServiceWorld, path: str, times: int, key: str = "", **more: str) -> list[int]:
    return [asked(world, path, key, **more).status_code for _ in range(times)]


# -- who is counted -------------------------------------------------------------------------------


def test_a_publishable_key_is_counted_by_the_address_of_the_person(world: ServiceWorld) -> None:
    assert statuses(world, NOBODY, 7, "pk_live") == [404] * 5 + [429] * 2
    assert statuses(world, NOBODY, 1, "pk_live", peer="198.51.100.8") == [404]
    refused = asked(world, NOBODY, "pk_live")
    assert refused.content_type == "application/problem+json"
    assert (refused.json["error"], refused.json["quota"]) == ("quota_exceeded", "address")
    assert refused.headers["Retry-After"] == str(refused.json["retry_in"])


def test_a_secret_key_is_counted_by_its_client_wherever_it_comes_from(world: ServiceWorld) -> None:
    got = [asked(world, NOBODY, "sk_live", peer=f"198.51.100.{n}") for n in range(9)]
    assert [answer.status_code for answer in got] == [404] * 7 + [429] * 2
    assert got[-1].json["quota"] == "client"
    _, others = world.add_client("Other")
    assert statuses(world, NOBODY, 1, others["sk_live"]) == [404]
    assert statuses(world, NOBODY, 5, "pk_live") == [404] * 5, "it cost no address anything"


def test_a_test_key_is_counted_as_the_kind_it_is(world: ServiceWorld) -> None:
    assert statuses(world, NOBODY, 5, "pk_test") == [404] * 5
    assert statuses(world, NOBODY, 1, "pk_live") == [429]
    assert statuses(world, NOBODY, 8, "sk_test") == [404] * 7 + [429]


def test_the_tests_of_a_client_use_up_nothing_of_its_live_keys(world: ServiceWorld) -> None:
    assert statuses(world, NOBODY, 8, "sk_test")[-1] == 429
    assert statuses(world, NOBODY, 8, "sk_live") == [404] * 7 + [429]


@pytest.mark.parametrize("key", ["", "nonsense", f"otp_sk_live_{'0' * 16}_{'0' * 64}"])
def test_without_a_valid_key_the_address_is_counted(world: ServiceWorld, key: str) -> None:
    assert statuses(world, NOBODY, 6, key) == [401] * 5 + [429]
    assert statuses(world, NOBODY, 1, "pk_live") == [429]
    assert statuses(world, NOBODY, 1, "sk_live") == [404]


def test_unknown_paths_wrong_methods_and_bodies_that_are_none_count_as_well(
    world: ServiceWorld,
) -> None:
    client = world.client()
    for method, path in [("GET", "/v1/x"), ("PUT", NOBODY), ("POST", NOBODY), ("PUT", "/v1/")]:
        client.open(path, method=method, environ_base={"REMOTE_ADDR": PERSON})
    client.post("/v1/verifications", data=b"\xff", environ_base={"REMOTE_ADDR": PERSON})
    assert statuses(world, NOBODY, 1, "pk_live") == [429]


def test_probes_and_the_public_keys_are_never_refused(world: ServiceWorld) -> None:
    for path in ("/healthz", "/readyz", "/.well-known/jwks.json"):
        assert statuses(world, path, 20) == [200] * 20
        assert "RateLimit" not in asked(world, path).headers
    assert statuses(world, NOBODY, 1, "pk_live") == [404]


def test_a_refused_request_does_nothing(world: ServiceWorld) -> None:
    statuses(world, NOBODY, 7, "sk_live")
    assert world.api().start().status_code == 429
    world.clock.turn(seconds=62)
    answer = world.api().start()
    assert (answer.status_code, "resumed" in answer.json) == (201, False)


def test_a_household_counts_as_one(world: ServiceWorld) -> None:
    got = [asked(world, NOBODY, "pk_live", peer=f"2001:db8:1:2::{n:x}") for n in range(6)]
    assert [answer.status_code for answer in got] == [404] * 5 + [429]
    assert statuses(world, NOBODY, 1, "pk_live", peer="2001:db8:1:3::1") == [404]


@pytest.mark.parametrize("path", [NOBODY, "/sign-in"])
def test_no_header_makes_another_person_of_one_who_comes_directly(
    world: ServiceWorld, path: str
) -> None:
    got = [
        asked(
            world,
            path,
            X_Forwarded_For=f"203.0.113.{n}",
            X_Real_IP=f"203.0.113.{n}",
            Forwarded=f"for=203.0.113.{n}",
            CF_Connecting_IP=f"203.0.113.{n}",
            True_Client_IP=f"203.0.113.{n}",
        ).status_code
        for n in range(6)
    ]
    assert got[:5] == [got[0]] * 5
    assert got[5] == 429


@pytest.mark.parametrize("path", [NOBODY, "/sign-in"])
def test_behind_one_proxy_what_a_person_says_before_it_changes_nothing(
    tmp_path: Path, path: str
) -> None:
    world = flooded(tmp_path, OTP_TRUSTED_PROXIES="1")
    got = [
        asked(world, path, peer="10.0.0.1", X_Forwarded_For=f"203.0.113.{n}, {PERSON}")
        for n in range(6)
    ]
    assert [answer.status_code for answer in got[4:]] == [got[0].status_code, 429]
    other = asked(world, path, peer="10.0.0.1", X_Forwarded_For=f"{PERSON}, 198.51.100.8")
    assert other.status_code == got[0].status_code
    world.close()


# -- the pages ------------------------------------------------------------------------------------


def test_the_pages_count_by_address_over_all_pages_known_or_not(world: ServiceWorld) -> None:
    paths = ["/sign-in", "/", "/nowhere", "/problems/too_soon", "/sign-in/code", "/sign-in"]
    got = [asked(world, path).status_code for path in paths]
    assert got[-1] == 429
    assert 429 not in got[:-1]
    assert statuses(world, "/sign-in", 1, peer="198.51.100.8") == [200]


def test_a_person_has_one_count_at_both_doors(world: ServiceWorld) -> None:
    assert statuses(world, "/sign-in", 3) == [200] * 3
    assert statuses(world, NOBODY, 3, "pk_live") == [404] * 2 + [429]
    assert statuses(world, "/sign-in", 1) == [429]


def test_static_files_do_not_count(world: ServiceWorld) -> None:
    assert statuses(world, "/static/otp.css", 20) == [200] * 20
    assert statuses(world, "/sign-in", 6) == [200] * 5 + [429]
    assert statuses(world, "/static/otp.css", 1) == [200]


def test_the_page_says_in_plain_words_to_wait_and_how_long(world: ServiceWorld) -> None:
    statuses(world, "/sign-in", 5)
    answer = asked(world, "/sign-in")
    wait = int(answer.headers["Retry-After"])
    assert wait == 61
    assert "Too many requests" in answer.text
    assert f"It may work again in {wait} seconds." in answer.text
    assert "ratelimit" not in str(answer.headers).lower()
    assert answer.headers["Content-Security-Policy"]
    world.clock.turn(seconds=wait)
    assert statuses(world, "/sign-in", 1) == [200]


def test_a_form_that_is_refused_can_be_sent_again_later(world: ServiceWorld) -> None:
    person = Person(world.client())
    person.open("/sign-in")
    for _ in range(4):
        person.client.get("/sign-in")
    answer = person.post("/sign-in", phone_number=NUMBER)
    assert answer.status_code == 429
    world.clock.turn(seconds=int(answer.headers["Retry-After"]))
    person.open("/sign-in")
    person.press("/sign-in", phone_number=NUMBER)
    assert person.answer.request.path == "/sign-in/code"


# -- windows --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "key"), [(NOBODY, "pk_live"), (NOBODY, "sk_live"), ("/", "")])
def test_who_waits_as_long_as_told_is_served(world: ServiceWorld, path: str, key: str) -> None:
    while (answer := asked(world, path, key)).status_code != 429:
        world.clock.turn(seconds=3.7)
    wait = int(answer.headers["Retry-After"])
    world.clock.turn(seconds=wait - 1)
    assert asked(world, path, key).status_code == 429
    world.clock.turn(seconds=1)
    assert asked(world, path, key).status_code != 429


@pytest.mark.parametrize("path", [NOBODY, "/sign-in"])
def test_no_double_burst_passes_at_a_windows_edge(world: ServiceWorld, path: str) -> None:
    world.clock.turn(seconds=60 - world.clock().second - 0.001)
    before = statuses(world, path, 5)
    world.clock.turn(seconds=0.002)
    assert 429 not in before
    assert statuses(world, path, 5) == [429] * 5


# -- what an answer says --------------------------------------------------------------------------


@dataclass(frozen=True)
class Item:
    """A string with whole numbers as parameters, of a list in a structured field (RFC 9651)."""

    name: str
    numbers: dict[str, int]


def parsed(text: str) -> list[Item]:
    member = r'"[ !#-\[\]-~]*"(?:; *[a-z*][a-z0-9_.*-]*=(?:0|-?[1-9][0-9]{0,14}))*'
    assert re.fullmatch(rf"{member}(?:[ \t]*,[ \t]*{member})*", text), text
    items = []
    for found in re.findall(member, text):
        name, *rest = found.split(";")
        pairs = [pair.strip().split("=") for pair in rest]
        assert len({key for key, _ in pairs}) == len(pairs)
        items.append(Item(name.strip('"'), {key: int(value) for key, value in pairs}))
    assert len({item.name for item in items}) == len(items)
    return items


@pytest.mark.parametrize("text", ["", "requests;r=1", '"a";r=01', '"a";r', '"a";r=1,', '"a" "b"'])
def test_the_parser_of_these_tests_is_strict(text: str) -> None:
    with pytest.raises(AssertionError):
        parsed(text)


def policy(answer: TestResponse) -> list[Item]:
    return parsed(answer.headers["RateLimit-Policy"])


def standing(answer: TestResponse) -> list[Item]:
    return parsed(answer.headers["RateLimit"])


def test_an_answer_says_what_is_left_of_the_callers_own_limit(world: ServiceWorld) -> None:
    for key, limit in (("sk_live", 7), ("pk_live", 5)):
        answer = asked(world, NOBODY, key)
        assert policy(answer) == [Item("requests", {"q": limit, "w": 60})]
        assert standing(answer) == [Item("requests", {"r": limit - 1, "t": 61})]
        world.clock.turn(seconds=10)
        assert standing(asked(world, NOBODY, key)) == [Item("requests", {"r": limit - 2, "t": 51})]


def test_successes_and_refusals_of_other_kinds_say_it_too(world: ServiceWorld) -> None:
    api = world.api()
    answers = [
        api.start(),
        api.start("+91 12"),
        api.post("/v1/verifications", {}),
        api.get("/v1/no"),
        asked(world, "/v1/verifications", "", peer="198.51.100.9"),
    ]
    assert [answer.status_code for answer in answers] == [201, 422, 422, 404, 401]
    assert [standing(answer)[0].numbers["r"] for answer in answers] == [6, 5, 4, 3, 4]


def test_a_refusal_says_that_nothing_is_left_until_it_may_be_tried_again(
    world: ServiceWorld,
) -> None:
    statuses(world, NOBODY, 5, "pk_live")
    world.clock.turn(seconds=11.5)
    refused = asked(world, NOBODY, "pk_live")
    assert refused.status_code == 429
    wait = int(refused.headers["Retry-After"])
    assert standing(refused) == [Item("requests", {"r": 0, "t": wait})]
    assert policy(refused) == [Item("requests", {"q": 5, "w": 60})]


def test_several_rates_are_several_policies(tmp_path: Path) -> None:
    world = flooded(tmp_path, OTP_CLIENT_FLOOD_LIMIT="3/minute,4/hour,9/day")
    answer = asked(world, NOBODY, "sk_live")
    names = ["requests-minute", "requests-hour", "requests-day"]
    assert [item.name for item in policy(answer)] == names
    assert [item.numbers["w"] for item in policy(answer)] == [60, 3600, 86400]
    assert [item.numbers["r"] for item in standing(answer)] == [2, 3, 8]
    statuses(world, NOBODY, 2, "sk_live")
    minute = asked(world, NOBODY, "sk_live")
    assert [item.name for item in standing(minute)] == ["requests-minute"]
    world.clock.turn(minutes=2)
    statuses(world, NOBODY, 1, "sk_live")
    hour = asked(world, NOBODY, "sk_live")
    assert hour.status_code == 429
    wait = int(hour.headers["Retry-After"])
    assert standing(hour) == [Item("requests-hour", {"r": 0, "t": wait})]
    assert wait > 3400
    assert len(policy(hour)) == 3
    world.close()


def test_what_is_keyed_on_a_number_is_refused_without_any_such_field(world: ServiceWorld) -> None:
    """A stranger's messages and guesses must not be readable from what stands beside the wait."""
    world.api().start()
    _, others = world.add_client("Other")
    refused = world.api(others["sk_live"]).start()
    assert (refused.status_code, refused.json["error"]) == (429, "too_soon")
    id = world.api().start(OTHER_NUMBER).json["id"]
    resent = world.api().resend(id)
    assert resent.status_code == 429
    for answer in (refused, resent):
        assert answer.headers["Retry-After"]
        assert "ratelimit" not in str(answer.headers).lower()


def test_nor_is_what_only_the_operator_can_lift(world: ServiceWorld) -> None:
    world.store.put_flag(PAUSED, "1")
    answer = world.api().start()
    assert (answer.status_code, "RateLimit" in answer.headers) == (503, False)


def test_what_others_do_with_a_number_does_not_move_what_is_left_for_me(
    world: ServiceWorld,
) -> None:
    id = world.api().start().json["id"]
    left = standing(world.api().read(id))[0].numbers["r"]
    code = world.deliver()
    _, others = world.add_client("Other")
    stranger = world.api(others["sk_live"])
    for _ in range(3):
        stranger.check(id, code)
        stranger.start(OTHER_NUMBER)
    assert standing(world.api().read(id))[0].numbers["r"] == left - 1


@pytest.mark.parametrize(
    "error",
    [
        TooSoon(WAIT),
        TooManyFailures(WAIT),
        *(QuotaExceeded(quota, WAIT) for quota in ("phone_number", "prefix", "country")),
        QuotaExceeded("verification", WAIT),
        QuotaExceeded("address", WAIT),
        Unavailable("budget", WAIT),
    ],
    ids=lambda error: f"{type(error).__name__} {getattr(error, 'quota', '')}",
)
def test_it_holds_for_every_wait_that_is_not_the_flood_limits_own(
    world: ServiceWorld, error: Exception
) -> None:
    api = create_api(world.parts.world)

    @api.get("/v1/refused")
    def refuse() -> None:
        raise error

    answer = api.test_client().get("/v1/refused")
    assert answer.headers["Retry-After"] == "9"
    assert "ratelimit" not in str(answer.headers).lower()


# -- fail closed, and in private ------------------------------------------------------------------


def test_a_database_that_cannot_count_lets_nobody_in(tmp_path: Path) -> None:
    world = flooded(tmp_path, alone=False)
    world.store.close()
    for path in ("/sign-in", "/nowhere", NOBODY):
        answer = asked(world, path)
        assert answer.status_code == 503, path
        assert answer.headers["Retry-After"]
    assert asked(world, "/static/otp.css").status_code == 200


class Broken(Storage, MovingWindowSupport):
    """A storage of the library's own kind whose server is gone: Redis, for one."""

    STORAGE_SCHEME = ["test-broken"]

    @property
    def base_exceptions(self) -> type[Exception]:
        return ConnectionError

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        raise ConnectionError("redis://:hush@nowhere")

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        raise ConnectionError

    def _none(self, *_: object, **__: object) -> Any:
        raise NotImplementedError

    incr = get = get_expiry = check = reset = clear = _none


@pytest.mark.parametrize("path", ["/sign-in", NOBODY])
def test_a_storage_that_is_gone_lets_nobody_in_and_shows_nothing(tmp_path: Path, path: str) -> None:
    world = flooded(tmp_path)
    parts = world.parts
    floods = Floods(
        Where("test-broken://", {"wrap_exceptions": True}),
        parts.world.floods.rates,
        clock=world.clock,
        mac=world.store.lookup.mac,
    )
    app = wsgi_app(replace(parts, world=replace(parts.world, floods=floods)))
    answer = app.test_client().get(path)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "hush" not in answer.text
    world.close()


def test_no_address_is_written_anywhere(tmp_path: Path) -> None:
    said = io.StringIO()
    world = flooded(tmp_path, alone=False)
    log.configure(json=True, secrets=world.settings.secrets, stream=said)
    for path in ("/sign-in", NOBODY):
        assert statuses(world, path, 7)[-1] == 429
        assert statuses(world, path, 7, peer="2001:db8:1:2::3")[-1] == 429
    world.close()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(b"flood:" in path.read_bytes() for path in files)
    for text in [said.getvalue().encode(), *(path.read_bytes() for path in files)]:
        assert b"198.51.100" not in text
        assert b"2001:db8" not in text


def test_a_flood_of_page_requests_is_none_of_lines(world: ServiceWorld) -> None:
    said = io.StringIO()
    log.configure(json=True, secrets=world.settings.secrets, stream=said)
    statuses(world, "/sign-in", 50)
    assert said.getvalue().count("\n") == 0


def test_each_limit_has_its_public_word() -> None:
    assert [str(limit) for limit in Limit] == ["client", "address"]
