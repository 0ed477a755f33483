"""What is left in an account of MOBtexting."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from otp.errors import Unknown
from otp.providers import Balance
from tests.gateway import Behaviour, Gateway
from tests.providers.asking import NO_RESULTS, mobtexting, rows
from tests.providers.cases import assert_no_secret

T = {"service": "T", "name": "Transactional", "postpaid": 0, "credits": 69, "charges": 1}
MKT = {"service": "MKT", "name": "Promotional SMS", "postpaid": 0, "credits": 7, "charges": 1}


def balance(gateway: Gateway, *answers: Behaviour, service: str = "T") -> Balance:
    gateway.answer_with(*answers)
    return mobtexting(gateway.url, service=service).balance()


@pytest.mark.parametrize(
    ("found", "credits"),
    [
        ([T], "69"),
        ([MKT, T], "69"),
        ([MKT | {"service": "t", "credits": "12.5000"}], "12.5000"),
        ([MKT], "7"),
        ([T | {"credits": 69.25}], "69.25"),
        ([T | {"credits": -3}], "-3"),
        ([T | {"credits": 0}], "0"),
        ([T | {"postpaid": False}], "69"),
    ],
)
def test_the_credits_of_the_service_are_told(
    gateway: Gateway, found: list[object], credits: str
) -> None:
    assert balance(gateway, rows(*found)).credits == Decimal(credits)


@pytest.mark.parametrize(
    "found",
    [
        *([], [MKT, MKT | {"service": "P"}], ["T"], [None], [[]], [T | {"credits": "plenty"}]),
        *([T | {"credits": credits}] for credits in (None, "", "1e9", True, "9" * 400, "٣")),
        *([T | {"postpaid": postpaid}] for postpaid in (1, "1", True)),
    ],
    ids=str,
)
def test_what_it_does_not_say_is_none(gateway: Gateway, found: list[object]) -> None:
    assert balance(gateway, rows(*found)).credits is None


def test_one_row_need_not_stand_in_a_list(gateway: Gateway) -> None:
    assert balance(gateway, rows(data=T)).credits == 69


@pytest.mark.parametrize(
    "unknown", [NO_RESULTS, Behaviour(status=404, body="<html>"), Behaviour(status=404, body="")]
)
def test_an_older_gateway_has_another_name_for_it(gateway: Gateway, unknown: Behaviour) -> None:
    assert balance(gateway, unknown, rows(T)).credits == 69
    assert [(r.method, r.path, r.query) for r in gateway.ledger] == [
        ("GET", "/api/v2/finance/balance", {}),
        ("GET", "/api/v2/account/balance", {}),
    ]


def test_a_gateway_that_knows_neither_name_is_told_apart(gateway: Gateway) -> None:
    with pytest.raises(Unknown) as refusal:
        balance(gateway, NO_RESULTS)
    assert refusal.value.reason == "not_told"
    assert_no_secret(refusal.value)


@pytest.mark.parametrize(
    ("date", "time"),
    [
        ("Tue, 24 Nov 2026 08:00:00 GMT", datetime(2026, 11, 24, 8, tzinfo=UTC)),
        ("Tue, 24 Nov 2026 13:30:00 +0530", datetime(2026, 11, 24, 8, tzinfo=UTC)),
        ("Tue, 24 Nov 2026 08:00:00 -0000", datetime(2026, 11, 24, 8, tzinfo=UTC)),
        *((odd, None) for odd in ("", "soon", "Tue, 99 Nov 2026 08:00:00 GMT", "0")),
        ("Fri, 31 Dec 9999 23:00:00 -2300", None),
    ],
)
def test_the_clock_of_the_gateway_is_told(
    gateway: Gateway, date: str, time: datetime | None
) -> None:
    answer = Behaviour(body={"status": 200, "data": [T]}, headers={"Date": date})
    assert balance(gateway, answer).gateway_time == time


def test_a_gateway_without_a_clock_is_borne(gateway: Gateway) -> None:
    assert balance(gateway, rows(T)).gateway_time is None
