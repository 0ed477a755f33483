"""The texts in force: what the operator stored, and the settings' own for all others.

Each process looks into the store at most once in `FRESH`, so that a change is seen everywhere
without a restart and a start costs no look of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from otp import log
from otp.client import plain_id
from otp.errors import Unavailable
from otp.settings import Settings
from otp.store import Store
from otp.wording import Key, Phrase, Wording, choose

FRESH: Final = timedelta(seconds=2)

_log = log.get("otp.phrasebook")


class Phrasebook:
    """Shared by all threads of a process."""

    def __init__(self, *, store: Store, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._service, self._host = settings.service_name, settings.hostname
        self._default = Phrase(settings.template)
        self._clock = clock
        self._wordings: list[Wording] = []
        self._stored: dict[Key, Phrase] = {}
        self._read_at: datetime | None = None
        self._reading = threading.Lock()

    def look(self) -> None:
        """Read what is stored if that is due; before `phrase`, and outside of any transaction.

        Raises `Unavailable` if the store could never be read yet.
        """
        if not self._is_fresh():
            self._read()

    def phrase(self, client_id: str, purpose: str | None, locale: str | None) -> Phrase:
        """What a message takes, as of the last look."""
        if not self._stored:
            return self._default
        key = plain_id(client_id), purpose or "", locale or ""
        return choose(self._stored, key) or self._default

    def _is_fresh(self) -> bool:
        # A clock that is set back makes nothing fresh for longer.
        return self._read_at is not None and abs(self._clock() - self._read_at) < FRESH

    def _read(self) -> None:
        """One thread reads; the others go on with what is known, and wait if that is nothing."""
        if not self._reading.acquire(blocking=self._read_at is None):
            return
        try:
            if self._is_fresh():
                return
            wordings = self._store.messages()
            if wordings != self._wordings:
                self._stored = {
                    wording.key: Phrase(
                        wording.template(self._service, self._host), wording.template_id or None
                    )
                    for wording in wordings
                }
                self._wordings = wordings
            self._read_at = self._clock()
        except Unavailable as error:
            if self._read_at is None:
                raise
            self._read_at = self._clock()
            _log.warning("messages_not_read", reason=error.reason)
        finally:
            self._reading.release()
