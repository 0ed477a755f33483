"""The background sender: one thread claims what is due, a pool of threads hands it over.

A slow gateway so holds up nobody but itself. What happens to one message is in `otp.handover`.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from otp import log
from otp.chores import Chore, Chores
from otp.errors import Unavailable
from otp.handover import HandOver
from otp.keys import Keyring, TokenBytes
from otp.metrics import Metrics
from otp.passcode import RandBelow
from otp.phrasebook import Phrasebook
from otp.providers import Provider
from otp.routes import Routes
from otp.store import Claim, Store
from otp.store.flags import PAUSED

_POLL: Final = timedelta(milliseconds=200)
"""How soon a message queued by another process is noticed."""
_CLOCK_JUMP: Final = timedelta(seconds=30)
_LEASE_MARGIN: Final = timedelta(seconds=2)
_AT_ONCE: Final = 32

_log = log.get("otp.sender")


class Sender:
    """Sends what is queued, over the first of *route* that takes it.

    *bell* is rung when something was queued in this process; what others queued is seen by looking.
    """

    def __init__(
        self,
        *,
        store: Store,
        keyring: Keyring,
        route: Sequence[Provider],
        routes: Routes,
        phrasebook: Phrasebook,
        metrics: Metrics,
        clock: Callable[[], datetime],
        randbelow: RandBelow,
        token_bytes: TokenBytes,
        bell: threading.Event,
        chores: Sequence[Chore] = (),
        threads: int = 32,
    ) -> None:
        self._hand_over = HandOver(
            store=store,
            keyring=keyring,
            route=route,
            routes=routes,
            phrasebook=phrasebook,
            metrics=metrics,
            clock=clock,
            randbelow=randbelow,
        )
        self._store = store
        self._routes = routes
        self._clock = clock
        self._token_bytes = token_bytes
        # Longer than a message can take over every provider of the route, one after another.
        self._lease = sum((p.patience for p in route), _LEASE_MARGIN)
        self._free = threading.Semaphore(threads)
        self._claimed: queue.SimpleQueue[Claim | None] = queue.SimpleQueue()
        # Threads of our own: a pool of concurrent.futures closes itself as soon as the main thread
        # ends, while claims may still come in.
        self._hands = [
            threading.Thread(target=self._send_all, name=f"otp-send-{n}", daemon=True)
            for n in range(threads)
        ]
        self._bell = bell
        self._watched = clock(), time.monotonic()
        self._stopping = threading.Event()
        self._loop = threading.Thread(target=self._run, name="otp-claim", daemon=True)
        self._chores = Chores(chores)

    def start(self) -> None:
        for thread in (*self._hands, self._loop):
            thread.start()
        self._chores.start()

    def stop(self) -> None:
        """Claim nothing more, and return when what is under way has been settled."""
        self._stopping.set()
        self._bell.set()
        if self._loop.is_alive():
            self._loop.join()
        self._chores.stop()
        for _ in self._hands:
            self._claimed.put(None)
        for hand in self._hands:
            if hand.is_alive():
                hand.join()

    def run_once(self) -> int:
        """Send all that is due now, in this thread; say how many were claimed."""
        count = 0
        while claims := self._claims(1):
            for claim in claims:
                self._hand_over.send(claim)
            count += len(claims)
        return count

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._bell.clear()
            self._watch_the_clock()
            busy = False
            try:
                busy = self._dispatch()
            except Unavailable as error:
                _log.warning("store_unavailable", reason=error.reason)
                self._stopping.wait(1)
            except Exception:
                # The loop must outlive a defect, or every later message would wait for ever.
                _log.exception("sender_failed")
                self._stopping.wait(1)
            if not busy:
                self._bell.wait(_POLL.total_seconds())

    def _watch_the_clock(self) -> None:
        """Codes live and limits count by this clock, so its jumps are somebody's business."""
        (before, steady_before), self._watched = self._watched, (self._clock(), time.monotonic())
        now, steady = self._watched
        jump = (now - before).total_seconds() - (steady - steady_before)
        if abs(jump) > _CLOCK_JUMP.total_seconds():
            _log.error("clock_jumped", seconds=round(jump))

    def _dispatch(self) -> bool:
        """Claim for as many threads as are free, and let them send; say if there was work."""
        room = 0
        while room < _AT_ONCE and self._free.acquire(blocking=False):
            room += 1
        claims: list[Claim] = []
        try:
            claims = self._claims(room) if room else []
        finally:
            for _ in range(room - len(claims)):
                self._free.release()
        for claim in claims:
            self._claimed.put(claim)
        return bool(claims)

    def _claims(self, limit: int) -> list[Claim]:
        now = self._clock()
        due = self._store.next_due()
        if due is None or due > now or self._store.flag(PAUSED):
            return []
        limit = self._routes.allowed(limit)
        if not limit:
            return []
        token = self._token_bytes(12).hex()
        return self._store.claim(token=token, now=now, lease=self._lease, limit=limit)

    def _send_all(self) -> None:
        while claim := self._claimed.get():
            try:
                self._hand_over.send(claim)
            except Exception:
                # Only this claim is lost, and only until its lease runs out.
                _log.exception("send_failed", support_code=claim.verification.support_code)
            finally:
                self._free.release()
                self._bell.set()
