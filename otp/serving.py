"""The end of a serving process: finish what is under way, whatever server we run under.

No WSGI server tells an application that it ends: `atexit` does not run in the worker of one, and
a signal handler belongs to another. But every one of them lets its main thread return and then
waits for the threads that are not daemons. So one such thread waits for the main thread.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Final

_LOOK_EVERY: Final = 0.5  # seconds


def at_end(finish: Callable[[], None]) -> None:
    """Call *finish* once this process's main thread has returned.

    A worker whose parent died (it alone, by `kill -9`) would hold the port for ever: it is asked
    to end as if by SIGTERM.
    """
    if (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    ):
        # A server that does not listen to SIGTERM (waitress), or does not yet, would die of it.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    parent = multiprocessing.parent_process()

    def watch() -> None:
        orphaned = False
        while threading.main_thread().is_alive():
            threading.main_thread().join(_LOOK_EVERY)
            if not orphaned and parent is not None and not parent.is_alive():
                orphaned = True
                os.kill(os.getpid(), signal.SIGTERM)
        finish()

    threading.Thread(target=watch, name="otp-end").start()
