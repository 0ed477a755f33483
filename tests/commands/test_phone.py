from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest

from otp.client import SIGN_IN, Client, Mode
from otp.errors import InvalidPhoneNumber, Rejected, TooManyFailures, WrongCode
from otp.phone import Phone
from otp.service import Caller
from otp.verification import Verification
from tests.commands.terminal import Terminal
from tests.world import NUMBER, OTHER_NUMBER, wrong

PERSON = Caller(client_id=SIGN_IN, credential="browser")


def started(terminal: Terminal, number: str = NUMBER) -> Verification:
    """One verification whose message was handed over, or refused if the provider is told to."""
    with terminal.parts() as parts:
        v = parts.world.service.start(PERSON, number, purpose="sign-in").verification
        parts.sender.run_once()
        return parts.world.service.get(SIGN_IN, v.id)


def test_a_number_shows_what_happened_to_it_newest_first(terminal: Terminal) -> None:
    first = started(terminal)
    terminal.clock.turn(minutes=5)
    terminal.provider.next = [Rejected("not_on_network")]
    second = started(terminal)
    said = "\n".join(terminal.lines("phone", "show", NUMBER))
    assert said.index(second.support_code) < said.index(first.support_code)
    newer, older = said.split(second.support_code)[1].split(first.support_code)
    assert "undelivered  fake  not_on_network" in newer
    assert "message 1  sent  fake  -" in older
    assert "2026-11-22 08:44:27Z" in said
    assert "0 of 5 attempts" in said


def test_it_shows_the_gateways_own_word_and_what_was_settled(terminal: Terminal) -> None:
    v = started(terminal)
    heard = replace(v.newest, word="ABSENT-SUB", returned=1)
    with terminal.parts() as parts:
        parts.world.store.swap(
            SIGN_IN, v.id, lambda v: replace(v, challenges=(heard,)), now=terminal.clock()
        )
    said = "\n".join(terminal.lines("phone", "show", NUMBER))
    assert "the gateway says ABSENT-SUB  settled as not sent: 1" in said


def test_a_number_is_never_written_out(terminal: Terminal) -> None:
    started(terminal)
    said = [
        *terminal.lines("phone", "show", NUMBER),
        *terminal.lines("phone", "block", NUMBER),
        *terminal.lines("phone", "allow", NUMBER),
        *terminal.lines("phone", "forget", NUMBER, "--yes"),
    ]
    assert "+91••••••3210" in said[0]
    assert NUMBER[1:] not in "\n".join(said)


def test_another_number_is_another_story(terminal: Terminal) -> None:
    started(terminal)
    assert terminal.lines("phone", "show", OTHER_NUMBER)[-1] == "Nothing is known of it."


def test_time_that_nobody_wrote_down_shows(terminal: Terminal) -> None:
    started(terminal)
    terminal.clock.turn(hours=1)
    assert "expired" in "\n".join(terminal.lines("phone", "show", NUMBER))


def locked(terminal: Terminal) -> None:
    for _ in range(3):
        with terminal.parts() as parts:
            v = parts.world.service.start(PERSON, NUMBER).verification
            parts.sender.run_once()
            guess = wrong(terminal.provider.codes[-1])
            for _ in range(4):
                with contextlib.suppress(WrongCode, TooManyFailures):
                    parts.world.service.check(PERSON, v.id, guess)
        terminal.clock.turn(minutes=1)


def test_what_is_counted_against_a_number_shows_and_can_be_forgiven(terminal: Terminal) -> None:
    locked(terminal)
    said = terminal.lines("phone", "show", NUMBER)
    assert "  wrong codes: 10 of 10 in 24 h" in said
    assert "  messages without an approval: 3 of 6 in 1 h" in said
    assert "  messages: 3 of 30 in 24 h" in said
    with pytest.raises(TooManyFailures):
        started(terminal)
    assert terminal.lines("phone", "unlock", NUMBER) == ["+91••••••3210: wrong codes forgiven"]
    started(terminal)
    said = terminal.lines("phone", "show", NUMBER)
    assert not [line for line in said if "wrong codes" in line]
    assert "  messages: 4 of 30 in 24 h" in said
    terminal.lines("phone", "unlock", NUMBER, "--sends")
    said = terminal.lines("phone", "show", NUMBER)
    assert not [line for line in said if line.startswith("  messages")]


def test_what_was_counted_against_a_test_of_it_shows_and_is_forgiven_too(
    terminal: Terminal,
) -> None:
    with terminal.parts() as parts:
        world = parts.world
        client = Client(id="cli_acme", name="Acme", created_at=world.clock())
        world.store.put_client(client)
        tester = Caller(client_id=client.acting(Mode.TEST), credential="k", is_test=True)
        v = world.service.start(tester, "+12025550100").verification
        for _ in range(4):
            with pytest.raises(WrongCode):
                world.service.check(tester, v.id, "000000")
    said = terminal.lines("phone", "show", "+12025550100")
    assert "  wrong codes: 4 of 10 in 24 h (tests of cli_acme/test)" in said
    terminal.lines("phone", "unlock", "+12025550100", "--sends")
    said = terminal.lines("phone", "show", "+12025550100")
    assert not [line for line in said if "tests of" in line]


@pytest.mark.parametrize("number", ["98765", "+9198220000", "12345678"])
def test_what_can_be_nobodys_number_is_refused(terminal: Terminal, number: str) -> None:
    assert "cannot be used" in terminal.refusal("phone", "block", number)


def test_a_blocked_number_is_refused_until_it_is_allowed(terminal: Terminal) -> None:
    terminal.lines("phone", "block", NUMBER)
    with pytest.raises(InvalidPhoneNumber, match="blocked"):
        started(terminal)
    assert terminal.lines("phone", "show", NUMBER)[0].endswith(": blocked")
    started(terminal, OTHER_NUMBER)
    terminal.lines("phone", "allow", NUMBER)
    assert terminal.lines("phone", "show", NUMBER)[0].endswith(": not blocked")
    started(terminal)


def test_a_forgotten_number_leaves_no_verification(terminal: Terminal) -> None:
    started(terminal)
    terminal.clock.turn(minutes=5)
    started(terminal)
    [said] = terminal.lines("phone", "forget", NUMBER, "--yes")
    assert said.endswith("verifications erased: 2")
    with terminal.parts() as parts:
        assert parts.world.store.of_number(Phone.of(NUMBER), 10) == []


def test_forgetting_asks_first(terminal: Terminal) -> None:
    started(terminal)
    assert "Erase all" in terminal.type("phone", "forget", NUMBER, answers="n\n").stdout
    with terminal.parts() as parts:
        assert len(parts.world.store.of_number(Phone.of(NUMBER), 10)) == 1
    result = terminal.type("phone", "forget", NUMBER, answers="y\n")
    assert "verifications erased: 1" in result.stdout


def test_a_number_that_is_not_served_any_more_can_be_erased(terminal: Terminal) -> None:
    terminal.env["OTP_COUNTRIES"] = "GB"
    started(terminal, "+447400123456")
    terminal.env["OTP_COUNTRIES"] = "IN"
    [said] = terminal.lines("phone", "forget", "+447400123456", "--yes")
    assert "erased: 1" in said


@pytest.mark.parametrize("command", ["show", "block", "allow", "forget"])
def test_what_is_no_number_is_said_and_not_repeated(terminal: Terminal, command: str) -> None:
    said = terminal.refusal("phone", command, "+91 98765 HELLO")
    assert "not_a_number" in said
    assert "HELLO" not in said
