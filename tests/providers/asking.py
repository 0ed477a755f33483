"""One message to MOBtexting, one question or one receipt, and what came of it."""

from __future__ import annotations

from typing import Any

import pytest

from otp.errors import ProviderError
from otp.providers import Inbound, Sms
from otp.providers.mobtexting import MobTexting, MobTextingAccount
from otp.providers.transport import session
from tests.gateway import Behaviour, Gateway
from tests.providers.cases import NUMBER, PATIENT, SMS, TOKEN, assert_no_secret
from tests.providers.receipt_cases import REFERENCE


def account(url: str, /, **changes: Any) -> MobTextingAccount:
    return MobTextingAccount(
        **{"name": "main", "url": url, "token": TOKEN, "sender": "ACMEIN"} | changes
    )


def sent(gateway: Gateway, sms: Sms = SMS, **changes: Any) -> str:
    return MobTexting(account(gateway.url, **changes), session=session(1)).send(sms)


def outcome(gateway: Gateway, behaviour: Behaviour) -> ProviderError:
    """The refusal that an answer leads to; it shows nothing of what was sent."""
    gateway.answer_with(behaviour)
    with pytest.raises(ProviderError) as refusal:
        sent(gateway)
    assert len(gateway.ledger) == 1
    assert_no_secret(refusal.value)
    return refusal.value


def mobtexting(url: str, /, **changes: Any) -> MobTexting:
    return MobTexting(account(url, **changes), session=session(1), timeouts=PATIENT)


def row(**changes: object) -> dict[str, object]:
    """A message as `sms/status` documents it."""
    return {
        "id": "469ea920-ccd1-4a39-b728-c0b6f15f6aa6:1",
        "mobile": NUMBER[1:],
        "status": "DELIVRD",
        "units": 1,
        "service": "T",
        "length": 7,
        "charges": 1,
        "custom": REFERENCE,
        "custom1": "",
        "location": "",
        "provider": "",
        "submitted_at": "2018-07-06 09:57:42",
        "delivered_at": "2018-07-06 21:57:42",
        "sender": "SENDER",
    } | changes


def rows(*found: object, **changes: object) -> Behaviour:
    return Behaviour(
        body={"status": "OK", "code": 200, "message": "OK", "data": list(found)} | changes
    )


NO_RESULTS = Behaviour(
    status=404, body={"status": "ERROR", "code": 404, "message": "No results found"}
)


def bearing(secret: str, body: bytes = b"", method: str = "POST", **query: str) -> Inbound:
    headers = {"authorization": f"Bearer {secret}", "content-type": "application/json"}
    return Inbound(method, headers, query, body)
