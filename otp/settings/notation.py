"""How the values of settings are written: from text to value, one function for each kind.

Each raises ValueError with a sentence that names the bound and never repeats the value, since
what stands in the wrong variable may be a secret.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from phonenumbers import SUPPORTED_REGIONS

from otp.phone import ANY

WINDOWS: Final = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_LABEL: Final = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?"
_HOST: Final = re.compile(rf"({_LABEL}\.)*{_LABEL}")
_STAND_IN: Final = (
    r"(my|your|the|a|an|some|this|is|api|auth|access|webhook|metrics|mobtexting|otp)*"
    r"(secret|token|key|password|passwd|example|sample|placeholder|changeit|"
    r"change(me|this)|replace(me|this)|insert|todo|fixme|none|null|test|default|here)+[0-9]*"
    r"|(.)\5*"
)


@dataclass(frozen=True, slots=True)
class Rate:
    """At most *limit* in any *window*."""

    limit: int
    window: timedelta


def flag(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError("must be 0 or 1")
    return text == "1"


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """A whole number from *low* to *high*, both included."""
    bound = f"from {low} to {high}" if high is not None else f"of at least {low}"

    def parse(text: str) -> int:
        value = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else -1
        if value < low or (high is not None and value > high):
            raise ValueError(f"must be a whole number {bound}")
        return value

    return parse


def seconds(low: int, high: int) -> Callable[[str], timedelta]:
    number = whole(low, high)

    def parse(text: str) -> timedelta:
        try:
            return timedelta(seconds=number(text))
        except ValueError as problem:
            raise ValueError(f"{problem} (seconds)") from None

    return parse


def waits(text: str) -> tuple[timedelta, ...]:
    """Whole seconds, comma separated; none at all is a list too."""
    try:
        return tuple(seconds(1, 86400)(entry) for entry in listed(text))
    except ValueError:
        raise ValueError("must be whole numbers of seconds from 1, comma separated") from None


def age(text: str) -> timedelta:
    """`30d`, `12h`, `90m`, `45s`."""
    found = re.fullmatch(r"([1-9][0-9]{0,5})([smhd])", text)
    if not found:
        raise ValueError("must be a whole number and a unit: s, m, h or d, as in 30d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def rates(text: str) -> tuple[Rate, ...]:
    """`count/window[,…]`; there is no way to write that something is unlimited."""
    found = [re.fullmatch(r"([1-9][0-9]{0,8})/(minute|hour|day)", e) for e in text.split(",")]
    rates = tuple(Rate(int(match[1]), WINDOWS[match[2]]) for match in found if match)
    if len(rates) < len(found):
        raise ValueError(
            "must read count/window[,…] with minute, hour or day and a count of at least 1; "
            "it cannot be switched off"
        )
    if len({rate.window for rate in rates}) < len(rates):
        raise ValueError("must not name a window twice")
    return rates


def rates_if_any(text: str) -> tuple[Rate, ...]:
    """The same, or none where nothing is said."""
    return rates(text) if text else ()


def word(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be {' or '.join(words)}")
        return text

    return parse


def line(longest: int) -> Callable[[str], str]:
    """Printable text on one line, not blank."""

    def parse(text: str) -> str:
        if not text.strip():
            raise ValueError("must not be empty")
        if len(text) > longest or not text.isprintable():
            raise ValueError(f"must be at most {longest} printable characters on one line")
        return text

    return parse


def header_word(text: str) -> str:
    """What may stand in an HTTP header: visible ASCII without spaces. May be empty."""
    if not re.fullmatch(r"[!-~]*", text):
        raise ValueError("must be ASCII without spaces or line breaks")
    return text


def secret(text: str) -> str:
    """A credential, or empty where it may be: no obvious stand-in for one."""
    if re.fullmatch(_STAND_IN, re.sub(r"[^a-z0-9]", "", text.lower())):
        raise ValueError("is a placeholder, not a secret")
    return header_word(text)


def token(shortest: int) -> Callable[[str], str | None]:
    """A credential of at least so many characters, or None where it is empty."""

    def parse(text: str) -> str | None:
        if text and len(text) < shortest:
            raise ValueError(f"must be at least {shortest} characters")
        return secret(text) or None

    return parse


def listed(text: str) -> list[str]:
    """The entries of a comma-separated list; an empty text has none."""
    return [entry.strip() for entry in text.split(",")] if text.strip() else []


def countries(text: str) -> frozenset[str]:
    """ISO codes of countries that have telephone numbers, or `ANY` alone."""
    named = frozenset(entry.upper() for entry in listed(text))
    if named == {ANY}:
        return named
    if not named or not named <= SUPPORTED_REGIONS:
        raise ValueError(f"must be ISO country codes, comma separated, or {ANY} alone")
    return named


def country(text: str) -> str:
    if text.upper() not in SUPPORTED_REGIONS:
        raise ValueError("must be one ISO country code")
    return text.upper()


def prefixes(text: str) -> tuple[str, ...]:
    """Beginnings of E.164 numbers."""
    found = tuple(listed(text))
    if not all(re.fullmatch(r"\+[1-9][0-9]{1,14}", prefix) for prefix in found):
        raise ValueError("must be prefixes of + and 2 to 15 digits, comma separated")
    return found


def path(text: str) -> Path:
    if not text.strip() or not text.isprintable():
        raise ValueError("must be the path of a folder")
    return Path(text)


def hosts(text: str) -> tuple[str, ...]:
    found = tuple(entry.lower() for entry in listed(text))
    if not all(_HOST.fullmatch(host) for host in found):
        raise ValueError("must be host names, comma separated")
    return found


def web_address(text: str) -> SplitResult:
    """An http or https URL with a host, without user, query or fragment.

    Scheme and host come back in lower case, the port only where it is not the usual one.
    """
    problem = "must be an https:// URL with a host, without user, query or fragment"
    try:
        url = urlsplit(text)
        host, port = url.hostname or "", url.port
        literal = f"[{ipaddress.IPv6Address(host)}]" if ":" in host else host
    except ValueError:
        raise ValueError(problem) from None
    odd = "@" in url.netloc or "?" in text or "#" in text or not re.fullmatch(r"[!-~]+", text)
    if url.scheme not in ("http", "https") or odd:
        raise ValueError(problem)
    if ":" not in host and not _HOST.fullmatch(host):
        raise ValueError(problem)
    if port is not None and port != {"http": 80, "https": 443}[url.scheme]:
        literal = f"{literal}:{port}"
    return SplitResult(url.scheme, literal, url.path, "", "")


def is_loopback(host: str) -> bool:
    return host == "localhost" or _is_address(host, lambda address: address.is_loopback)


def is_private(host: str) -> bool:
    """Whether *host* is of this machine or its own network."""
    return (
        is_loopback(host)
        or host.endswith(".local")
        or _is_address(host, lambda address: address.is_private)
    )


def _is_address(
    host: str, test: Callable[[ipaddress.IPv4Address | ipaddress.IPv6Address], bool]
) -> bool:
    try:
        return test(ipaddress.ip_address(host))
    except ValueError:
        return False


def hidden(text: str) -> str:
    """How a secret is shown."""
    return "••••••" if text else ""


def without_credentials(url: str) -> str:
    """How a URL with a password in it is shown; libpq also takes one in the query."""
    return re.sub(r"\?.*", "?••••••", re.sub(r"//.*@", "//••••••@", url))


def database(text: str) -> str:
    """`sqlite:///relative`, `sqlite:////absolute`, `postgresql://…`, or empty."""
    if text and not re.fullmatch(r"sqlite:///[^?#]+|postgresql://[!-~]+", text):
        raise ValueError("must be sqlite:///path or postgresql://…")
    return text


def limits_storage(text: str) -> str | None:
    if text and not re.fullmatch(r"rediss?://[!-~]+", text):
        raise ValueError("must be redis://… or rediss://…, or empty for the database")
    return text or None
