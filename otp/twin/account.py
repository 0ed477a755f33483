"""The account behind the token: what it is asked to send, what that costs, what the rules say.

Fed with `now`; knows nothing of HTTP, sockets or threads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from otp.twin import chance
from otp.twin.ceiling import Ceiling
from otp.twin.dlt import COUNTRY
from otp.twin.ledger import Ledger
from otp.twin.message import INDIA, Message
from otp.twin.oddities import REJECTED, Oddity
from otp.twin.rules import SERVICES, Rules
from otp.twin.text import Sized, sized
from otp.twin.words import DELIVERED

_NEEDED: Final = ("to", "message", "sender", "service")
_AT_HOME: Final = re.compile(r"[6-9][0-9]{9}")
_NUMBER: Final = re.compile(r"[1-9][0-9]{6,14}")
_REJECTION: Final = "DNDNUMB"

_SAYS: Final = {
    "INV-SENDER": ("sender", "The selected sender is invalid."),
    "INV-SERVICE": ("service", "The selected service is invalid."),
    "DUPLICATE": ("message", "The same message was sent to this number before."),
    "NO-CREDITS": ("", "Insufficient balance."),
}


class Invalid(Exception):
    """The request is refused as a whole. *errors*: what is wrong, by field."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(*errors.values())
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to send, its fields read."""

    recipients: tuple[str, ...]
    sized: Sized
    fields: Mapping[str, str]
    time: datetime | None

    @classmethod
    def read(cls, content: Mapping[str, object]) -> Asked:
        """Raises `Invalid`."""
        fields = {
            name: str(value)
            for name, value in content.items()
            if isinstance(value, str | int) and not isinstance(value, bool)
        }
        errors = {
            name: f"The {name} field is required."
            for name in _NEEDED
            if not fields.get(name, "").strip()
        }
        recipients = tuple(
            _with_country(to.strip().removeprefix("+")) for to in fields.get("to", "").split(",")
        )
        if "to" not in errors and not all(map(_NUMBER.fullmatch, recipients)):
            errors["to"] = "The to field format is invalid."
        # The gateway does not say what stands for no type; N is the worst.
        type = fields.get("type", "").upper() or "N"
        if type not in ("U", "N", "A"):
            errors["type"] = "The selected type is invalid."
        text = sized(fields.get("message", ""), type)
        most = fields.get("max_units", "")
        if most and (not most.isdigit() or text.units > int(most)):
            errors["max_units"] = "The message is longer than max units."
        time = _time(fields.get("time", ""), errors)
        if errors:
            raise Invalid(errors)
        return cls(recipients, text, fields, time)


def _with_country(number: str) -> str:
    return COUNTRY + number if _AT_HOME.fullmatch(number) else number


def _time(text: str, errors: dict[str, str]) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=INDIA)
    except ValueError:
        errors["time"] = "The time does not match the format Y-m-d H:i:s."
        return None


class Account:
    """Not safe between threads."""

    def __init__(self, rules: Rules, seed: str) -> None:
        self.rules = rules
        self.ledger = Ledger()
        self.credits = rules.credits
        self.calls: dict[str, Ceiling] = {}
        self.overall = Ceiling(rules.per_minute if rules.counts == "all" else None)
        self._seed = seed
        self._lately: dict[tuple[str, str, str], datetime] = {}

    def call(self, path: str, now: datetime) -> int | None:
        """None if a call may be made now; else in how many seconds."""
        rules, at = self.rules, now.timestamp()
        if path not in self.calls:
            self.calls[path] = Ceiling(rules.per_minute if rules.counts == "each" else None)
        waits = self.overall.ask(at), self.calls[path].ask(at)
        return next((wait for wait in waits if wait is not None), None)

    def compose(self, asked: Asked, oddity: Oddity, now: datetime) -> list[Message]:
        """The messages that `asked` would make; nothing is sent by this.

        Raises `Invalid` where the rules have it in the answer.
        """
        rules, fields, text = self.rules, asked.fields, asked.sized
        first = len(self.ledger)
        group = chance.uuid(self._seed, "message", first)
        due = max(now, asked.time or now) + rules.deliver_after
        wait = rules.visible_after
        if oddity.visible_after is not None:
            wait = timedelta(seconds=oddity.visible_after)
        custom = fields.get("custom", "")
        cid = custom if rules.cid == "custom" else chance.uuid(self._seed, "cid", first)
        messages: list[Message] = []
        for n, to in enumerate(asked.recipients):
            message = Message(
                number=first + n,
                id=group if oddity.answer == "bare_id" else f"{group}:{n + 1}",
                group=group,
                at=now,
                to=to,
                text=text.text,
                asked=fields["message"],
                custom=custom,
                cid=cid,
                sender=fields["sender"],
                service=fields["service"],
                type=fields.get("type", ""),
                units=text.units,
                length=text.length,
                charges=text.units,
                template_id=fields.get("template_id", ""),
                entity_id=fields.get("entity_id", ""),
                webhook_id=fields.get("webhook_id", ""),
                outcome=oddity.outcome,
                due=due,
                visible_at=now + wait,
                oddity=oddity.answer,
            )
            messages.append(self._judged(message, oddity, now))
        return messages

    def take(self, messages: list[Message], now: datetime) -> None:
        """Send them, charge for them, and write them down."""
        for message in messages:
            self.ledger.add(message)
            if not message.refused and message.outcome != "DUPLICATE":
                self.credits -= message.charges
                self._lately[_repeatable(message)] = now

    def _judged(self, message: Message, oddity: Oddity, now: datetime) -> Message:
        if oddity.answer == REJECTED:
            rejection = oddity.outcome if oddity.outcome != DELIVERED else _REJECTION
            return replace(message, outcome=rejection, refused=True, charges=0)
        word = self._refusal(message, now)
        if word and self.rules.refusals == "answer":
            field, says = _SAYS[word]
            raise Invalid({field: says})
        if word and self.rules.refusals == "data":
            return replace(message, outcome=word, refused=True, charges=0)
        if word:
            return replace(message, outcome=word, charges=0)
        word = self._dlt_refusal(message)
        return replace(message, outcome=word) if word else message

    def _refusal(self, message: Message, now: datetime) -> str | None:
        rules = self.rules
        if rules.senders and message.sender not in rules.senders:
            return "INV-SENDER"
        if message.service not in SERVICES:
            return "INV-SERVICE"
        last = self._lately.get(_repeatable(message))
        if last is not None and now - last < rules.repeat_after:
            return "DUPLICATE"
        if self.credits < message.charges:
            return "NO-CREDITS"
        return None

    def _dlt_refusal(self, message: Message) -> str | None:
        if not message.to.startswith(COUNTRY):
            return None
        return self.rules.registry.refusal(
            message.asked, template_id=message.template_id, entity_id=message.entity_id
        )


def _repeatable(message: Message) -> tuple[str, str, str]:
    return message.sender, message.to, message.asked
