"""All that a twin knows and shares between its connections: account, webhooks, oddities, time."""

from __future__ import annotations

import dataclasses
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from otp.twin.account import Account
from otp.twin.message import Message
from otp.twin.oddities import CUT_UNREAD, Chaos, Oddity
from otp.twin.pusher import Pusher, Receipt
from otp.twin.receipts import RECEIPTS, planned
from otp.twin.rules import Rules
from otp.twin.webhooks import Webhooks

_WRONG = "-not"


class State:
    """Whoever uses `account` or `webhooks` holds `lock`."""

    def __init__(self, *, clock: Callable[[], datetime], seed: str, rules: Rules) -> None:
        self.seed = seed
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self._clock = clock
        self._turned = timedelta(0)
        self.rules = rules
        self.account = Account(rules, seed)
        self.webhooks = Webhooks(seed)
        self.pusher = Pusher(self.now, retry_after=rules.retry_after, retries=rules.retries)
        self.requests: Counter[str] = Counter()
        self.oddities: Counter[str] = Counter()
        self.refused: Counter[int] = Counter()
        self._next: deque[Oddity] = deque()
        self._chaos = Chaos()
        self._drawn = 0
        self._resets = 0

    # -- time -----------------------------------------------------------------------------------

    def now(self) -> datetime:
        return self._clock() + self._turned

    def turn(self, span: timedelta) -> None:
        """Put the twin's clock ahead, or back."""
        with self.lock:
            self._turned += span
        self.pusher.wake()

    # -- oddities -------------------------------------------------------------------------------

    def behave(self, oddities: Iterable[Oddity]) -> None:
        """One after another from now on, in place of what was still to come; then as usual."""
        with self.lock:
            self._next = deque(oddities)

    def unleash(self, chaos: Chaos) -> None:
        """Draw oddities from now on, counting requests anew."""
        with self.lock:
            self._chaos = chaos
            self._drawn = 0

    @property
    def coming(self) -> list[Oddity]:
        with self.lock:
            return list(self._next)

    def cuts(self, path: str) -> bool:
        """Whether the next request, to *path*, is cut unread; it is spent then."""
        with self.lock:
            if self._oddity(path, spend=False).answer != CUT_UNREAD:
                return False
            self._oddity(path, spend=True)
            self.oddities[CUT_UNREAD] += 1
            return True

    def next_oddity(self, path: str) -> Oddity:
        with self.lock:
            oddity = self._oddity(path, spend=True)
            self.requests[path] += 1
            self.oddities[oddity.answer] += 1
            return oddity

    def _oddity(self, path: str, *, spend: bool) -> Oddity:
        for place, oddity in enumerate(self._next):
            if oddity.fits(path):
                if spend and oddity.times == 1:
                    del self._next[place]
                elif spend and oddity.times:
                    self._next[place] = dataclasses.replace(oddity, times=oddity.times - 1)
                return oddity
        drawn = self._chaos.draw(self._drawn, path)
        self._drawn += spend
        return drawn

    # -- messages -------------------------------------------------------------------------------

    def told(self, messages: list[Message], what: str, *, whole: bool) -> None:
        """Write down what the caller of these was told, if a *whole* answer went out."""
        with self.changed:
            for message in messages:
                says = "refused" if message.refused and what == "taken" else what
                self.account.ledger.amend(message, told=says if whole else "nothing")
            self.changed.notify_all()

    def report(self, messages: list[Message], oddity: Oddity) -> None:
        """Have the receipts of these pushed when they are due."""
        row = RECEIPTS[oddity.receipt]
        for message in messages:
            if message.refused:
                continue
            with self.lock:
                webhook = self.webhooks.for_message(message.webhook_id)
            if not webhook:
                continue
            secret = webhook.secret + (_WRONG if row.wrong_secret else "")
            for due, content in planned(message, oddity.receipt, seconds=oddity.receipt_seconds):
                self.pusher.push(
                    due,
                    Receipt(number=message.number, uri=webhook.uri, secret=secret, content=content),
                )

    def counts(self) -> dict[str, Any]:
        """What a judge wants to know beside the messages."""
        with self.lock:
            account = self.account
            messages = account.ledger.all()
            attempts = self.pusher.attempts
            return {
                "requests": dict(self.requests),
                "oddities": dict(self.oddities),
                "refused": {str(code): count for code, count in self.refused.items()},
                "most_in_a_minute": {
                    "all": account.overall.most,
                    **{path: ceiling.most for path, ceiling in account.calls.items()},
                },
                "credits": account.credits,
                "messages": len(messages),
                "on_handset": sum(message.on_handset for message in messages),
                "told": dict(Counter(message.told for message in messages)),
                "outcomes": dict(Counter(message.outcome for message in messages)),
                "receipts": {
                    "attempts": len(attempts),
                    "received": sum(attempt.received for attempt in attempts),
                    "given_up": sum(a.last and not a.received for a in attempts),
                    "waiting": self.pusher.waiting,
                },
            }

    def reset(self) -> None:
        """Forget messages, calls, receipts and oddities; webhooks and the clock stay."""
        with self.lock:
            self._resets += 1  # no id is given twice
            self.account = Account(self.rules, f"{self.seed}/{self._resets}")
            self._next.clear()
            self._chaos = Chaos()
            self._drawn = 0
            for counter in (self.requests, self.oddities, self.refused):
                counter.clear()
            self.pusher.forget()
