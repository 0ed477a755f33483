"""MOBtexting's SMS API v2: what is asked of its gateway, one request each.

What its answers mean is in `mobtexting_answers`, its receipts in `mobtexting_receipts`, its status
words in `mobtexting_words`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal
from urllib.parse import urlencode

import requests

from otp.providers import (
    Asked,
    Balance,
    DeliveryReceipt,
    Inbound,
    Reply,
    Sms,
    mobtexting_balance,
    mobtexting_receipts,
    mobtexting_status,
)
from otp.providers.mobtexting_answers import sent_id
from otp.providers.transport import Answer, Timeouts, exchange

_TOKEN: Final = re.compile(r"[!-~]+")
_DLT_COUNTRY: Final = "91"


@dataclass(frozen=True, slots=True, kw_only=True)
class MobTextingAccount:
    """How one account is reached. The DLT ids go with Indian numbers only.

    *webhook_secrets* are what its receipts may present, *webhook_token* what the set-up of the
    webhook must. Raises ValueError for a token that no header can carry, without repeating it.
    """

    name: str
    url: str
    token: str = field(repr=False)
    sender: str
    auth: Literal["header", "query"] = "header"
    service: str = "T"
    entity_id: str | None = None
    template_id: str | None = None
    webhook_id: str | None = None
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    webhook_token: str | None = field(default=None, repr=False)
    per_minute: int | None = 1000

    def __post_init__(self) -> None:
        if not _TOKEN.fullmatch(self.token):
            raise ValueError(f"the token of route {self.name} must be printable ASCII, no spaces")


class MobTexting:
    can_ask = True

    def __init__(
        self,
        account: MobTextingAccount,
        *,
        session: requests.Session,
        timeouts: Timeouts = Timeouts(),  # noqa: B008  frozen
    ) -> None:
        self.name = account.name
        self.patience = timedelta(seconds=timeouts.total)
        self.per_minute = account.per_minute
        self._account = account
        self._session = session
        self._timeouts = timeouts
        # Once: preparing costs as much as sending.
        self._post = _prepared(account, "POST", "sms/send", {})

    def send(self, sms: Sms) -> str:
        body = json.dumps(self._fields(sms)).encode()
        request = self._post.copy()
        request.body = body
        request.headers["Content-Length"] = str(len(body))
        return sent_id(exchange(self._session, request, self._timeouts))

    def receive(self, inbound: Inbound) -> Reply:
        account = self._account
        return mobtexting_receipts.receive(
            inbound, secrets=account.webhook_secrets, token=account.webhook_token
        )

    def ask(self, asked: Asked) -> DeliveryReceipt | None:
        """One request if the provider's id is known, else one or two."""
        return mobtexting_status.ask(asked, self._get)

    def balance(self) -> Balance:
        return mobtexting_balance.balance(self._account.service, self._get)

    def _get(self, path: str, **query: str) -> Answer:
        request = _prepared(self._account, "GET", path, query)
        return exchange(self._session, request, self._timeouts)

    def _fields(self, sms: Sms) -> dict[str, str]:
        account = self._account
        fields = {
            "to": sms.to.e164.removeprefix("+"),
            "message": sms.text,
            "sender": account.sender,
            "service": account.service,
            "type": "U" if sms.unicode else "N",
            "custom": sms.reference,
        }
        if sms.to.country_code == _DLT_COUNTRY:
            template_id = sms.template_id or account.template_id
            fields |= _given(entity_id=account.entity_id, template_id=template_id)
        return fields | _given(webhook_id=account.webhook_id)


def _given(**fields: str | None) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value}


def _prepared(
    account: MobTextingAccount, method: str, path: str, query: dict[str, str]
) -> requests.PreparedRequest:
    headers = {
        # Without it the gateway answers a bad token with a redirect to its log-in page.
        "Accept": "application/json",
        "User-Agent": "otp-service",
    }
    if method == "POST":
        headers["Content-Type"] = "application/json"
    if account.auth == "query":
        query = {"access_token": account.token} | query
    else:
        headers["Authorization"] = f"Bearer {account.token}"
    # No slash at the end: the redirect it leads to would turn the POST into a GET.
    url = f"{account.url.rstrip('/')}/{path}"
    if query:
        url += "?" + urlencode(query, safe=":")  # its documentation keeps the colon of an id
    return requests.Request(method, url, headers=headers).prepare()
