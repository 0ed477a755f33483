"""Receipts, as a webhook gets them over a real socket; and how webhooks are set up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from otp.twin import Oddity, Rules, Twin
from otp.twin.receipts import RECEIPTS
from tests.gateway import until
from tests.twin.callers import TO, Caller, Receiver, receiving, running

SECRET = "a secret of ours"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def told(caller: Caller, receiver: Receiver) -> Receiver:
    """The receiver, to which the caller's twin reports."""
    caller.twin.report_to(receiver.url, secret=SECRET)
    return receiver


def settled(twin: Twin) -> None:
    until(lambda: twin.counts["receipts"]["waiting"] == 0)


def content(told: Receiver) -> dict[str, object]:
    found: dict[str, object] = told.wait_for(1)[0].json
    return found


def test_a_receipt_is_as_documented(caller: Caller, told: Receiver) -> None:
    answer = caller.send(custom="our-1", message="x" * 161)
    [call] = told.wait_for(1)
    assert (call.method, call.path) == ("POST", "/receipts/main")
    assert call.headers["authorization"] == f"Bearer {SECRET}"
    assert call.headers["content-type"] == "application/json"
    assert call.json == {
        "id": answer.first["id"],
        "mobile": TO,
        "status": "DELIVRD",
        "credits": "2.0000",
        "units": 2,
        "deliv_at": "1795336767",
        "sent_at": "1795336767",
        "submit_at": "1795336767",
        "deliv_time": "2026-11-22 14:09:27",
        "sent_time": "2026-11-22 14:09:27",
        "submit_time": "2026-11-22 14:09:27",
        "cid": "our-1",
        "custom": "our-1",
    }
    settled(caller.twin)
    assert [attempt.received for attempt in caller.twin.receipts] == [True]


def test_a_receipt_comes_when_the_message_arrives(receiver: Receiver) -> None:
    with running(Rules(deliver_after=timedelta(seconds=30))) as caller:
        caller.twin.report_to(receiver.url, secret=SECRET)
        caller.send()
        caller.twin.turn(seconds=29)
        assert not receiver.calls
        assert caller.twin.counts["receipts"]["waiting"] == 1
        caller.twin.turn(seconds=1)
        receiver.wait_for(1)


@pytest.mark.parametrize("status", [200, 202])
def test_these_answers_count_as_received(caller: Caller, told: Receiver, status: int) -> None:
    told.statuses = [status]
    caller.send()
    told.wait_for(1)
    settled(caller.twin)
    assert caller.twin.counts["receipts"] == {
        "attempts": 1,
        "received": 1,
        "given_up": 0,
        "waiting": 0,
    }


@pytest.mark.parametrize("status", [201, 204, 302, 401, 404, 500])
def test_no_other_answer_counts_and_three_more_attempts_follow(
    caller: Caller, told: Receiver, status: int
) -> None:
    told.statuses = [status]
    caller.send()
    for attempt in range(1, 4):
        until(lambda n=attempt: len(caller.twin.receipts) == n)  # type: ignore[misc]
        until(lambda: caller.twin.counts["receipts"]["waiting"] == 1)
        caller.twin.turn(minutes=29, seconds=59)
        assert len(told.calls) == attempt
        caller.twin.turn(seconds=1)
        told.wait_for(attempt + 1)
    settled(caller.twin)
    caller.twin.turn(days=1)
    assert len(told.calls) == 4
    assert [attempt.receipt.attempt for attempt in caller.twin.receipts] == [1, 2, 3, 4]
    assert [attempt.last for attempt in caller.twin.receipts] == [False, False, False, True]
    assert caller.twin.counts["receipts"]["given_up"] == 1
    assert len({json.dumps(call.json) for call in told.calls}) == 1


def test_a_receiver_that_is_back_gets_it(caller: Caller, told: Receiver) -> None:
    told.statuses = [503, 200]
    caller.send()
    until(lambda: len(caller.twin.receipts) == 1)
    caller.twin.turn(minutes=30)
    told.wait_for(2)
    settled(caller.twin)
    assert caller.twin.counts["receipts"]["received"] == 1


