"""What `flask serve` becomes: granian, with workers that can be ended at any moment.

A worker inherits the signal handlers of the server it was forked from until it has loaded the
application, a second or so. A SIGTERM of that time would be swallowed, and its server would wait
for it. So a worker begins with the handlers a process is born with: nothing is under way yet.
"""

from __future__ import annotations

import os
import signal
from typing import Final

from granian.cli import entrypoint

_ENDS: Final = (signal.SIGTERM, signal.SIGINT)


def _before_fork() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)  # one that comes now waits for its receiver


def _in_parent() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDS)


def _in_worker() -> None:
    for number in _ENDS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDS)


if __name__ == "__main__":
    os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_worker)
    entrypoint()  # type: ignore[no-untyped-call]
