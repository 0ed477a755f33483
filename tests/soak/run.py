"""One soak, from an empty folder to a verdict."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from app import assemble, read_settings
from otp.twin.oddities import Chaos
from otp.twin.rules import Rules
from otp.twin.twin import Twin
from otp.verification import Verification
from tests.processes import TOKEN, add_client, environment
from tests.soak.clock import Clock
from tests.soak.faults import Faults
from tests.soak.judge import Verdict, judge
from tests.soak.site import SENDERS, Site
from tests.soak.traffic import Traffic

SECRET = "mJ7qP2xW9sK4vB6nL8tR"  # made up

ANSWERS = {
    "cut_unread": 0.01,
    "cut_before": 0.01,
    "cut_after": 0.01,
    "cut_halfway": 0.005,
    "silent": 0.002,
    "silent_after": 0.002,
    "error_before": 0.01,
    "error_after": 0.01,
    "bad_gateway": 0.005,
    "gateway_timeout": 0.005,
    "empty_data": 0.005,
    "empty_data_after": 0.005,
    "garbage": 0.005,
    "unknown_status": 0.005,
    "too_many": 0.002,
    "redirect": 0.002,
    "login_page": 0.002,
    "rejected": 0.005,
    "unprocessable": 0.005,
    "slow": 0.002,
    "string_charges": 0.05,
    "status_ok": 0.05,
}
RECEIPTS = {
    "none": 0.2,
    "duplicate": 0.05,
    "reordered": 0.05,
    "contradicted": 0.05,
    "early": 0.05,
    "wrapped": 0.05,
    "without_both": 0.03,
    "foreign_cid": 0.03,
    "unknown_word": 0.02,
    "wrong_secret": 0.02,
}
PULLS = {"cut_before": 0.02, "error_before": 0.02, "old_pull": 0.2}
VISIBLE_AFTER = 3.0
"""Seconds until the gateway's own look-up knows a message that it took."""

_STEPS = 40
_STEP = 20.0
"""At the end the clocks are put forward by so many seconds, so often, until all is settled."""


@dataclass(frozen=True, slots=True)
class Report:
    verdict: Verdict
    traffic: Traffic
    faults: Counter[str]
    handsets: int
    seconds: float

    def __str__(self) -> str:
        lines = [
            f"{len(self.traffic.accepted)} accepted, {self.traffic.refused} refused, "
            f"{self.traffic.unanswered} without an answer, {self.traffic.approved} approved, "
            f"{self.handsets} messages on handsets, in {self.seconds:.0f} s",
            *(f"  {count:6}  {kind}" for kind, count in sorted(self.verdict.kinds.items())),
            "done to the processes:",
            *(f"  {count:6}  {kind}" for kind, count in sorted(self.faults.items())),
            *(f"WRONG: {sentence}" for sentence in self.verdict.wrong[:50]),
            "no promise was broken"
            if not self.verdict.wrong
            else f"{len(self.verdict.wrong)} wrong",
        ]
        return "\n".join(lines)


def soak(folder: Path, *, sends: int, per_second: float, seed: str, pause: float) -> Report:
    """Raises if a process cannot be brought up again; what was promised and not kept is in the
    report."""
    began = time.monotonic()
    clock = Clock(folder / "clock")
    chance = random.Random(seed)
    with Twin(clock=clock, seed=seed, rules=Rules(token=TOKEN, per_minute=None)) as twin:
        twin.unleash(
            Chaos(
                seed=seed,
                answers=ANSWERS,
                receipts=RECEIPTS,
                pulls=PULLS,
                visible_after=VISIBLE_AFTER,
            )
        )
        env = environment(
            folder,
            twin.url,
            OTP_MOBTEXTING_PER_MINUTE="1000000",
            OTP_MOBTEXTING_WEBHOOK_SECRET=SECRET,
            OTP_SEND_BUDGET="100000000/hour",
        )
        site = Site(env, folder / "clock")
        twin.report_to(f"http://127.0.0.1:{site.port}/receipts/mobtexting", secret=SECRET)
        key = add_client(env)["sk_live"]
        traffic = Traffic(site, key, chance, twin.codes_for)
        try:
            for place in range(SENDERS + 1):
                site.start(place)
            with Faults(site, clock, chance, pause) as faults:
                traffic.run(sends, per_second=per_second)
            _settle(folder, clock)
        finally:
            site.stop()
        kept = {v.id: v for v in verifications(env)}
        sent = [message for message in twin.ledger if not message.refused]
        verdict = judge(traffic.accepted, kept, sent)
        return Report(verdict, traffic, faults.counts, len(sent), time.monotonic() - began)


def _settle(folder: Path, clock: Clock) -> None:
    """Let time pass until nothing is queued and nothing will be asked any more."""
    for _ in range(_STEPS):
        time.sleep(1)
        with closing(sqlite3.connect(folder / "otp.db")) as file:
            [(open_,)] = file.execute(
                "SELECT count(*) FROM challenge WHERE is_queued OR ask_at IS NOT NULL"
            )
        if not open_:
            return
        clock.jump(_STEP)


def verifications(env: dict[str, str]) -> list[Verification]:
    """Every one in the store, as it is written there."""
    with open(os.devnull, "w") as nowhere:
        parts = assemble(read_settings(env), logs=nowhere)
        store = parts.world.store
        with closing(sqlite3.connect(Path(env["OTP_DATA_DIR"]) / "otp.db")) as file:
            rows = file.execute("SELECT client, row_key FROM verification").fetchall()
        found = [store.get(client, store.lookup.public_id(row_key)) for client, row_key in rows]
        parts.close()
    return found
