"""What a provider promises. Which there are: `otp.providers.registry`.

A provider turns one `Sms` into one request to its gateway, and the answer into one of four
outcomes. It knows neither verifications nor codes. How to add one: CONTRIBUTING.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from otp.phone import Phone


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
