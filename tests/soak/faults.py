"""What is done to the processes while they work, one thing after another, drawn from a seed."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping

from tests.soak.clock import Clock
from tests.soak.site import SENDERS, Site

LEASE = 20.0
"""Seconds: longer than a sender may hold a message without being heard of."""


class Faults:
    def __init__(self, site: Site, clock: Clock, chance: random.Random, pause: float) -> None:
        self.counts: Counter[str] = Counter()
        self._site = site
        self._clock = clock
        self._chance = chance
        self._pause = pause
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._failed: list[BaseException] = []
        self._kinds: Mapping[str, Callable[[], None]] = {
            "killed sender": lambda: site.kill(self._sender()),
            "killed web": lambda: site.kill(SENDERS),
            "frozen sender": self._freeze,
            "full disk": self._fill,
            "clock put forward": lambda: clock.jump(chance.uniform(1, 40)),
            "clock put back": lambda: clock.jump(-chance.uniform(1, 15)),
        }

    def __enter__(self) -> Faults:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        if self._failed:
            raise self._failed[0]

    def _run(self) -> None:
        rest: list[str] = []
        while not self._ending.wait(self._chance.uniform(0.5, 1.5) * self._pause):
            if not rest:  # each kind once, in an order of its own, then again
                rest = self._chance.sample(list(self._kinds), len(self._kinds))
            kind = rest.pop()
            try:
                self._kinds[kind]()
            except BaseException as error:
                self._failed.append(error)
                return
            self.counts[kind] += 1

    def _sender(self) -> int:
        return self._chance.randrange(SENDERS)

    def _freeze(self) -> None:
        """For longer than its lease, by the clock of the others."""
        with self._site.frozen(self._sender()):
            self._ending.wait(self._chance.uniform(0.1, 1))
            self._clock.jump(LEASE)
            self._ending.wait(self._chance.uniform(0.5, 2))

    def _fill(self) -> None:
        with self._site.full_disk():
            self._ending.wait(self._chance.uniform(0.2, 1.5))
