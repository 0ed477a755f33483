"""MOBtexting's status words, where they stand in the answer to a send."""

from __future__ import annotations

from datetime import timedelta

import pytest

from otp.challenge import Delivery
from otp.errors import ProviderError, Rejected, Unknown, Unreachable
from otp.providers.mobtexting_words import WORDS
from tests.gateway import Behaviour, Gateway, taken
from tests.providers.asking import outcome

NOT_TAKEN = {
    "INVALID-SUB INV-NUMBER HANDSET-ERR BARRED SERIES-BLK SERIES-BLOCK": (
        Rejected,
        "number_unusable",
        None,
    ),
    "DNDNUMB BLACKLST NOT-OPTIN OPTOUT-REJ": (Rejected, "recipient_refuses", None),
    "NO-CREDITS NO-ACCOUNT NOTALLOWED SNDR-BLOCK INV-SENDER INV-PROVISION INV-SERVICE "
    "INV-SCHEDULE SNDR-NOT-ALLOTED PROMO-TMOUT TEMPLATE-NOT-FOUND INV-TEMPLATE DLT-REJECTED "
    "DLT-INV-TMID DLT-INV-ENTITY DLT-INV-TM-ID DLT-TM-VAR-EXECEED DLT-ENTITY-NOT-FOUND "
    "DLT-TM-BLACKLST DLT-ENTITY-BLACKLST DLT-HEADER-INACTIVE DLT-TM-INACTIVE "
    "DLT-SENDER-NOT-REG-TM INV-TMID INV-ENTITY INV-TM-ID TM-VAR-EXECEED INV-PEID "
    "DLT-INV-TEMPLATE-ID": (Unreachable, "account_refused", True),
    "SPAM DUPLICATE REJECTED": (Unreachable, "text_refused", False),
    "ABSENT-SUB MEMEXEC MOB-OFF HANDSET-BUSY NET-ERR EXPIRED FAILED UNDELIV SERVER-ERR THROTTLED": (
        Unreachable,
        "network",
        False,
    ),
    "REJ-MULTIPART DLT-REJ-MULTIPART": (Unknown, "parts_missing", None),
    "NO-SUCH-WORD": (Unknown, "unknown_status", None),
}


@pytest.mark.parametrize(
    ("word", "kind", "reason", "account_refused"),
    [(word, *meaning) for words, meaning in NOT_TAKEN.items() for word in words.split()],
)
def test_a_failure_may_hide_in_the_status_of_the_message(
    gateway: Gateway,
    word: str,
    kind: type[ProviderError],
    reason: str,
    account_refused: bool | None,
) -> None:
    refusal = outcome(gateway, Behaviour(body=taken({}, status=word.lower())))
    assert type(refusal) is kind
    assert refusal.reason == reason
    assert (word in refusal.detail) == (word in WORDS)
    if isinstance(refusal, Unreachable):
        assert refusal.account == account_refused


def test_a_text_refused_as_spam_is_not_offered_again_within_seconds(gateway: Gateway) -> None:
    refusal = outcome(gateway, Behaviour(body=taken({}, status="DUPLICATE")))
    assert isinstance(refusal, Unreachable)
    assert refusal.retry_in == timedelta(seconds=60)


@pytest.mark.parametrize(
    "word",
    [
        *("MOB-OFF", "ABSENT-SUB", "FAILED", "NET-ERR", "NOTALLOWED"),
        *("TEMPLATE-NOT-FOUND", "DLT-REJECTED"),
    ],
)
def test_a_word_about_one_number_blames_no_route(gateway: Gateway, word: str) -> None:
    """Else anybody could stop all messages by asking for codes to a phone that is off."""
    refusal = outcome(gateway, Behaviour(body=taken({}, status=word)))
    assert isinstance(refusal, Unreachable)
    assert refusal.retry_in is not None
    assert not refusal.for_all


@pytest.mark.parametrize("word", ["SERVER-ERR", "THROTTLED", "NO-CREDITS"])
def test_a_word_about_the_gateway_or_the_account_does(gateway: Gateway, word: str) -> None:
    refusal = outcome(gateway, Behaviour(body=taken({}, status=word)))
    assert isinstance(refusal, Unreachable)
    assert refusal.retry_in is None


def test_every_word_of_a_failure_means_undelivered_in_a_receipt() -> None:
    pending_or_done = {
        "AWAITING-DLR": Delivery.SENT,
        "DELIVRD": Delivery.DELIVERED,
        "TIMEOUT-DLR": Delivery.UNKNOWN,
    }
    failures = {word for words in NOT_TAKEN for word in words.split()} - {"NO-SUCH-WORD"}
    for word, meaning in WORDS.items():
        assert meaning.delivery == pending_or_done.get(word, Delivery.UNDELIVERED)
    assert failures | pending_or_done.keys() <= WORDS.keys()
    assert not any(meaning.reason.isupper() for meaning in WORDS.values())
