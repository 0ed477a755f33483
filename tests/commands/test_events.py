"""What an operator changes is written down: what, about whom, and never a secret."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable

import pytest

from otp import log
from tests.commands.terminal import Terminal
from tests.world import NUMBER

DIGITS = NUMBER.removeprefix("+")


def written(terminal: Terminal, *words: str) -> list[dict[str, str]]:
    """The events of one command, as production writes them."""
    stream = io.StringIO()

    def assembled(*args: object, **named: object) -> object:
        made = assemble(*args, **named)
        log.configure(json=True, secrets=(), stream=stream)
        return made

    assemble: Callable[..., object] = terminal._assemble
    terminal._assemble = assembled  # type: ignore[assignment]
    try:
        result = terminal.type(*words)
    finally:
        terminal._assemble = assemble  # type: ignore[assignment]
    assert result.exit_code == 0, result.output
    secrets = re.findall(r"otp_[sp]k_(?:live|test)_\w{16}_(\w+)", result.stdout)
    assert not any(secret in stream.getvalue() for secret in secrets)
    assert DIGITS not in stream.getvalue()
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [event for event in events if event["event"] == "changed"]


@pytest.fixture
def client_id(terminal: Terminal) -> str:
    return terminal.lines("client", "add", "Acme")[0].split()[-1]


def test_a_client_and_each_of_its_keys_is_an_event(terminal: Terminal) -> None:
    events = written(terminal, "client", "add", "Acme")
    assert [event["change"] for event in events] == ["client_added", *["key_issued"] * 4]
    assert len({event["client"] for event in events}) == 1
    assert len({event["key"] for event in events[1:]}) == 4
    assert {event["level"] for event in events} == {"warning"}


def test_a_key_that_is_revoked_is_an_event_once(terminal: Terminal, client_id: str) -> None:
    key = terminal.lines("client", "key", client_id, "publishable")[0]
    [event] = written(terminal, "client", "revoke", key)
    assert (event["change"], event["client"]) == ("key_revoked", client_id)
    assert key.startswith(event["key"].removesuffix("…"))
    assert written(terminal, "client", "revoke", key) == []


def test_a_changed_policy_says_its_new_values(terminal: Terminal, client_id: str) -> None:
    [event] = written(terminal, "client", "set", client_id, "max_attempts=3")
    assert (event["change"], event["values"]) == ("client_set", "max_attempts=3")


@pytest.mark.parametrize(
    ("words", "change"),
    [
        (("phone", "block", NUMBER), "number_blocked"),
        (("phone", "allow", NUMBER), "number_allowed"),
        (("phone", "forget", NUMBER, "--yes"), "number_forgotten"),
        (("pause", "on"), "paused"),
        (("pause", "off"), "pause_ended"),
    ],
)
def test_what_is_done_to_a_number_or_to_all_is_an_event(
    terminal: Terminal, words: tuple[str, ...], change: str
) -> None:
    [event] = written(terminal, *words)
    assert event["change"] == change


def test_test_numbers_come_and_go_with_an_event(terminal: Terminal, client_id: str) -> None:
    words = ("client", "test-number", "add", client_id, NUMBER)
    [event] = written(terminal, *words, "--code", "483920", "--until", "2026-12-01")
    assert (event["change"], event["until"]) == ("test_number_added", "2026-12-01")
    [event] = written(terminal, "client", "test-number", "remove", client_id, NUMBER)
    assert event["change"] == "test_number_removed"


def test_who_only_looks_leaves_no_event(terminal: Terminal, client_id: str) -> None:
    looks = (("client", "list"), ("client", "show", client_id), ("phone", "show", NUMBER))
    for words in (*looks, ("pause",)):
        assert written(terminal, *words) == []
