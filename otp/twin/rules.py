"""What an account of the twin may do, and how its gateway behaves where its pages are silent."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal

from otp.twin.dlt import Registry

TOKEN: Final = "twin-token"  # noqa: S105  opens a toy
SERVICES: Final = ("T", "P", "S", "G", "MKT", "A2P", "ENT", "BNK", "GMS", "DIR")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """*senders*: the approved sender ids; none: every one is.

    *refusals*: where DUPLICATE, INV-SENDER, INV-SERVICE and NO-CREDITS appear: in `data[0].status`
    of a 200, as a 422 `answer`, or in the `report` after the message was taken.

    *counts*: whether `all` calls share one ceiling, or `each` of send, status, balance and the rest
    has its own.

    *cid*: whether the gateway's `cid` is the `custom` of the send, or a `foreign` value of its own,
    by which nobody who knows only the `custom` finds anything.

    *unknown*: whether asking for a message that is not there gives `empty` data, or 404.

    *challenge*: the answer that a new webhook must give: `challenge` as today, `validation_key` as
    until 2021, by `get`, or `off`: none is asked.
    """

    token: str = field(default=TOKEN, repr=False)
    addresses: tuple[str, ...] = ()
    senders: tuple[str, ...] = ()
    registry: Registry = field(default_factory=lambda: Registry({}))
    credits: int = 1_000_000
    per_minute: int | None = 1000
    counts: Literal["all", "each"] = "all"
    repeat_after: timedelta = timedelta(minutes=5)
    refusals: Literal["data", "answer", "report"] = "data"
    cid: Literal["custom", "foreign"] = "custom"
    unknown: Literal["empty", "404"] = "empty"
    challenge: Literal["challenge", "validation_key", "get", "off"] = "challenge"
    deliver_after: timedelta = timedelta(0)
    visible_after: timedelta = timedelta(0)
    retry_after: timedelta = timedelta(minutes=30)
    retries: int = 3

    def __post_init__(self) -> None:
        """Raises ValueError for a token that no header can carry."""
        if not re.fullmatch(r"[!-~]+", self.token):
            raise ValueError("the token must be printable ASCII without spaces")
