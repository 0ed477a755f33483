"""MOBtexting's status words and what they mean in ours, for answers and delivery receipts alike.

What is done about a word is decided where it is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from otp.challenge import Delivery


class Fault(Enum):
    """What a word blames, where it answers a send."""

    NOTHING = auto()
    NUMBER = auto()
    ACCOUNT = auto()
    TEXT = auto()
    COUNTRY = auto()
    """Of the number: the account may not write there, and everywhere else as before."""
    TEMPLATE = auto()
    """Of this text: others, with a template of their own, go on."""
    HANDSET = auto()
    PASSING = auto()
    """The gateway itself, for now."""
    PARTS = auto()
    """Some parts of a long message may have been delivered."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """*reason* is our word for why it was not delivered."""

    delivery: Delivery
    reason: str = ""
    fault: Fault = Fault.NOTHING


def _failed(reason: str, fault: Fault) -> Meaning:
    return Meaning(Delivery.UNDELIVERED, reason, fault)


_GROUPS: Final = {
    "AWAITING-DLR": Meaning(Delivery.SENT),
    "DELIVRD": Meaning(Delivery.DELIVERED),
    "TIMEOUT-DLR": Meaning(Delivery.UNKNOWN, "no_report"),
    """
    ABSENT-SUB EXPIRED FAILED HANDSET-BUSY MEMEXEC MOB-OFF NET-ERR UNDELIV
    """: _failed("network", Fault.HANDSET),
    """
    SERVER-ERR THROTTLED
    """: _failed("network", Fault.PASSING),
    """
    BARRED HANDSET-ERR INV-NUMBER INVALID-SUB SERIES-BLK SERIES-BLOCK
    """: _failed("number_unusable", Fault.NUMBER),
    """
    BLACKLST DNDNUMB NOT-OPTIN OPTOUT-REJ
    """: _failed("recipient_refuses", Fault.NUMBER),
    """
    DUPLICATE REJECTED SPAM
    """: _failed("text_refused", Fault.TEXT),
    """
    DLT-REJ-MULTIPART REJ-MULTIPART
    """: _failed("parts_missing", Fault.PARTS),
    # PROMO-TMOUT is a promotional route at night: a code needs another route.
    """
    INV-PROVISION INV-SCHEDULE INV-SENDER INV-SERVICE NO-ACCOUNT NO-CREDITS PROMO-TMOUT SNDR-BLOCK
    SNDR-NOT-ALLOTED
    """: _failed("account_refused", Fault.ACCOUNT),
    "NOTALLOWED": _failed("account_refused", Fault.COUNTRY),
    # India's registered templates. Sic: EXECEED.
    """
    DLT-ENTITY-BLACKLST DLT-ENTITY-NOT-FOUND DLT-HEADER-INACTIVE DLT-INV-ENTITY DLT-INV-TEMPLATE-ID
    DLT-INV-TM-ID DLT-INV-TMID DLT-REJECTED DLT-SENDER-NOT-REG-TM DLT-TM-BLACKLST DLT-TM-INACTIVE
    DLT-TM-VAR-EXECEED
    ENTITY-BLACKLST ENTITY-NOT-FOUND HEADER-INACTIVE INV-ENTITY INV-PEID INV-TEMPLATE INV-TM-ID
    INV-TMID SENDER-NOT-REG-TM TEMPLATE-NOT-FOUND TM-BLACKLST TM-INACTIVE TM-VAR-EXECEED
    """: _failed("template_refused", Fault.TEMPLATE),
}

WORDS: Final = {word: meaning for words, meaning in _GROUPS.items() for word in words.split()}
"""Older spellings included. A word that is missing decides nothing, though the gateway's
documentation would have it mean failure: `mobtexting_receipts.receipt_of` says why."""
