"""What a provider promises. Which there are: `otp.providers.registry`.

A provider turns one `Sms` into one request to its gateway, and the answer into one of four
outcomes. It knows neither verifications nor codes. How to add one: docs/adding-a-provider.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Protocol

from otp.challenge import Delivery
from otp.phone import Phone

REFERENCE: Final = re.compile(r"([0-9a-f]{32})-([0-9]{1,6})")
"""The shape of our name for a message, as `otp.receipts.reference` makes it."""


@dataclass(frozen=True, slots=True)
class Sms:
    """One message to one number. *reference* is our name for it, echoed by gateways.

    *template_id* is the text's own id at the operators (DLT); it goes before the account's. The
    text never shows in a `repr`.
    """

    to: Phone
    text: str = field(repr=False)
    reference: str
    unicode: bool = False
    template_id: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A message whose fate is asked for. *provider_id* is the provider's own name for it, None
    where its answer was lost."""

    to: Phone
    reference: str
    provider_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReceipt:
    """What a provider says became of one message, pushed or asked for.

    At least one of *reference* (ours) and *provider_id* names the message. *word* is the
    provider's own, at most 40 printable characters; *delivery* is None if nobody knows that word.
    *units* are the SMS parts it was charged for, where it says so.
    """

    reference: str | None
    provider_id: str | None
    word: str
    delivery: Delivery | None
    reason: str | None = None
    units: int | None = None


@dataclass(frozen=True, slots=True)
class Inbound:
    """A request to the webhook of a route. The names of *headers* are lower case."""

    method: str
    headers: Mapping[str, str] = field(repr=False)
    query: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """What an authentic request to a webhook said, and the JSON object it is answered with."""

    receipts: tuple[DeliveryReceipt, ...] = ()
    body: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Balance:
    """What is left in an account (None: the provider does not say), and the provider's clock."""

    credits: Decimal | None
    gateway_time: datetime | None = None


class Provider(Protocol):
    name: str
    """The route's name, as in `OTP_ROUTE`."""

    patience: timedelta
    """The longest `send` may take: the sum of its time-outs."""

    per_minute: int | None
    """Our own ceiling on calls of this route, over all processes; None: no ceiling."""

    def send(self, sms: Sms) -> str:
        """Hand over one message; return the provider's own id for it.

        Raises `Unreachable` (certainly not taken; another route or a later try may work),
        `Rejected` (certainly not taken, and never will be) or `Unknown` (may have been taken),
        and nothing else. No error holds the text, the number or a credential.
        """

    def receive(self, inbound: Inbound) -> Reply:
        """Read a request to the route's webhook.

        Raises `Forged` unless it proves where it comes from, compared in constant time. What is
        authentic but cannot be understood is a `Reply` without receipts: a provider would only
        send it again.
        """

    can_ask: bool
    """Whether `ask` can tell what became of a message."""

    def ask(self, asked: Asked) -> DeliveryReceipt | None:
        """What became of a message: looked up by its provider's id if that is known, else by our
        reference alone. None: the gateway plainly says that it knows no such message.

        Raises `Unreachable` or `Unknown` where it says neither; nothing was changed by asking.
        """

    def balance(self) -> Balance:
        """What is left in the account; sends nothing. Raises `Unreachable`, whose *account* says
        that the credentials are refused, or `Unknown`."""
