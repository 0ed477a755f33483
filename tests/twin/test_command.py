"""`flask twin` as a process: what it says, what it takes, how it ends; and the service on it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.commands.terminal import Terminal
from tests.gateway import until
from tests.processes import ROOT, Server, add_client, environment, free_port
from tests.twin.callers import TO, fields
from tests.world import NUMBER

pytestmark = pytest.mark.process


@contextlib.contextmanager
def started(*options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str], str]]:
    """The process, the settings it tells, and where its handset is."""
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "twin", "--port", "0", *options],
        cwd=ROOT,
        env=env | {"FLASK_SKIP_DOTENV": "1", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        first = process.stdout.readline()
        lines = 5 if "--webhook" in options else 4
        told = [process.stdout.readline().strip() for _ in range(lines)]
        yield process, dict(line.split("=", 1) for line in told), first.split()[-1]
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=10)
        assert "Traceback" not in errors


def ask(url: str, method: str, path: str, body: object = None, token: str = "twin-token") -> Any:
    split = urlsplit(url)
    line = http.client.HTTPConnection(split.hostname or "", split.port, timeout=5)
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "application/json",
        "Content-Type": "application/json",
    }
    with contextlib.closing(line):
        line.request(method, path, json.dumps(body) if body is not None else None, headers)
        return json.loads(line.getresponse().read())


def send(url: str, **changes: Any) -> Any:
    return ask(url, "POST", "/api/v2/sms/send", fields(**changes))


def test_it_says_how_to_point_the_service_at_it_and_ends_when_asked() -> None:
    webhook = ("--webhook", "http://127.0.0.1:1/receipts/mobtexting")
    with started("--sender", "ACMEIN", *webhook) as (process, told, handset):
        assert handset.startswith("http://127.0.0.1:")
        assert told["OTP_ROUTE"] == "mobtexting"
        assert told["OTP_MOBTEXTING_URL"] == f"{handset}api/v2/"
        assert told["OTP_MOBTEXTING_TOKEN"] == "twin-token"
        assert told["OTP_MOBTEXTING_SENDER"] == "ACMEIN"
        hooks = ask(handset, "GET", "/api/v2/developer/webhooks")["data"]
        assert [hook["id"] for hook in hooks] == [told["OTP_MOBTEXTING_WEBHOOK_ID"]]
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_its_options_are_the_rules(tmp_path: Path) -> None:
    chaos = tmp_path / "chaos.json"
    chaos.write_text(json.dumps({"seed": "7", "outcomes": {"UNDELIV": 1.0}}))
    with started(
        *("--per-minute", "5", "--counts", "each", "--cid", "foreign", "--unknown", "404"),
        *("--template", "1107=Your code is {#var#}", "--entity", "1101", "--credits", "2"),
        *("--deliver-seconds", "0", "--chaos", str(chaos), "--seed", "x"),
    ) as (_, _, url):
        first = send(url, template_id="1107", entity_id="1101")["data"][0]
        assert send(url)["data"][0]["status"] == "AWAITING-DLR"
        assert send(url)["data"][0]["status"] == "NO-CREDITS"
        told = ask(url, "GET", "/twin/ledger")["messages"]
        outcomes = ["UNDELIV", "TEMPLATE-NOT-FOUND", "NO-CREDITS"]
        assert [message["outcome"] for message in told] == outcomes
        assert ask(url, "GET", "/api/v2/sms/status?cid=our-1")["code"] == 404
        send(url)
        send(url)
        assert send(url)["code"] == 429
    with started("--seed", "x") as (_, _, url):
        assert send(url)["data"][0]["id"] == first["id"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--template", "1107"), "ID=PATTERN"),
        (("--host", "example.com"), "IP address"),
        (("--retry-seconds", "soon"), "seconds"),
        (("--token", "with space"), "token"),
        (("--chaos", "/nowhere"), "No such file"),
    ],
)
def test_what_makes_no_twin(terminal: Terminal, words: tuple[str, ...], says: str) -> None:
    assert says in terminal.refusal("twin", *words)


def test_a_port_that_is_taken_is_told(terminal: Terminal) -> None:
    with started() as (_, _, handset):
        port = str(urlsplit(handset).port)
        assert f"Cannot listen on 127.0.0.1 port {port}" in terminal.refusal("twin", "--port", port)


def test_the_service_sends_over_it(tmp_path: Path) -> None:
    with started("--sender", "ACMEIN") as (_, told, url):
        env = environment(tmp_path, told["OTP_MOBTEXTING_URL"])
        env |= {name: value for name, value in told.items() if name != "OTP_MOBTEXTING_SENDER"}
        key = add_client(env)["sk_live"]
        with Server(env, port=free_port()) as server:
            started_one = server.start_verification(NUMBER, key)
            assert started_one.status == 201
            id = started_one.body["id"]

            def delivery() -> str:
                return str(server.call("GET", f"/v1/verifications/{id}", key=key).body["delivery"])

            until(lambda: "sent" in delivery())
            [message] = ask(url, "GET", f"/twin/ledger?to={TO}")["messages"]
            assert message["told"] == "taken"
            code = message["text"].split()[0]
            assert server.check(id, code, key).body["status"] == "approved"
