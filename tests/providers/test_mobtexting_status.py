"""What became of a message, asked of MOBtexting: which rows are ours, and what is a plain no."""

from __future__ import annotations

from typing import Any

import pytest

from otp.challenge import Delivery
from otp.errors import Unknown
from otp.providers import Asked, DeliveryReceipt
from tests.gateway import Behaviour, Gateway
from tests.providers.asking import NO_RESULTS, mobtexting, row, rows
from tests.providers.cases import NUMBER, SMS, assert_no_secret
from tests.providers.receipt_cases import REFERENCE

ID = str(row()["id"])
LOST = Asked(SMS.to, REFERENCE)
TAKEN = Asked(SMS.to, REFERENCE, ID)
OTHER = row(id="other:1", custom="f" * 32 + "-1", status="UNDELIV")
BLANK = row(id="blank:1", custom="", status="UNDELIV")
NOT_UNDERSTOOD = Behaviour(status=422, body={"status": "ERROR", "code": 422, "message": "x"})


def asked(gateway: Gateway, asked: Asked, *answers: Behaviour) -> DeliveryReceipt | None:
    gateway.answer_with(*answers)
    return mobtexting(gateway.url).ask(asked)


def queries(gateway: Gateway) -> list[dict[str, list[str]]]:
    assert {(r.method, r.path) for r in gateway.ledger} == {("GET", "/api/v2/sms/status")}
    return [received.query for received in gateway.ledger]


# -- the questions ------------------------------------------------------------------------------


def test_a_known_id_is_the_only_question(gateway: Gateway) -> None:
    assert asked(gateway, TAKEN, rows(row(custom="", mobile=None)))
    assert queries(gateway) == [{"id": [ID]}]
    assert gateway.ledger[0].headers["Accept"] == "application/json"


def test_our_reference_is_asked_for_where_the_id_is_not_known(gateway: Gateway) -> None:
    assert asked(gateway, LOST, rows(row()))
    assert queries(gateway) == [{"cid": [REFERENCE]}]


@pytest.mark.parametrize("first", [rows(), NO_RESULTS, NOT_UNDERSTOOD, rows(OTHER)])
def test_where_the_reference_finds_nothing_the_number_is_asked_for(
    gateway: Gateway, first: Behaviour
) -> None:
    receipt = asked(gateway, LOST, first, rows(OTHER, row()))
    assert receipt
    assert receipt.delivery is Delivery.DELIVERED
    assert queries(gateway) == [{"cid": [REFERENCE]}, {"mobile": [NUMBER[1:]]}]


# -- our rows -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "echo",
    [
        {"custom": REFERENCE},
        {"custom": "", "custom1": REFERENCE},
        {"custom": "9882", "cid": REFERENCE},
        {"custom": None, "customid": REFERENCE},
    ],
)
def test_our_reference_is_known_under_each_of_its_names(
    gateway: Gateway, echo: dict[str, object]
) -> None:
    assert asked(gateway, LOST, rows(row(**echo))) == DeliveryReceipt(
        reference=REFERENCE,
        provider_id=ID,
        word="DELIVRD",
        delivery=Delivery.DELIVERED,
        units=1,
    )


@pytest.mark.parametrize(
    ("changes", "delivery", "reason", "units"),
    [
        ({"status": "AWAITING-DLR", "delivered_at": ""}, Delivery.SENT, None, 1),
        ({"status": "TIMEOUT-DLR"}, Delivery.UNKNOWN, "no_report", 1),
        ({"status": "NO-CREDITS", "units": "2"}, Delivery.UNDELIVERED, "account_refused", 2),
        ({"status": "NEW-WORD", "units": "2.0"}, None, "unknown_word", None),
        ({"status": None}, None, "unknown_word", 1),
    ],
)
def test_its_status_is_told_in_our_words(
    gateway: Gateway,
    changes: dict[str, object],
    delivery: Delivery | None,
    reason: str | None,
    units: int | None,
) -> None:
    receipt = asked(gateway, LOST, rows(row(**changes)))
    assert receipt
    assert (receipt.delivery, receipt.reason, receipt.units) == (delivery, reason, units)


