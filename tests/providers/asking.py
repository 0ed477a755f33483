"""One message to MOBtexting, and what came of it."""

from __future__ import annotations

from typing import Any

import pytest

from otp.errors import ProviderError
from otp.providers import Sms
from otp.providers.mobtexting import MobTexting, MobTextingAccount
from otp.providers.transport import session
from tests.gateway import Behaviour, Gateway
from tests.providers.cases import SMS, TOKEN, assert_no_secret


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
