"""MOBtexting as a provider like any other, and what is asked of its gateway."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import timedelta

import pytest

from otp.errors import ProviderError
from otp.phone import Phone
from otp.providers import Inbound, Sms
from otp.providers.mobtexting import MobTexting
from otp.providers.transport import Timeouts, session
from tests.gateway import Behaviour, Gateway
from tests.providers.asking import account, bearing, mobtexting, row, rows, sent
from tests.providers.cases import SHORT, SMS, TEXT, TOKEN, assert_no_secret
from tests.providers.question_cases import LOST, TAKEN, QuestionCases
from tests.providers.receipt_cases import ReceiptCases


class TestAsAProvider(QuestionCases, ReceiptCases):
    delivered = "DELIVRD"

    def reach(self, url: str, *, timeouts: Timeouts = SHORT, threads: int = 4) -> MobTexting:
        return MobTexting(account(url), session=session(threads), timeouts=timeouts)

    def found(self, word: str) -> Behaviour:
        return rows(row(id="x:1", status=word))

    def nothing(self) -> Behaviour:
        return rows()

    def opened_by(self, *secrets: str) -> MobTexting:
        return mobtexting("https://gateway.example/", webhook_secrets=secrets)

    def pushed(self, secret: str, body: bytes) -> Inbound:
        return bearing(secret, body)

    def report(self, *, reference: str | None, id: object, word: object) -> bytes:
        return json.dumps({"id": id, "status": word, "custom": reference}).encode()


# -- the request --------------------------------------------------------------------------------


def test_a_message_is_one_post_of_json(gateway: Gateway) -> None:
    sent(gateway)
    (request,) = gateway.ledger
    assert (request.method, request.path, request.query) == ("POST", "/api/v2/sms/send", {})
    assert request.json == {
        "to": "919876543210",
        "message": TEXT,
        "sender": "ACMEIN",
        "service": "T",
        "type": "N",
        "custom": "ref-0001",
    }
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.headers["Accept"] == "application/json"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["User-Agent"] == "otp-service"


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_address_has_one_slash_and_none_at_its_end(gateway: Gateway, slash: str) -> None:
    sent(gateway, url=gateway.url.rstrip("/") + slash)
    assert gateway.ledger[0].path == "/api/v2/sms/send"


def test_the_token_goes_into_the_query_only_where_that_is_asked_for(gateway: Gateway) -> None:
    sent(gateway, auth="query", token="a+b&c=d")
    (request,) = gateway.ledger
    assert request.query == {"access_token": ["a+b&c=d"]}
    assert "Authorization" not in request.headers


@pytest.mark.parametrize("header", ["fine", "broken\r\nno colon here"])
def test_a_token_in_the_query_does_not_reach_the_log(
    gateway: Gateway, caplog: pytest.LogCaptureFixture, header: str
) -> None:
    caplog.set_level(logging.DEBUG)
    gateway.answer_with(Behaviour(headers={"X-Header": header}))
    sent(gateway, auth="query")
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("answer", [rows(), Behaviour(status=500), Behaviour(cut="halfway")])
def test_no_question_with_the_token_in_its_query_reaches_the_log_or_an_error(
    gateway: Gateway, caplog: pytest.LogCaptureFixture, answer: Behaviour
) -> None:
    caplog.set_level(logging.DEBUG)
    provider = mobtexting(gateway.url, auth="query")
    gateway.answer_with(answer)
    for ask in (provider.balance, lambda: provider.ask(LOST), lambda: provider.ask(TAKEN)):
        _quietly(ask)
    gateway.answer_with(Behaviour(cut="unread"))
    _quietly(provider.balance)
    assert len(gateway.ledger) >= 3
    assert all(request.query["access_token"] == [TOKEN] for request in gateway.ledger)
    assert not any("Authorization" in request.headers for request in gateway.ledger)
    gone = mobtexting("http://127.0.0.1:9/", auth="query")
    _quietly(gone.balance)
    _quietly(lambda: gone.send(SMS))
    assert TOKEN not in caplog.text


def _quietly(ask: Callable[[], object]) -> None:
    try:
        ask()
    except ProviderError as error:
        assert_no_secret(error)


@pytest.mark.parametrize("base", ["white/label/v2", "white/label/v2/"])
def test_every_call_goes_below_the_base_of_its_account(gateway: Gateway, base: str) -> None:
    gateway.answer_with(Behaviour(), rows())
    provider = mobtexting(gateway.url.replace("api/v2/", base))
    provider.send(SMS)
    provider.ask(TAKEN)
    provider.ask(LOST)
    provider.balance()
    assert [(request.method, request.path) for request in gateway.ledger] == [
        ("POST", "/white/label/v2/sms/send"),
        ("GET", "/white/label/v2/sms/status"),
        ("GET", "/white/label/v2/sms/status"),
        ("GET", "/white/label/v2/sms/status"),
        ("GET", "/white/label/v2/finance/balance"),
    ]


def test_a_text_beyond_gsm_is_sent_as_unicode_and_arrives_unharmed(gateway: Gateway) -> None:
    text = "482913 आपका कोड है 😀 \u2028"
    sent(gateway, Sms(SMS.to, text, "ref", unicode=True))
    assert gateway.messages[0]["type"] == "U"
    assert gateway.messages[0]["message"] == text


def test_dlt_ids_are_strings_and_go_with_indian_numbers_only(gateway: Gateway) -> None:
    ids = {"entity_id": "1101234567890123456", "template_id": "0007123456789012345"}
    sent(gateway, webhook_id="b34e35ad", **ids)
    sent(gateway, Sms(Phone.of("+14155550101"), TEXT, "ref"), webhook_id="b34e35ad", **ids)
    indian, american = gateway.messages
    assert {name: indian[name] for name in ids} == ids
    assert not ids.keys() & american.keys()
    assert indian["webhook_id"] == american["webhook_id"] == "b34e35ad"


def test_the_template_of_a_text_goes_before_that_of_its_account(gateway: Gateway) -> None:
    own = Sms(SMS.to, TEXT, "ref", template_id="0007999")
    sent(gateway, own, template_id="0007123")
    sent(gateway, own)
    assert [message["template_id"] for message in gateway.messages] == ["0007999"] * 2


def test_empty_ids_are_not_sent(gateway: Gateway) -> None:
    sent(gateway, entity_id="", template_id=None, webhook_id="")
    assert not {"entity_id", "template_id", "webhook_id"} & gateway.messages[0].keys()


def test_messages_do_not_mix_in_the_request_that_is_prepared_once(gateway: Gateway) -> None:
    provider = MobTexting(account(gateway.url), session=session(1))
    for text in ("short", "rather a longer text", "mid one"):
        provider.send(Sms(SMS.to, text, "ref"))
    assert [message["message"] for message in gateway.messages] == [
        "short",
        "rather a longer text",
        "mid one",
    ]


def test_the_account_hides_its_token() -> None:
    shown = account("https://gateway.example/")
    assert TOKEN not in repr(shown)


@pytest.mark.parametrize("token", ["", " ", "a b", "a\nX-Other: b", "tøken", "a\x00"])
def test_a_token_no_header_can_carry_is_refused_without_being_repeated(token: str) -> None:
    with pytest.raises(ValueError) as refusal:
        account("https://gateway.example/", token=token)
    assert "route main" in str(refusal.value)
    assert not token.strip() or token not in str(refusal.value)


def test_patience_is_the_sum_of_the_time_outs() -> None:
    provider = MobTexting(account("https://gateway.example/"), session=session(1))
    assert provider.patience == timedelta(seconds=13)
    assert provider.per_minute == 1000
