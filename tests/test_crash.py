"""`kill -9` of every process, at any moment: nothing accepted is lost, nothing is sent twice."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from tests.gateway import Behaviour, Gateway, until
from tests.processes import Server, add_client, environment
from tests.world import wrong

pytestmark = pytest.mark.process

# A longer run of the same story: OTP_TEST_KILLS=200
KILLS = int(os.environ.get("OTP_TEST_KILLS", "8"))


def test_whenever_all_processes_are_killed_every_start_ends_in_one_message_or_says_so(
    tmp_path: Path,
) -> None:
    chance = random.Random(KILLS)
    accepted: dict[str, str] = {}  # id → number
    attempts: dict[str, int] = {}
    with Gateway() as gateway:
        gateway.answer_with(Behaviour(delay=0.02))
        env = environment(tmp_path, gateway.url, OTP_SENDER_THREADS="4")
        key = add_client(env)["sk_live"]
        server = Server(env, workers=2)
        for count in range(KILLS):
            server.start()
            ended = threading.Event()

            def load(first: int, ended: threading.Event = ended) -> None:
                number = first
                while not ended.is_set():
                    number += 1
                    phone = f"+9198{number:08}"
                    with contextlib.suppress(OSError, http.client.HTTPException):
                        answer = server.start_verification(phone, key)
                        if answer.status != 201:
                            continue
                        id = answer.body["id"]
                        accepted[id] = phone
                        guess = server.check(id, wrong("000000"), key)
                        if guess.status == 422:
                            attempts[id] = 1

            threads = [
                threading.Thread(target=load, args=(count * 1000 + place * 100,))
                for place in range(4)
            ]
            for thread in threads:
                thread.start()
            time.sleep(chance.uniform(0.05, 0.6))
            server.kill()
            ended.set()
            for thread in threads:
                thread.join()
            with contextlib.closing(sqlite3.connect(tmp_path / "otp.db")) as file:
                assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)

        server.start()
        try:
            assert len(accepted) > KILLS
            resources = {}

            def settled(id: str) -> bool:
                resources[id] = server.call("GET", f"/v1/verifications/{id}", key=key).body
                return resources[id]["delivery"]["status"] in ("sent", "unknown")

            # A killed sender's leases run out after the sum of the route's time-outs and 2 s.
            for id in accepted:
                until(lambda id=id: settled(id), seconds=40)  # type: ignore[misc]
        finally:
            server.stop()

    texts = {id: len(gateway.texts_for(number)) for id, number in accepted.items()}
    for id, resource in resources.items():
        if resource["delivery"]["status"] == "sent":
            assert texts[id] == 1, resource
        else:
            assert texts[id] <= 1, resource
            assert resource["delivery"]["reason"] == "sender_stopped"
        assert 5 - resource["attempts_left"] >= attempts.get(id, 0), "an attempt came back"
