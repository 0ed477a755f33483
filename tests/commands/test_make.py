from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from otp import commands
from tests.commands.terminal import Terminal

DOCS = Path(__file__).parents[2] / "docs" / "commands.md"


def never(*_: object) -> None:
    raise AssertionError("nothing is read or opened to list the commands")


def all_of(made: list[click.Command], *before: str) -> Iterator[tuple[str, click.Command]]:
    for command in made:
        words = (*before, command.name or "")
        yield " ".join(words), command
        if isinstance(command, click.Group):
            yield from all_of(list(command.commands.values()), *words)


COMMANDS = dict(all_of(commands.make(never, never, never, never)))  # type: ignore[arg-type]


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_explains_itself_without_settings(terminal: Terminal, words: str) -> None:
    terminal.env = {"OTP_CODE_LENGTH": "six"}
    [_, _, first, *_] = terminal.lines(*words.split(), "--help")
    assert first.strip().endswith(".")


@pytest.mark.parametrize("words", COMMANDS)
def test_every_option_says_what_it_does(words: str) -> None:
    for parameter in COMMANDS[words].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert parameter.help.endswith("."), parameter.name


@pytest.mark.parametrize(
    "words", [words for words, it in COMMANDS.items() if not isinstance(it, click.Group)]
)
def test_every_command_is_in_the_reference(words: str) -> None:
    assert f"`flask {words}" in DOCS.read_text()


def test_two_services_in_one_process_do_not_mix(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = Terminal(tmp_path / "one"), Terminal(tmp_path / "two")
    one.lines("pause", "on")
    assert two.lines("pause") == ["Sending is not paused."]
    assert one.lines("pause") == ["Sending is paused."]


@pytest.mark.parametrize(
    "words", [("pause", "maybe"), ("serve", "--port", "0"), ("client", "add"), ("phone", "show")]
)
def test_wrong_usage_is_one_line(words: tuple[str, ...]) -> None:
    group = click.Group(commands=commands.make(never, never, never, never))  # type: ignore[arg-type]
    result = CliRunner().invoke(group, words, prog_name="flask")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("number", ["12", "+1", "+91987654321012345"])
def test_what_is_too_short_or_too_long_is_no_number(terminal: Terminal, number: str) -> None:
    for words in (("phone", "block", number), ("phone", "forget", "--yes", number)):
        assert "cannot be used" in terminal.refusal(*words)
