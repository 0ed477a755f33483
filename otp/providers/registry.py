"""The providers there are, by the word that names them in `OTP_ROUTE`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import requests

from otp.providers import Provider
from otp.providers.console import Console, DemoMessages
from otp.providers.mobtexting import MobTexting, MobTextingAccount
from otp.providers.signed_http import HttpAccount, SignedHttp
from otp.settings.routes import CONSOLE, HTTP, MOBTEXTING, RouteSettings, signing_key


def build(
    route: RouteSettings,
    *,
    session: requests.Session,
    show: Callable[[str], None],
    messages: DemoMessages,
    clock: Callable[[], datetime],
) -> Provider:
    """The provider of one route, ready to send. Raises ValueError for one that is not known."""
    if route.provider == CONSOLE:
        return Console(route.name, show=show, keep=messages, clock=clock)
    if route.provider == MOBTEXTING:
        return MobTexting(_mobtexting_account(route), session=session)
    if route.provider == HTTP:
        return SignedHttp(_http_account(route), session=session, clock=clock)
    raise ValueError(f"route {route.name}: there is no provider {route.provider!r}")


def _mobtexting_account(route: RouteSettings) -> MobTextingAccount:
    return MobTextingAccount(
        name=route.name,
        url=route.url,
        token=route.token,
        sender=route.sender,
        auth="query" if route.auth == "query" else "header",
        service=route.service,
        entity_id=route.entity_id,
        template_id=route.template_id,
        webhook_id=route.webhook_id,
        webhook_secrets=route.webhook_secrets,
        webhook_token=route.webhook_token,
        per_minute=route.per_minute,
    )


def _http_account(route: RouteSettings) -> HttpAccount:
    return HttpAccount(
        name=route.name,
        url=route.url,
        keys=tuple(signing_key(secret) for secret in route.secrets),
        status_url=route.status_url,
        template_id=route.template_id,
        per_minute=route.per_minute,
    )
