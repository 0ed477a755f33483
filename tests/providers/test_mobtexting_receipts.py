"""MOBtexting's webhook: every shape its receipts may have, and the set-up."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from otp.challenge import Delivery
from otp.errors import Forged
from otp.providers import DeliveryReceipt, Inbound, Reply
from otp.providers.mobtexting_words import WORDS
from tests.providers.asking import bearing, mobtexting
from tests.providers.receipt_cases import REFERENCE

SECRET = "Kp2mN9sT4cR6dJ8h"
ID = "b34e35ad-fe34-4a8b-977c-b21cd76cd7d6:1"
DOCUMENTED = {
    "id": ID,
    "mobile": "918921269xxx",
    "status": "DELIVRD",
    "credits": "2.0000",
    "units": 2,
    "deliv_at": "1701086585",
    "sent_at": "1701063180",
    "submit_at": "1701059582",
    "deliv_time": "2021-04-09 16:27:51",
    "sent_time": "2021-04-09 16:27:35",
    "submit_time": "2021-04-09 16:27:39",
    "cid": "1234444ABCD",
    "custom": REFERENCE,
}
RECEIPT = DeliveryReceipt(
    reference=REFERENCE, provider_id=ID, word="DELIVRD", delivery=Delivery.DELIVERED, units=2
)


def received(inbound: Inbound, *secrets: str, token: str | None = None) -> Reply:
    provider = mobtexting(
        "https://gateway.example/", webhook_secrets=secrets or (SECRET,), webhook_token=token
    )
    return provider.receive(inbound)


def pushed(content: object, **query: str) -> Reply:
    return received(bearing(SECRET, json.dumps(content).encode(), **query))


# -- receipts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        DOCUMENTED,
        {"event": "sms:message:status", "payload": DOCUMENTED},
        DOCUMENTED | {"cid": REFERENCE, "custom": "9882ABCD"},
        DOCUMENTED | {"cid": REFERENCE},
        DOCUMENTED | {"custom": None, "custom1": REFERENCE, "custom2": "", "location": "x"},
        DOCUMENTED | {"message_id": ID, "id": None},
        DOCUMENTED | {"units": "2", "credits": 2},
        DOCUMENTED | {"payload": []},
        [DOCUMENTED],
    ],
    ids=str,
)
def test_a_receipt_is_understood_in_each_of_its_shapes(content: object) -> None:
    assert pushed(content) == Reply(receipts=(RECEIPT,))


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_composed_webhook_may_send_a_form(method: str) -> None:
    form = {"message_id": ID, "status": "DELIVRD", "units": "2", "custom": REFERENCE}
    inbound = bearing(SECRET, urlencode(form).encode(), method)
    assert received(inbound) == Reply(receipts=(RECEIPT,))


def test_a_composed_webhook_may_send_all_in_the_query() -> None:
    query = {"id": ID, "status": "DELIVRD", "units": "2", "custom": REFERENCE, "token": "x"}
    assert received(bearing(SECRET, b"", "GET", **query)) == Reply(receipts=(RECEIPT,))


def test_only_id_and_status_are_needed() -> None:
    (receipt,) = pushed({"id": ID, "status": "UNDELIV"}).receipts
    assert receipt == DeliveryReceipt(
        reference=None,
        provider_id=ID,
        word="UNDELIV",
        delivery=Delivery.UNDELIVERED,
        reason="network",
    )


@pytest.mark.parametrize("units", [None, "", "2.5", -1, 10_000, [], "٢"])
def test_a_count_that_is_none_is_left_out(units: object) -> None:
    (receipt,) = pushed(DOCUMENTED | {"units": units}).receipts
    assert receipt.units is None


@pytest.mark.parametrize("word", WORDS)
def test_every_word_is_translated_however_it_is_written(word: str) -> None:
    for written in (word, word.lower(), f" {word} "):
        (receipt,) = pushed(DOCUMENTED | {"status": written}).receipts
        assert receipt.word == written.strip()
        assert receipt.delivery is WORDS[word].delivery
        assert receipt.reason == (WORDS[word].reason or None)


def test_several_in_one_request_are_all_read() -> None:
    reply = pushed([DOCUMENTED, {"payload": DOCUMENTED | {"status": "FAILED"}}, 7, {}])
    assert [receipt.word for receipt in reply.receipts] == ["DELIVRD", "FAILED"]


def test_the_end_of_a_subscription_is_no_receipt() -> None:
    assert pushed({"event": "sms:unsubscription", "payload": {"mobile": "918921269xxx"}}) == Reply()


# -- who may speak ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "authorization",
    [
        *("", SECRET, "Bearer", "Bearer ", f"Basic {SECRET}", f"Bearer {SECRET}x", "Bearer é"),
        *(f"Bearer {SECRET[:-1]}", f"Bearer {SECRET.lower()}", f"Bearer {SECRET} {SECRET}"),
    ],
)
def test_without_the_secret_it_is_forged(authorization: str) -> None:
    for body in (json.dumps(DOCUMENTED), json.dumps({"challenge": "a234qwe"})):
        for method in ("GET", "POST"):
            headers = {"authorization": authorization}
            with pytest.raises(Forged):
                received(Inbound(method, headers, {"challenge": "a234qwe"}, body.encode()))


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_a_word_in_any_case(scheme: str) -> None:
    inbound = Inbound("POST", {"authorization": f"{scheme} {SECRET}"}, {}, b"{}")
    assert received(inbound) == Reply()


@pytest.mark.parametrize("secrets", [(), ("",)])
@pytest.mark.parametrize("shown", ["", SECRET, "None"])
def test_where_no_secret_is_configured_everything_is_forged(
    secrets: tuple[str, ...], shown: str
) -> None:
    provider = mobtexting("https://gateway.example/", webhook_secrets=secrets)
    with pytest.raises(Forged):
        provider.receive(bearing(shown, json.dumps(DOCUMENTED).encode()))


# -- the set-up ---------------------------------------------------------------------------------

BOTH = {"challenge": "a234qwe", "validation_key": "9012ABCD"}


def test_a_challenge_is_answered_in_the_words_of_both_documentations() -> None:
    assert pushed(BOTH, token="9012ABCD") == Reply(body=BOTH)
    assert pushed({"challenge": "a234qwe"}, token="9012ABCD") == Reply(body=BOTH)
    assert pushed({"validation_key": "9012ABCD"}) == Reply(body={"validation_key": "9012ABCD"})
    assert pushed({"challenge": 17}) == Reply(body={"challenge": "17"})
    assert pushed({"event": "x", "payload": BOTH}) == Reply(body=BOTH)


def test_a_challenge_may_come_by_get_or_as_a_form() -> None:
    query = {"token": "9012ABCD", "challenge": "a234qwe"}
    assert received(bearing(SECRET, b"", "GET", **query)) == Reply(body=BOTH)
    assert received(bearing(SECRET, urlencode(BOTH).encode())) == Reply(body=BOTH)


@pytest.mark.parametrize("odd", [None, "", {}, [1], "x" * 201])
def test_an_odd_challenge_is_not_echoed(odd: object) -> None:
    assert pushed({"challenge": odd}) == Reply()


def test_a_token_that_is_configured_must_be_presented() -> None:
    token = "9012ABCD" * 10
    body = json.dumps(BOTH | {"validation_key": token}).encode()
    known = BOTH | {"validation_key": token}
    assert received(bearing(SECRET, body, token=token), token=token) == Reply(body=known)
    assert received(bearing(SECRET, body), token=token) == Reply(body=known)
    for wrong in (token + "x", token[:-1], "x"):
        with pytest.raises(Forged):
            received(bearing(SECRET, body, token=wrong), token=token)
    with pytest.raises(Forged):
        received(bearing(SECRET, b'{"challenge":"a234qwe"}'), token=token)


def test_receipts_need_no_token_of_the_set_up() -> None:
    body = json.dumps(DOCUMENTED).encode()
    assert received(bearing(SECRET, body), token="9012ABCD") == Reply(receipts=(RECEIPT,))
