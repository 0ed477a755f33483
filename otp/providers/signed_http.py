"""A gateway of one's own: signed JSON over HTTP, both ways. The bridge to any vendor or modem.

What the other end has to do is told, with an example, in docs/adding-a-provider.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import requests

from otp.challenge import Delivery
from otp.errors import Forged, ProviderError, Rejected, Unknown, Unreachable
from otp.providers import Asked, Balance, DeliveryReceipt, Inbound, Reply, Sms, reading
from otp.providers.signatures import is_genuine, signed
from otp.providers.transport import Answer, Timeouts, exchange

DELIVERIES: Final = {
    "sent": Delivery.SENT,
    "delivered": Delivery.DELIVERED,
    "undelivered": Delivery.UNDELIVERED,
}
NOT_FOUND: Final = "not_found"
"""The answer to a question for a message that the gateway plainly does not know."""

_SUCCESS: Final = {200, 201, 202}
_ADDRESS: Final = "Check the address of this route."
_ACCOUNT: Final = {
    401: "It does not accept the signature: check the secret, and the clocks of both ends.",
    402: "It asks for payment: check the credit of the account behind it.",
    403: "It does not allow this: check the secret, and the addresses it may be reached from.",
    404: f"It does not know the address. {_ADDRESS}",
    405: f"The address takes no messages. {_ADDRESS}",
    410: f"The address is given up. {_ADDRESS}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAccount:
    """Where the gateway is. All *keys* sign, so that both ends can change theirs one after the
    other; without a *status_url* it cannot be asked. Raises ValueError where there is no key."""

    name: str
    url: str
    keys: tuple[bytes, ...] = field(repr=False)
    status_url: str | None = None
    template_id: str | None = None
    per_minute: int | None = 1000

    def __post_init__(self) -> None:
        if not self.keys:
            raise ValueError(f"route {self.name} has no secret to sign with")


class SignedHttp:
    def __init__(
        self,
        account: HttpAccount,
        *,
        session: requests.Session,
        clock: Callable[[], datetime],
        timeouts: Timeouts = Timeouts(),  # noqa: B008  frozen
    ) -> None:
        self.name = account.name
        self.patience = timedelta(seconds=timeouts.total)
        self.per_minute = account.per_minute
        self.can_ask = bool(account.status_url)
        self._account = account
        self._session = session
        self._clock = clock
        self._timeouts = timeouts

    def send(self, sms: Sms) -> str:
        fields = {"to": sms.to.e164, "text": sms.text, "reference": sms.reference}
        template_id = sms.template_id or self._account.template_id
        if template_id:
            fields["template_id"] = template_id
        return _sent_id(self._post(self._account.url, sms.reference, fields))

    def receive(self, inbound: Inbound) -> Reply:
        keys, now = self._account.keys, self._clock()
        if not is_genuine(inbound.headers, inbound.body, keys=keys, now=now):
            raise Forged
        content = reading.json_object(inbound.body)
        receipt = _receipt(content, reading.our_reference(content.get("reference")))
        return Reply(receipts=(receipt,) if receipt else ())

    def ask(self, asked: Asked) -> DeliveryReceipt | None:
        if not self._account.status_url:
            raise Unknown("not_told", "The gateway cannot be asked: this route has no status URL.")
        fields = {"reference": asked.reference}
        if asked.provider_id:
            fields["id"] = asked.provider_id
        # A name of its own: whoever knows messages by that header has seen the reference before.
        answer = self._post(self._account.status_url, f"{asked.reference}-status", fields)
        return _told(answer, asked)

    def balance(self) -> Balance:
        """Nothing is asked: such a gateway has no balance."""
        return Balance(credits=None)

    def _post(self, url: str, id: str, fields: Mapping[str, str]) -> Answer:
        body = json.dumps(fields).encode()
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": "otp-service",
        } | signed(id, body, keys=self._account.keys, now=self._clock())
        request = requests.Request("POST", url, headers=headers, data=body).prepare()
        return exchange(self._session, request, self._timeouts)


# -- what an answer means -----------------------------------------------------------------------


def _sent_id(answer: Answer) -> str:
    content = reading.json_object(answer.body)
    if answer.status in _SUCCESS:
        id = reading.message_id(content.get("id"))
        if id:
            return id
        raise Unknown("garbled", "The gateway says it took a message, but names none.")
    if answer.status in (400, 422):
        reason = reading.our_word(content.get("reason")) or "refused"
        raise Rejected(reason, "The gateway refuses this message for good.")
    raise _refusal(answer)


def _told(answer: Answer, asked: Asked) -> DeliveryReceipt | None:
    content = reading.json_object(answer.body)
    if answer.status not in (200, 404) or content.get("reference") != asked.reference:
        raise _refusal(answer)
    if content.get("status") == NOT_FOUND:
        return None
    receipt = _receipt(content, asked.reference)
    if answer.status != 200 or receipt is None:
        raise Unknown("garbled", "The gateway's answer cannot be understood.")
    return receipt


def _refusal(answer: Answer) -> ProviderError:
    """What is neither a plain yes nor about the message. In doubt, it may have been taken."""
    status = answer.status
    if status in _ACCOUNT or 300 <= status < 400:
        detail = _ACCOUNT.get(status, f"It answers with a redirect. {_ADDRESS}")
        return Unreachable(
            "account_refused", f"The gateway refuses this route. {detail}", account=True
        )
    if status == 429:
        wait = reading.retry_in(answer.headers)
        return Unreachable("busy", "The gateway asks to wait.", retry_in=wait, for_all=bool(wait))
    if status >= 500:
        return Unknown("gateway_error", "The gateway reports a failure of its own.")
    return Unknown("garbled", "The gateway's answer cannot be understood.")


def _receipt(content: Mapping[str, Any], reference: str | None) -> DeliveryReceipt | None:
    """None where no message is named, or nothing is said of it."""
    provider_id = reading.message_id(content.get("id"))
    word = reading.raw_word(content.get("status"))
    if not word or not (reference or provider_id):
        return None
    delivery = DELIVERIES.get(word)
    return DeliveryReceipt(
        reference=reference,
        provider_id=provider_id,
        word=word,
        delivery=delivery,
        reason=reading.our_word(content.get("reason")) if delivery else "unknown_word",
        units=reading.small_number(content.get("units")),
    )
