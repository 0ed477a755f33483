"""One passcode: drawn, digested, compared. It is never stored, and lives in one function.

Six digits or more, each equally likely (NIST SP 800-63B-4 section 3.1.3.2). Any hash of a million
codes can be searched in a second, so what protects a stolen table is the key of the HMAC, not the
slowness of a function.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from otp.keys import Keyring
from otp.phone import Phone

RandBelow = Callable[[int], int]
"""Draws a whole number below its argument; `secrets.randbelow`, handed in by app.py."""

_PURPOSE = "passcode"


def draw(randbelow: RandBelow, length: int) -> str:
    """*length* digits, leading zeros kept."""
    return str(randbelow(10**length)).zfill(length)


def digest(
    keyring: Keyring,
    code: str,
    *,
    client_id: str,
    verification_id: str,
    challenge: int,
    phone: Phone,
) -> str:
    """What is stored. Bound to all it was made for, so a row copied elsewhere opens nothing."""
    return keyring.digest(_PURPOSE, client_id, verification_id, str(challenge), phone.e164, code)


def matches(
    keyring: Keyring,
    stored: str,
    code: str,
    *,
    client_id: str,
    verification_id: str,
    challenge: int,
    phone: Phone,
) -> bool:
    """Whether *code* made *stored*, in constant time."""
    return keyring.matches(
        stored, _PURPOSE, client_id, verification_id, str(challenge), phone.e164, code
    )


def tidied(text: str, length: int) -> str | None:
    """The digits of what a person typed or pasted, or None if it cannot be a code.

    Spaces and dashes are taken out; what is left must be exactly *length* ASCII digits, since
    `str.isdigit` and `int` also take digits of other scripts.
    """
    if len(text) > 64:
        return None
    kept = "".join(
        char
        for char in text
        if unicodedata.category(char) not in ("Zs", "Pd", "Cf") and char not in "\t\r\n−"
    )
    return kept if re.fullmatch(rf"[0-9]{{{length}}}", kept, re.ASCII) else None
