"""A gateway of one's own: signed both ways, and what its answers mean."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from otp.challenge import Delivery
from otp.errors import Forged, ProviderError, Rejected, Unknown, Unreachable
from otp.phone import Phone
from otp.providers import Asked, Balance, Inbound, Reply, Sms
from otp.providers.signatures import signed
from otp.providers.signed_http import HttpAccount, SignedHttp
from otp.providers.transport import Timeouts, session
from otp.settings.routes import signing_key
from tests.gateway import Behaviour, Gateway
from tests.providers.cases import (
    NUMBER,
    PATIENT,
    SHORT,
    SIGNING_SECRET,
    SMS,
    TEXT,
    assert_no_secret,
)
from tests.providers.question_cases import LOST, TAKEN, QuestionCases
from tests.providers.receipt_cases import REFERENCE, ReceiptCases

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
OLD = "whsec_" + base64.b64encode(b"the old key of the gateway").decode()


def takes(message: Mapping[str, Any]) -> dict[str, object]:
    return {"id": f"bridge-{message['reference']}"}


def provider(
    url: str,
    *secrets: str,
    now: datetime = NOON,
    timeouts: Timeouts = PATIENT,
    threads: int = 1,
    **changes: Any,
) -> SignedHttp:
    keys = tuple(signing_key(secret) for secret in secrets or (SIGNING_SECRET,))
    return SignedHttp(
        HttpAccount(name="main", url=url, keys=keys, **changes),
        session=session(threads),
        clock=lambda: now,
        timeouts=timeouts,
    )


def pushed(
    body: bytes, secret: str = SIGNING_SECRET, *, at: datetime = NOON, id: str = "r1"
) -> Inbound:
    headers = signed(id, body, keys=[signing_key(secret)], now=at)
    return Inbound("POST", headers, {}, body)


def report(**fields: object) -> bytes:
    return json.dumps({"reference": REFERENCE, "id": "x:1", "status": "sent"} | fields).encode()


class TestAsAProvider(QuestionCases, ReceiptCases):
    takes = staticmethod(takes)
    text_field = "text"
    old, new = OLD, SIGNING_SECRET

    def reach(self, url: str, *, timeouts: Timeouts = SHORT, threads: int = 4) -> SignedHttp:
        status = f"{url}status"
        return provider(url, timeouts=timeouts, threads=threads, status_url=status)

    def found(self, word: str) -> Behaviour:
        return Behaviour(body={"reference": REFERENCE, "id": "x:1", "status": word})

    def nothing(self) -> Behaviour:
        return Behaviour(status=404, body={"reference": REFERENCE, "status": "not_found"})

    def opened_by(self, *secrets: str) -> SignedHttp:
        return provider("https://gateway.example/", *secrets)

    def pushed(self, secret: str, body: bytes) -> Inbound:
        return pushed(body, secret)

    def report(self, *, reference: str | None, id: object, word: object) -> bytes:
        return report(reference=reference, id=id, status=word)


@pytest.fixture
def gateway() -> Any:
    with Gateway(takes=takes) as running:
        yield running


# -- the request --------------------------------------------------------------------------------


def test_a_message_is_one_signed_post_of_json(gateway: Gateway) -> None:
    assert provider(f"{gateway.url}send").send(SMS) == "bridge-ref-0001"
    (request,) = gateway.ledger
    assert (request.method, request.path, request.query) == ("POST", "/api/v2/send", {})
    assert request.json == {"to": NUMBER, "text": TEXT, "reference": "ref-0001"}
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["webhook-id"] == "ref-0001"
    assert request.headers["webhook-timestamp"] == str(int(NOON.timestamp()))
    # By hand, so that what signs and what is tested are not one.
    content = f"ref-0001.{int(NOON.timestamp())}.{request.text}".encode()
    key = base64.b64decode(SIGNING_SECRET.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-signature"] == f"v1,{expected}"


def test_the_signature_is_that_of_the_specification() -> None:
    # The example of the Standard Webhooks libraries' own tests.
    headers = signed(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        b'{"test": 2432232314}',
        keys=[signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
        now=datetime.fromtimestamp(1614265330, UTC),
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_during_a_rotation_both_secrets_sign(gateway: Gateway) -> None:
    provider(gateway.url, SIGNING_SECRET, OLD).send(SMS)
    provider(gateway.url, OLD).send(SMS)
    both, old = (request.headers["webhook-signature"].split() for request in gateway.ledger)
    assert len(both) == 2
    assert old == both[1:]


def test_a_template_goes_along_where_there_is_one(gateway: Gateway) -> None:
    own = Sms(SMS.to, TEXT, "ref", template_id="0007999")
    routed = provider(gateway.url, template_id="1107")
    routed.send(own)
    routed.send(SMS)
    assert [request.json["template_id"] for request in gateway.ledger] == ["0007999", "1107"]


def test_a_text_arrives_unharmed(gateway: Gateway) -> None:
    text = "482913 आपका कोड है 😀 \u2028"
    provider(gateway.url).send(Sms(Phone.of(NUMBER), text, "ref", unicode=True))
    assert gateway.ledger[0].json["text"] == text


def test_an_account_shows_no_key_and_needs_one() -> None:
    key = signing_key(SIGNING_SECRET)
    assert str(key) not in repr(HttpAccount(name="main", url="https://x/", keys=(key,)))
    with pytest.raises(ValueError, match="route main has no secret"):
        HttpAccount(name="main", url="https://x/", keys=())


# -- what an answer means -----------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_message_is_taken_if_it_gets_a_name(gateway: Gateway, status: int) -> None:
    gateway.answer_with(Behaviour(status=status, body={"id": "x:1", "more": None}))
    assert provider(gateway.url).send(SMS) == "x:1"


def outcome(gateway: Gateway, behaviour: Behaviour) -> ProviderError:
    gateway.answer_with(behaviour)
    with pytest.raises(ProviderError) as refusal:
        provider(gateway.url).send(SMS)
    assert len(gateway.ledger) == 1
    assert_no_secret(refusal.value)
    return refusal.value


@pytest.mark.parametrize(
    ("status", "tells"),
    [
        *((401, "clock"), (402, "credit"), (403, "addresses"), (404, "address"), (405, "address")),
        *((410, "address"), (301, "redirect"), (302, "redirect"), (307, "redirect")),
    ],
)
def test_what_is_wrong_with_the_route_is_told_to_the_operator(
    gateway: Gateway, status: int, tells: str
) -> None:
    refusal = outcome(gateway, Behaviour(status=status, body=f"{TEXT} {NUMBER}"))
    assert isinstance(refusal, Unreachable)
    assert (refusal.account, refusal.reason) == (True, "account_refused")
    assert tells in refusal.detail


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"reason": "number_unusable"}, "number_unusable"),
        *((odd, "refused") for odd in ({}, {"reason": TEXT}, {"reason": 7}, {"reason": "x" * 41})),
        *((odd, "refused") for odd in ("", [], {"reason": NUMBER}, {"reason": "482913"})),
    ],
    ids=str,
)
def test_a_message_that_is_refused_may_be_given_a_reason(
    gateway: Gateway, status: int, body: object, reason: str
) -> None:
    refusal = outcome(gateway, Behaviour(status=status, body=body))
    assert isinstance(refusal, Rejected)
    assert refusal.reason == reason


def test_a_gateway_that_asks_to_wait_is_left_alone_for_so_long(gateway: Gateway) -> None:
    refusal = outcome(gateway, Behaviour(status=429, headers={"Retry-After": "9"}, body=""))
    assert isinstance(refusal, Unreachable)
    assert (refusal.for_all, refusal.retry_in) == (True, timedelta(seconds=9))


def test_a_gateway_that_does_not_say_how_long_is_passed_over_for_this_message(
    gateway: Gateway,
) -> None:
    refusal = outcome(gateway, Behaviour(status=429, body=""))
    assert isinstance(refusal, Unreachable)
    assert (refusal.for_all, refusal.retry_in, refusal.account) == (False, None, False)


@pytest.mark.parametrize(
    "behaviour",
    [
        *(Behaviour(status=200, body={"id": odd}) for odd in (None, "", " ", 7, [], "x" * 999)),
        *(Behaviour(status=200, body=odd) for odd in ({}, {"id": "a\0"}, {"id": "é"})),
        *(Behaviour(status=status, body={"id": "x:1"}) for status in (204, 206, 408, 409, 418)),
        *(Behaviour(status=status, body={"id": "x:1"}) for status in (500, 503, 599)),
    ],
    ids=str,
)
def test_what_is_neither_a_plain_yes_nor_a_plain_no_is_unknown(
    gateway: Gateway, behaviour: Behaviour
) -> None:
    assert isinstance(outcome(gateway, behaviour), Unknown)


# -- receipts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "delivery", "reason", "units"),
    [
        ({"status": "sent"}, Delivery.SENT, None, None),
        ({"status": "delivered", "units": 2}, Delivery.DELIVERED, None, 2),
        ({"status": "undelivered", "reason": "network"}, Delivery.UNDELIVERED, "network", None),
        ({"status": "undelivered", "reason": TEXT}, Delivery.UNDELIVERED, None, None),
        ({"status": "DELIVERED"}, None, "unknown_word", None),
        ({"status": "not_found"}, None, "unknown_word", None),
    ],
)
def test_a_receipt_says_one_of_three_words(
    fields: dict[str, object], delivery: Delivery | None, reason: str | None, units: int | None
) -> None:
    reply = provider("https://gateway.example/").receive(pushed(report(**fields)))
    (receipt,) = reply.receipts
    assert (receipt.delivery, receipt.reason, receipt.units) == (delivery, reason, units)
    assert reply.body == {}


@pytest.mark.parametrize("minutes", [-5, 0, 5])
def test_clocks_may_be_five_minutes_apart(minutes: float) -> None:
    at = NOON + timedelta(minutes=minutes)
    assert provider("https://gateway.example/").receive(pushed(report(), at=at)).receipts


@pytest.mark.parametrize("seconds", [-86400, -301, 301, 86400])
def test_what_is_older_or_newer_is_forged(seconds: int) -> None:
    at = NOON + timedelta(seconds=seconds)
    with pytest.raises(Forged):
        provider("https://gateway.example/").receive(pushed(report(), at=at))


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook-id": "r2"},
        {"webhook-timestamp": str(int(NOON.timestamp()) + 1)},
        {"webhook-timestamp": f"{int(NOON.timestamp())}.0"},
        {"webhook-timestamp": "9" * 5000},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1a,x v2,y"},
    ],
    ids=str,
)
def test_every_part_of_a_request_is_under_its_signature(changes: dict[str, str]) -> None:
    good = pushed(report())
    with pytest.raises(Forged):
        provider("https://gateway.example/").receive(
            dataclasses.replace(good, headers={**good.headers, **changes})
        )
    with pytest.raises(Forged):
        provider("https://gateway.example/").receive(dataclasses.replace(good, body=report(id="y")))


def test_one_good_signature_among_others_is_enough() -> None:
    good = pushed(report())
    headers = {
        **good.headers,
        "webhook-signature": f"v1,x v1a,y {good.headers['webhook-signature']}",
    }
    inbound = dataclasses.replace(good, headers=headers)
    assert provider("https://gateway.example/").receive(inbound).receipts


def test_a_message_of_ours_that_is_sent_back_is_no_receipt(gateway: Gateway) -> None:
    own = provider(gateway.url)
    own.send(Sms(SMS.to, TEXT, REFERENCE))
    (request,) = gateway.ledger
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert own.receive(Inbound("POST", headers, {}, request.text.encode())) == Reply()


# -- questions ----------------------------------------------------------------------------------


def test_a_question_is_signed_and_has_a_name_of_its_own(gateway: Gateway) -> None:
    gateway.answer_with(Behaviour(body={"reference": REFERENCE, "id": "x:1", "status": "sent"}))
    asking = provider(f"{gateway.url}send", status_url=f"{gateway.url}status")
    assert asking.ask(LOST)
    assert asking.ask(TAKEN)
    lost, taken = gateway.ledger
    assert (lost.method, lost.path) == ("POST", "/api/v2/status")
    assert lost.json == {"reference": REFERENCE}
    assert taken.json == {"reference": REFERENCE, "id": "x:1"}
    assert lost.headers["webhook-id"] == f"{REFERENCE}-status"
    assert lost.headers["webhook-signature"].startswith("v1,")


@pytest.mark.parametrize("status", [200, 404])
def test_a_message_it_does_not_know_is_named_in_its_no(gateway: Gateway, status: int) -> None:
    asking = provider(gateway.url, status_url=gateway.url)
    body = {"reference": REFERENCE, "status": "not_found"}
    gateway.answer_with(Behaviour(status=status, body=body))
    assert asking.ask(LOST) is None
    for wrong in ({"status": "not_found"}, body | {"reference": "x"}, body | {"status": ""}):
        gateway.answer_with(Behaviour(status=status, body=wrong))
        with pytest.raises((Unknown, Unreachable)):
            asking.ask(LOST)


def test_an_answer_that_contradicts_itself_is_none(gateway: Gateway) -> None:
    gateway.answer_with(Behaviour(status=404, body={"reference": REFERENCE, "status": "sent"}))
    with pytest.raises(Unknown):
        provider(gateway.url, status_url=gateway.url).ask(LOST)


def test_an_answer_need_not_repeat_an_id(gateway: Gateway) -> None:
    gateway.answer_with(Behaviour(body={"reference": REFERENCE, "status": "delivered"}))
    receipt = provider(gateway.url, status_url=gateway.url).ask(LOST)
    assert receipt
    assert (receipt.reference, receipt.provider_id) == (REFERENCE, None)


def test_without_an_address_for_questions_none_is_asked(gateway: Gateway) -> None:
    silent = provider(gateway.url)
    assert silent.can_ask is False
    with pytest.raises(Unknown):
        silent.ask(Asked(SMS.to, REFERENCE))
    assert silent.balance() == Balance(credits=None)
    assert gateway.ledger == []
