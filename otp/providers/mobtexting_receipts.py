"""MOBtexting's delivery receipts, pushed to our webhook, and the set-up of that webhook.

Whoever knows the webhook's secret may say what became of messages, and nothing else: a receipt
proves nothing about a person.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

from otp.errors import Forged
from otp.providers import DeliveryReceipt, Inbound, Reply
from otp.providers.mobtexting_words import WORDS
from otp.providers.reading import json_value, message_id, our_reference, raw_word, small_number

ECHOES: Final = ("custom", "cid", "customid", "custom1", "customid1")
"""Where our reference may come back. The documentation gives `custom` and `cid` one meaning and
different values, so all are looked at, and ours is known by its shape."""

_MOST_RECEIPTS: Final = 100
_LONGEST_ECHO: Final = 200


def receive(inbound: Inbound, *, secrets: Sequence[str], token: str | None) -> Reply:
    """What an authentic request says. Raises `Forged` for every other one, and for all where
    there are no *secrets*; where there is a *token*, a set-up must present it too."""
    _prove(inbound.headers.get("authorization", ""), secrets)
    messages = list(_messages(inbound))
    for fields in messages:
        if "challenge" in fields or "validation_key" in fields:
            # The address carries the key as `token`, the body as `validation_key`.
            fields = {"validation_key": inbound.query.get("token"), **fields}
            shown = inbound.query.get("token") or str(fields["validation_key"])
            if token and not _same(shown, [token]):
                raise Forged
            return Reply(body=_echoed(fields))
    return Reply(receipts=tuple(receipt for m in messages if (receipt := _receipt(m))))


def receipt_of(
    fields: Mapping[str, Any], *, reference: str | None, provider_id: str | None
) -> DeliveryReceipt:
    """What *fields* say of the message that has these names.

    A word nobody knows decides nothing. The gateway's documentation would have it mean failure,
    but it may also be a step on the way that some network reports; "undelivered" would tell a
    person who holds the message that none came, and would settle a lost answer as not sent.
    """
    word = raw_word(fields.get("status"))
    meaning = WORDS.get(word.upper())
    return DeliveryReceipt(
        reference=reference,
        provider_id=provider_id,
        word=word,
        delivery=meaning.delivery if meaning else None,
        reason=meaning.reason or None if meaning else "unknown_word",
        units=small_number(fields.get("units")),
    )


def _prove(authorization: str, secrets: Sequence[str]) -> None:
    scheme, _, shown = authorization.strip().partition(" ")
    if not _same(shown.strip(), secrets) or scheme.lower() != "bearer":
        raise Forged


def _same(shown: str, secrets: Sequence[str]) -> bool:
    """Whether *shown* is one of *secrets*; takes as long whichever it is, and if it is none."""
    given = shown.encode(errors="backslashreplace")
    found = [hmac.compare_digest(given, secret.encode()) for secret in secrets if secret]
    return any(found)


def _messages(inbound: Inbound) -> Iterator[Mapping[str, Any]]:
    """The fields of each message, out of its wrapping. A webhook may be composed to send a form,
    or all in the query."""
    content = json_value(inbound.body)
    if content is None:
        content = _form(inbound.body)
    for entry in (content if isinstance(content, list) else [content])[:_MOST_RECEIPTS]:
        if isinstance(entry, dict):
            payload = entry.get("payload")
            yield {**inbound.query, **(payload if isinstance(payload, dict) else entry)}


def _form(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(body.decode(), max_num_fields=100))
    except ValueError:
        return {}


def _receipt(fields: Mapping[str, Any]) -> DeliveryReceipt | None:
    """None where no message is named, or nothing is said of it."""
    found = (our_reference(fields.get(name)) for name in ECHOES)
    reference = next(filter(None, found), None)
    provider_id = message_id(fields.get("id")) or message_id(fields.get("message_id"))
    if not raw_word(fields.get("status")) or not (reference or provider_id):
        return None
    return receipt_of(fields, reference=reference, provider_id=provider_id)


def _echoed(fields: Mapping[str, Any]) -> dict[str, str]:
    """The documentation wants the challenge echoed; an older page of it, the validation key."""
    found = {name: fields.get(name) for name in ("challenge", "validation_key")}
    return {
        name: str(value)
        for name, value in found.items()
        if isinstance(value, str | int) and 0 < len(str(value)) <= _LONGEST_ECHO
    }