def test_a_receiver_that_is_not_there_is_tried_again(caller: Caller) -> None:
    caller.twin.report_to("http://127.0.0.1:1/", secret="")
    caller.send()
    until(lambda: len(caller.twin.receipts) == 1)
    assert caller.twin.receipts[0].status is None


def test_the_pause_between_attempts_can_be_short(receiver: Receiver) -> None:
    receiver.statuses = [500, 500, 200]
    with running(Rules(retry_after=timedelta(0))) as caller:
        caller.twin.report_to(receiver.url, secret=SECRET)
        caller.send()
        receiver.wait_for(3)


# -- in every way they may come -----------------------------------------------------------------

PLAYED = {
    "normal": ["DELIVRD"],
    "none": [],
    "early": ["DELIVRD"],
    "duplicate": ["DELIVRD", "DELIVRD"],
    "late": ["DELIVRD"],
    "two": ["AWAITING-DLR", "DELIVRD"],
    "reordered": ["DELIVRD", "AWAITING-DLR"],
    "contradicted": ["DELIVRD", "UNDELIV"],
    "unknown_word": ["SOMETHING-NEW"],
    "without_cid": ["DELIVRD"],
    "without_custom": ["DELIVRD"],
    "without_both": ["DELIVRD"],
    "foreign_cid": ["DELIVRD"],
    "minimal": ["DELIVRD"],
    "without_epochs": ["DELIVRD"],
    "more_fields": ["DELIVRD"],
    "message_id": ["DELIVRD"],
    "unknown_id": ["DELIVRD"],
    "wrong_secret": ["DELIVRD"],
}


def test_every_way_is_tried_here() -> None:
    assert PLAYED.keys() | {"wrapped"} == RECEIPTS.keys()


@pytest.mark.parametrize("name", PLAYED)
def test_the_words_come_in_this_order(caller: Caller, told: Receiver, name: str) -> None:
    caller.twin.behave(Oddity(receipt=name))
    caller.send()
    for number in range(1, len(PLAYED[name]) + 1):
        if name == "late":
            assert not told.calls
            caller.twin.turn(seconds=60)
        told.wait_for(number)
        caller.twin.turn(seconds=1)
    settled(caller.twin)
    assert told.words == PLAYED[name]


def test_a_receipt_may_overtake_the_answer(caller: Caller, told: Receiver) -> None:
    told_at_the_receipt = []
    caller.twin.behave(Oddity(receipt="early"))
    with_answer = caller.send()
    told_at_the_receipt.append(len(told.calls))
    assert with_answer.status == 200
    assert told_at_the_receipt == [1]


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("without_cid", {"cid"}),
        ("without_custom", {"custom"}),
        ("without_both", {"cid", "custom"}),
        ("without_epochs", {"deliv_at", "sent_at", "submit_at"}),
        ("message_id", {"id"}),
    ],
)
def test_what_is_missing(caller: Caller, told: Receiver, name: str, missing: set[str]) -> None:
    caller.twin.behave(Oddity(), Oddity(receipt=name))
    caller.send()
    told.wait_for(1)
    caller.send()
    usual, odd = told.wait_for(2)
    assert usual.json.keys() - odd.json.keys() == missing


def test_details_of_odd_receipts(caller: Caller, told: Receiver) -> None:
    names = ("wrapped", "foreign_cid", "minimal", "more_fields", "message_id", "unknown_id")
    caller.twin.behave(*(Oddity(receipt=name) for name in (*names, "wrong_secret")))
    ids = []
    for number in range(1, 8):
        ids.append(caller.send(custom=f"our-{number}").first["id"])
        told.wait_for(number)
    wrapped, foreign, minimal, more, composed, unknown, wrong = told.calls
    assert wrapped.json["event"] == "sms:message:status"
    assert wrapped.json["payload"]["id"] == ids[0]
    assert wrapped.json.keys() == {"event", "payload"}
    assert foreign.json["custom"] == "our-2"
    assert foreign.json["cid"] not in ("", "our-2")
    assert minimal.json == {"id": ids[2], "status": "DELIVRD"}
    assert more.json["provider_code"] == "OP"
    assert composed.json["message_id"] == ids[4]
    assert unknown.json["id"] not in ids
    assert wrong.headers["authorization"] != f"Bearer {SECRET}"


