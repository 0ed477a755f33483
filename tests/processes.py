"""The service as it is run: real processes, a real socket, and ways to end them rudely."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.gateway import until
from tests.world import ROOMY, secret_key

ROOT = Path(__file__).parent.parent
TOKEN = "0d9f64b1c85e4f0e9f3c7a1b2d4e6f80"  # made up


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(folder: Path, gateway_url: str, **more: str) -> dict[str, str]:
    """A production environment on loopback, its messages going to *gateway_url*."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {
        "OTP_DATA_DIR": str(folder),
        "OTP_PUBLIC_URL": "http://127.0.0.1:8000",
        "OTP_SECRET_KEYS": secret_key(),
        "OTP_SERVICE_NAME": "Acme",
        "OTP_ROUTE": "mobtexting",
        "OTP_MOBTEXTING_URL": gateway_url,
        "OTP_MOBTEXTING_TOKEN": TOKEN,
        "OTP_MOBTEXTING_SENDER": "ACMEIN",
        **ROOMY,
        "OTP_TRUSTED_PROXIES": "0",
        "OTP_SIGN_IN": "open",
        "PYTHONUNBUFFERED": "1",
        **more,
    }


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: Any


class Server:
    """`flask serve` on a free port, until the `with` block ends."""

    def __init__(self, env: dict[str, str], *, workers: int = 1, port: int | None = None) -> None:
        self.env = env
        self.workers = workers
        self.port = port or free_port()
        self.log = Path(env["OTP_DATA_DIR"]) / f"output-{self.port}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def start(self) -> None:
        command = ["-m", "flask", "serve", "--port", str(self.port), "--workers", str(self.workers)]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *command], cwd=ROOT, env=self.env, stdout=log, stderr=log
            )
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        def ready() -> bool:
            assert self._process
            assert self._process.poll() is None, self.log.read_text()
            with contextlib.suppress(OSError, http.client.HTTPException):
                return self.call("GET", "/readyz").status == 200
            return False

        until(ready, seconds=30)

    def family(self) -> list[int]:
        """The process ids of the server and its workers."""
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.pid)], capture_output=True, text=True
        ).stdout
        return [self.pid, *(int(pid) for pid in listed.split())]

    def kill(self) -> None:
        """`kill -9`, of the server and every worker at once."""
        for pid in self.family():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert self._process
        self._process.wait()

    def stop(self) -> int:
        """SIGTERM; return the exit code."""
        assert self._process
        if self._process.poll() is None:
            self._process.terminate()
        try:
            return self._process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def call(
        self, method: str, path: str, members: Any = None, key: str = "", timeout: float = 20
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        body = None
        if members is not None:
            body = json.dumps(members)
            headers["Content-Type"] = "application/json"
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            raw = answer.read()
            is_json = "json" in answer.headers.get("Content-Type", "")
            return Answer(answer.status, dict(answer.headers), json.loads(raw) if is_json else raw)

    def start_verification(self, number: str, key: str) -> Answer:
        return self.call("POST", "/v1/verifications", {"phone_number": number}, key)

    def check(self, id: str, code: str, key: str) -> Answer:
        return self.call("POST", f"/v1/verifications/{id}/check", {"code": code}, key)


def flask(env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """One of the commands, run to its end."""
    return subprocess.run(
        [sys.executable, "-m", "flask", *words],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )


def add_client(env: dict[str, str]) -> dict[str, str]:
    """A client's keys by kind, as `flask client add` prints them."""
    done = flask(env, "client", "add", "Acme")
    assert done.returncode == 0, done.stderr
    keys = [word for word in done.stdout.split() if word.startswith("otp_")]
    return {"_".join(key.split("_")[1:3]): key for key in keys}


def burst(port: int, path: str, bodies: list[Any], key: str) -> list[Answer]:
    """All requests at one instant: everything but the last byte of each is sent beforehand."""
    held = []
    for members in bodies:
        raw = json.dumps(members).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(raw)}\r\n"
            f"Authorization: Bearer {key}\r\n\r\n"
        ).encode()
        line = socket.create_connection(("127.0.0.1", port), timeout=30)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.sendall(head + raw[:-1])
        held.append((line, raw[-1:]))
    time.sleep(0.2)  # the servers have read what there is; now only the last byte is missing
    answers: list[Answer | None] = [None] * len(held)
    gate = threading.Barrier(len(held))

    def release(place: int, line: socket.socket, last: bytes) -> None:
        gate.wait()
        line.sendall(last)
        with contextlib.closing(line), line.makefile("rb") as stream:
            head, _, body = stream.read().partition(b"\r\n\r\n")
            code = int(head.split(b" ")[1])
            answers[place] = Answer(
                code, {}, json.loads(body[body.index(b"{") :].split(b"\r\n")[0])
            )

    together([lambda p=p, h=h: release(p, *h) for p, h in enumerate(held)])  # type: ignore[misc]
    assert all(answers)
    return [answer for answer in answers if answer]


def together(calls: Iterable[Callable[[], object]]) -> None:
    """Run all calls at once, each in a thread of its own."""
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def host_of(url: str) -> tuple[str, int]:
    split = urlsplit(url)
    assert split.hostname
    assert split.port
    return split.hostname, split.port
