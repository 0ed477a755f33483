"""Takes out of an event what must never be written: numbers, codes, credentials, line breaks.

It would rather hide a harmless count than show a code, so log durations rounded and ids made of
letters. Hidden is every run of six digits or more, in any script and inside of words, also where
single marks break it; kept are dates, IP addresses, and the ids of keys and clients.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence, Set
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote, quote_plus

from structlog.types import EventDict, WrappedLogger

LONGEST: Final = 2048
"""Characters of one value; the rest is cut off."""

LONGEST_TRACEBACK: Final = 16384
"""Characters of a traceback, of which the end is kept: it says what went wrong."""

_SHORT: Final = 48
_HIDDEN: Final = "•••"
_CUT: Final = "…"
_DEEPEST: Final = 5
_WIDEST: Final = 32
_TRACEBACKS: Final = frozenset({"exception", "stack"})
_CREDENTIALS: Final = frozenset({"authorization", "access_token", "cookie", "set_cookie"})

_INVISIBLE: Final = re.compile(r"[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_CONTROL_BUT_LINES: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_MASKED: Final = re.compile(r"\+[0-9]{1,3}•+[0-9]{2,4}")
# As many digits as a code has, anywhere, or a word that goes before a credential.
_SUSPECT: Final = re.compile(r"\d(?:\D*\d){5}|bearer|access_token|otp_|ver_|eyj", re.IGNORECASE)

_CREDENTIAL: Final = re.compile(
    r"(?P<kind>\bbearer(?:\s|\+|%20)+)[^\s\"',;]+"
    r"|(?P<name>access_token[\"']?(?:\s*[=:]\s*|%3d)[\"']?)[^\s&\"']+"
    r"|(?P<label>otp_[sp]k_(?:live|test)_[0-9a-f]{16})_[0-9a-z_]+"
    r"|(?P<id>ver_)[0-9a-f]{32}"
    r"|\beyj[\w-]{8,}\.[\w-]+\.?[\w-]*",
    re.IGNORECASE,
)

_DIGIT: Final = r"(?:\d|%3\d|\\{1,8}(?:u003|x3)\d|&\#(?:x3\d|4[89]|5[0-7]);)"
_BREAK: Final = r"(?:[\s.()\[\]/+\-\u2010-\u2015\u2212]{1,3}|%2[0-9bde]|[,_'\u2019](?=\d))"
_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_DIGITS: Final = re.compile(
    rf"""
    (?P<keep>
        (?:19|20)[0-9]{{2}}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])   # a date
            (?:[T ][0-2][0-9]:[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]{{1,3}})?)?)?
            (?!\d|[ .-]?\d{{3}})
      | (?<![\w.]){_OCTET}(?:\.{_OCTET}){{3}}(?![\w]|\.\d)                 # an IPv4 address
      | otp_[sp]k_(?:live|test)_[0-9a-f]{{16}}_{_CUT}
      | \bcli_[0-9a-f]{{32}}\b
    )
  | {_DIGIT}(?:{_BREAK}?{_DIGIT})*
    """,
    re.VERBOSE | re.IGNORECASE,
)
_ENCODED: Final = re.compile(r"(?:%3|\\+(?:u003|x3)|&\#x3)(\d);?", re.IGNORECASE)


class Scrubber:
    """A structlog processor: what it returns is plain values of which every text is clean."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if secret for form in _forms(secret)}
        longest_first = sorted(forms, key=len, reverse=True)
        self._shortest = min(map(len, forms), default=0)
        self._secrets = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
        # Most of what is logged is words that come again and again.
        self._short = lru_cache(maxsize=1024)(self._clean)

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> EventDict:
        clean: EventDict = {}
        short = self._short
        for key, value in event.items():
            if key in _TRACEBACKS:
                clean[key] = self.traceback(str(value))
            elif type(value) is str and len(value) <= _SHORT and not _names_credentials(key):
                clean[short(key)] = short(value)
            else:
                clean[self.text(str(key))] = self._entry(key, value, 1)
        return clean

    def text(self, text: str) -> str:
        """*text* on one line, cut to `LONGEST`, without what must not be seen."""
        return self._short(text) if len(text) <= _SHORT else self._clean(text)

    def _clean(self, text: str) -> str:
        if _is_plain(text):
            return text if len(text) < self._shortest else self._secrets.sub(_HIDDEN, text)
        return self._searched(text)

    def _searched(self, text: str) -> str:
        clean = _CONTROL.sub(_escaped, self._hidden(text[: LONGEST * 8]))
        return clean if len(clean) <= LONGEST else clean[:LONGEST] + _CUT

    def traceback(self, text: str) -> str:
        """The same for text of several lines, which stay lines; the end of it is kept."""
        clean = _CONTROL_BUT_LINES.sub(_escaped, self._hidden(text[-LONGEST_TRACEBACK * 4 :]))
        return clean if len(clean) <= LONGEST_TRACEBACK else _CUT + clean[-LONGEST_TRACEBACK:]

    def _hidden(self, text: str) -> str:
        text = self._secrets.sub(_HIDDEN, _INVISIBLE.sub("", text))
        return _DIGITS.sub(_number, _CREDENTIAL.sub(_credential, text))

    def _entry(self, key: Any, value: Any, depth: int) -> Any:
        return _HIDDEN if _names_credentials(key) and value else self._value(value, depth)

    def _value(self, value: Any, depth: int) -> Any:
        match value:
            case None | bool():
                return value
            case int():
                return int(value) if abs(value) < 100_000 else _HIDDEN
            case float():
                shown = self.text(repr(value))
                return value if shown == repr(value) and math.isfinite(value) else shown
            case str():
                return self.text(str(value))
            case bytes() | bytearray() | memoryview():
                return self.text(bytes(value).decode("utf-8", "backslashreplace"))
            case datetime():
                return self.text(value.isoformat(timespec="milliseconds"))
            case date():
                return value.isoformat()
            case timedelta():
                return self._value(round(value.total_seconds(), 3), depth)
            case _ if depth > _DEEPEST:
                return _CUT
            case Mapping():
                some = list(value.items())[:_WIDEST]
                return {self.text(_shown(k)): self._entry(k, v, depth + 1) for k, v in some}
            case Sequence() | Set():
                entries = list(value)[:_WIDEST]
                if _spells_a_number(entries):
                    return _HIDDEN
                return [self._value(entry, depth + 1) for entry in entries]
            case _:
                return self.text(_shown(value))


