"""Each oddity over a real socket: what is said, and what happened."""

from __future__ import annotations

import http.client
import json
import socket
import time

import pytest

from otp.twin import Chaos, Oddity
from otp.twin.oddities import ANSWERS, CUT_UNREAD, NORMAL, REJECTED
from otp.twin.receipts import RECEIPTS
from tests.gateway import until
from tests.providers.sockets import within
from tests.twin.callers import TO, Caller, fields

RESET = (ConnectionResetError, http.client.RemoteDisconnected)

SAID = {
    # by name: HTTP status, what the body must say, whether the message was sent, what was told
    "normal": (200, {"status": 200}, True, "taken"),
    "status_ok": (200, {"status": "OK"}, True, "taken"),
    "status_text": (200, {"status": "200"}, True, "taken"),
    "accepted_202": (202, {"status": 200}, True, "taken"),
    "string_charges": (200, {"status": 200}, True, "taken"),
    "null_customid": (200, {"status": 200}, True, "taken"),
    "more_fields": (200, {"status": 200, "code": 200}, True, "taken"),
    "bare_id": (200, {"status": 200}, True, "taken"),
    "slow": (200, {"status": 200}, True, "taken"),
    "trickle": (200, {"status": 200}, True, "taken"),
    "closes_idle": (200, {"status": 200}, True, "taken"),
    "old_pull": (200, {"status": 200}, True, "taken"),
    "failed_200": (200, {"status": "ERROR"}, False, None),
    "bad_request": (400, {"status": "ERROR", "code": 400}, False, None),
    "unauthorized": (401, {"status": "ERROR", "code": 401}, False, None),
    "unauthorized_old": (401, {"status": 401, "message": "Unauthenticated."}, False, None),
    "address_refused": (403, {"status": "ERROR", "code": 403}, False, None),
    "address_refused_401": (401, {"status": "ERROR", "code": 401}, False, None),
    "forbidden": (403, {"status": "ERROR", "code": 403}, False, None),
    "not_found": (404, {"code": 404, "message": "No results found"}, False, None),
    "conflict": (409, {"status": "ERROR", "code": 409}, False, None),
    "unprocessable": (422, {"status": "ERROR", "code": 422}, False, None),
    "unprocessable_sender": (422, {"status": "ERROR", "code": 422}, False, None),
    "no_credits": (422, {"status": "ERROR", "code": 422}, False, None),
    "too_many": (429, {"status": "ERROR", "code": 429}, False, None),
    "error_before": (500, {"code": 500, "message": "Server Error"}, False, None),
    "error_after": (500, {"code": 500, "message": "Server Error"}, True, "error"),
    "empty_data": (200, {"status": 200, "data": []}, False, None),
    "empty_data_after": (200, {"status": 200, "data": []}, True, "unclear"),
    "unknown_status": (200, {"status": 200}, True, "unclear"),
    "too_long": (200, {"status": 200}, True, "unclear"),
    "rejected": (200, {"status": 200}, False, "refused"),
}
PAGES = {
    # HTTP status, how the body starts, sent, told
    "login_page": (200, b"<!DOCTYPE html>", False, None),
    "redirect": (302, b"<!DOCTYPE html>", False, None),
    "bad_gateway": (502, b"<html>", False, None),
    "unavailable": (503, b"<html>", False, None),
    "gateway_timeout": (504, b"<html>", True, "error"),
    "garbage": (200, b'{"status":200', True, "unclear"),
}
LOST = {
    # sent, told
    "cut_unread": (False, None),
    "cut_before": (False, None),
    "cut_after": (True, "nothing"),
    "silent": (False, None),
    "silent_after": (True, "nothing"),
    "cut_halfway": (True, "nothing"),
    "no_http": (True, "unclear"),
}


def happened(caller: Caller, *, sent: bool, told: str | None) -> bool:
    """Whether the ledger and the handset say so."""
    ledger = caller.twin.ledger
    on_handset = [message.on_handset for message in ledger]
    return on_handset == ([sent] if told else []) and [m.told for m in ledger] == (
        [told] if told else []
    )


