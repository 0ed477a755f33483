"""What an operator types: the `flask` commands.

Each reads the same environment as the server, and answers in plain sentences; what goes wrong and
can be foreseen is told in a few words on stderr. Nothing here knows Flask or the environment: what
reads the settings and puts the service together is handed in by app.py.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from otp.commands.client import client
from otp.commands.doctor import doctor
from otp.commands.init import init
from otp.commands.message import message
from otp.commands.parts import Assemble, Clock, ReadSettings, Setup
from otp.commands.phone import phone
from otp.commands.send_test import send_test
from otp.commands.serve import send, serve
from otp.commands.settings import settings
from otp.commands.twin import twin
from otp.commands.upkeep import pause, sweep
from otp.keys import TokenBytes

_ALL: Final[tuple[click.Command, ...]] = (
    init,
    settings,
    serve,
    send,
    sweep,
    pause,
    client,
    message,
    phone,
    send_test,
    doctor,
    twin,
)


def make(
    read_settings: ReadSettings, assemble: Assemble, token_bytes: TokenBytes, clock: Clock
) -> list[click.Command]:
    """The commands, with what they work with."""
    setup = Setup(read_settings, assemble, token_bytes, clock)
    return [_given(command, setup) for command in _ALL]


T = TypeVar("T")


class _WrongUsage(click.ClickException):
    exit_code = click.UsageError.exit_code


def _given(command: click.Command, setup: Setup) -> click.Command:
    given = copy.copy(command)
    given.context_settings = {**command.context_settings, "obj": setup}
    return _plain(given)


def _plain(command: click.Command) -> click.Command:
    """The command and all below it, wrong usage told in one line; click would print four."""
    if isinstance(command, click.Group):
        command = copy.copy(command)
        command.commands = {name: _plain(inner) for name, inner in command.commands.items()}
    plain = copy.copy(command)

    # A group finds out what its words mean only once it runs, and a command what its values do.
    plain.make_context = _in_one_line(command.make_context)  # type: ignore[method-assign]
    plain.invoke = _in_one_line(command.invoke)  # type: ignore[method-assign]
    return plain


def _in_one_line(step: Callable[..., T]) -> Callable[..., T]:
    def stepped(*args: Any, **named: Any) -> T:
        try:
            return step(*args, **named)
        except click.exceptions.NoArgsIsHelpError:
            raise
        except click.UsageError as error:
            raise _WrongUsage(error.format_message()) from None

    return stepped
