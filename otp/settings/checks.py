"""What a setting must keep to because of the settings before it.

Each function is run after the setting's text was read, and looks at the earlier fields through
pydantic's `ValidationInfo`. One that is missing there was wrong itself; nothing is said twice.
"""

from __future__ import annotations

import re
from datetime import timedelta

from pydantic import ValidationInfo

from otp.dlt import Pattern, lines
from otp.keys import SecretKey, parse_secret_keys
from otp.message import Template
from otp.settings.notation import is_loopback, is_private, web_address, whole


def database_url(text: str, info: ValidationInfo) -> str:
    return text or f"sqlite:///{info.data.get('data_dir')}/otp.db"


def public_url(text: str, info: ValidationInfo) -> str:
    demo = bool(info.data.get("demo"))
    try:
        url = web_address(text)
    except ValueError:
        url = None
    if url is None or url.path not in ("", "/"):
        raise ValueError("must be https://host, without user, path, query or fragment")
    host = url.hostname or ""
    named = demo and (is_private(host) or host in info.data.get("demo_hosts", ()))
    if url.scheme == "http" and not (is_loopback(host) or named):
        raise ValueError("must be https; http is for a loopback host only")
    return f"{url.scheme}://{url.netloc}"


def trusted_proxies(text: str, info: ValidationInfo) -> int:
    if not text and str(info.data.get("public_url", "")).startswith("https:"):
        raise ValueError("is required when the public URL is https; 0 if no proxy is in front")
    return whole(0, 10)(text or "0")


def verification_life(value: timedelta, info: ValidationInfo) -> timedelta:
    code_life = info.data.get("code_life")
    if code_life is not None and value < code_life:
        raise ValueError("must not be shorter than OTP_CODE_LIFE")
    return value


def resend_waits(value: tuple[timedelta, ...], info: ValidationInfo) -> tuple[timedelta, ...]:
    sends = info.data.get("max_sends")
    if sends is not None and len(value) != sends - 1:
        raise ValueError(f"must be {sends - 1} waits, one fewer than OTP_MAX_SENDS")
    return value


def message(text: str, info: ValidationInfo) -> str:
    """Raises ValueError for a text that cannot carry a code."""
    text = lines(text)
    if not text.replace("\n", "").isprintable():
        raise ValueError("must not hold control characters")
    Template(text, str(info.data.get("service_name", "")))
    return text


def message_registered(text: str, info: ValidationInfo) -> str:
    """Raises ValueError for what can be no registered text of a message with a code."""
    if text:
        Pattern.parse(text)
    return text


def secret_keys(text: str, info: ValidationInfo) -> tuple[SecretKey, ...]:
    """None in demo mode if none are given: they are made then."""
    return () if not text and info.data.get("demo") else parse_secret_keys(text)


def alert_url(text: str) -> str | None:
    """None for nothing; with a query, since the addresses of chat rooms have one."""
    if not text:
        return None
    base, mark, query = text.partition("?")
    try:
        url = web_address(base)
    except ValueError:
        url = None
    is_safe = url and (url.scheme == "https" or is_loopback(url.hostname or ""))
    if not url or not is_safe or not re.fullmatch(r"[!-~]*", query) or "#" in query:
        raise ValueError("must be an https:// URL; http:// on a loopback host only")
    return f"{url.geturl()}{mark}{query}"
