"""The gateway's words for what became of a message, as its documentation lists them.

Kept apart from what `otp.providers` makes of them: who judges a client does not share its tables.
"""

from __future__ import annotations

from typing import Final

PENDING: Final = "AWAITING-DLR"
DELIVERED: Final = "DELIVRD"
NO_REPORT: Final = "TIMEOUT-DLR"

_GROUPS: Final = {
    "pending": "AWAITING-DLR",
    "delivered": "DELIVRD",
    "no report came; the message may have": "TIMEOUT-DLR",
    "handset or network; may work later": """
        ABSENT-SUB MEMEXEC MOB-OFF HANDSET-BUSY NET-ERR EXPIRED FAILED UNDELIV SERVER-ERR THROTTLED
    """,
    "number unusable": "INVALID-SUB INV-NUMBER HANDSET-ERR BARRED SERIES-BLK SERIES-BLOCK",
    "may not be written to": "DNDNUMB BLACKLST NOT-OPTIN OPTOUT-REJ PROMO-TMOUT",
    "content refused": "SPAM DUPLICATE REJECTED REJ-MULTIPART",
    "account or route": """
        NO-CREDITS NO-ACCOUNT NOTALLOWED SNDR-BLOCK INV-SENDER INV-PROVISION INV-SERVICE
        INV-SCHEDULE
    """,
    "template (DLT)": """
        TEMPLATE-NOT-FOUND INV-TEMPLATE DLT-REJECTED DLT-INV-TMID DLT-INV-ENTITY DLT-INV-TM-ID
        DLT-TM-VAR-EXECEED DLT-ENTITY-NOT-FOUND DLT-TM-BLACKLST DLT-ENTITY-BLACKLST
        DLT-HEADER-INACTIVE DLT-TM-INACTIVE DLT-SENDER-NOT-REG-TM
    """,
    "older or other spelling": """
        SNDR-NOT-ALLOTED INV-TMID INV-ENTITY INV-TM-ID TM-VAR-EXECEED ENTITY-NOT-FOUND TM-BLACKLST
        ENTITY-BLACKLST HEADER-INACTIVE TM-INACTIVE SENDER-NOT-REG-TM DLT-REJ-MULTIPART
        DLT-INV-TEMPLATE-ID INV-PEID
    """,
}

WORDS: Final = {word: group for group, words in _GROUPS.items() for word in words.split()}
"""Each word and what it is about."""

_REACHED: Final = {DELIVERED, NO_REPORT}


def reaches(word: str) -> bool:
    """Whether a handset has a message that ends with this word; without a report it may well."""
    return word in _REACHED
