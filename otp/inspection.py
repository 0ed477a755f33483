"""What is wrong, or doubtful, with a text before anybody is sent it.

It is rendered with the longest values and with others, and compared with its registered text as an
operator does. Each finding is a sentence that says what to do.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import Final

from otp.dlt import Pattern
from otp.message import Size, Template, beyond_gsm, size

ANDROID_BYTES: Final = 140
"""Longer messages are not handed to an Android app."""

_FORBIDDEN: Final = (("<", "<"), (">", ">"), ("  ", "two spaces in a row"))
_WARNS: Final = re.compile(r"(?i)\b(share|disclose|reveal|never|nobody|no one|anyone|secret)\b")
_ORIGIN_LINE: Final = re.compile(r"\n@[a-z0-9.-]+ #(?P<sample>[0-9]+)\Z")
_DIGITS: Final = "4829134567"
_MINUTE: Final = timedelta(minutes=1)


class Severity(IntEnum):
    NOTE = 0
    WARNING = 1
    """Works, and is probably not meant."""
    ERROR = 2
    """Does not fit: messages would be paid for and not arrive, or not be of use."""


@dataclass(frozen=True, slots=True)
class Finding:
    """*kind* is its word for programs, *sentence* for people."""

    severity: Severity
    kind: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """How a text is used. *names*: what its people know the service by, one of them suffices.

    *india*: whether numbers of India are served, whose operators compare. *switch* is what leaves
    the last line out.
    """

    code_length: int
    code_life: timedelta
    names: tuple[str, ...]
    locale: str = ""
    template_id: str = ""
    registered: str = ""
    india: bool = True
    switch: str = "--last-line none"


@dataclass(frozen=True, slots=True)
class Inspection:
    """A text with the longest values in it, and what was found."""

    text: str
    size: Size
    findings: tuple[Finding, ...]

    @property
    def worst(self) -> Severity:
        return max((finding.severity for finding in self.findings), default=Severity.NOTE)


def inspect(template: Template, use: Use) -> Inspection:
    sample = _DIGITS[: use.code_length]
    text = template.render(sample, use.code_life)
    body = Template(template.text, template.service).render(sample, use.code_life)
    found = (
        *_of_registration(template, body, use),
        *_of_price(text, use),
        *_of_reading(template, text, body, sample, use),
        *_of_last_line(template, text, sample),
    )
    return Inspection(text, size(text), tuple(sorted(found, key=lambda one: -one.severity)))


# -- what an operator compares --------------------------------------------------------------------


def _of_registration(template: Template, body: str, use: Use) -> Iterator[Finding]:
    if use.registered:
        if difference := _difference(template, use):
            sentence = f"is not the registered one: {difference}."
            yield Finding(Severity.ERROR, "registered", sentence + _repair(template, use))
    elif use.template_id:
        yield Finding(
            Severity.WARNING,
            "unregistered",
            f"goes out under the DLT id {use.template_id}, and nothing says what text is registered"
            " under it: keep that text beside it (--registered, OTP_MESSAGE_REGISTERED), then it is"
            " compared.",
        )
    elif use.india:
        yield Finding(
            Severity.NOTE,
            "no_id",
            "has neither DLT id nor registered text: operators in India deliver registered texts"
            " only.",
        )
    for what, name in _FORBIDDEN:
        if use.india and what in body:
            yield Finding(
                Severity.WARNING, "forbidden", f"holds {name}, which no registered text may."
            )


def _difference(template: Template, use: Use) -> str | None:
    """Of all that may be sent, the first that would not pass: a retried message has fewer minutes,
    and each code is another."""
    pattern = Pattern.parse(use.registered)
    for text in _texts(template, use):
        if difference := pattern.difference(text):
            return difference
    return None


def _texts(template: Template, use: Use) -> Iterator[str]:
    seen = set()
    for digits in (_DIGITS, "0" * 10, "9" * 10):
        for minutes in range(max(1, use.code_life // _MINUTE), 0, -1):
            text = template.render(digits[: use.code_length], minutes * _MINUTE)
            if text not in seen:
                seen.add(text)
                yield text


def _repair(template: Template, use: Use) -> str:
    """Whether it is the last line that stands in the way, and the two ways out."""
    last = template.origin or template.app_hash
    bare = Template(template.text, template.service)
    if last and _difference(bare, use) is None:
        line = f"@{template.origin} #{{#var#}}" if template.origin else last
        return (
            " Only the last line is too much. Whether operators pass a line that is not registered"
            f" is not certain, so it counts as a difference: leave it out ({use.switch}), or have"
            f' the text registered with it, ending in "\\n\\n{line}".'
        )
    return ""


# -- what it costs --------------------------------------------------------------------------------


def _of_price(text: str, use: Use) -> Iterator[Finding]:
    cost, strange = size(text), beyond_gsm(text)
    few = sum(text.count(char) for char in strange) * 4 < len(text)
    if strange and few:
        plain = size("".join("x" if char in strange else char for char in text))
        named = ", ".join(_named(char) for char in strange[:5])
        yield Finding(
            Severity.WARNING,
            "unicode",
            f"becomes Unicode by {named}, and costs {_parts(cost)} in place of"
            f" {plain.parts}: write plain characters.",
        )
    elif cost.parts > (2 if strange else 1):
        yield Finding(Severity.WARNING, "parts", f"costs {_parts(cost)}: make it shorter.")


def _parts(cost: Size) -> str:
    return f"{cost.parts} SMS parts" if cost.parts > 1 else "1 SMS part"


def _named(char: str) -> str:
    return f"{char} (U+{ord(char):04X} {unicodedata.name(char, 'without a name').lower()})"


# -- how it reads ---------------------------------------------------------------------------------


def _of_reading(
    template: Template, text: str, body: str, sample: str, use: Use
) -> Iterator[Finding]:
    before = text[: text.index(sample) + len(sample)]
    single, joined = (70, 67) if size(text).unicode else (160, 153)
    room = joined if size(text).parts > 1 else single
    if _units(before, size(text)) > room:
        yield Finding(
            Severity.WARNING, "late_code", "has its code behind the first SMS part: move it ahead."
        )
    groups = re.findall(r"[0-9]+", body)
    if groups[0] != sample or any(len(group) > 2 for group in groups if group != sample):
        yield Finding(
            Severity.WARNING,
            "digits",
            "has other digits before the code, or others of three or more: phones that fill in the"
            " code may take those.",
        )
    if not any(name and name.casefold() in body.casefold() for name in use.names):
        yield Finding(
            Severity.WARNING,
            "unnamed",
            "does not name the service: people do not know which page the code is for.",
        )
    if "://" in body or "www." in body.casefold():
        yield Finding(
            Severity.WARNING, "link", "holds a link: people learn to press what comes with a code."
        )
    if (use.locale or "en").split("-")[0] != "en" or not body.isascii():
        yield Finding(
            Severity.NOTE, "unread", "is not read here: see that it warns not to share the code."
        )
    elif not _WARNS.search(body):
        yield Finding(
            Severity.WARNING, "no_warning", 'does not warn: add "Do not share it." or the like.'
        )


def _units(text: str, whole: Size) -> int:
    if whole.unicode:
        return len(text.encode("utf-16-le")) // 2
    return size(text).units


def _of_last_line(template: Template, text: str, sample: str) -> Iterator[Finding]:
    if template.origin:
        line = _ORIGIN_LINE.search(text)
        if line is None or line["sample"] != sample:
            yield Finding(
                Severity.WARNING,
                "origin",
                "has a last line that browsers do not read: OTP_PUBLIC_URL must have a host name"
                " of small letters, digits, dots and hyphens.",
            )
    length = len(text.encode())
    if template.app_hash and length > ANDROID_BYTES:
        yield Finding(
            Severity.ERROR,
            "android",
            f"has {length} bytes with the longest code; Android hands an app at most"
            f" {ANDROID_BYTES}: make it shorter.",
        )


def labels(findings: Sequence[Finding]) -> list[str]:
    """One line of each, with its weight."""
    words = {Severity.NOTE: "note", Severity.WARNING: "warning", Severity.ERROR: "does not fit"}
    return [f"{words[finding.severity]}: {finding.sentence}" for finding in findings]
