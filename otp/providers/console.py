"""Shows messages instead of sending them. For development and the demo: it shows codes.

`DemoMessages` keeps the newest for the page that stands in for a handset.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TextIO

from otp.errors import Forged, Unknown, Unreachable
from otp.providers import Asked, Balance, DeliveryReceipt, Inbound, Reply, Sms

MOST_KEPT: Final = 50


@dataclass(frozen=True, slots=True)
class DemoMessage:
    """A message as a handset would show it, and to whom it went, masked."""

    to_masked: str
    text: str = field(repr=False)
    sent_at: datetime


class DemoMessages:
    """The newest messages, in one small file that several processes may share."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, sms: Sms, now: datetime) -> None:
        """Keep it, and forget all but the newest. Raises OSError if it cannot be written."""
        with self._opened() as file:
            kept = [DemoMessage(sms.to.masked, sms.text, now), *_read(file)][:MOST_KEPT]
            rows = [asdict(message) | {"sent_at": message.sent_at.isoformat()} for message in kept]
            file.seek(0)
            file.truncate()
            json.dump(rows, file)

    def newest(self) -> list[DemoMessage]:
        """Newest first. Raises OSError if the file cannot be opened."""
        with self._opened() as file:
            return _read(file)

    @contextmanager
    def _opened(self) -> Iterator[TextIO]:
        """The file, readable for its owner only, and nobody else's until it is closed."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        with open(descriptor, "r+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file


def _read(file: TextIO) -> list[DemoMessage]:
    try:
        rows = json.load(file)
    except ValueError:  # new and empty, or a process died while it wrote
        return []
    return [
        DemoMessage(row["to_masked"], row["text"], datetime.fromisoformat(row["sent_at"]))
        for row in rows
    ]


class Console:
    """Hands every message to *show*, the whole text included, and to *keep*."""

    patience = timedelta(seconds=1)
    per_minute: int | None = None
    can_ask = False

    def __init__(
        self,
        name: str,
        *,
        show: Callable[[str], None],
        keep: DemoMessages,
        clock: Callable[[], datetime],
    ) -> None:
        self.name = name
        self._show = show
        self._keep = keep
        self._clock = clock

    def send(self, sms: Sms) -> str:
        try:
            self._keep.add(sms, self._clock())
        except OSError:
            unwritable = Unreachable(
                "unwritable", "The file of the demo's messages is not writable"
            )
        else:
            self._show(f"SMS to {sms.to.masked}: {sms.text}")
            return f"console-{sms.reference}"
        raise unwritable

    def receive(self, inbound: Inbound) -> Reply:
        """Nobody has anything to report: every request is forged."""
        raise Forged

    def ask(self, asked: Asked) -> DeliveryReceipt | None:
        raise Unknown("not_told", "The console does not know what became of a message.")

    def balance(self) -> Balance:
        return Balance(credits=None)
