"""One web process and two senders on one database, which can be killed, frozen and starved."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.gateway import until
from tests.processes import ROOT, free_port
from tests.soak.process import CLOCK

SENDERS = 2
_WEB = SENDERS


class Site:
    """Its processes are numbered: the senders first, the web process last."""

    def __init__(self, env: dict[str, str], clock: Path) -> None:
        self.port = free_port()
        self.folder = Path(env["OTP_DATA_DIR"])
        self._env = {**env, CLOCK: str(clock), "OTP_SENDER": "0"}
        self._processes: list[subprocess.Popen[bytes] | None] = [None] * (SENDERS + 1)

    def start(self, place: int) -> None:
        role = ["web", str(self.port)] if place == _WEB else ["send"]
        with (self.folder / f"output-{place}.log").open("ab") as log:
            self._processes[place] = subprocess.Popen(
                [sys.executable, "-m", "tests.soak.process", *role],
                cwd=ROOT,
                env=self._env,
                stdout=log,
                stderr=log,
            )
        if place == _WEB:
            until(self._is_ready, seconds=60)

    def kill(self, place: int) -> None:
        """`kill -9`, and everything again from the start."""
        for pid in self._family(place):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process = self._processes[place]
        assert process
        process.wait()
        self.start(place)

    @contextmanager
    def frozen(self, place: int) -> Iterator[None]:
        """Stopped in the middle of whatever it does, and let go on as if nothing had been."""
        pids = self._family(place)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """No file of any process grows: whatever commits, fails."""
        pids = [pid for place in range(SENDERS + 1) for pid in self._family(place)]
        before = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in pids}
        try:
            for pid, (_, hard) in before.items():
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
            yield
        finally:
            for pid, limits in before.items():
                with contextlib.suppress(ProcessLookupError):
                    resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)

    def stop(self) -> None:
        for process in self._processes:
            if process and process.poll() is None:
                process.terminate()
        for place, process in enumerate(self._processes):
            try:
                if process:
                    process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                for pid in self._family(place):
                    os.kill(pid, signal.SIGKILL)

    def ask(self, method: str, path: str, members: Any, key: str) -> tuple[int, Any]:
        """Status and body; (0, None) where there was no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        body = None if members is None else json.dumps(members)
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        with contextlib.closing(connection), contextlib.suppress(Exception):
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        return 0, None

    def _family(self, place: int) -> list[int]:
        process = self._processes[place]
        assert process
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True
        ).stdout
        return [process.pid, *(int(pid) for pid in listed.split())]

    def _is_ready(self) -> bool:
        time.sleep(0.05)
        return self.ask("GET", "/readyz", None, "")[0] == 200
