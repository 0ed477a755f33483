"""What `flask serve` becomes: granian, which survives its workers and can be ended at any moment.

`python -m otp.server HOST PORT WORKERS json|text`, where the last word is how its own few log lines
are written.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from typing import Any, Final

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import MPServer

_ENDS: Final = (signal.SIGTERM, signal.SIGINT)
_BREATH: Final = 0.5  # seconds before another worker is tried
_ASK_AGAIN: Final = 1.0  # seconds
# As long as the slowest gateway may take over what is under way at the end.
_LONGEST_END: Final = 60  # seconds


class JsonLines(logging.Formatter):
    """One JSON object a line, like the log of the workers."""

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        return json.dumps(
            {
                "timestamp": f"{at}.{int(record.msecs):03}Z",
                "level": record.levelname.lower(),
                "logger": "otp.server",
                "event": record.getMessage(),
            }
        )


class Server(MPServer):
    def _respawn_workers(self, *args: Any, **named: Any) -> None:
        super()._respawn_workers(*args, **named)
        # Two deaths of a worker within seconds would end granian, and with it the healthy ones. A
        # worker that cannot start is tried again and again instead, with a breath between.
        self.respawned_wrks.clear()
        time.sleep(_BREATH)

    def _stop_workers(self) -> None:
        # A worker hears the first SIGTERM in vain in the instant between taking the handler over
        # and listening to it.
        ended = threading.Event()

        def ask_again() -> None:
            while not ended.wait(_ASK_AGAIN):
                for worker in self.wrks:
                    if worker.is_alive():
                        worker.terminate()

        threading.Thread(target=ask_again, daemon=True).start()
        super()._stop_workers()  # type: ignore[no-untyped-call]
        ended.set()


def main(host: str, port: str, workers: str, form: str) -> None:
    # A worker inherits the signal handlers of the server it was forked from until it has loaded the
    # application, a second or so; a SIGTERM of that time would be swallowed. So it begins with the
    # handlers that a process is born with: nothing is under way yet.
    os.register_at_fork(before=_hold_signals, after_in_parent=_hear_signals, after_in_child=_bare)
    formatters = {"generic": {"()": JsonLines}, "access": {"()": JsonLines}}
    Server(
        "app:serve_alone" if int(workers) == 1 else "app:serve",
        factory=True,
        address=host,
        port=int(port),
        workers=int(workers),
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=10_000),  # milliseconds
        websockets=False,
        # More threads than cores: a request that waits for a commit holds one.
        blocking_threads=32,
        respawn_failed_workers=True,
        workers_kill_timeout=_LONGEST_END,
        log_level=LogLevels.error,
        log_dictconfig={"formatters": formatters} if form == "json" else None,
    ).serve()


def _hold_signals() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)  # one that comes now waits for its receiver


def _hear_signals() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDS)


def _bare() -> None:
    for number in _ENDS:
        signal.signal(number, signal.SIG_DFL)
    _hear_signals()


if __name__ == "__main__":
    main(*sys.argv[1:])