def test_cid_may_be_the_gateways_own_in_every_receipt(receiver: Receiver) -> None:
    with running(Rules(cid="foreign")) as caller:
        caller.twin.report_to(receiver.url, secret=SECRET)
        caller.send(custom="our-1")
        found = content(receiver)
        assert found["custom"] == "our-1"
        assert found["cid"] != "our-1"
        assert [f["custom"] for f in caller.status(cid=str(found["cid"]))] == ["our-1"]


@pytest.mark.parametrize("answer", ["cut_after", "silent_after", "error_after", "garbage"])
def test_a_receipt_may_be_all_that_tells(caller: Caller, told: Receiver, answer: str) -> None:
    caller.twin.behave(Oddity(answer=answer))
    try:
        caller.send(custom="our-1", timeout=0.2)
    except OSError:
        assert answer in ("cut_after", "silent_after")
    assert content(told)["custom"] == "our-1"


def test_no_receipt_comes_of_what_was_refused_or_not_sent(caller: Caller, told: Receiver) -> None:
    caller.twin.behave(Oddity(answer="rejected"), Oddity(answer="error_before"))
    caller.send()
    caller.send()
    caller.send(custom="the third")
    assert content(told)["custom"] == "the third"
    settled(caller.twin)
    assert len(told.calls) == 1


def test_a_receipt_tells_the_outcome(caller: Caller, told: Receiver) -> None:
    caller.twin.behave(Oddity(outcome="HANDSET-BUSY"))
    caller.send()
    assert content(told)["status"] == "HANDSET-BUSY"


# -- webhooks -----------------------------------------------------------------------------------


def made(caller: Caller, receiver: Receiver, **more: object) -> dict[str, str]:
    answer = caller.ask(
        "POST",
        "developer/webhooks",
        {"name": "ours", "uri": receiver.url, "secret": SECRET, **more},
    )
    assert answer.status == 200, answer.body
    found: dict[str, str] = answer.json["data"]
    return found


def test_a_new_webhook_is_challenged(caller: Caller, receiver: Receiver) -> None:
    webhook = made(caller, receiver, token="9012ABCD")
    [call] = receiver.calls
    assert (call.method, call.path) == ("POST", "/receipts/main")
    assert call.query == {"token": ["9012ABCD"]}
    assert call.headers["authorization"] == f"Bearer {SECRET}"
    assert call.json["validation_key"] == "9012ABCD"
    assert call.json.keys() == {"validation_key", "challenge"}
    assert (
        webhook.items()
        >= {
            "name": "ours",
            "uri": receiver.url,
            "secret": SECRET,
            "verification_code": "9012ABCD",
            "status": "1",
        }.items()
    )


@pytest.mark.parametrize(
    ("wanted", "echo", "taken"),
    [
        ("challenge", ("challenge",), True),
        ("challenge", ("validation_key",), False),
        ("challenge", (), False),
        ("validation_key", ("validation_key",), True),
        ("validation_key", ("challenge",), False),
        ("get", ("validation_key",), True),
        ("get", (), False),
        ("off", (), True),
    ],
)
def test_the_challenge_has_to_be_answered(
    receiver: Receiver, wanted: str, echo: tuple[str, ...], taken: bool
) -> None:
    receiver.echo = echo
    with running(Rules(challenge=wanted)) as caller:  # type: ignore[arg-type]
        answer = caller.ask("POST", "developer/webhooks", {"uri": receiver.url, "token": "k"})
        assert answer.status == (200 if taken else 422)
        assert len(caller.get("developer/webhooks").json["data"]) == taken
        methods = [call.method for call in receiver.calls]
        assert methods == {"get": ["GET"], "off": []}.get(wanted, ["POST"])


