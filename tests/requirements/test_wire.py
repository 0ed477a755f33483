"""What a caller is told to wait, and requests that come again."""

from __future__ import annotations

import base64
import json

from tests.requirements.material import started
from tests.world import NUMBER, OTHER_NUMBER, ServiceWorld, wrong


def test_who_waits_as_long_as_told_is_served_and_not_a_second_before(world: ServiceWorld) -> None:
    app = world.api(world.keys["pk_live"])
    started(world)
    world.clock.turn(seconds=7, milliseconds=300)
    refusal = app.start()
    wait = int(refusal.headers["Retry-After"])
    assert refusal.status_code == 429
    assert refusal.headers["Retry-After"] == str(refusal.json["retry_in"]) == str(max(wait, 1))
    world.clock.turn(seconds=wait - 1)
    assert app.start().status_code == 429
    world.clock.turn(seconds=1)
    assert app.start().status_code == 201


def test_a_wait_tells_nothing_of_who_asked_before(world: ServiceWorld) -> None:
    """The same bytes whether a person of the pages, this client or another one asked."""
    _, keys = world.add_client("Other")
    app = world.api(keys["pk_live"])
    bodies = []
    for place, asker in enumerate((world.keys["sk_live"], keys["sk_live"], keys["pk_live"])):
        number = f"+9198765{place:05}"
        world.api(asker).start(number)
        refusal = app.start(number)
        bodies.append({k: v for k, v in refusal.json.items() if k != "request_id"})
        assert not [name for name, _ in refusal.headers if name.lower().startswith("ratelimit")]
    assert bodies[0] == bodies[1] == bodies[2]
    assert "verification" not in bodies[0]


def test_a_fresh_idempotency_key_is_no_way_around_a_wait(world: ServiceWorld) -> None:
    app = world.api(world.keys["pk_live"])
    assert app.start(headers={"Idempotency-Key": "one"}).status_code == 201
    assert app.start(headers={"Idempotency-Key": "two"}).status_code == 429
    assert app.start(headers={"Idempotency-Key": "one"}).status_code == 201, "the first, told again"
    world.sender.run_once()
    assert len(world.provider.sent) == 1


def test_a_remembered_answer_is_told_to_its_own_key_alone(world: ServiceWorld) -> None:
    id = started(world)
    code = world.deliver()
    header = {"Idempotency-Key": "the-check"}
    first = world.api().check(id, code, headers=header)
    assert "proof" in first.json
    _, keys = world.add_client("Other")
    for key in (keys["sk_live"], keys["pk_live"]):
        assert world.api(key).check(id, code, headers=header).status_code == 404
    assert world.api(world.keys["pk_live"]).check(id, code, headers=header).status_code == 410
    again = world.api().check(id, code, headers=header)
    assert (again.status_code, again.json["id"]) == (200, id)
    assert jti(again.json["proof"]) == jti(first.json["proof"]), "one proof, told twice"


def test_a_remembered_answer_goes_with_its_verification(world: ServiceWorld) -> None:
    header = {"Idempotency-Key": "gone"}
    first = world.api().start(headers=header).json["id"]
    world.api().cancel(first)
    world.store.forget_number(world.read(first).phone)
    world.clock.turn(seconds=31)
    again = world.api().start(headers=header)
    assert again.status_code == 201
    assert again.json["id"] != first


def test_guesses_under_one_key_are_each_counted(world: ServiceWorld) -> None:
    id = started(world)
    code = world.deliver()
    header = {"Idempotency-Key": "g"}
    guesses = [wrong(code)] * 2 + [wrong(wrong(code))] * 3
    statuses = [world.api().check(id, guess, headers=header).status_code for guess in guesses]
    assert statuses == [422, 422, 422, 422, 410]
    assert world.api().check(id, code, headers=header).status_code == 410


def jti(proof: str) -> str:
    body = proof.split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["jti"])


def test_one_key_serves_one_door_at_a_time(world: ServiceWorld) -> None:
    """The same key at another address is another request."""
    header = {"Idempotency-Key": "same"}
    one = world.api().start(NUMBER, headers=header).json["id"]
    world.deliver()
    world.clock.turn(seconds=30)
    assert world.api().resend(one, headers=header).status_code == 202
    assert world.api().start(OTHER_NUMBER, headers=header).status_code == 422
    assert world.api().cancel(one, headers=header).json["status"] == "canceled"