def test_every_oddity_is_tried_here() -> None:
    assert SAID.keys() | PAGES.keys() | LOST.keys() == ANSWERS.keys()


@pytest.mark.parametrize("name", SAID)
def test_what_is_said(caller: Caller, name: str) -> None:
    status, members, sent, told = SAID[name]
    seconds = {"slow": 0.3, "trickle": 0.0005}.get(name, 0)
    caller.twin.behave(Oddity(answer=name, seconds=seconds))
    answer = caller.send()
    assert answer.status == status
    assert answer.json.items() >= members.items()
    assert happened(caller, sent=sent, told=told)
    assert caller.send().json["status"] == 200  # and then as documented again
    assert caller.twin.ledger[-1].oddity == NORMAL


@pytest.mark.parametrize("name", PAGES)
def test_what_is_said_is_no_json(caller: Caller, name: str) -> None:
    status, starts, sent, told = PAGES[name]
    caller.twin.behave(Oddity(answer=name))
    answer = caller.send()
    assert answer.status == status
    assert answer.body.startswith(starts)
    with pytest.raises(ValueError):
        json.loads(answer.body)
    assert happened(caller, sent=sent, told=told)


@pytest.mark.parametrize("name", LOST)
def test_nothing_whole_is_said(caller: Caller, name: str) -> None:
    sent, told = LOST[name]
    caller.twin.behave(Oddity(answer=name))
    with pytest.raises((OSError, http.client.HTTPException)) as caught:
        caller.send(timeout=0.3)
    assert isinstance(caught.value, TimeoutError) == name.startswith("silent")
    if name.startswith("cut") and name != "cut_halfway":
        assert isinstance(caught.value, RESET)
    assert happened(caller, sent=sent, told=told)


def test_an_answer_cut_halfway_has_its_head(caller: Caller) -> None:
    caller.twin.behave(Oddity(answer="cut_halfway"))
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        caller.send()


def test_details_of_a_yes_in_other_words(caller: Caller) -> None:
    caller.twin.behave(
        *(Oddity(answer=n) for n in ("string_charges", "null_customid", "more_fields", "bare_id"))
    )
    assert caller.send().first["charges"] == "1.0000"
    assert caller.send().first["customid"] is None
    more = caller.send().first
    assert (more["customid1"], more["iso_code"]) == ("", "IN")
    bare = caller.send(custom="bare").first["id"]
    assert ":" not in bare
    assert [found["id"] for found in caller.status(cid="bare")] == [bare]


def test_details_of_a_no(caller: Caller) -> None:
    names = ("unprocessable", "unprocessable_sender", "no_credits", "address_refused", "redirect")
    caller.twin.behave(*(Oddity(answer=name) for name in names))
    assert list(caller.send().json["errors"]) == ["to"]
    assert list(caller.send().json["errors"]) == ["sender"]
    assert "errors" not in caller.send().json
    assert "127.0.0.1" in caller.send().json["message"]
    assert caller.send().headers["Location"] == "/login"


@pytest.mark.parametrize("name", ["too_many", "unavailable"])
def test_a_wait_is_named(caller: Caller, name: str) -> None:
    caller.twin.behave(Oddity(answer=name, seconds=17))
    assert caller.send().headers["Retry-After"] == "17"


def test_a_rejection_stands_in_the_message(caller: Caller) -> None:
    caller.twin.behave(Oddity(answer=REJECTED), Oddity(answer=REJECTED, outcome="SPAM"))
    answer = caller.send()
    assert (answer.status, answer.first["status"]) == (200, "DNDNUMB")
    assert caller.send().first["status"] == "SPAM"
    assert not caller.twin.messages
    assert [message.told for message in caller.twin.ledger] == ["refused", "refused"]


def test_a_slow_answer_is_slow(caller: Caller) -> None:
    caller.twin.behave(Oddity(answer="slow", seconds=0.4))
    begun = time.monotonic()
    caller.send()
    assert time.monotonic() - begun >= 0.4