def test_a_challenge_is_answered_with_200_only(caller: Caller, receiver: Receiver) -> None:
    receiver.statuses = [202]
    answer = caller.ask("POST", "developer/webhooks", {"uri": receiver.url})
    assert answer.status == 422


@pytest.mark.parametrize(
    "uri", [None, "", "ftp://x", "http://", "http://x:99999/", 5, "http://a b"]
)
def test_a_webhook_needs_an_address(caller: Caller, uri: object) -> None:
    answer = caller.ask("POST", "developer/webhooks", {"uri": uri} if uri is not None else {})
    assert answer.status == 422
    assert list(answer.json["errors"]) == ["uri"]


def test_a_webhook_is_shown_changed_and_removed(caller: Caller, receiver: Receiver) -> None:
    webhook = made(caller, receiver)
    path = f"developer/webhooks/{webhook['id']}"
    assert caller.get(path).json == {
        "status": "OK",
        "code": 200,
        "message": "OK",
        "data": webhook,
    }
    changed = caller.ask("PUT", path, {"name": "theirs", "status": 0}).json["data"]
    assert (changed["name"], changed["status"]) == ("theirs", "0")
    assert changed["uri"] == receiver.url
    assert caller.ask("PUT", path, {"uri": "nowhere"}).status == 422
    assert caller.ask("DELETE", path).status == 200
    for method in ("GET", "DELETE", "PUT"):
        assert caller.ask(method, path).status == 404


def test_a_message_names_its_webhook(caller: Caller, told: Receiver) -> None:
    with receiving() as own:
        webhook = made(caller, own)
        caller.send(webhook_id=webhook["id"], custom="own")
        own.wait_for(2)  # the challenge, and the receipt
        assert own.calls[1].json["custom"] == "own"
        caller.ask("PUT", f"developer/webhooks/{webhook['id']}", {"status": "0"})
        caller.send(webhook_id=webhook["id"])
        caller.send(webhook_id="unknown")
        caller.send(custom="usual")
        assert content(told)["custom"] == "usual"
        settled(caller.twin)
        assert len(own.calls) == 2


def test_a_subscription_takes_what_names_none(caller: Caller, receiver: Receiver) -> None:
    webhook = made(caller, receiver)
    members = {"event": "sms:message:status", "identity": "all", "webhook_id": webhook["id"]}
    answer = caller.ask("POST", "developer/subscriptions", members)
    assert answer.json["message"] == "Subscription Saved Successfully"
    assert answer.json["data"].items() >= {**members, "payload": []}.items()
    caller.send(custom="our-1")
    receiver.wait_for(2)
    id = answer.json["data"]["id"]
    path = f"developer/subscriptions/{id}"
    assert caller.get("developer/subscriptions").json["data"] == [answer.json["data"]]
    assert caller.get(path).json["data"] == answer.json["data"]
    assert caller.ask("DELETE", path).status == 200
    assert caller.ask("DELETE", path).status == 404
    caller.send()
    settled(caller.twin)
    assert len(receiver.calls) == 2


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"event": "rcs:message"}, "event"), ({"webhook_id": "unknown"}, "webhook_id")],
)
def test_what_cannot_be_subscribed(caller: Caller, changes: dict[str, str], field: str) -> None:
    members = {"event": "sms:message:status", "identity": "all", "webhook_id": "x"} | changes
    answer = caller.ask("POST", "developer/subscriptions", members)
    assert answer.status == 422
    assert list(answer.json["errors"]) == [field]


def test_the_same_uri_has_the_same_webhook_in_every_twin(caller: Caller) -> None:
    with running() as other:
        ids = {one.twin.report_to("http://127.0.0.1:1/x", secret="") for one in (caller, other)}
        assert len(ids) == 1
        assert len(other.get("developer/webhooks").json["data"]) == 1
