"""The webhook door, over the whole application."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from otp.challenge import Delivery
from otp.providers import DeliveryReceipt
from tests.web.person import Person
from tests.world import NUMBER, WEBHOOK_SECRET, ServiceWorld

BEARER = {"Authorization": f"Bearer {WEBHOOK_SECRET}"}
DOOR = "/receipts/fake"


def report(world: ServiceWorld, delivery: Delivery | None, reason: str | None = None) -> None:
    name = world.provider.sent[-1].reference
    world.provider.receipts = [
        DeliveryReceipt(
            reference=name, provider_id=None, word="DELIVRD", delivery=delivery, reason=reason
        )
    ]


@pytest.fixture
def id(world: ServiceWorld) -> str:
    made: str = world.api().start(NUMBER).json["id"]
    world.deliver()
    return made


def is_problem(answer: TestResponse, status: int, word: str) -> bool:
    assert answer.content_type == "application/problem+json"
    return (answer.status_code, answer.json["error"]) == (status, word)


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_an_authentic_report_shows_in_the_resource(
    world: ServiceWorld, id: str, method: str
) -> None:
    report(world, Delivery.UNDELIVERED, "network")
    answer = world.client().open(DOOR, method=method, headers=BEARER)
    assert (answer.status_code, answer.content_type, answer.json) == (200, "application/json", {})
    told = world.api().read(id).json["delivery"]
    assert (told["status"], told["reason"]) == ("undelivered", "network")


def test_it_shows_on_the_code_page_with_what_to_do(world: ServiceWorld) -> None:
    person = Person(world.client())
    person.ask_for_a_code()
    world.deliver()
    seen = []
    for delivery, reason in (
        (Delivery.SENT, None),
        (Delivery.SENT, "no_report"),
        (Delivery.UNDELIVERED, "recipient_refuses"),
        (Delivery.DELIVERED, None),
    ):
        report(world, delivery, reason)
        assert world.client().post(DOOR, headers=BEARER).status_code == 200
        seen.append(person.open("/sign-in/code").text)
    assert "on its way" in seen[0]
    assert "not confirmed" in seen[1]
    assert "block" in seen[2]
    assert "arrived" in seen[3]


def test_what_did_not_arrive_is_said_before_the_code_is_asked_for(world: ServiceWorld) -> None:
    person = Person(world.client())
    person.ask_for_a_code()
    world.deliver()
    report(world, Delivery.UNDELIVERED, "network")
    world.client().post(DOOR, headers=BEARER)
    text = person.open("/sign-in/code").text
    assert "It is in the message" not in text
    assert text.index("could not be reached") < text.index("If a message still comes")


def test_an_unknown_message_is_answered_like_any_other(world: ServiceWorld) -> None:
    world.provider.receipts = [
        DeliveryReceipt(reference="0" * 32 + "-1", provider_id=None, word="X", delivery=None)
    ]
    assert world.client().post(DOOR, headers=BEARER).status_code == 200


def test_a_challenge_is_echoed(world: ServiceWorld) -> None:
    answer = world.client().post(f"{DOOR}?challenge=a234qwe", headers=BEARER)
    assert (answer.status_code, answer.json) == (200, {"challenge": "a234qwe"})


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", f"Basic {WEBHOOK_SECRET}"])
def test_what_is_forged_is_unauthorized_and_changes_nothing(
    world: ServiceWorld, id: str, header: str
) -> None:
    report(world, Delivery.DELIVERED)
    answer = world.client().post(DOOR, headers={"Authorization": header} if header else {})
    assert is_problem(answer, 401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert world.api().read(id).json["delivery"]["status"] == "sent"


def test_an_api_key_is_no_webhook_secret(world: ServiceWorld, id: str) -> None:
    report(world, Delivery.DELIVERED)
    headers = {"Authorization": f"Bearer {world.keys['sk_live']}"}
    assert is_problem(world.client().post(DOOR, headers=headers), 401, "unauthorized")


def test_only_routes_have_a_door(world: ServiceWorld) -> None:
    for path in ("/receipts/other", "/receipts", "/receipts/", "/receipts/fake/more"):
        assert is_problem(world.client().post(path, headers=BEARER), 404, "not_found")
    assert is_problem(world.client().put(DOOR, headers=BEARER), 405, "method_not_allowed")


def test_more_than_a_report_holds_is_not_read(world: ServiceWorld, id: str) -> None:
    report(world, Delivery.DELIVERED)
    for size, status in ((4096, 200), (4097, 413), (1_000_000, 413)):
        answer = world.client().post(DOOR, headers=BEARER, data=b"x" * size)
        assert answer.status_code == status
    assert world.api().read(id).json["delivery"]["status"] == "delivered"


def test_who_does_not_know_the_secret_learns_nothing_by_a_large_body(world: ServiceWorld) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        answer = world.client().post(DOOR, headers=headers, data=b"x" * 100_000)
        assert is_problem(answer, 401, "unauthorized")


def test_a_store_that_is_away_lets_the_report_come_again(world: ServiceWorld, id: str) -> None:
    report(world, Delivery.DELIVERED)
    world.store.close()
    answer = world.client().post(DOOR, headers=BEARER)
    assert is_problem(answer, 503, "unavailable")
    assert answer.headers["Retry-After"]


def test_no_flood_of_reports_throws_one_away(world: ServiceWorld, id: str) -> None:
    """Far more than any address may ask of the other doors in a minute."""
    limit = 600
    for _ in range(limit + 50):
        assert world.client().post(DOOR, headers=BEARER).status_code == 200
    for _ in range(50):
        assert world.client().post(DOOR).status_code == 401
    report(world, Delivery.DELIVERED)
    assert world.client().post(DOOR, headers=BEARER).status_code == 200
    assert world.api().read(id).json["delivery"]["status"] == "delivered"


def test_the_log_tells_the_report_and_neither_number_nor_text(tmp_path: Path) -> None:
    logs = StringIO()
    world = ServiceWorld(tmp_path, logs=logs)
    try:
        id = world.api().start(NUMBER).json["id"]
        code = world.deliver()
        report(world, Delivery.DELIVERED)
        world.client().post(DOOR, headers=BEARER)
        [line] = [line for line in logs.getvalue().splitlines() if " receipt " in line]
        for told in (world.read(id).support_code, "delivery=delivered", "word=DELIVRD"):
            assert told in line
        for untold in (NUMBER[3:], id, code):
            assert untold not in line
    finally:
        world.close()
