"""MOBtexting's SMS API v2: one `POST sms/send` per message, and what its answer means.

A message counts as taken only if every part of the answer says so. The gateway also answers
HTTP 200 to refusals, and with its log-in page to a token it does not know. Its own messages are
never repeated: they may quote the number or the caller's address.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal

import requests

from otp.errors import Rejected, Unknown, Unreachable
from otp.providers import Sms
from otp.providers.mobtexting_words import WORDS, Fault
from otp.providers.transport import Answer, Timeouts, exchange

_TOKEN: Final = re.compile(r"[!-~]+")
_DLT_COUNTRY: Final = "91"
_LONGEST_ID: Final = 200
_ACCOUNT_FIELDS: Final = {"sender", "service", "template_id", "entity_id", "webhook_id"}
_FIELDS: Final = _ACCOUNT_FIELDS | {"to", "message", "type", "custom"}
_LONGEST_WAIT: Final = timedelta(hours=1)
_REPEAT_WAIT: Final = timedelta(seconds=60)
"""Texts refused as spam are not offered again within seconds: that gets senders blocked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MobTextingAccount:
    """How one account is reached. The DLT ids go with Indian numbers only.

    Raises ValueError for a token that no header can carry, without repeating it.
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
    per_minute: int | None = 1000

    def __post_init__(self) -> None:
        if not _TOKEN.fullmatch(self.token):
            raise ValueError(f"the token of route {self.name} must be printable ASCII, no spaces")


class MobTexting:
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
        self._request = _prepared(account)  # once: preparing costs as much as sending

    def send(self, sms: Sms) -> str:
        body = json.dumps(self._fields(sms)).encode()
        request = self._request.copy()
        request.body = body
        request.headers["Content-Length"] = str(len(body))
        return _message_id(exchange(self._session, request, self._timeouts))

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
            fields |= _given(entity_id=account.entity_id, template_id=account.template_id)
        return fields | _given(webhook_id=account.webhook_id)


def _given(**fields: str | None) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value}


def _prepared(account: MobTextingAccount) -> requests.PreparedRequest:
    headers = {
        # Without it the gateway answers a bad token with a redirect to its log-in page.
        "Accept": "application/json",
        "Content-Type": "application/json",
        "User-Agent": "otp-service",
    }
    query = {}
    if account.auth == "query":
        query["access_token"] = account.token
    else:
        headers["Authorization"] = f"Bearer {account.token}"
    # No slash at the end: the redirect it leads to would turn the POST into a GET.
    url = f"{account.url.rstrip('/')}/sms/send"
    return requests.Request("POST", url, headers=headers, params=query).prepare()


# -- what an answer means -----------------------------------------------------------------------

_REFUSALS: Final = {
    401: "It does not accept the access token. Check the token, and the list of addresses it may "
    "be used from: a call from elsewhere looks the same.",
    402: "It asks for payment: check the credit of the account.",
    403: "It does not allow this to the access token. Check the token's rights, and the list of "
    "addresses it may be used from.",
}
_PAGE: Final = (
    "It answers with a web page or a redirect, as it does to a token it does not know. Check the "
    "token and the address of the API."
)


def _message_id(answer: Answer) -> str:
    """The id of the message, if the gateway took it; or one of the three refusals."""
    content = _json_object(answer.body)
    status = _word(content.get("status"))
    codes = {answer.status} | _numbers(content)
    if status in ("200", "OK"):
        if codes <= {200, 202}:
            return _first_id(content)
        raise Unknown("garbled", "The gateway's answer contradicts itself.")
    for code in codes & _REFUSALS.keys():
        raise _account_refused(_REFUSALS[code])
    if any(code >= 500 for code in codes):
        raise Unknown("gateway_error", "The gateway reports a failure of its own.")
    if codes & {409, 429}:
        raise Unreachable(
            "busy",
            "The gateway asks to wait.",
            retry_in=_retry_in(answer.headers),
            for_all=429 in codes,
        )
    if 300 <= answer.status < 400 or (answer.status >= 400 and _is_page(answer.body)):
        raise _account_refused(_PAGE)
    faulty = _faulty_fields(content)
    if faulty and faulty <= _ACCOUNT_FIELDS:
        raise _account_refused(f"It does not accept its {', '.join(sorted(faulty))}: check them.")
    if codes & {400, 404, 422} or (status == "ERROR" and codes <= {200, 202}):
        named = ", ".join(sorted(faulty & _FIELDS)) or "no field is named"
        raise Rejected("refused", f"The gateway refuses this message for good ({named}).")
    if _is_page(answer.body):
        # No refusal is certain: a page that crashed after the hand-over looks like this as well.
        raise Unknown("garbled", f"The gateway says 200, but names no message. {_PAGE}")
    raise Unknown("garbled", "The gateway's answer cannot be understood.")


def _first_id(content: Mapping[str, Any]) -> str:
    match content.get("data"):
        case [{"id": str(id)} as message, *_] if id.strip() and _is_sane(id):
            _refuse_for_word(message.get("status"))
            return id
    raise Unknown("garbled", "The gateway says it took a message, but names none.")


def _is_sane(id: str) -> bool:
    return len(id) <= _LONGEST_ID and id.isascii() and id.isprintable()


def _refuse_for_word(status: object) -> None:
    """Raises if the *status* of a message says that it was not taken after all."""
    if status is None:
        return
    word = _word(status)
    meaning = WORDS.get(word)
    if meaning is None:
        # The gateway's documentation has every other word mean failure; that nothing was sent is
        # not certain then. A receipt may still tell.
        raise Unknown("unknown_status", "The gateway gave the message a status nobody knows.")
    says = f"The gateway says {word}."
    match meaning.fault:
        case Fault.NUMBER:
            raise Rejected(meaning.reason, says)
        case Fault.ACCOUNT:
            raise _account_refused(f"It says {word}: check account, sender, route and template.")
        case Fault.TEXT:
            raise Unreachable(meaning.reason, says, retry_in=_REPEAT_WAIT)
        case Fault.PASSING:
            raise Unreachable(meaning.reason, says)
        case Fault.PARTS:
            raise Unknown(meaning.reason, says)


def _account_refused(detail: str) -> Unreachable:
    return Unreachable(
        "account_refused", f"The gateway refuses this account. {detail}", account=True
    )


def _json_object(body: bytes) -> Mapping[str, Any]:
    """What the body says, or nothing where it is no JSON object."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _word(value: object) -> str:
    """A word or number of the answer, in capitals; nothing else becomes one."""
    return str(value).strip().upper() if isinstance(value, str | int) else ""


def _numbers(content: Mapping[str, Any]) -> set[int]:
    """The HTTP codes in the body, which are numbers or strings of digits."""
    words = (_word(content.get(name)) for name in ("code", "status"))
    return {int(word) for word in words if re.fullmatch(r"[1-9][0-9]{2}", word)}


def _faulty_fields(content: Mapping[str, Any]) -> set[str]:
    errors = content.get("errors")
    return set(errors) if isinstance(errors, dict) else set()


def _is_page(body: bytes) -> bool:
    # Not by Content-Type: PHP says text/html of everything, a crash after the hand-over included.
    return body.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html"))


def _retry_in(headers: Mapping[str, str]) -> timedelta | None:
    """How long the gateway asks to wait, at most an hour; a date is read by the gateway's clock."""
    asked = headers.get("Retry-After", "").strip()
    try:
        if re.fullmatch(r"[0-9]{1,9}", asked):
            wait = timedelta(seconds=int(asked))
        else:
            wait = parsedate_to_datetime(asked) - parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError, OverflowError):  # no date, or one of the two has no time zone
        return None
    return min(max(wait, timedelta()), _LONGEST_WAIT)