@pytest.mark.parametrize(
    "answer",
    [
        rows(row(), status=200),
        rows(row(), status="200", code="200"),
        Behaviour(status=202, body={"status": "OK", "data": [row()]}),
        rows(data={"current_page": 1, "data": [row()], "last_page": 4, "next_page_url": "x"}),
        rows(row(), meta={"current_page": 1, "last_page": 7}, links={"next": "x"}),
    ],
)
def test_it_is_found_in_each_shape_of_an_answer(gateway: Gateway, answer: Behaviour) -> None:
    assert asked(gateway, LOST, answer)
    assert asked(gateway, TAKEN, answer)


@pytest.mark.parametrize(
    ("words", "word"),
    [
        (["UNDELIV", "DELIVRD"], "DELIVRD"),
        (["AWAITING-DLR", "UNDELIV"], "AWAITING-DLR"),
        (["UNDELIV", "TIMEOUT-DLR"], "TIMEOUT-DLR"),
        (["UNDELIV", "WHAT"], "WHAT"),
    ],
)
def test_of_several_rows_of_ours_the_one_that_went_furthest_counts(
    gateway: Gateway, words: list[str], word: str
) -> None:
    for order in (words, words[::-1]):
        found = [row(id=f"{word}:1", status=word) for word in order]
        receipt = asked(gateway, LOST, rows(*found))
        assert receipt
        assert (receipt.word, receipt.provider_id) == (word, f"{word}:1")


# -- a plain no ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "nothing",
    [
        rows(),
        NO_RESULTS,
        rows(data={"current_page": 1, "data": [], "last_page": 1, "next_page_url": None}),
        rows(meta={"current_page": "1", "last_page": 1}, links={"next": None}),
        Behaviour(status=404, body={"status": "404", "message": "No results found"}),
        Behaviour(body={"status": "ERROR", "code": "404"}),
    ],
)
def test_nothing_found_is_a_plain_no(gateway: Gateway, nothing: Behaviour) -> None:
    assert asked(gateway, TAKEN, nothing) is None
    assert asked(gateway, LOST, nothing) is None
    assert len(gateway.ledger) == 3


def test_other_messages_to_the_number_are_a_plain_no(gateway: Gateway) -> None:
    other = row(mobile=NUMBER, custom="invoice 7")
    unnamed = row(id=None, custom="invoice 8")
    assert asked(gateway, LOST, rows(), rows(OTHER, other, unnamed)) is None


@pytest.mark.parametrize(
    "answers",
    [
        [rows(BLANK)],
        [rows(OTHER, BLANK)],
        [rows(BLANK), rows()],
        [rows(), rows(BLANK)],
        [Behaviour(status=500), rows()],
        [Behaviour(status=500, body={"status": "ERROR", "code": 404}), rows()],
        [rows(), rows(OTHER, row(custom=None, id="blank:2"))],
        [rows(), rows(row(custom="f" * 32 + "-1", mobile="919876500000"))],
        [rows(), rows(row(custom="f" * 32 + "-1", mobile=None))],
        [rows(), rows(OTHER, meta={"current_page": 1, "last_page": 2})],
        [rows(), rows(OTHER, links={"next": "https://gateway.example/?page=2"})],
        [rows(), rows(data={"data": [OTHER], "next_page_url": "x"})],
        [rows(), NOT_UNDERSTOOD],
        [rows(), Behaviour(status=500)],
        [rows(data=None)],
        [rows(data={})],
        [rows(data="")],
        [rows(row(), "odd")],
        [rows(code=404)],
        [rows(code=500)],
        [rows(status="ERROR", code=200)],
        [Behaviour(body={"status": "OK"})],
        [Behaviour(status=404, body={"status": "OK", "data": []})],
    ],
    ids=str,
)
def test_an_answer_that_may_hide_our_message_is_no_plain_no(
    gateway: Gateway, answers: list[Any]
) -> None:
    with pytest.raises(Unknown) as refusal:
        asked(gateway, LOST, *answers)
    assert_no_secret(refusal.value)


@pytest.mark.parametrize("answer", [rows(OTHER), rows(BLANK), rows(row(id=ID[:-2], custom=""))])
def test_rows_for_our_id_that_do_not_name_it_are_no_plain_no(
    gateway: Gateway, answer: Behaviour
) -> None:
    with pytest.raises(Unknown):
        asked(gateway, TAKEN, answer)
