"""What is done every so often beside everything else."""

from __future__ import annotations

import threading
from datetime import timedelta

from otp.chores import Chore, Chores
from otp.errors import Unavailable
from tests.gateway import until


def test_a_chore_is_done_again_and_again_whatever_it_raises_until_it_is_stopped() -> None:
    done: list[int] = []
    errors: list[Exception] = [Unavailable("store"), ValueError("a defect")]

    def work() -> None:
        done.append(1)
        if errors:
            raise errors.pop()

    chores = Chores([Chore("work", timedelta(milliseconds=5), work)])
    assert not done
    chores.start()
    until(lambda: len(done) >= 4)
    chores.stop()
    count = len(done)
    assert not [thread for thread in threading.enumerate() if thread.name == "otp-work"]
    assert len(done) == count


def test_stopping_waits_for_what_is_being_done() -> None:
    begun, ended, go = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go.wait(10)
        ended.set()

    chores = Chores([Chore("work", timedelta(milliseconds=5), work)])
    chores.start()
    assert begun.wait(10)
    threading.Timer(0.05, go.set).start()
    chores.stop()
    assert ended.is_set()


def test_what_was_never_started_can_be_stopped() -> None:
    Chores([Chore("work", timedelta(seconds=1), lambda: None)]).stop()
