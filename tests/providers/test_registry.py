"""The registry: a route's settings become its provider."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from otp.errors import Forged
from otp.providers import Provider, Reply
from otp.providers.console import Console, DemoMessages
from otp.providers.mobtexting import MobTexting
from otp.providers.registry import build
from otp.providers.signed_http import SignedHttp
from otp.providers.transport import session
from otp.settings.routes import PROVIDERS, RouteSettings
from tests.gateway import Gateway
from tests.providers.asking import bearing
from tests.providers.cases import SIGNING_SECRET, SMS, TOKEN


def built(route: RouteSettings, folder: Path) -> Provider:
    return build(
        route,
        session=session(1),
        show=lambda _: None,
        messages=DemoMessages(folder / "messages.json"),
        clock=lambda: datetime(2026, 11, 22, tzinfo=UTC),
    )


def test_every_setting_of_a_route_reaches_its_gateway(tmp_path: Path) -> None:
    with Gateway() as gateway:
        route = RouteSettings(
            name="backup",
            provider="mobtexting",
            url=gateway.url,
            token=TOKEN,
            sender="ACMEIN",
            auth="query",
            service="G",
            entity_id="1101",
            template_id="1107",
            webhook_id="b34e",
            per_minute=60,
        )
        provider = built(route, tmp_path)
        assert isinstance(provider, MobTexting)
        assert (provider.name, provider.per_minute) == ("backup", 60)
        provider.send(SMS)
        (request,) = gateway.ledger
    assert request.query == {"access_token": [TOKEN]}
    assert (
        request.json
        | {
            "sender": "ACMEIN",
            "service": "G",
            "entity_id": "1101",
            "template_id": "1107",
            "webhook_id": "b34e",
        }
        == request.json
    )


def test_the_console_needs_a_name_only(tmp_path: Path) -> None:
    provider = built(RouteSettings(name="screen", provider="console"), tmp_path)
    assert isinstance(provider, Console)
    assert provider.name == "screen"


def test_each_provider_the_settings_know_can_be_built(tmp_path: Path) -> None:
    for word in PROVIDERS:
        route = RouteSettings(
            name="main",
            provider=word,
            url="https://gateway.example/",
            token="t",
            secrets=(SIGNING_SECRET,),
        )
        assert built(route, tmp_path)


def test_every_setting_of_an_http_route_reaches_its_gateway(tmp_path: Path) -> None:
    with Gateway(takes=lambda message: {"id": message["reference"]}) as gateway:
        route = RouteSettings(
            name="own",
            provider="http",
            url=f"{gateway.url}send",
            status_url=f"{gateway.url}status",
            secrets=(SIGNING_SECRET, "whsec_" + "b" * 32),
            template_id="1107",
            per_minute=60,
        )
        provider = built(route, tmp_path)
        assert isinstance(provider, SignedHttp)
        assert (provider.name, provider.per_minute, provider.can_ask) == ("own", 60, True)
        provider.send(SMS)
        (request,) = gateway.ledger
    assert request.path == "/api/v2/send"
    assert request.json["template_id"] == "1107"
    assert request.headers["webhook-timestamp"] == "1795305600"
    assert len(request.headers["webhook-signature"].split()) == 2


def test_the_webhook_secrets_and_token_of_a_route_reach_its_provider(tmp_path: Path) -> None:
    provider = built(
        RouteSettings(
            name="main",
            provider="mobtexting",
            url="https://gateway.example/",
            token=TOKEN,
            webhook_secrets=("first1st", "second2nd"),
            webhook_token="9012ABCD",
        ),
        tmp_path,
    )
    challenge = {"challenge": "a234qwe", "validation_key": "9012ABCD"}
    for secret in ("first1st", "second2nd"):
        inbound = bearing(secret, json.dumps(challenge).encode())
        assert provider.receive(inbound) == Reply(body=challenge)
    with pytest.raises(Forged):
        provider.receive(bearing("first1st", b'{"challenge":"a234qwe"}'))


def test_an_unknown_provider_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="pigeon"):
        built(RouteSettings(name="main", provider="pigeon"), tmp_path)
