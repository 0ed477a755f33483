"""The short form of the soak: processes, a gateway that fails, and what handsets got."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from otp.challenge import Delivery
from otp.receipts import reference
from otp.twin.twin import Twin
from otp.verification import Verification
from tests.soak.judge import judge
from tests.soak.run import soak
from tests.test_verification import fresh
from tests.world import FakeClock

SENDS = int(os.environ.get("OTP_TEST_SOAK", "150"))
"""A longer run of the same story: `make soak`."""


@pytest.mark.process
def test_under_faults_of_every_kind_no_message_is_lost_and_none_comes_twice(tmp_path: Path) -> None:
    report = soak(tmp_path, sends=SENDS, per_second=15, seed="short", pause=1)
    assert not report.verdict.wrong, str(report)
    assert len(report.traffic.accepted) > SENDS / 4, str(report)
    assert sum(report.faults.values()) >= 4, str(report)


@pytest.fixture
def v() -> Verification:
    return fresh()


def told(v: Verification, delivery: Delivery, *, sent: int = 0, returned: int = 0) -> list[str]:
    """What the judge says of one message that a handset got so often."""
    challenge = replace(v.newest, delivery=delivery, returned=returned)
    kept = replace(v, challenges=(challenge,))
    with Twin(clock=FakeClock()) as twin:
        for again in range(sent):
            name = reference(v.id, replace(challenge, returned=min(again, returned)))
            _send(twin, name)
        return judge([v.id], {v.id: kept}, twin.ledger).wrong


def _send(twin: Twin, name: str) -> None:
    requests.post(
        f"{twin.url}sms/send",
        json={
            "to": "919876543210",
            "message": f"{name} {len(twin.ledger)}",
            "sender": "ACMEIN",
            "service": "T",
            "custom": name,
        },
        headers={"Authorization": "Bearer twin-token", "Accept": "application/json"},
        timeout=5,
    ).raise_for_status()


def test_the_judge_sees_every_broken_promise(v: Verification) -> None:
    assert told(v, Delivery.SENT, sent=1) == []
    assert told(v, Delivery.UNKNOWN) == told(v, Delivery.UNKNOWN, sent=1) == []
    assert told(v, Delivery.UNDELIVERED) == []
    assert told(v, Delivery.SENT, sent=1, returned=1) == []
    for broken in (
        told(v, Delivery.QUEUED),
        told(v, Delivery.SENT),
        told(v, Delivery.DELIVERED),
        told(v, Delivery.SENT, sent=2),
        told(v, Delivery.UNKNOWN, sent=2),
        told(v, Delivery.SENT, sent=2, returned=1),
    ):
        assert len(broken) == 1


def test_the_judge_misses_nobody(v: Verification) -> None:
    assert judge([v.id], {}, []).wrong == [f"{v.id} was accepted, and is gone"]
    with Twin(clock=FakeClock()) as twin:
        _send(twin, "0" * 32 + "-1")
        assert len(judge([], {}, twin.ledger).wrong) == 1
