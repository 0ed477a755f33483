"""One message as the twin knows it, and the shapes in which the gateway tells of it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from otp.twin.words import DELIVERED, PENDING, reaches

INDIA: Final = timezone(timedelta(hours=5, minutes=30))
"""The gateway's dates name no time zone; this is the likeliest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """*text* is what a handset shows, *asked* what was asked for. *custom* is the caller's
    reference, *cid* what the gateway searches by.

    *outcome* is the word that is true from *due* on. *refused*: the answer itself said it.

    *told* is what the caller was told: "taken", "refused", "error" (a 5xx), "unclear" (an answer
    that says neither), "nothing" (no whole answer left the twin).
    """

    number: int
    id: str
    group: str
    at: datetime
    to: str
    text: str
    asked: str
    custom: str
    cid: str
    sender: str
    service: str
    type: str
    units: int
    length: int
    charges: int
    template_id: str = ""
    entity_id: str = ""
    webhook_id: str = ""
    outcome: str = DELIVERED
    due: datetime
    visible_at: datetime
    refused: bool = False
    oddity: str = "normal"
    told: str = "nothing"

    @property
    def on_handset(self) -> bool:
        return not self.refused and reaches(self.outcome)

    def word(self, now: datetime) -> str:
        return self.outcome if self.refused or now >= self.due else PENDING

    def entry(self) -> dict[str, Any]:
        """As the ledger tells it."""
        found = {name: getattr(self, name) for name in _FIELDS} | {"on_handset": self.on_handset}
        times = {name: found[name].isoformat() for name in ("at", "due", "visible_at")}
        return found | times


_FIELDS: Final = tuple(field.name for field in fields(Message))


def local(time: datetime) -> str:
    return time.astimezone(INDIA).strftime("%Y-%m-%d %H:%M:%S")


def accepted(messages: list[Message]) -> dict[str, Any]:
    """The answer to a send."""
    taken = sum(not message.refused for message in messages)
    return {
        "status": 200,
        "message": f"{taken} numbers accepted for delivery.",
        "data": [
            {
                "id": message.id,
                "mobile": message.to,
                "status": message.outcome if message.refused else PENDING,
                "units": message.units,
                "length": message.length,
                "charges": message.charges,
                "customid": message.custom,
                "iso_code": None,
                "submitted_at": local(message.at),
            }
            for message in messages
        ],
    }


def pulled(message: Message, now: datetime) -> dict[str, Any]:
    """One entry of the answer to `sms/status`."""
    word = message.word(now)
    return {
        "id": message.id,
        "mobile": message.to,
        "status": word,
        "units": message.units,
        "service": message.service,
        "length": message.length,
        "charges": message.charges,
        "custom": message.custom,
        "custom1": "",
        "location": "",
        "provider": "",
        "submitted_at": local(message.at),
        "delivered_at": "" if word == PENDING else local(message.due),
        "sender": message.sender,
    }
