"""What the gateway does to a text: which characters survive, and how many parts it takes.

Written from the gateway's pages, not from `otp.message`, whose mistakes it has to show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_PLAIN: Final = frozenset(
    "\n\r !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
    "£¥¤§¡¿èéùìòàÇØøÅåÆæßÉÄÖÑÜäöñüΔΦΓΛΩΠΨΣΘΞ"
)
_DOUBLE: Final = frozenset("{}[]~\\€")
"""Cost two characters, as in GSM 03.38; the gateway does not say. Its list leaves out ^, | and the
backtick."""

_LOST: Final = "?"


@dataclass(frozen=True, slots=True)
class Sized:
    """A text as the handset shows it, and its size."""

    text: str
    unicode: bool
    length: int
    units: int


def sized(text: str, type: str) -> Sized:
    """*text* after the gateway sent it as *type*: U, N, or A, which looks for itself.

    As N, what is not plain becomes a question mark, and nobody is told.
    """
    plain = all(char in _PLAIN or char in _DOUBLE for char in text)
    unicode = type == "U" or (type == "A" and not plain)
    if not unicode and not plain:
        text = "".join(char if char in _PLAIN or char in _DOUBLE else _LOST for char in text)
    return Sized(text, unicode, len(text), _units(text, unicode=unicode))


def _units(text: str, *, unicode: bool) -> int:
    if unicode:
        costs = [2 if char > "\uffff" else 1 for char in text]
    else:
        costs = [2 if char in _DOUBLE else 1 for char in text]
    whole, joined = (70, 67) if unicode else (160, 153)
    if sum(costs) <= whole:
        return 1
    units, room = 1, joined
    for cost in costs:  # a character is not torn between two parts
        if cost > room:
            units, room = units + 1, joined
        room -= cost
    return units
