"""The text that carries a passcode, and what it costs to send.

The code stands early and alone, the service is named, and the last line binds the code to the
host of the sign-in page (`@host #code`, WICG "Origin-bound one-time codes delivered via SMS"), so
that browsers offer it nowhere else.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

# 3GPP TS 23.038: the default alphabet, and the characters that cost two of it.
_GSM: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Without ^ and |, which are in it too: MOBtexting's gateway makes ? of them, so they go as Unicode.
_GSM_EXTENSION: Final = frozenset("\f{}\\[~]€")
_PLACEHOLDERS: Final = {"code", "service", "minutes"}


def beyond_gsm(text: str) -> list[str]:
    """The characters of *text* that make all of it Unicode, each once, as they come."""
    return list(dict.fromkeys(c for c in text if c not in _GSM and c not in _GSM_EXTENSION))


@dataclass(frozen=True, slots=True)
class Size:
    """What a text costs: *units* are septets, or UTF-16 units where it is not plain GSM."""

    unicode: bool
    units: int
    parts: int


def size(text: str) -> Size:
    """The size of *text* as an SMS: 160 or 70 in one part, 153 or 67 in each of several."""
    unicode = not all(char in _GSM or char in _GSM_EXTENSION for char in text)
    if unicode:
        costs = [2 if char > "\uffff" else 1 for char in text]
    else:
        costs = [2 if char in _GSM_EXTENSION else 1 for char in text]
    single, joined = (70, 67) if unicode else (160, 153)
    units = sum(costs)
    return Size(unicode, units, 1 if units <= single else _parts(costs, joined))


def _parts(costs: list[int], joined: int) -> int:
    """How many parts of *joined* units it takes, no character torn between two."""
    parts, room = 1, joined
    for cost in costs:
        if cost > room:
            parts, room = parts + 1, joined
        room -= cost
    return parts


@dataclass(frozen=True, slots=True)
class Template:
    """How the message reads. Its last line is bound to the host *origin*, or is the *app_hash* by
    which Android hands the message to one app; with neither there is none."""

    text: str
    service: str
    origin: str | None = None
    app_hash: str | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a template that cannot carry a code."""
        try:
            fields = [
                field for field in string.Formatter().parse(self.text) if field[1] is not None
            ]
        except ValueError:
            raise ValueError("the braces of the message do not match") from None
        names = [name for _, name, _, _ in fields]
        plain = not any(spec or conversion for _, _, spec, conversion in fields)
        if not plain or not set(names) <= _PLACEHOLDERS:
            raise ValueError(
                "the message may hold {code}, {service} and {minutes} only; they stand where a"
                " registered text has {#var#}"
            )
        if names.count("code") != 1:
            raise ValueError("the message must hold {code} exactly once")
        if "\n@" in self.text:
            raise ValueError("the origin line is added by itself; leave it out of the message")

    def render(self, code: str, life: timedelta) -> str:
        """The text with *code* in it, which lives for *life*."""
        minutes = max(1, int(life / timedelta(minutes=1)))
        text = self.text.format(code=code, service=self.service, minutes=minutes)
        last = f"@{self.origin} #{code}" if self.origin else self.app_hash
        return f"{text}\n\n{last}" if last else text
