"""The service's own client before every oddity: what it says of a message is true."""

from __future__ import annotations

import pytest

from otp.errors import ProviderError, Unknown
from otp.providers.mobtexting import MobTexting
from otp.providers.transport import Timeouts, session
from otp.twin import Oddity
from otp.twin.oddities import ANSWERS
from tests.providers.asking import account
from tests.providers.cases import SMS
from tests.twin.callers import TOKEN, Caller


@pytest.mark.parametrize("name", ANSWERS)
def test_what_it_says_of_a_message_is_true(caller: Caller, name: str) -> None:
    client = MobTexting(
        account(caller.twin.url, token=TOKEN),
        session=session(1),
        timeouts=Timeouts(connect=1, read=0.5),
    )
    caller.twin.behave(Oddity(answer=name, seconds=0.0001 if name == "trickle" else 0.1))
    refusal, id = None, None
    try:
        id = client.send(SMS)
    except ProviderError as error:
        refusal = error
    got = [message.id for message in caller.twin.messages]
    if refusal is None:
        assert got == [id]
    elif not isinstance(refusal, Unknown):
        assert got == []
    assert (refusal is None) == (ANSWERS[name].tells == "taken")
    assert [message.custom for message in caller.twin.ledger] in ([], [SMS.reference])
