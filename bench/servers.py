"""Servers to be measured: real processes on a core of their own, ended with the `with` block."""

from __future__ import annotations

import base64
import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from bench import machine
from bench.load import Wrong

ROOT = Path(__file__).parent.parent
_NEVER = "999999999/day"
_LIMITS = (
    "PHONE_SENDS",
    "PHONE_SENDS_TOTAL",
    "PHONE_FAILURES",
    "ADDRESS_SENDS",
    "ADDRESS6_SENDS",
    "PREFIX_SENDS",
    "SEND_BUDGET",
    "FLOOD_LIMIT",
    "CLIENT_FLOOD_LIMIT",
)


def secret_key() -> str:
    return "bench:" + base64.b64encode(os.urandom(32)).decode()


def environment(folder: Path, gateway_url: str, **more: str) -> dict[str, str]:
    """An installation that sends real messages, to *gateway_url*.

    Every limit is on; none is reached: windows are the defaults', counts are not.
    """
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    limits = {f"OTP_{name}": _NEVER for name in _LIMITS}
    two = f"999999999/hour,{_NEVER}"
    for name in ("PHONE_SENDS", "ADDRESS_SENDS", "ADDRESS6_SENDS", "SEND_BUDGET"):
        limits[f"OTP_{name}"] = two
    limits["OTP_PREFIX_SENDS"] = "999999999/hour"
    limits["OTP_FLOOD_LIMIT"] = limits["OTP_CLIENT_FLOOD_LIMIT"] = "999999999/minute"
    return (
        kept
        | limits
        | {
            "FLASK_SKIP_DOTENV": "1",
            "OTP_DATA_DIR": str(folder),
            "OTP_PUBLIC_URL": "http://127.0.0.1:8000",
            "OTP_SECRET_KEYS": secret_key(),
            "OTP_SERVICE_NAME": "Acme",
            "OTP_ROUTE": "mobtexting",
            "OTP_MOBTEXTING_URL": gateway_url,
            "OTP_MOBTEXTING_TOKEN": "0d9f64b1c85e4f0e9f3c7a1b2d4e6f80",  # made up
            "OTP_MOBTEXTING_SENDER": "ACMEIN",
            "OTP_MOBTEXTING_PER_MINUTE": "999999999",
            "OTP_TRUSTED_PROXIES": "0",
            **more,
        }
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """`flask serve`, or one *target* (`module:factory`) under the same server."""

    def __init__(self, env: dict[str, str], folder: Path, target: str | None = None) -> None:
        self.port = free_port()
        self.log = folder / f"output-{self.port}.log"
        self._env = env
        if target:
            words = ["bench.serve", target, "127.0.0.1", str(self.port)]
        else:
            words = ["flask", "serve", "--port", str(self.port), "--workers", "1"]
        self._command = [sys.executable, "-m", *words]
        self._family: list[int] = []

    def __enter__(self) -> Server:
        with self.log.open("ab") as log, machine.pinned(machine.SERVER):
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._env, stdout=log, stderr=log
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        self._family = machine.family(self._process.pid)
        return self

    def __exit__(self, *_: object) -> None:
        family = machine.family(self._process.pid)
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            for pid in family:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, 9)
            self._process.wait()

    @property
    def cpu_seconds(self) -> float:
        return machine.cpu_seconds(self._family)

    @property
    def resident_mb(self) -> float:
        return machine.resident_mb(self._family)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            with contextlib.closing(connection), contextlib.suppress(OSError):
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    return
            time.sleep(0.05)
        raise Wrong(f"the server does not come up:\n{self.log.read_text()[-3000:]}")
