"""The routes a message may take, in the order to try, and the settings of each.

A route is one account at one provider; `OTP_ROUTE=main:mobtexting,backup:mobtexting` makes two,
whose variables are `OTP_MAIN_…` and `OTP_BACKUP_…`.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import Annotated, Final

from pydantic import AfterValidator, PlainValidator, ValidationInfo

from otp.settings.environment import PREFIX
from otp.settings.fields import Setting, settings_of
from otp.settings.notation import (
    header_word,
    hidden,
    is_loopback,
    line,
    listed,
    secret,
    web_address,
    whole,
    word,
)

CONSOLE: Final = "console"
MOBTEXTING: Final = "mobtexting"
HTTP: Final = "http"
PROVIDERS: Final = (MOBTEXTING, HTTP, CONSOLE)
_MOBTEXTING_URL: Final = "https://portal.mobtexting.com/api/v2/"


def signing_key(text: str) -> bytes:
    """The key of the Standard Webhooks secret `whsec_<base64>`. Raises ValueError."""
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if not 24 <= len(key) <= 64:
        raise ValueError(
            "must be whsec_ and 24 to 64 bytes in base64, or two such during a rotation"
        )
    return key


def _url(text: str) -> str:
    try:
        url = web_address(text)
    except ValueError:
        url = None
    if url is None or (url.scheme == "http" and not is_loopback(url.hostname or "")):
        raise ValueError(
            "must be an https:// URL without user, query or fragment; "
            "http:// on a loopback host only"
        )
    return url.geturl()


def _base(text: str, info: ValidationInfo) -> str:
    """The base of an API; with `http`, the very address that messages go to."""
    if info.data.get("provider") != HTTP:
        return _url(text).removesuffix("/") + "/"
    if text == _MOBTEXTING_URL:
        raise ValueError("is required")
    return _url(text)


def _needed(value: str, info: ValidationInfo) -> str:
    if not value and info.data.get("provider") == MOBTEXTING:
        raise ValueError("is required")
    return value


def _signing_secrets(text: str, info: ValidationInfo) -> tuple[str, ...]:
    is_http = info.data.get("provider") == HTTP
    if text and not is_http:
        raise ValueError("is for http routes alone; reports are opened by WEBHOOK_SECRET")
    if is_http and not text:
        raise ValueError("is required")
    found = tuple(secret(entry) for entry in listed(text))
    for entry in found:
        signing_key(entry)
    if len(found) > 2:
        raise ValueError("must be one secret, or two during a rotation, comma separated")
    return found


def _webhook_secrets(text: str) -> tuple[str, ...]:
    found = tuple(secret(entry) for entry in listed(text))
    if len(found) > 2 or "" in found:
        raise ValueError("must be one secret, or two during a rotation, comma separated")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSettings:
    """One route. What its provider does not use stays empty."""

    name: str
    provider: str
    url: Annotated[
        str,
        Setting(
            default=_MOBTEXTING_URL,
            shown=f"`{_MOBTEXTING_URL}`; required with http",
            meaning="Base of the SMS API; with http, the address that takes messages. https, or "
            "http on a loopback host.",
        ),
        PlainValidator(_base),
    ] = ""
    token: Annotated[
        str,
        Setting(
            default="",
            shown="required with mobtexting",
            mask=hidden,
            meaning="Access token of the account.",
        ),
        PlainValidator(secret),
        AfterValidator(_needed),
    ] = field(default="", repr=False)
    sender: Annotated[
        str,
        Setting(
            default="", shown="required with mobtexting", meaning="Sender id, as it was approved."
        ),
        PlainValidator(lambda text: line(20)(text) if text else text),
        AfterValidator(_needed),
    ] = ""
    auth: Annotated[
        str,
        Setting(
            default="header",
            meaning="Where the token goes: `header`, or `query` (`access_token`) where a header "
            "can not be sent.",
        ),
        PlainValidator(word("header", "query")),
    ] = "header"
    service: Annotated[
        str,
        Setting(default="T", meaning="The gateway's code for the kind of traffic."),
        PlainValidator(line(20)),
    ] = "T"
    entity_id: Annotated[
        str,
        Setting(default="", meaning="DLT id of the sending entity (India)."),
        PlainValidator(header_word),
    ] = ""
    template_id: Annotated[
        str,
        Setting(default="", meaning="DLT id of the registered template (India)."),
        PlainValidator(header_word),
    ] = ""
    webhook_id: Annotated[
        str,
        Setting(default="", meaning="The gateway's id of the webhook that takes delivery reports."),
        PlainValidator(header_word),
    ] = ""
    webhook_secrets: Annotated[
        tuple[str, ...],
        Setting(
            name="WEBHOOK_SECRET",
            default="",
            mask=hidden,
            meaning="What the gateway presents with delivery reports; two, comma separated, "
            "during a rotation. Without it all reports are refused.",
        ),
        PlainValidator(_webhook_secrets),
    ] = field(default=(), repr=False)
    webhook_token: Annotated[
        str,
        Setting(
            default="",
            mask=hidden,
            meaning="The verification token given to the webhook, which its set-up must present; "
            "without it, the webhook's secret is enough.",
        ),
        PlainValidator(secret),
    ] = field(default="", repr=False)
    secrets: Annotated[
        tuple[str, ...],
        Setting(
            name="SECRET",
            default="",
            shown="required with http",
            mask=hidden,
            meaning="`whsec_` and 24 to 64 bytes in base64: signs the requests of an http route "
            "both ways, as https://www.standardwebhooks.com has it; two, comma separated, during "
            "a rotation.",
        ),
        PlainValidator(_signing_secrets),
    ] = field(default=(), repr=False)
    status_url: Annotated[
        str,
        Setting(
            default="",
            meaning="Where an http route is asked what became of a message; empty if it cannot be.",
        ),
        PlainValidator(lambda text: _url(text) if text else text),
    ] = ""
    per_minute: Annotated[
        int,
        Setting(
            default="1000",
            meaning="Our own ceiling on calls of this route, all processes together.",
        ),
        PlainValidator(whole(1)),
    ] = 1000

    @property
    def confidential(self) -> tuple[str, ...]:
        """All of it that must never be written anywhere, as text."""
        return (self.token, self.webhook_token, *self.webhook_secrets, *self.secrets)


def route_names(text: str, *, demo: bool) -> list[tuple[str, str]]:
    """(name, provider) of each route in `name[:provider][,…]`.

    Raises ValueError for an odd, repeated or unknown name, for two names that make one variable,
    and for the console outside of demo.
    """
    found = []
    for place, entry in enumerate(text.split(","), start=1):
        name, colon, provider = entry.strip().partition(":")
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", name):
            raise ValueError(f"route {place} must read name[:provider], the name in a-z, 0-9 and _")
        provider = provider if colon else name
        if provider not in PROVIDERS:
            raise ValueError(f"route {place} must have a provider: {' or '.join(PROVIDERS)}")
        if provider == CONSOLE and not demo:
            raise ValueError(
                f"route {place} prints codes to the console, which only OTP_DEMO=1 allows"
            )
        found.append((name, provider))
    if len({name for name, _ in found}) < len(found):
        raise ValueError("two routes have the same name")
    names = [prefix_of(name) + own for name, _ in found for own in settings_of(RouteSettings)]
    if len(set(names)) < len(names):
        raise ValueError("two routes share a variable, as a and a_webhook do: rename one")
    return found


def prefix_of(route: str) -> str:
    """What the variables of a route begin with."""
    return f"{PREFIX}{route.upper()}_"
