"""What the gateway says of a message afterwards, to a webhook, and all the ways it may say it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from otp.twin.message import Message, local
from otp.twin.words import PENDING

Content = dict[str, Any]
Timed = tuple[float, Content]

_LATE: Final = 60.0  # seconds
_BETWEEN: Final = 0.1  # seconds


def report(message: Message, word: str, at: datetime) -> Content:
    """One delivery report, flat, as documented."""
    return {
        "id": message.id,
        "mobile": message.to,
        "status": word,
        "credits": f"{message.charges}.0000",
        "units": message.units,
        "deliv_at": str(int(at.timestamp())),
        "sent_at": str(int(message.at.timestamp())),
        "submit_at": str(int(message.at.timestamp())),
        "deliv_time": local(at),
        "sent_time": local(message.at),
        "submit_time": local(message.at),
        "cid": message.cid,
        "custom": message.custom,
    }


@dataclass(frozen=True, slots=True)
class Row:
    """*makes* turns the usual report, and the seconds asked for, into what is pushed and when."""

    says: str
    makes: Callable[[Content, float], list[Timed]]
    wrong_secret: bool = False
    early: bool = False


def _once(says: str, change: Callable[[Content], Content]) -> Row:
    return Row(says, lambda usual, _: [(0, change(usual))])


def _without(*names: str) -> Callable[[Content], Content]:
    return lambda usual: {name: value for name, value in usual.items() if name not in names}


_MORE: Final = {
    "custom1": "",
    "custom2": "",
    "location": "Karnataka",
    "region": "South",
    "provider": "Operator",
    "location_code": "KA",
    "region_code": "S",
    "provider_code": "OP",
}

RECEIPTS: Final[Mapping[str, Row]] = {
    "normal": _once("One, flat, with times as dates and as strings of seconds.", dict),
    "none": Row("None ever.", lambda *_: []),
    "early": Row("One, before the send is answered.", lambda usual, _: [(0, usual)], early=True),
    "duplicate": Row("The same one twice.", lambda usual, _: [(0, usual), (_BETWEEN, usual)]),
    "late": Row("After *receipt_seconds* (60).", lambda usual, s: [(s or _LATE, usual)]),
    "two": Row(
        "First AWAITING-DLR, then the outcome.",
        lambda usual, s: [(0, usual | {"status": PENDING}), (s or _BETWEEN, usual)],
    ),
    "reordered": Row(
        "First the outcome, then AWAITING-DLR.",
        lambda usual, s: [(0, usual), (s or _BETWEEN, usual | {"status": PENDING})],
    ),
    "contradicted": Row(
        "First the outcome, then UNDELIV.",
        lambda usual, s: [(0, usual), (s or _BETWEEN, usual | {"status": "UNDELIV"})],
    ),
    "unknown_word": _once(
        "Its `status` is a word nobody knows.", lambda usual: usual | {"status": "SOMETHING-NEW"}
    ),
    "without_cid": _once("Without `cid`.", _without("cid")),
    "without_custom": _once("Without `custom`.", _without("custom")),
    "without_both": _once("Without either.", _without("cid", "custom")),
    "foreign_cid": _once(
        "`cid` is not the `custom` of the send.",
        lambda usual: usual | {"cid": f"{usual['custom'][::-1]}-other"},
    ),
    "minimal": _once(
        "`id` and `status` only.", lambda usual: {name: usual[name] for name in ("id", "status")}
    ),
    "without_epochs": _once(
        "Without the times in seconds.", _without("deliv_at", "sent_at", "submit_at")
    ),
    "more_fields": _once("With the fields of 2021 beside the rest.", lambda usual: usual | _MORE),
    "message_id": _once(
        "A composed webhook: `message_id` in place of `id`.",
        lambda usual: {"message_id": usual["id"], **_without("id")(usual)},
    ),
    "wrapped": _once(
        'Inside of `{"event": …, "payload": {…}}`.',
        lambda usual: {"event": "sms:message:status", "payload": usual},
    ),
    "unknown_id": _once(
        "Of a message that nobody sent.",
        lambda usual: usual | {"id": f"{'0' * 8}{usual['id'][8:]}", "custom": "", "cid": ""},
    ),
    "wrong_secret": Row(
        "With a secret that is not the webhook's.", lambda usual, _: [(0, usual)], wrong_secret=True
    ),
}


def planned(message: Message, kind: str, *, seconds: float = 0) -> list[tuple[datetime, Content]]:
    """What is pushed about *message*, and when."""
    row = RECEIPTS[kind]
    due = message.at if row.early else message.due
    usual = report(message, message.outcome, due)
    return [
        (due + timedelta(seconds=after), content) for after, content in row.makes(usual, seconds)
    ]
