from __future__ import annotations

from otp.providers.mobtexting_words import WORDS as OURS
from otp.twin.words import WORDS, reaches

DOCUMENTED = """
AWAITING-DLR DELIVRD TIMEOUT-DLR
ABSENT-SUB MEMEXEC MOB-OFF HANDSET-BUSY NET-ERR EXPIRED FAILED UNDELIV SERVER-ERR THROTTLED
INVALID-SUB INV-NUMBER HANDSET-ERR BARRED SERIES-BLK SERIES-BLOCK
DNDNUMB BLACKLST NOT-OPTIN OPTOUT-REJ PROMO-TMOUT
SPAM DUPLICATE REJECTED REJ-MULTIPART
NO-CREDITS NO-ACCOUNT NOTALLOWED SNDR-BLOCK INV-SENDER INV-PROVISION INV-SERVICE INV-SCHEDULE
TEMPLATE-NOT-FOUND INV-TEMPLATE DLT-REJECTED DLT-INV-TMID DLT-INV-ENTITY DLT-INV-TM-ID
DLT-TM-VAR-EXECEED DLT-ENTITY-NOT-FOUND DLT-TM-BLACKLST DLT-ENTITY-BLACKLST DLT-HEADER-INACTIVE
DLT-TM-INACTIVE DLT-SENDER-NOT-REG-TM
"""
OLDER = """
SNDR-NOT-ALLOTED INV-TMID INV-ENTITY INV-TM-ID TM-VAR-EXECEED DLT-REJ-MULTIPART
DLT-INV-TEMPLATE-ID INV-PEID
"""


def test_every_documented_word_is_known() -> None:
    documented = DOCUMENTED.split()
    assert len(documented) == len(set(documented)) == 49
    assert {*documented, *OLDER.split()} <= WORDS.keys()


def test_what_the_twin_says_the_service_understands() -> None:
    assert WORDS.keys() <= OURS.keys()


def test_only_two_words_mean_that_a_handset_may_have_it() -> None:
    assert {word for word in WORDS if reaches(word)} == {"DELIVRD", "TIMEOUT-DLR"}
    assert not reaches("SOMETHING-NEW")
