"""The processes as an operator starts them: real sockets, real signals."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest

from app import assemble
from otp.challenge import Delivery
from otp.client import SIGN_IN
from otp.commands.listening import wait_for_port
from otp.service import Caller
from otp.settings import Settings
from tests.commands.terminal import Terminal
from tests.world import NUMBER, secret_key

ROOT = Path(__file__).parents[2]


def eventually(true: Callable[[], bool], *, within: float) -> bool:
    deadline = time.monotonic() + within
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def is_free(port: int) -> bool:
    try:
        wait_for_port("127.0.0.1", port, patience=0)
    except click.ClickException:
        return False
    return True


class Running:
    """One `flask` command as a process of its own, and what it says."""

    def __init__(self, folder: Path, *words: str, **env: str) -> None:
        self.said = folder / f"{words[0]}.out"
        self.env = {
            "OTP_DEMO": "1",
            "OTP_DATA_DIR": str(folder / "data"),
            "OTP_SECRET_KEYS": secret_key(),
            **env,
        }
        with self.said.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "flask", *words],
                cwd=ROOT,
                env={"PATH": os.environ["PATH"], **self.env},
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    @property
    def text(self) -> str:
        return self.said.read_text()

    def end(self) -> int:
        """Its exit code, having been asked to end."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(5)


@contextmanager
def running(folder: Path, *words: str, **env: str) -> Iterator[Running]:
    made = Running(folder, *words, **env)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.process.terminate()
            try:
                made.process.wait(10)
            except subprocess.TimeoutExpired:
                made.process.kill()
                made.process.wait()


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@contextmanager
def serving(folder: Path, **env: str) -> Iterator[tuple[Running, int]]:
    port = free_port()
    with running(folder, "serve", PORT=str(port), **env) as server:
        assert eventually(lambda: is_ready(port), within=20), server.text
        yield server, port


@pytest.mark.process
def test_the_three_lines_that_a_demo_prints_sign_a_number_in(tmp_path: Path) -> None:
    with serving(tmp_path) as (server, port):
        assert f"http://127.0.0.1:{port}/sign-in" in server.text
        lines = server.text.split("check it:")[1].strip().splitlines()[:3]
        assert len(lines) == 3
        pasted = subprocess.run(
            ["bash"],
            input="\n".join(lines) + "\n",
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        assert '"status": "pending"' in pasted.stderr
        assert '"status": "approved"' in pasted.stdout
        assert NUMBER in pasted.stdout


@pytest.mark.process
def test_a_server_that_is_asked_to_end_does_so_cleanly(tmp_path: Path) -> None:
    with serving(tmp_path) as (server, port):
        assert server.end() == 0
        assert is_free(port)


@pytest.mark.process
def test_a_server_that_is_killed_leaves_nobody_on_its_port(tmp_path: Path) -> None:
    with serving(tmp_path) as (server, port):
        assert not is_free(port)
        server.process.kill()
        server.process.wait()
        assert eventually(lambda: is_free(port), within=5)


@pytest.mark.process
def test_two_workers_share_a_database(tmp_path: Path) -> None:
    with serving(tmp_path, WEB_CONCURRENCY="2") as (server, _):
        assert server.end() == 0


@pytest.mark.process
def test_a_server_does_not_start_with_settings_that_make_no_sense(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path, "serve", PORT=str(port), OTP_CODE_LENGTH="six") as server:
        assert server.process.wait(20) == 1
        assert "OTP_CODE_LENGTH: must be a whole number" in server.text
        assert "Traceback" not in server.text


@pytest.mark.process
def test_a_sender_by_itself_sends_what_others_queued_and_ends_cleanly(tmp_path: Path) -> None:
    with running(tmp_path, "send") as sender:
        assert eventually(lambda: "sender_started" in sender.text, within=20), sender.text
        parts = assemble(Settings.from_env(sender.env))
        try:
            service = parts.world.service
            caller = Caller(client_id=SIGN_IN, credential="test")
            id = service.start(caller, NUMBER).verification.id
            assert eventually(
                lambda: service.get(SIGN_IN, id).newest.delivery is Delivery.SENT, within=5
            ), sender.text
        finally:
            parts.close()
        assert sender.end() == 0
        assert "sender_stopping" in sender.text


def test_a_server_listens_on_an_address_and_not_on_a_name(terminal: Terminal) -> None:
    assert "must be an IP address" in terminal.refusal("serve", "--host", "otp.example")


def test_a_port_that_comes_free_is_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        assert not is_free(port)
    wait_for_port("127.0.0.1", port, patience=0)


def test_a_port_that_stays_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(click.ClickException, match=f"Port {port} is taken"):
            wait_for_port("127.0.0.1", port, patience=0.3)


def test_an_address_of_another_machine_is_refused_at_once() -> None:
    with pytest.raises(click.ClickException, match="Cannot listen"):
        wait_for_port("192.0.2.1", 8000, patience=60)
