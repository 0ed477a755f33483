from __future__ import annotations

import pytest

from otp.client import SIGN_IN
from otp.errors import Unavailable
from otp.service import Caller
from tests.commands.terminal import Terminal
from tests.world import NUMBER


def start(terminal: Terminal) -> None:
    with terminal.parts() as parts:
        parts.world.service.start(Caller(client_id=SIGN_IN, credential="browser"), NUMBER)


def test_a_sweep_writes_down_what_ended_and_later_purges_it(terminal: Terminal) -> None:
    start(terminal)
    terminal.clock.turn(hours=1)
    assert terminal.lines("sweep") == ["1 written down as ended by time, 0 purged."]
    terminal.clock.turn(days=31)
    assert terminal.lines("sweep") == ["0 written down as ended by time, 1 purged."]


def test_pause_says_how_it_is_without_changing_it(terminal: Terminal) -> None:
    assert terminal.lines("pause") == ["Sending is not paused."]
    assert terminal.lines("pause", "on") == ["Sending is paused."]
    assert terminal.lines("pause") == ["Sending is paused."]
    assert terminal.lines("pause", "off") == ["Sending is not paused."]
    assert terminal.lines("pause") == ["Sending is not paused."]


def test_a_pause_holds_for_everybody_on_the_same_database(terminal: Terminal) -> None:
    terminal.lines("pause", "on")
    with pytest.raises(Unavailable, match="paused"):
        start(terminal)
    terminal.lines("pause", "off")
    start(terminal)


def test_a_pause_is_on_or_off(terminal: Terminal) -> None:
    terminal.refusal("pause", "maybe")
    assert terminal.lines("pause") == ["Sending is not paused."]
