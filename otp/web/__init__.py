"""The doors: each turns a request into one call of `otp.service` and the result into bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from otp.floods import Floods
from otp.keys import Keyring, TokenBytes
from otp.metrics import Metrics
from otp.proof import Prover
from otp.receipts import Receipts
from otp.routes import Routes
from otp.service import Service
from otp.settings import Settings
from otp.store import Store

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All that a door may know of, made once in app.py."""

    settings: Settings
    keyring: Keyring
    store: Store
    service: Service
    prover: Prover
    routes: Routes
    receipts: Receipts
    metrics: Metrics
    floods: Floods
    clock: Clock
    token_bytes: TokenBytes
