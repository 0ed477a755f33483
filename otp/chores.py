"""Small things that a process does every so often, each in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from otp import log
from otp.errors import Unavailable

_log = log.get("otp.chores")


@dataclass(frozen=True, slots=True)
class Chore:
    name: str
    every: timedelta
    work: Callable[[], object]


class Chores:
    """Done from `start` to `stop`, first after the first wait. A failure costs one turn."""

    def __init__(self, chores: Sequence[Chore]) -> None:
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._do, args=(chore,), name=f"otp-{chore.name}", daemon=True)
            for chore in chores
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Return when what is being done is done."""
        self._stopping.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _do(self, chore: Chore) -> None:
        while not self._stopping.wait(chore.every.total_seconds()):
            try:
                chore.work()
            except Unavailable as error:
                _log.warning("store_unavailable", reason=error.reason, chore=chore.name)
            except Exception:
                _log.exception("chore_failed", chore=chore.name)
