"""What each answer of MOBtexting means: the documented ones, the odd ones, and any other."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp.errors import Rejected, Unknown, Unreachable
from otp.providers.mobtexting import MobTexting
from otp.providers.mobtexting_words import WORDS
from otp.providers.transport import session
from tests.gateway import Behaviour, Gateway
from tests.providers.asking import account, outcome, sent
from tests.providers.cases import NUMBER, SMS, TEXT

# -- taken --------------------------------------------------------------------------------------

DOCUMENTED = {
    "id": "b34e35ad-fe34-4a8b-977c-b21cd76cd7d6:1",
    "mobile": "918921269xxx",
    "status": "AWAITING-DLR",
    "units": 1,
    "length": 7,
    "charges": 1,
    "customid": "",
    "iso_code": None,
    "submitted_at": "2018-07-09 16:27:35",
}
SEEN_IN_2019 = DOCUMENTED | {"charges": "1.0000", "customid1": "", "customid": None}


@pytest.mark.parametrize("http", [200, 202])
@pytest.mark.parametrize("status", [200, "200", "OK", "ok", "Ok"])
@pytest.mark.parametrize("message", [DOCUMENTED, SEEN_IN_2019], ids=["documented", "seen"])
def test_a_message_is_taken_if_every_part_of_the_answer_says_so(
    gateway: Gateway, http: int, status: object, message: dict[str, object]
) -> None:
    body = {"status": status, "message": "1 numbers accepted for delivery.", "data": [message]}
    gateway.answer_with(Behaviour(status=http, body=body))
    assert sent(gateway) == DOCUMENTED["id"]


@pytest.mark.parametrize(
    "changes",
    [
        {"code": 200},
        {"code": "202"},
        {"code": None},
        {"data": [{"id": "x:1", "status": " awaiting-dlr "}]},
        {"data": [{"id": "x:1"}]},
        {"data": [{"id": "x:1", "status": "DELIVRD"}]},
        {"data": [{"id": "x:1", "status": "TIMEOUT-DLR"}]},
        {"data": [{"id": "x:1", "status": "AWAITING-DLR"}, "and another"]},
    ],
    ids=str,
)
def test_oddities_of_a_success_are_borne(gateway: Gateway, changes: dict[str, object]) -> None:
    gateway.answer_with(Behaviour(body={"status": 200, "data": [{"id": "x:1"}]} | changes))
    assert sent(gateway) == "x:1"


def test_a_success_may_call_itself_html(gateway: Gateway) -> None:
    gateway.answer_with(Behaviour(headers={"Content-Type": "text/html; charset=UTF-8"}))
    assert sent(gateway)


# -- the account --------------------------------------------------------------------------------

LOGIN_PAGE = "\n<!DOCTYPE html><html><form action='https://portal.mobtexting.com/login'></form>"


@pytest.mark.parametrize(
    ("behaviour", "tells"),
    [
        (Behaviour(status=401, body={"status": "ERROR", "code": 401, "message": "x"}), "addresses"),
        (Behaviour(status=401, body={"status": 401, "message": "Unauthenticated."}), "token"),
        (Behaviour(body={"status": "ERROR", "code": 401, "message": "Token not found"}), "token"),
        (Behaviour(body={"status": 401, "message": "Unauthenticated."}), "addresses"),
        (Behaviour(body={"status": "401", "message": "Unauthenticated."}), "token"),
        (Behaviour(status=500, body={"status": "ERROR", "code": 401}), "token"),
        (Behaviour(status=401, body=""), "token"),
        (Behaviour(status=401, body=LOGIN_PAGE), "token"),
        (Behaviour(status=402, body=""), "credit"),
        (Behaviour(body={"status": "ERROR", "code": "402"}), "credit"),
        (Behaviour(status=403, body={"message": f"{NUMBER} from 192.0.2.7"}), "addresses"),
        (Behaviour(body={"status": "ERROR", "code": 403}), "addresses"),
        (Behaviour(status=302, headers={"Location": "/login"}, body=LOGIN_PAGE), "token"),
        (Behaviour(status=302, body=""), "token"),
        (Behaviour(status=304, body=""), "token"),
        (
            Behaviour(status=307, headers={"Location": "http://169.254.169.254/"}, body=""),
            "address",
        ),
        (Behaviour(status=302, headers={"Location": "http://[:::"}, body=LOGIN_PAGE), "token"),
        (Behaviour(status=404, body=LOGIN_PAGE), "address of the API"),
    ],
    ids=str,
)
def test_a_refusal_of_the_account_lets_another_route_try_and_tells_the_operator(
    gateway: Gateway, behaviour: Behaviour, tells: str
) -> None:
    refusal = outcome(gateway, behaviour)
    assert isinstance(refusal, Unreachable)
    assert refusal.account
    assert refusal.reason == "account_refused"
    assert tells in refusal.detail


@pytest.mark.parametrize("http", [200, 422])
@pytest.mark.parametrize(
    "errors",
    [
        {"sender": ["The selected sender is invalid."]},
        {"service": ["x"], "template_id": ["x"]},
        {"entity_id": [], "webhook_id": []},
    ],
)
def test_a_validation_of_account_settings_only_is_about_the_account(
    gateway: Gateway, http: int, errors: dict[str, object]
) -> None:
    body = {"status": "ERROR", "code": 422, "message": "Invalid.", "errors": errors}
    refusal = outcome(gateway, Behaviour(status=http, body=body))
    assert isinstance(refusal, Unreachable)
    assert refusal.account
    assert all(name in refusal.detail for name in errors)


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(status=422, body={"status": "ERROR", "code": 422, "message": "No balance"}),
        Behaviour(status=400, body={"status": "ERROR", "message": "Insufficient Balance."}),
        Behaviour(body={"status": "ERROR", "message": "You do not have enough credits"}),
        Behaviour(body={"status": "ERROR", "code": 422, "message": "x credit y", "errors": {}}),
    ],
    ids=str,
)
def test_want_of_credit_is_the_accounts_whatever_code_it_comes_under(
    gateway: Gateway, behaviour: Behaviour
) -> None:
    """Its documentation names it as an example of a 4xx, and no code for it."""
    refusal = outcome(gateway, behaviour)
    assert isinstance(refusal, Unreachable)
    assert refusal.account
    assert "credit" in refusal.detail


def test_a_field_that_is_named_is_not_about_credit(gateway: Gateway) -> None:
    body = {"status": "ERROR", "code": 422, "message": "The credit.", "errors": {"to": ["x"]}}
    assert isinstance(outcome(gateway, Behaviour(status=422, body=body)), Rejected)


# -- refused for good ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(
            status=422,
            body={
                "status": "ERROR",
                "code": 422,
                "message": f"The to {NUMBER} is odd: {TEXT}",
                "errors": {"to": [f"The to {NUMBER} is invalid."]},
            },
        ),
        Behaviour(body={"status": "ERROR", "code": 422, "message": "The to field is required."}),
        Behaviour(body={"status": "ERROR", "code": "422", "errors": {"to": [], "sender": []}}),
        Behaviour(body={"status": "ERROR", "code": 422, "errors": {}}),
        Behaviour(body={"status": "ERROR", "code": 422, "errors": "none"}),
        Behaviour(body={"status": "ERROR", "code": 422, "errors": {NUMBER: [TEXT]}}),
        Behaviour(body={"status": 422, "message": "x"}),
        Behaviour(body={"status": "ERROR", "message": "x"}),
        Behaviour(body={"status": "error"}),
        Behaviour(status=202, body={"status": "ERROR"}),
        Behaviour(status=404, body={"status": "ERROR", "code": 404, "message": "No results found"}),
        Behaviour(body={"status": "ERROR", "code": 404}),
        Behaviour(status=400, body={"status": "ERROR", "code": 400}),
        Behaviour(status=400, body=""),
        Behaviour(status=404, body="not found"),
        Behaviour(status=422, body="{}"),
    ],
    ids=str,
)
def test_a_refusal_of_the_message_is_for_good(gateway: Gateway, behaviour: Behaviour) -> None:
    refusal = outcome(gateway, behaviour)
    assert isinstance(refusal, Rejected)
    assert refusal.reason == "refused"


# -- later --------------------------------------------------------------------------------------

NOW = {"Date": "Sun, 22 Nov 2026 08:00:00 GMT"}


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"Retry-After": "30"}, 30),
        ({"Retry-After": " 0 "}, 0),
        ({"Retry-After": "999999"}, 3600),
        ({"Retry-After": "9" * 5000}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "1.5"}, None),
        ({"Retry-After": "٣٠"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Sun, 22 Nov 2026 08:02:00 GMT"} | NOW, 120),
        ({"Retry-After": "Sunday, 22-Nov-26 08:02:00 GMT"} | NOW, 120),
        ({"Retry-After": "Sun, 22 Nov 2026 07:00:00 GMT"} | NOW, 0),
        ({"Retry-After": "Mon, 22 Nov 2027 08:00:00 GMT"} | NOW, 3600),
        ({"Retry-After": "Sun, 22 Nov 2026 08:02:00 -0000"} | NOW, None),
        ({"Retry-After": "Sun, 22 Nov 2026 08:02:00 GMT"}, None),
        ({"Retry-After": "Sun, 99 Nov 2026 08:02:00 GMT"} | NOW, None),
    ],
    ids=str,
)
@pytest.mark.parametrize("status", [409, 429])
def test_a_gateway_that_asks_to_wait_is_waited_for(
    gateway: Gateway, status: int, headers: dict[str, str], wait: int | None
) -> None:
    headers = {name: value.encode().decode("latin-1") for name, value in headers.items()}
    refusal = outcome(gateway, Behaviour(status=status, headers=headers, body=""))
    assert isinstance(refusal, Unreachable)
    assert not refusal.account
    assert refusal.retry_in == (None if wait is None else timedelta(seconds=wait))


@pytest.mark.parametrize("code", [409, 429, "429"])
def test_a_wait_may_stand_in_the_body_alone(gateway: Gateway, code: object) -> None:
    body = {"status": "ERROR", "code": code, "message": "You may try again after 1 minutes."}
    refusal = outcome(gateway, Behaviour(body=body, headers={"Retry-After": "60"}))
    assert isinstance(refusal, Unreachable)
    assert refusal.retry_in == timedelta(seconds=60)


# -- nobody knows -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(body={"status": "ERROR", "code": 500, "message": "Server Error"}),
        Behaviour(body={"status": 503}),
        Behaviour(status=502, body=LOGIN_PAGE),
        Behaviour(status=500, body={"status": "ERROR", "code": 422}),
        Behaviour(status=200, body={"status": 200, "data": []}),
        Behaviour(status=200, body={"status": 200}),
        Behaviour(status=200, body={"status": 200, "data": {"id": "x:1"}}),
        Behaviour(status=200, body={"status": 200, "data": ["x:1"]}),
        Behaviour(status=200, body={"status": 200, "data": [{}]}),
        Behaviour(status=200, body={"status": 200, "data": [{"id": ""}]}),
        Behaviour(status=200, body={"status": 200, "data": [{"id": "  "}]}),
        Behaviour(status=200, body={"status": 200, "data": [{"id": 17}]}),
        Behaviour(status=200, body={"status": 200, "data": [{"id": None}]}),
        Behaviour(status=200, body={"status": 200, "data": [{"id": "x" * 5000}]}),
        Behaviour(status=200, body={"status": 200, "data": [{"id": "x:1", "status": 7}]}),
        Behaviour(status=200, body={"status": 200, "data": [{"id": "x:1", "status": ""}]}),
        Behaviour(status=200, body={"status": 200, "data": [{"id": "x:1", "status": NUMBER}]}),
        Behaviour(status=201),
        Behaviour(status=204, body=""),
        Behaviour(status=401),
        Behaviour(status=422),
        Behaviour(status=429),
        Behaviour(status=500),
        Behaviour(body={"status": 200, "code": 422, "data": [{"id": "x:1"}]}),
        Behaviour(body={"status": 201, "data": [{"id": "x:1"}]}),
        Behaviour(body={"status": "success", "data": [{"id": "x:1"}]}),
        Behaviour(body={"status": True, "data": [{"id": "x:1"}]}),
        Behaviour(body={"data": [{"id": "x:1"}]}),
        Behaviour(body='{"status":' + "[" * 900 + "]" * 900 + "}"),
        Behaviour(body='{"status":' + "9" * 4000 + "}"),
        Behaviour(body="<br />\n<b>Fatal error</b>", headers={"Content-Type": "text/html"}),
        Behaviour(body=LOGIN_PAGE, headers={"Content-Type": "text/html"}),
        Behaviour(body="<HTML><title>Log in</title>"),
        Behaviour(body={"status": 200, "data": [{"id": "\ud800"}]}),
        Behaviour(body={"status": 200, "data": [{"id": "a\0b"}]}),
        Behaviour(body="", headers={"Content-Type": "text/html"}),
        Behaviour(status=302, headers={"Location": "/login"}, body="x" * 200_000),
        Behaviour(status=408, body=""),
        Behaviour(status=418, body={"status": "ERROR", "code": 418}),
    ],
    ids=str,
)
def test_what_is_neither_a_plain_yes_nor_a_plain_no_is_unknown(
    gateway: Gateway, behaviour: Behaviour
) -> None:
    assert isinstance(outcome(gateway, behaviour), Unknown)


# -- whatever it says ---------------------------------------------------------------------------

_words = st.sampled_from([*WORDS, "OK", "ERROR", "200", "x"]) | st.integers(190, 520)
_leaf = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | _words
_bodies = st.fixed_dictionaries(
    {},
    optional={
        "status": _leaf,
        "code": _leaf,
        "errors": st.dictionaries(st.sampled_from(["to", "sender", "x"]), _leaf) | _leaf,
        "data": st.lists(
            st.fixed_dictionaries({}, optional={"id": _leaf, "status": _leaf}) | _leaf, max_size=2
        )
        | _leaf,
    },
)


def test_whatever_the_gateway_says_there_are_only_four_outcomes() -> None:
    with Gateway() as gateway:
        provider = MobTexting(account(gateway.url), session=session(1))

        @given(st.sampled_from([200, 200, 202, 204, 302, 401, 409, 422, 500]), _bodies | _leaf)
        def holds(status: int, body: object) -> None:
            gateway.answer_with(Behaviour(status=status, body=[] if body is None else body))
            with contextlib.suppress(Unreachable, Rejected, Unknown):
                id = provider.send(SMS)
                assert status in (200, 202)
                assert isinstance(body, dict)
                assert str(body["status"]).upper() in ("200", "OK")
                assert body["data"][0]["id"] == id

        holds()
