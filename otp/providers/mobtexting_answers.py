"""What an answer of MOBtexting's gateway means: to a message, and to a question.

Its own messages are never repeated: they may quote the number or the caller's address.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from otp.errors import ProviderError, Rejected, Unknown, Unreachable
from otp.providers import reading
from otp.providers.mobtexting_words import WORDS, Fault
from otp.providers.transport import Answer

_ACCOUNT_FIELDS: Final = {"sender", "service", "template_id", "entity_id", "webhook_id"}
_FIELDS: Final = _ACCOUNT_FIELDS | {"to", "message", "type", "custom"}
_REPEAT_WAIT: Final = timedelta(seconds=60)
"""Texts refused as spam are not offered again within seconds: that gets senders blocked."""

_THIS_ALONE: Final = timedelta()
"""No wait that anybody asked for: it says that this message was meant, and not its route."""

_CREDIT: Final = re.compile(r"\b(balance|credits?|funds|recharge)\b", re.IGNORECASE)
"""What a refusal for want of credit says. Under which code it comes is documented nowhere."""

_SUCCESS: Final = {200, 202}
_ACCOUNT: Final = {
    401: "It does not accept the access token. Check the token, and the list of addresses it may "
    "be used from: a call from elsewhere looks the same.",
    402: "It asks for payment: check the credit of the account.",
    403: "It does not allow this to the access token. Check the token's rights, and the list of "
    "addresses it may be used from.",
}
_WAIT: Final = {
    409: "The gateway asks to wait: something else is changing what this needs.",
    429: "The gateway asks to wait: it takes no more calls for now. If that happens often, lower "
    "the PER_MINUTE of this route, or ask the gateway to raise its limit.",
}
_MESSAGE: Final = {
    400: "It calls the request malformed",
    404: "It says that it does not find what the request names",
    422: "It calls something in the request invalid",
}
_PAGE: Final = (
    "It answers with a web page or a redirect, as it does to a token it does not know. Check the "
    "token and the address of the API."
)


def sent_id(answer: Answer) -> str:
    """The id of the message, if the gateway took it.

    It did only if every part of the answer says so: the gateway also answers HTTP 200 to refusals,
    and with its log-in page to a token it does not know. Raises `Unreachable`, `Rejected` or
    `Unknown` otherwise.
    """
    content = reading.json_object(answer.body)
    status, codes = _status_of(content), _codes(answer, content)
    if status in ("200", "OK"):
        if codes <= _SUCCESS:
            return _first_id(content)
        raise Unknown("garbled", "The gateway's answer contradicts itself.")
    refusal = _refusal(answer, codes)
    if refusal:
        raise refusal
    faulty = _faulty_fields(content)
    if faulty and faulty <= _ACCOUNT_FIELDS:
        named = ", ".join(sorted(faulty))
        this_alone = faulty == {"template_id"}
        raise account_refused(f"It does not accept its {named}: check it.", this_alone=this_alone)
    if codes & _MESSAGE.keys() or (status == "ERROR" and codes <= _SUCCESS):
        if not faulty and _CREDIT.search(str(content.get("message", ""))):
            raise account_refused(_ACCOUNT[402])
        named = ", ".join(sorted(faulty & _FIELDS)) or "no field is named"
        why = _MESSAGE.get(max(codes), "It gives no code for why")
        raise Rejected("refused", f"The gateway refuses this message for good. {why} ({named}).")
    if reading.is_page(answer.body):
        # No refusal is certain: a page that crashed after the hand-over looks like this as well.
        raise Unknown("garbled", f"The gateway says 200, but names no message. {_PAGE}")
    raise Unknown("garbled", "The gateway's answer cannot be understood.")


def told(answer: Answer) -> Mapping[str, Any] | None:
    """What the answer to a question holds; None: it plainly says that there is nothing.

    Raises `Unreachable`, or `Unknown` where it says neither; *reason* is "not_understood" if the
    gateway does not know such questions.
    """
    content = reading.json_object(answer.body)
    status, codes = _status_of(content), _codes(answer, content)
    if status in ("200", "OK") and codes <= _SUCCESS:
        return content
    if status in ("ERROR", "404") and 404 in codes and codes <= _SUCCESS | {404}:
        return None
    refusal = _refusal(answer, codes)
    if refusal:
        raise refusal
    if reading.is_page(answer.body):
        raise account_refused(_PAGE)
    if codes & {400, 422}:
        raise Unknown("not_understood", "The gateway does not understand the question.")
    raise Unknown("garbled", "The gateway's answer cannot be understood.")


def account_refused(detail: str, *, this_alone: bool = False) -> Unreachable:
    """*this_alone*: for this message, which is not offered again within seconds."""
    return Unreachable(
        "account_refused",
        f"The gateway refuses this account. {detail}",
        retry_in=_REPEAT_WAIT if this_alone else None,
        account=True,
    )


def _refusal(answer: Answer, codes: set[int]) -> ProviderError | None:
    """What means the same whatever was asked."""
    for code in sorted(codes & _ACCOUNT.keys()):
        return account_refused(_ACCOUNT[code])
    if any(code >= 500 for code in codes):
        return Unknown("gateway_error", "The gateway reports a failure of its own.")
    for code in sorted(codes & _WAIT.keys(), reverse=True):
        wait = reading.retry_in(answer.headers)
        return Unreachable("busy", _WAIT[code], retry_in=wait, for_all=code == 429)
    if 300 <= answer.status < 400 or (answer.status >= 400 and reading.is_page(answer.body)):
        return account_refused(_PAGE)
    return None


def _first_id(content: Mapping[str, Any]) -> str:
    match content.get("data"):
        case [{"id": str(id)} as message, *_] if reading.message_id(id):
            _refuse_for_word(message.get("status"))
            return id
    raise Unknown("garbled", "The gateway says it took a message, but names none.")


def _refuse_for_word(status: object) -> None:
    """Raises if the *status* of a message says that it was not taken after all."""
    if status is None:
        return
    word = _capitals(status)
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
            raise account_refused(f"It says {word}: check account, sender and route.")
        case Fault.TEXT:
            raise Unreachable(meaning.reason, says, retry_in=_REPEAT_WAIT)
        case Fault.COUNTRY:
            # Anybody may type a number of that country: the route is none the worse for it.
            raise account_refused(f"{says} It may not write to that country.", this_alone=True)
        case Fault.TEMPLATE:
            # One client's text may be wrong: the others' are none the worse for it.
            raise account_refused(f"{says} Check the template's id and text.", this_alone=True)
        case Fault.HANDSET:
            raise Unreachable(meaning.reason, says, retry_in=_THIS_ALONE)
        case Fault.PASSING:
            raise Unreachable(meaning.reason, says)
        case Fault.PARTS:
            raise Unknown(meaning.reason, says)


def _status_of(content: Mapping[str, Any]) -> str:
    return _capitals(content.get("status"))


def _capitals(value: object) -> str:
    """A word or number of the answer, in capitals; nothing else becomes one."""
    return str(value).strip().upper() if isinstance(value, str | int) else ""


def _codes(answer: Answer, content: Mapping[str, Any]) -> set[int]:
    """The HTTP code of the answer and those in its body, which are numbers or digits."""
    words = (_capitals(content.get(name)) for name in ("code", "status"))
    return {answer.status} | {int(word) for word in words if re.fullmatch(r"[1-9][0-9]{2}", word)}


def _faulty_fields(content: Mapping[str, Any]) -> set[str]:
    errors = content.get("errors")
    return set(errors) if isinstance(errors, dict) else set()
