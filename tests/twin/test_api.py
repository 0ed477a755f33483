"""Each documented request, and each documented answer."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from otp.twin import Oddity, Rules
from tests.twin.callers import TO, TOKEN, Caller, fields, running

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
FORM = "application/x-www-form-urlencoded"


def test_a_message_is_taken_as_documented(caller: Caller) -> None:
    answer = caller.send(message="Acme: 482913", custom="our-1")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Date"] == "Sun, 22 Nov 2026 08:39:27 GMT"
    said = answer.json
    assert list(said) == ["status", "message", "data"]
    assert said["status"] == 200
    assert said["message"] == "1 numbers accepted for delivery."
    assert re.fullmatch(UUID + ":1", said["data"][0].pop("id"))
    assert said["data"] == [
        {
            "mobile": TO,
            "status": "AWAITING-DLR",
            "units": 1,
            "length": 12,
            "charges": 1,
            "customid": "our-1",
            "iso_code": None,
            "submitted_at": "2026-11-22 14:09:27",  # India's time
        }
    ]
    [message] = caller.twin.ledger
    assert (message.to, message.text, message.custom) == (TO, "Acme: 482913", "our-1")
    assert message.on_handset
    assert message.told == "taken"
    assert caller.twin.texts_for("+" + TO) == ["Acme: 482913"]
    assert caller.twin.codes_for("+" + TO) == ["482913"]


def test_a_form_is_as_good_as_json(caller: Caller) -> None:
    form = urlencode(fields(message="Codé & 123456"))
    answer = caller.ask("POST", "sms/send", form, Content_Type=FORM)
    assert answer.json["status"] == 200
    assert caller.twin.texts_for(TO) == ["Codé & 123456"]


@pytest.mark.parametrize("where", ["query", "json", "form"])
def test_the_token_may_be_elsewhere_than_in_the_header(caller: Caller, where: str) -> None:
    members = fields(access_token=TOKEN)
    match where:
        case "query":
            target = f"sms/send?access_token={TOKEN}"
            answer = caller.ask("POST", target, fields(), token=None)
        case "json":
            answer = caller.ask("POST", "sms/send", members, token=None)
        case _:
            form = urlencode(members)
            answer = caller.ask("POST", "sms/send", form, token=None, Content_Type=FORM)
    assert answer.status == 200


@pytest.mark.parametrize("token", [None, "wrong", ""])
@pytest.mark.parametrize("path", ["sms/send", "sms/status?id=x", "finance/balance", "nothing"])
def test_an_unknown_token_is_told_so_in_json(caller: Caller, token: str | None, path: str) -> None:
    answer = caller.ask("POST" if path == "sms/send" else "GET", path, token=token)
    assert answer.status == 401
    assert answer.json["status"] == "ERROR"
    assert answer.json["code"] == 401
    assert answer.json["message"]
    assert not caller.twin.ledger


def test_who_does_not_ask_for_json_is_sent_to_the_log_in_page(caller: Caller) -> None:
    answer = caller.ask("POST", "sms/send", fields(), token="wrong", Accept="*/*")
    assert answer.status == 302
    assert answer.headers["Location"] == f"{caller.twin.origin}/login"
    assert answer.headers.get_content_type() == "text/html"
    page = caller.ask("GET", "/login", token=None)
    assert page.status == 200
    assert page.body.startswith(b"<!DOCTYPE html>")
    assert not caller.twin.ledger


def test_a_token_may_be_used_from_listed_addresses_only() -> None:
    with running(Rules(addresses=("192.0.2.7",))) as caller:
        answer = caller.send()
        assert answer.status == 403
        assert answer.json["code"] == 403
        assert "127.0.0.1" in answer.json["message"]
    with running(Rules(addresses=("127.0.0.1",))) as caller:
        assert caller.send().status == 200


@pytest.mark.parametrize("field", ["to", "message", "sender", "service"])
@pytest.mark.parametrize("value", [None, "", " "])
def test_what_is_mandatory_is_asked_for(caller: Caller, field: str, value: str | None) -> None:
    answer = caller.send(**{field: value})
    says = f"The {field} field is required."
    assert answer.status == 422
    assert answer.json == {
        "status": "ERROR",
        "code": 422,
        "message": says,
        "errors": {field: [says]},
    }
    assert not caller.twin.ledger


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("to", "12"),
        ("to", "98765 43210"),
        ("to", "0919876543210"),
        ("type", "X"),
        ("time", "tomorrow"),
        ("to", ["919876543210"]),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(caller: Caller, field: str, value: object) -> None:
    answer = caller.send(**{field: value})
    assert answer.status == 422
    assert list(answer.json["errors"]) == [field]


def test_a_longer_message_than_allowed_is_refused(caller: Caller) -> None:
    assert caller.send(message="x" * 161, max_units=1).status == 422
    assert caller.send(message="x" * 161, max_units=2).status == 200


@pytest.mark.parametrize("body", ["{", "[1]", '"x"', b"\xff"])
def test_what_cannot_be_read_is_malformed(caller: Caller, body: str | bytes) -> None:
    answer = caller.ask("POST", "sms/send", body, Content_Type="application/json")
    assert answer.status == 400
    assert answer.json["code"] == 400


@pytest.mark.parametrize(
    ("given", "reached"),
    [("+919876543210", TO), ("9876543210", TO), ("14155550101", "14155550101")],
)
def test_a_number_is_understood(caller: Caller, given: str, reached: str) -> None:
    assert caller.send(to=given).first["mobile"] == reached


def test_several_recipients_are_numbered(caller: Caller) -> None:
    answer = caller.send(to="919876543210,919876543211", message="x")
    assert answer.json["message"] == "2 numbers accepted for delivery."
    first, second = (entry["id"] for entry in answer.json["data"])
    assert first.endswith(":1")
    assert second == first[:-1] + "2"


def test_the_path_has_no_slash_at_its_end(caller: Caller) -> None:
    answer = caller.ask("POST", "sms/send/", fields())
    assert answer.status == 301
    assert answer.headers["Location"] == "/api/v2/sms/send"
    assert not caller.twin.ledger


def test_a_send_is_posted(caller: Caller) -> None:
    assert caller.get("sms/send", **fields()).status == 405
    target = f"sms/send?{urlencode({'_method': 'POST'})}"
    assert caller.ask("GET", target, fields()).status == 200


def test_what_is_not_there_is_not_found(caller: Caller) -> None:
    answer = caller.get("sms/nothing")
    assert answer.status == 404
    assert answer.json == {"status": "ERROR", "code": 404, "message": "No results found"}


# -- status -------------------------------------------------------------------------------------


def test_a_message_is_found_by_each_of_its_names() -> None:
    with running(Rules(deliver_after=timedelta(seconds=5))) as caller:
        id = caller.send(custom="our-1", message="Acme: 482913").first["id"]
        caller.send(custom="our-2", to="919876543211")
        for query in (
            {"id": id},
            {"cid": "our-1"},
            {"mobile": TO},
            {"mobile": "+" + TO},
            {"group_id": id[:-2]},
            {"mobile": TO, "id": id},
        ):
            assert [found["id"] for found in caller.status(**query)] == [id], query
        assert len(caller.status(date="2026-11-22")) == 2
        assert caller.status(date="2026-11-21") == []
        assert caller.status(mobile="919876543211", id=id) == []
        answer = caller.get("sms/status", id=id)
        assert answer.json == {
            "status": "OK",
            "code": 200,
            "message": "OK",
            "data": [
                {
                    "id": id,
                    "mobile": TO,
                    "status": "AWAITING-DLR",
                    "units": 1,
                    "service": "T",
                    "length": 12,
                    "charges": 1,
                    "custom": "our-1",
                    "custom1": "",
                    "location": "",
                    "provider": "",
                    "submitted_at": "2026-11-22 14:09:27",
                    "delivered_at": "",
                    "sender": "ACMEIN",
                }
            ],
        }
        caller.clock.turn(seconds=5)
        [found] = caller.status(id=id)
        assert found["status"] == "DELIVRD"
        assert found["delivered_at"] == "2026-11-22 14:09:32"


def test_status_wants_a_filter(caller: Caller) -> None:
    assert caller.get("sms/status").status == 422


def test_a_message_nobody_knows_is_empty_or_not_found() -> None:
    with running() as caller:
        answer = caller.get("sms/status", cid="nobody")
        assert (answer.status, answer.json["data"]) == (200, [])
    with running(Rules(unknown="404")) as caller:
        assert caller.get("sms/status", cid="nobody").status == 404


@pytest.mark.parametrize("query", [{"date": "2026-11-22"}, {"date": "2026-11-22", "mobile": TO}])
def test_by_date_status_comes_in_pages_of_a_hundred(caller: Caller, query: dict[str, str]) -> None:
    for n in range(102):
        caller.send(custom=f"our-{n}")
    first = caller.get("sms/status", **query).json
    assert len(first["data"]) == 100
    assert first["data"][0]["custom"] == "our-101"  # the newest first
    assert first["meta"]["total"] == 102
    assert first["meta"]["last_page"] == 2
    assert first["meta"]["per_page"] == 100
    assert (first["meta"]["from"], first["meta"]["to"]) == (1, 100)
    assert first["links"]["prev"] is None
    assert first["links"]["next"].startswith(f"{caller.twin.url}sms/status?date=2026-11-22")
    second = caller.ask("GET", first["links"]["next"].removeprefix(caller.twin.origin)).json
    assert [entry["custom"] for entry in second["data"]] == ["our-1", "our-0"]
    assert second["links"]["next"] is None
    assert second["meta"]["current_page"] == 2


def test_a_message_may_become_visible_late() -> None:
    with running(Rules(visible_after=timedelta(seconds=2))) as caller:
        caller.send(custom="our-1")
        assert caller.status(cid="our-1") == []
        caller.clock.turn(seconds=2)
        assert len(caller.status(cid="our-1")) == 1
    with running() as caller:
        caller.twin.behave(Oddity(visible_after=7))
        caller.send(custom="our-1")
        caller.twin.turn(seconds=6)
        assert caller.status(cid="our-1") == []
        caller.twin.turn(seconds=1)
        assert len(caller.status(cid="our-1")) == 1


def test_cid_may_have_nothing_to_do_with_custom() -> None:
    with running(Rules(cid="foreign")) as caller:
        answer = caller.send(custom="our-1")
        assert answer.first["customid"] == "our-1"
        assert caller.status(cid="our-1") == []
        [found] = caller.status(id=answer.first["id"])
        assert found["custom"] == "our-1"


# -- the rest -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["finance/balance", "account/balance"])
def test_the_balance_goes_down_by_the_parts_of_a_message(path: str) -> None:
    with running(Rules(credits=69)) as caller:
        caller.send(message="x" * 161)
        answer = caller.get(path)
        assert answer.json["status"] == 200
        assert answer.json["message"] == "OK"
        [found] = [entry for entry in answer.json["data"] if entry["service"] == "T"]
        assert found == {
            "service": "T",
            "name": "Transactional SMS",
            "postpaid": 0,
            "credits": 67,
            "charges": 1,
        }
        assert caller.ask("POST", path, {}).status == 405


def test_a_token_can_be_tried_without_sending(caller: Caller) -> None:
    assert caller.get("auth/me").json["status"] == "OK"
    assert caller.ask("GET", "auth/me", token="wrong").status == 401