def _is_plain(text: str) -> bool:
    """Whether nothing is to be found in *text*, but for a given secret.

    Short, printable, with too few digits for a code and none of the words that go before a
    credential: so are nearly all values, and searching them costs as much as all else of a line.
    """
    return (
        len(text) <= _SHORT
        and text.isprintable()
        and (_SUSPECT.search(text) is None or _MASKED.fullmatch(text) is not None)
    )


@lru_cache(maxsize=256)
def _names_credentials(key: Hashable) -> bool:
    return str(key).lower().replace("-", "_") in _CREDENTIALS


def _spells_a_number(entries: Sequence[Any]) -> bool:
    """Whether digits that each look harmless are six and more side by side."""
    texts = [str(entry) for entry in entries if isinstance(entry, str | int)]
    return len(texts) == len(entries) and all(map(str.isdecimal, texts)) and len("".join(texts)) > 5


def _shown(value: object) -> str:
    try:
        return value if isinstance(value, str) else repr(value)
    except Exception:  # whatever a strange object does, the event is written
        return f"<{type(value).__name__}>"


def _forms(secret: str) -> set[str]:
    """How a secret may be written: as it is, in a URL, in a `repr`, in JSON."""
    return {
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        repr(secret)[1:-1],
        json.dumps(secret)[1:-1],
    }


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape", "surrogatepass").decode("ascii")


def _credential(match: re.Match[str]) -> str:
    kept = match["kind"] or match["name"] or match["id"]
    if match["label"]:
        return f"{match['label']}_{_CUT}"
    return f"{kept or ''}{_HIDDEN}"


def _number(match: re.Match[str]) -> str:
    """Hides a number or a code; a small count stays.

    Hidden are six digits and more, on end or in groups ("482 913", "48-2913"), but not those of a
    decimal fraction ("482.913") unless a side has six by itself.
    """
    if match["keep"]:
        return match[0]
    plain = _ENCODED.sub(r"\1", match[0])
    plain = re.sub(r"&#\d\d;", "0", plain)
    groups = [len(group) for group in re.findall(r"\d+", re.sub(r"%2[0-9bdeBDE]", " ", plain))]
    fraction = len(groups) == 2 and re.fullmatch(r"\d+\.\d+", plain) is not None
    if max(groups) >= 6 or (sum(groups) >= 6 and not (fraction and sum(groups) < 9)):
        return _HIDDEN
    return match[0]
