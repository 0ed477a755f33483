"""A full queue against the gateway's ceiling: how fast it drains, and if a call was too many."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from otp.twin.rules import Rules
from otp.twin.twin import Twin
from tests.processes import TOKEN, add_client, environment
from tests.soak.clock import Clock
from tests.soak.site import SENDERS, Site
from tests.soak.traffic import Traffic

ENOUGH = 0.98
"""Of the ceiling."""

_PATIENCE = 600.0  # seconds
_PAUSE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Drained:
    """*reached* is the part of the ceiling that was used while the queue was full; *refused* are
    the calls that the gateway answered with 429."""

    messages: int
    ceiling: int
    seconds: float
    reached: float
    refused: int

    def __str__(self) -> str:
        return (
            f"{self.messages} messages at a ceiling of {self.ceiling} a minute left in "
            f"{self.seconds:.0f} s: {self.reached:.1%} of it, {self.refused} calls too many"
        )


def drain(folder: Path, *, ceiling: int, minutes: int) -> Drained:
    """Queue as many as *minutes* (two or more) allow while nobody sends, then let two senders at
    them."""
    clock = Clock(folder / "clock")
    rules = Rules(token=TOKEN, per_minute=ceiling)
    with Twin(clock=clock, rules=rules) as twin:
        env = environment(
            folder,
            twin.url,
            OTP_MOBTEXTING_PER_MINUTE=str(ceiling),
            OTP_SEND_BUDGET="100000000/hour",
        )
        site = Site(env, folder / "clock")
        key = add_client(env)["sk_live"]
        try:
            site.start(SENDERS)
            traffic = Traffic(site, key, random.Random(1), lambda _: [])
            traffic.run(ceiling * minutes, per_second=1000)
            count = len(traffic.accepted)
            for place in range(SENDERS):
                site.start(place)
            twin.wait_for(1, seconds=30)
            twin.wait_for(count, seconds=_PATIENCE)
        finally:
            site.stop()
        times = [message.at for message in twin.ledger]
        # They leave in bursts, as calls become free: measured from the first to the last of these.
        last = max(n for n in range(1, count) if times[n] - times[n - 1] > _PAUSE)
        span = (times[last] - times[0]).total_seconds()
        return Drained(
            messages=count,
            ceiling=ceiling,
            seconds=(times[-1] - times[0]).total_seconds(),
            reached=last / (span / 60 * ceiling),
            refused=twin.counts["refused"].get("429", 0),
        )
