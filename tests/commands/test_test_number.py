"""`flask client test-number`, and what the service says of such numbers when it starts."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from app import now
from otp.client import SIGN_IN
from otp.phone import Phone
from otp.service import Caller
from otp.verification import Status
from tests.commands.terminal import Terminal
from tests.commands.test_client import added
from tests.commands.test_serve import eventually, running, serving
from tests.world import NUMBER

REVIEWED = "+12025550143"
MASKED = "+1••••••0143"
CODE = "482913"
LAST = "2026-12-31"


def make(
    terminal: Terminal,
    client_id: str,
    number: str = REVIEWED,
    *,
    code: str = CODE,
    until: str = LAST,
) -> list[str]:
    words = ("client", "test-number", "add", client_id, number)
    return terminal.lines(*words, "--code", code, "--until", until)


def refused(terminal: Terminal, client_id: str, number: str = REVIEWED, **asked: str) -> str:
    """What is said of it; nothing is made."""
    before = listed(terminal)
    given = {"code": CODE, "until": LAST, **asked}
    options = [word for name, value in given.items() for word in (f"--{name}", value)]
    said = terminal.refusal("client", "test-number", "add", client_id, number, *options)
    assert listed(terminal) == before
    assert "Traceback" not in said
    return said


def listed(terminal: Terminal, *client_id: str) -> list[str]:
    return terminal.lines("client", "test-number", "list", *client_id)


def opens(terminal: Terminal, client_id: str, number: str = REVIEWED, code: str = CODE) -> bool:
    """Whether the code proves the number to the client, without a message."""
    with terminal.parts() as parts:
        service = parts.world.service
        caller = Caller(client_id=client_id, credential="test")
        v = service.start(caller, number).verification
        assert v.is_test
        assert terminal.provider.sent == []
        return service.check(caller, v.id, code).status is Status.APPROVED


def test_a_number_that_is_made_opens_by_its_code(terminal: Terminal) -> None:
    id, _ = added(terminal)
    assert make(terminal, id) == [f"{MASKED}: test number of {id} until {LAST}"]
    assert opens(terminal, id)


def test_a_code_may_come_by_standard_input_and_is_never_shown(terminal: Terminal) -> None:
    id, _ = added(terminal)
    words = ("client", "test-number", "add", id, REVIEWED, "--code", "-", "--until", LAST)
    said = terminal.type(*words, answers="482-913\n")
    assert said.exit_code == 0
    shown = [said.output, *listed(terminal), *terminal.lines("client", "show", id)]
    assert not [text for text in shown if CODE in text or "482-913" in text or REVIEWED in text]
    assert opens(terminal, id)


def test_nothing_is_kept_by_which_number_or_code_can_be_read(terminal: Terminal) -> None:
    id, _ = added(terminal)
    make(terminal, id, NUMBER)
    with terminal.parts() as parts:
        [kept] = parts.world.store.client(id).test_numbers
        assert kept.index == parts.world.store.lookup.index(Phone.of(NUMBER))
    for path in Path(terminal.env["OTP_DATA_DIR"]).glob("otp.db*"):
        held = path.read_bytes()
        assert CODE.encode() not in held
        assert NUMBER[3:].encode() not in held


def test_the_list_tells_masked_numbers_and_days_of_one_client_or_all(terminal: Terminal) -> None:
    first, _ = added(terminal, "First")
    second, _ = added(terminal, "Second")
    make(terminal, first)
    make(terminal, second, NUMBER, until="2026-11-23")
    make(terminal, SIGN_IN)
    assert listed(terminal, first) == [f"{first}  until 2026-12-31  {MASKED}"]
    assert len(listed(terminal)) == 3
    terminal.clock.turn(days=2)
    assert listed(terminal, second) == []
    assert len(listed(terminal)) == 2


def test_the_same_number_again_changes_its_code_and_day(terminal: Terminal) -> None:
    id, _ = added(terminal)
    make(terminal, id)
    make(terminal, id, code="739164", until="2026-12-01")
    assert listed(terminal, id) == [f"{id}  until 2026-12-01  {MASKED}"]
    assert opens(terminal, id, code="739164")


def test_a_client_has_at_most_five_that_are_good(terminal: Terminal) -> None:
    id, _ = added(terminal)
    for end in range(5):
        make(terminal, id, f"+1202555015{end}", until="2026-11-22" if end else LAST)
    assert "has 5 test numbers" in refused(terminal, id)
    make(terminal, id, "+12025550150", code="739164")  # one of the five is changed all the same
    make(terminal, SIGN_IN)
    terminal.clock.turn(days=1)
    make(terminal, id)
    assert len(listed(terminal, id)) == 2


@pytest.mark.parametrize("until", ["2026-11-21", "2027-02-21", "31.12.2026", "tomorrow", ""])
def test_a_day_is_none_that_is_past_and_at_most_ninety_days_ahead(
    terminal: Terminal, until: str
) -> None:
    id, _ = added(terminal)
    assert "--until" in refused(terminal, id, until=until)


@pytest.mark.parametrize("until", ["2026-11-22", "2027-02-20"])
def test_today_and_the_ninetieth_day_are_good(terminal: Terminal, until: str) -> None:
    id, _ = added(terminal)
    assert until in make(terminal, id, until=until)[0]


@pytest.mark.parametrize("code", ["48291", "4829134", "48291a", "", "٤٨٢٩١٣"])
def test_a_code_has_the_digits_of_its_client_and_is_not_repeated(
    terminal: Terminal, code: str
) -> None:
    id, _ = added(terminal)
    said = refused(terminal, id, code=code)
    assert "6 digits" in said
    assert not code or code not in said
    terminal.lines("client", "set", id, "code_length=8")
    assert "8 digits" in refused(terminal, id)
    make(terminal, id, code="20482913")


@pytest.mark.parametrize("code", ["000000", "111111", "123456", "654321", "789012", "135791"])
def test_what_is_guessed_first_is_no_code(terminal: Terminal, code: str) -> None:
    id, _ = added(terminal)
    said = refused(terminal, id, code=code)
    assert "guessed" in said
    assert code not in said


def test_what_is_removed_is_an_ordinary_number(terminal: Terminal) -> None:
    id, _ = added(terminal)
    make(terminal, id, NUMBER)
    make(terminal, id)
    removed = terminal.lines("client", "test-number", "remove", id, NUMBER)
    assert removed == [f"+91••••••3210: no test number of {id}"]
    assert listed(terminal, id) == [f"{id}  until {LAST}  {MASKED}"]
    with terminal.parts() as parts:
        caller = Caller(client_id=id, credential="test")
        assert not parts.world.service.start(caller, NUMBER).verification.is_test
    again = terminal.refusal("client", "test-number", "remove", id, NUMBER)
    assert "no test number" in again


@pytest.mark.parametrize(
    "words",
    [
        ("add", "cli_00", REVIEWED, "--code", CODE, "--until", LAST),
        ("add", SIGN_IN, "12", "--code", CODE, "--until", LAST),
        ("add", SIGN_IN, REVIEWED, "--code", CODE),
        ("add", SIGN_IN, REVIEWED, "--until", LAST),
        ("list", "cli_00"),
        ("remove", "cli_00", REVIEWED),
        ("remove", SIGN_IN, "rubbish"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(terminal: Terminal, words: tuple[str, ...]) -> None:
    said = terminal.refusal("client", "test-number", *words)
    assert len(said.splitlines()) == 1
    assert CODE not in said


def test_changing_a_client_otherwise_keeps_its_numbers(terminal: Terminal) -> None:
    id, _ = added(terminal)
    make(terminal, id)
    terminal.lines("client", "set", id, "name=Corner shop", "max_attempts=3")
    assert len(listed(terminal, id)) == 1


def test_no_real_message_is_tried_with_a_test_number(terminal: Terminal) -> None:
    make(terminal, SIGN_IN, NUMBER)
    assert "test number" in terminal.refusal("send-test", NUMBER)
    assert terminal.provider.sent == []
    shown = "\n".join(terminal.lines("phone", "show", NUMBER))
    assert "sign-in (test)  send-test  canceled" in shown


@pytest.mark.process
@pytest.mark.parametrize("command", ["serve", "send"])
def test_who_starts_the_service_is_told_of_each_that_is_good(tmp_path: Path, command: str) -> None:
    (tmp_path / "data").mkdir()
    terminal = Terminal(tmp_path / "data")
    terminal.clock.now = now() - timedelta(days=2)
    last, over = (str((now() + timedelta(days=days)).date()) for days in (30, -1))
    id, _ = added(terminal)
    make(terminal, id, until=last)
    make(terminal, id, NUMBER, until=over)
    if command == "serve":
        with serving(tmp_path) as (server, _):
            said = server.text
    else:
        with running(tmp_path, "send") as sender:
            assert eventually(lambda: "sender_started" in sender.text, within=20), sender.text
            said = sender.text
    told = [line for line in said.splitlines() if re.search(r"\btest_number\b", line)]
    assert len(told) == 1
    for word in ("warning", MASKED, id, last):
        assert word in told[0]
    assert CODE not in said
