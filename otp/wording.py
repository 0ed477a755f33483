"""The texts an operator stored, for whom each is, and which of them a message takes.

Nothing that a request brings becomes part of a text: a purpose and a language only choose among
what is stored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from otp.dlt import Pattern
from otp.message import Template

_PURPOSE: Final = re.compile(r"[a-z0-9_-]{1,40}")
_LOCALE: Final = re.compile(r"(?=.{2,35}\Z)[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*")
_APP_HASH: Final = re.compile(r"[A-Za-z0-9+/]{11}")
_TEMPLATE_ID: Final = re.compile(r"[0-9]{1,30}")

Key = tuple[str, str, str]
"""Client, purpose and locale; empty for every one."""


class LastLine(StrEnum):
    ORIGIN = "origin"
    """`@host #code`, for browsers."""
    ANDROID = "android"
    """The hash of one Android app, which then reads the code by itself."""
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """One stored text. *registered* is how the operator's portal shows it, *template_id* its id.

    Client, purpose and locale say for whom it is; an empty one says for all.
    """

    client_id: str = ""
    purpose: str = ""
    locale: str = ""
    text: str
    last_line: LastLine = LastLine.ORIGIN
    app_hash: str = ""
    template_id: str = ""
    registered: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError, with a sentence, for what can be no message."""
        if not any(self.key):
            raise ValueError(
                "a stored text is for a client, a purpose or a locale: name one;"
                " the text for all others is the setting OTP_MESSAGE"
            )
        if self.purpose and not _PURPOSE.fullmatch(self.purpose):
            raise ValueError("a purpose has at most 40 of a-z, 0-9, _ and -")
        if self.locale and self.locale != tidy_locale(self.locale):
            raise ValueError(f"a locale is written as in {tidy_locale(self.locale)}")
        if self.template_id and not _TEMPLATE_ID.fullmatch(self.template_id):
            raise ValueError("a DLT template id is digits only, as the portal shows it")
        if self.last_line is LastLine.ANDROID and not _APP_HASH.fullmatch(self.app_hash):
            raise ValueError("the hash of an Android app has 11 of A-Z, a-z, 0-9, + and /")
        if self.app_hash and self.last_line is not LastLine.ANDROID:
            raise ValueError("a hash of an Android app goes with the last line android only")
        if not self.text.replace("\n", "").isprintable():
            raise ValueError("the message must not hold control characters")
        if self.registered:
            Pattern.parse(self.registered)
        self.template("", "")

    @property
    def key(self) -> Key:
        return self.client_id, self.purpose, self.locale

    @property
    def options(self) -> str:
        """For whom it is, as it is typed in a command."""
        named = zip(("--client", "--purpose", "--locale"), self.key, strict=True)
        return " ".join(f"{name} {value}" for name, value in named if value)

    def template(self, service: str, host: str) -> Template:
        return Template(
            self.text,
            service,
            host if self.last_line is LastLine.ORIGIN else None,
            self.app_hash or None,
        )


@dataclass(frozen=True, slots=True)
class Phrase:
    """What one message takes: its template, and the DLT id if that is not its route's."""

    template: Template
    template_id: str | None = None


def choose(stored: Mapping[Key, Phrase], key: Key) -> Phrase | None:
    """The most specific of *stored*; None if no text is for such a message.

    One for the client stands before one for every client, then one for the purpose before one for
    every purpose, then the nearest language: for `hi-IN` that is `hi-IN`, `hi`, every language.
    """
    client_id, purpose, locale = key
    languages = _widening(locale)
    for client in dict.fromkeys((client_id, "")):
        for word in dict.fromkeys((purpose, "")):
            for language in languages:
                if found := stored.get((client, word, language)):
                    return found
    return None


def tidy_locale(text: str) -> str:
    """`hi_in` as `hi-IN`. Raises ValueError for what is no language tag."""
    if not _LOCALE.fullmatch(text):
        raise ValueError("a locale is a language tag, as in hi or hi-IN")
    first, *rest = text.replace("_", "-").split("-")
    return "-".join([first.lower(), *(_subtag(part) for part in rest)])


def _subtag(text: str) -> str:
    if len(text) == 2:
        return text.upper()
    return text.title() if len(text) == 4 else text.lower()


@lru_cache(maxsize=256)
def _widening(locale: str) -> tuple[str, ...]:
    """The language, what it is a kind of, and at last every language."""
    try:
        locale = tidy_locale(locale) if locale else ""
    except ValueError:
        locale = ""
    found = [locale]
    while locale:
        locale = locale.rpartition("-")[0]
        found.append(locale)
    return tuple(found)
