"""Figures of several real processes are one sum, whatever happens to one of them."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families as families

from otp.metrics import EVERY
from tests.gateway import Gateway, until
from tests.processes import Server, add_client, environment, together

pytestmark = pytest.mark.process

TOKEN = "metrics-token-for-tests"
FLUSHED = EVERY.total_seconds() + 3
PLACES = iter(range(100_000))


@dataclass
class Site:
    server: Server
    gateway: Gateway
    key: str

    def start(self, count: int) -> None:
        """So many verifications, over connections of their own, so that both workers get some."""

        def one(number: int) -> None:
            answer = self.server.start_verification(f"+9198765{number:05}", self.key)
            assert answer.status == 201, answer

        together([partial(one, next(PLACES)) for _ in range(count)])

    def told(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        answer = self.server.call("GET", "/metrics", key=TOKEN)
        assert answer.status == 200
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in families(answer.body.decode())
            for sample in family.samples
        }

    def starts(self) -> float:
        return self.told()["otp_starts_total", frozenset({("mode", "live")})]

    def wait_for(self, starts: int) -> None:
        until(lambda: self.starts() == starts, seconds=FLUSHED)


@pytest.fixture
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    more: dict[str, str] = getattr(request, "param", {})
    with Gateway() as gateway:
        env = environment(tmp_path, gateway.url, OTP_METRICS_TOKEN=TOKEN, **more)
        key = add_client(env)["sk_live"]
        with Server(env, workers=2) as server:
            yield Site(server, gateway, key)


def processes(folder: Path) -> int:
    """How many have handed in starts."""
    with closing(sqlite3.connect(folder / "otp.db")) as connection:
        [(count,)] = connection.execute(
            "SELECT count(DISTINCT process) FROM tally WHERE name LIKE 'otp_starts_total%'"
        ).fetchall()
        return int(count)


def test_the_sum_is_exact_and_a_killed_worker_takes_no_more_than_its_last_seconds(
    site: Site, tmp_path: Path
) -> None:
    total = 0
    while processes(tmp_path) < 2:
        assert total < 200, "one worker never got a request"
        site.start(20)
        total += 20
        site.wait_for(total)
    sent = "otp_sends_total", frozenset({("route", "mobtexting"), ("outcome", "sent")})
    until(lambda: site.told()[sent] == total, seconds=2 * FLUSHED)
    assert len(site.gateway.messages) == total
    # What is counted now may be lost, and only in the process that is killed.
    site.start(10)
    [_, victim, other, *_] = site.server.family()
    os.kill(victim, signal.SIGKILL)
    until(lambda: site.server.family()[1:] not in ([victim, other], [other]), seconds=20)
    time.sleep(FLUSHED)
    kept = int(site.starts())
    assert total <= kept <= total + 10
    site.start(10)
    site.wait_for(kept + 10)


@pytest.mark.parametrize("site", [{"OTP_SENDER": "0"}], indirect=True)
def test_processes_that_do_not_send_hand_in_too_and_at_their_end_at_once(site: Site) -> None:
    site.start(5)
    site.wait_for(5)
    assert site.told()["otp_queue_depth", frozenset()] == 5
    site.start(7)
    assert site.server.stop() == 0
    site.server.start()
    assert site.starts() == 12