def test_who_hangs_up_before_a_slow_answer_was_told_nothing(caller: Caller) -> None:
    caller.twin.behave(Oddity(answer="slow", seconds=0.4))
    with pytest.raises(TimeoutError):
        caller.send(timeout=0.1)
    until(lambda: not caller.twin.open_connections)
    assert happened(caller, sent=True, told="nothing")


def test_a_trickle_ends_when_nobody_listens(caller: Caller) -> None:
    caller.twin.behave(Oddity(answer="trickle", seconds=0.05))
    line = http.client.HTTPConnection(*caller.twin.origin.removeprefix("http://").split(":"))
    headers = {"Authorization": "Bearer twin-token", "Content-Type": "application/json"}
    line.request("POST", "/api/v2/sms/send", json.dumps(fields()), headers)
    caller.twin.wait_for(1)
    line.close()
    with within(1):
        until(lambda: not caller.twin.open_connections)
    assert caller.twin.ledger[0].told == "nothing"


def test_silence_does_not_outlive_the_twin(caller: Caller) -> None:
    caller.twin.behave(Oddity(answer="silent"))
    with pytest.raises(TimeoutError):
        caller.send(timeout=0.1)
    assert caller.twin.open_connections == 1  # the fixture's end must not wait for it


def test_a_later_request_of_a_connection_can_be_cut_unread(caller: Caller) -> None:
    line = http.client.HTTPConnection(*caller.twin.origin.removeprefix("http://").split(":"))
    target, headers = "/api/v2/finance/balance", {"Authorization": "Bearer twin-token"}
    line.request("GET", target, headers=headers)
    assert line.getresponse().read()
    caller.twin.behave(Oddity(answer=CUT_UNREAD, path="finance/balance"))
    line.request("GET", target, headers=headers)
    with pytest.raises(RESET):
        line.getresponse()
    line.close()
    assert caller.twin.counts["requests"] == {"finance/balance": 1}
    assert caller.twin.counts["oddities"][CUT_UNREAD] == 1


def test_the_connection_may_end_after_an_answer_that_did_not_say_so(caller: Caller) -> None:
    caller.twin.behave(Oddity(answer="closes_idle", path="*"))
    host, port = caller.twin.origin.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as line:
        line.sendall(b"GET /api/v2/auth/me HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n")
        said = b""
        while received := line.recv(4096):
            said += received
    assert said.startswith(b"HTTP/1.1 401 ")
    assert b"Connection: close" not in said


def test_whether_it_was_sent_can_be_chosen(caller: Caller) -> None:
    caller.twin.behave(
        Oddity(answer="garbage", sent=False), Oddity(answer="gateway_timeout", sent=False)
    )
    assert caller.send().body.startswith(b'{"status":200')
    assert caller.send().status == 504
    assert not caller.twin.ledger


def test_an_oddity_waits_for_its_path_and_lasts_as_told(caller: Caller) -> None:
    caller.twin.behave(
        Oddity(answer="unavailable", path="sms/status", times=2),
        Oddity(answer="unauthorized", path="sms/send"),
    )
    assert caller.send().status == 401
    assert caller.send().status == 200
    assert [caller.get("sms/status", id="x").status for _ in range(3)] == [503, 503, 200]
    caller.twin.behave(Oddity(answer="conflict", path="*", times=0))
    assert [caller.send().status for _ in range(3)] == [409] * 3
    assert caller.get("finance/balance").status == 409
    caller.twin.behave()
    assert caller.send().status == 200


def test_a_pull_may_answer_as_it_did_before_2024(caller: Caller) -> None:
    caller.send(custom="our-1")
    caller.twin.behave(
        Oddity(answer="old_pull", path="sms/status", times=2),
        Oddity(answer="cut_after", path="sms/status"),
    )
    said = caller.get("sms/status", cid="our-1").json
    assert said["status"] == 200
    assert "code" not in said
    assert (said["data"][0]["units"], said["data"][0]["length"]) == ("1", "19")
    paged = caller.get("sms/status", date="2026-11-22").json
    assert paged["data"]["current_page"] == 1
    assert [entry["custom"] for entry in paged["data"]["data"]] == ["our-1"]
    with pytest.raises(RESET):
        caller.get("sms/status", cid="our-1")


