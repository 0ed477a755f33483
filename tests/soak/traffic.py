"""People who ask for codes, at a pace, and some who type them in."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from tests.soak.site import Site

_THREADS = 8


class Traffic:
    """*accepted*: the verification ids of all starts that were answered with 201."""

    def __init__(
        self,
        site: Site,
        key: str,
        chance: random.Random,
        codes_for: Callable[[str], list[str]],
    ) -> None:
        self.accepted: dict[str, str] = {}
        self.refused = 0
        self.unanswered = 0
        self.approved = 0
        self._site = site
        self._key = key
        self._checks = [chance.random() < 0.3 for _ in range(997)]
        self._codes_for = codes_for
        self._lock = threading.Lock()
        self._next = 0

    def run(self, count: int, *, per_second: float) -> None:
        """Ask for *count* codes, each for a number of its own; returns when all are answered."""
        began = time.monotonic()
        threads = [
            threading.Thread(target=self._ask, args=(count, began, per_second))
            for _ in range(_THREADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _ask(self, count: int, began: float, per_second: float) -> None:
        while True:
            with self._lock:
                place = self._next
                self._next += 1
            if place >= count:
                return
            time.sleep(max(0.0, began + place / per_second - time.monotonic()))
            number = f"+9198{place:08}"
            status, body = self._site.ask(
                "POST", "/v1/verifications", {"phone_number": number}, self._key
            )
            with self._lock:
                if status == 201:
                    self.accepted[body["id"]] = number
                elif status:
                    self.refused += 1
                else:
                    self.unanswered += 1
            if status == 201 and self._checks[place % len(self._checks)]:
                self._type_in(body["id"], number)

    def _type_in(self, id: str, number: str) -> None:
        for _ in range(20):
            if codes := self._codes_for(number):
                path, members = f"/v1/verifications/{id}/check", {"code": codes[-1]}
                if self._site.ask("POST", path, members, self._key)[0] == 200:
                    with self._lock:
                        self.approved += 1
                return
            time.sleep(0.02)
