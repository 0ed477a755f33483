"""The world of a test: a clock to turn, a gateway to read, and the whole service between them."""

from __future__ import annotations

import base64
import re
import sys
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import assemble, wsgi_app
from otp.client import ApiKey, Client, Mode, Rights
from otp.errors import Forged, ProviderError, Unreachable
from otp.providers import Asked, Balance, DeliveryReceipt, Inbound, Reply, Sms
from otp.settings import Settings
from otp.verification import Verification

START = datetime(2026, 11, 22, 8, 39, 27, tzinfo=UTC)
NUMBER = "+919876543210"  # an example, as in the documentation
OTHER_NUMBER = "+919876543211"
PATIENCE = timedelta(seconds=3)
WEBHOOK_SECRET = "whsec-0d9f64b1c85e4f0e"  # made up

ROOMY = {
    "OTP_PHONE_SENDS": "100000/hour",
    "OTP_PHONE_SENDS_TOTAL": "100000/day",
    "OTP_PHONE_FAILURES": "100000/day",
    "OTP_ADDRESS_SENDS": "100000/hour",
    "OTP_ADDRESS6_SENDS": "100000/hour",
    "OTP_PREFIX_SENDS": "100000/hour",
    "OTP_SEND_BUDGET": "1000000/hour",
}
"""Limits that no test meets which is about something else."""


def secret_key(name: str = "k1", seed: int = 1) -> str:
    """A key for `OTP_SECRET_KEYS` that is as good as random to look at, and always the same."""
    raw = bytes((i * 73 + seed * 41) % 256 for i in range(32))
    return f"{name}:{base64.b64encode(raw).decode()}"


class FakeClock:
    """Stands still until it is turned."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass
class FakeProvider:
    """Takes every message, unless it is told what to raise next."""

    name: str = "fake"
    patience: timedelta = PATIENCE
    per_minute: int | None = None
    sent: list[Sms] = field(default_factory=list)
    next: list[Exception] = field(default_factory=list)
    hold: threading.Event | None = None
    can_ask: bool = False
    receipts: list[DeliveryReceipt] = field(default_factory=list)
    answers: list[DeliveryReceipt | ProviderError | None] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    credits: Decimal | None = None
    balance_error: ProviderError | None = None

    def receive(self, inbound: Inbound) -> Reply:
        """What `receipts` holds, to who knows the secret; a challenge is echoed."""
        if inbound.headers.get("authorization") != f"Bearer {WEBHOOK_SECRET}":
            raise Forged
        challenge = {n: v for n, v in inbound.query.items() if n == "challenge"}
        receipts, self.receipts = tuple(self.receipts), []
        return Reply(receipts, challenge)

    def ask(self, asked: Asked) -> DeliveryReceipt | None:
        """The next of `answers`; without any, the gateway is away."""
        self.asked.append(asked)
        answer = self.answers.pop(0) if self.answers else Unreachable("unreachable")
        if isinstance(answer, Exception):
            raise answer
        return answer

    def balance(self) -> Balance:
        if self.balance_error:
            raise self.balance_error
        return Balance(self.credits)

    def send(self, sms: Sms) -> str:
        if self.hold:
            self.hold.wait(10)
        if self.next:
            raise self.next.pop(0)
        self.sent.append(sms)
        return f"fake-{len(self.sent)}"

    @property
    def codes(self) -> list[str]:
        """The codes of what was sent, oldest first."""
        return [code_in(sms.text) for sms in self.sent]


def code_in(text: str) -> str:
    found = re.search(r"[0-9]{6,10}", text)
    assert found, "no code in the message"
    return found.group()


class ServiceWorld:
    """The service on a real SQLite file, with a clock to turn and a gateway to read."""

    def __init__(
        self,
        folder: Path,
        *,
        provider: FakeProvider | None = None,
        logs: TextIO = sys.stdout,
        alone: bool = True,
        **env: str,
    ) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.provider = provider or FakeProvider()
        self.settings = Settings.from_env(
            {
                "OTP_DEMO": "1",
                "OTP_DATA_DIR": str(folder),
                "OTP_SECRET_KEYS": secret_key(),
                "OTP_PUBLIC_URL": "http://localhost",
                **env,
            }
        )
        self.parts = assemble(
            self.settings, clock=self.clock, logs=logs, route=[self.provider], alone=alone
        )
        self.store = self.parts.world.store
        self.service = self.parts.world.service
        self.upkeep = self.parts.upkeep
        self.sender = self.parts.sender
        self.app = wsgi_app(self.parts)
        self.client_id, self.keys = self.add_client("Acme")

    def add_client(self, name: str) -> tuple[str, dict[str, str]]:
        """Another client: its id, and its keys in clear by kind (`sk_live` …)."""
        token_bytes = self.parts.world.token_bytes
        client = Client(id=Client.new_id(token_bytes), name=name, created_at=self.clock())
        self.store.put_client(client)
        texts = {}
        for rights in Rights:
            for mode in Mode:
                key, text = ApiKey.issue(
                    client.id, rights, mode, token_bytes=token_bytes, now=self.clock()
                )
                self.store.put_key(key)
                texts[f"{rights}_{mode}"] = text
        return client.id, texts

    def client(self) -> FlaskClient:
        """A browser without a screen: cookies of its own, and both doors before it."""
        return self.app.test_client()

    def api(self, key: str | None = None) -> Api:
        return Api(self.client(), self.keys["sk_live"] if key is None else key)

    def deliver(self) -> str:
        """Let the sender send all that is due; return the code of the newest message."""
        self.sender.run_once()
        return self.provider.codes[-1]

    def read(self, id: str, client_id: str | None = None) -> Verification:
        return self.store.get(client_id or self.client_id, id)

    def close(self) -> None:
        self.parts.close()


class Api:
    """The JSON door with a key in hand."""

    def __init__(self, client: FlaskClient, key: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    def start(self, number: str = NUMBER, headers: Any = None, **members: Any) -> TestResponse:
        return self.post("/v1/verifications", {"phone_number": number, **members}, headers)

    def check(self, id: str, code: str, headers: Any = None, **members: Any) -> TestResponse:
        return self.post(f"/v1/verifications/{id}/check", {"code": code, **members}, headers)

    def resend(self, id: str, headers: Any = None) -> TestResponse:
        return self.post(f"/v1/verifications/{id}/resend", None, headers)

    def cancel(self, id: str, headers: Any = None) -> TestResponse:
        return self.post(f"/v1/verifications/{id}/cancel", None, headers)

    def redeem(self, proof: Any, headers: Any = None) -> TestResponse:
        return self.post("/v1/proofs/redeem", {"proof": proof}, headers)

    def get(self, path: str) -> TestResponse:
        return self._client.get(path, headers=self._headers)

    def read(self, id: str) -> TestResponse:
        return self.get(f"/v1/verifications/{id}")

    def post(self, path: str, members: Any, headers: Any = None) -> TestResponse:
        both = {**self._headers, **(headers or {})}
        if members is None:
            return self._client.post(path, headers=both)
        return self._client.post(path, json=members, headers=both)


def wrong(code: str) -> str:
    """A code of the same length that is not this one."""
    return str((int(code) + 1) % 10 ** len(code)).zfill(len(code))