def test_a_refused_request_sends_nothing_whatever_the_oddity(caller: Caller) -> None:
    caller.twin.behave(Oddity(answer="error_after"), Oddity(answer="cut_after"))
    assert caller.send(sender=None).status == 422
    with pytest.raises(RESET):
        caller.send(sender=None)
    assert not caller.twin.ledger


@pytest.mark.parametrize(
    "members",
    [
        {"answer": "nonsense"},
        {"receipt": "nonsense"},
        {"outcome": ""},
        {"seconds": -1},
        {"seconds": float("nan")},
        {"times": -1},
        {"answer": "unauthorized", "sent": True},
        {"answer": CUT_UNREAD, "sent": True},
    ],
)
def test_what_cannot_be_asked_for(members: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Oddity(**members)  # type: ignore[arg-type]


@pytest.mark.parametrize("outcome", ["UNDELIV", "DLT-REJECTED", "TIMEOUT-DLR", "NEW-WORD"])
def test_a_message_may_end_otherwise(caller: Caller, outcome: str) -> None:
    caller.twin.behave(Oddity(outcome=outcome))
    assert caller.send(custom="our-1").first["status"] == "AWAITING-DLR"
    assert [found["status"] for found in caller.status(cid="our-1")] == [outcome]
    assert bool(caller.twin.texts_for(TO)) == (outcome == "TIMEOUT-DLR")


# -- chaos --------------------------------------------------------------------------------------

CHAOS = Chaos(
    seed="7",
    answers={"error_after": 0.2, "error_before": 0.2, "unavailable": 0.1, "cut_unread": 0.1},
    outcomes={"UNDELIV": 0.3},
    receipts={"none": 0.5},
    pulls={"unavailable": 0.5},
)


def played(caller: Caller, times: int) -> list[int]:
    statuses = []
    for _ in range(times):
        try:
            statuses.append(caller.send().status)
        except RESET:
            statuses.append(0)
    return statuses


def test_the_same_seed_draws_the_same_chaos(caller: Caller) -> None:
    caller.twin.unleash(CHAOS)
    first = played(caller, 60)
    outcomes = [message.outcome for message in caller.twin.ledger]
    assert len(set(first)) == 4
    assert set(outcomes) == {"UNDELIV", "DELIVRD"}
    caller.twin.unleash(CHAOS)
    assert played(caller, 60) == first
    assert [message.outcome for message in caller.twin.ledger] == outcomes * 2
    caller.twin.unleash(Chaos(seed="8", answers=CHAOS.answers))
    assert played(caller, 60) != first
    caller.twin.unleash(Chaos())
    assert set(played(caller, 20)) == {200}


def test_chaos_comes_as_often_as_asked() -> None:
    drawn = [CHAOS.draw(number, "sms/send") for number in range(4000)]
    for name, share in CHAOS.answers.items():
        assert abs(sum(oddity.answer == name for oddity in drawn) / 4000 - share) < 0.03
    assert abs(sum(oddity.receipt == "none" for oddity in drawn) / 4000 - 0.5) < 0.03
    pulls = [CHAOS.draw(number, "sms/status").answer for number in range(4000)]
    assert abs(pulls.count("unavailable") / 4000 - 0.5) < 0.03
    assert CHAOS.draw(1, "finance/balance") == Oddity()


@pytest.mark.parametrize(
    "members",
    [
        {"answers": {"nonsense": 0.1}},
        {"answers": {"slow": 0.7, "silent": 0.7}},
        {"outcomes": {"UNDELIV": 2}},
        {"receipts": {"none": "often"}},
    ],
)
def test_what_is_no_chaos(members: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Chaos(**members)  # type: ignore[arg-type]


def test_every_oddity_says_what_it_is() -> None:
    for says in (*(kind.says for kind in ANSWERS.values()), *(r.says for r in RECEIPTS.values())):
        assert says.endswith(".")
