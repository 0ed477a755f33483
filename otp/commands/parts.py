"""What a command works with, and how its failures are told."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import click

from otp import log
from otp.doctor import Doctor
from otp.errors import (
    InvalidPhoneNumber,
    NotFound,
    Unavailable,
    Wait,
)
from otp.keys import TokenBytes
from otp.phone import ANY, Phone
from otp.sender import Sender
from otp.settings import Settings, SettingsError
from otp.upkeep import Upkeep
from otp.web import World


class Parts(Protocol):
    """The service taken together, as app.py does it."""

    @property
    def world(self) -> World: ...

    @property
    def sender(self) -> Sender: ...

    @property
    def upkeep(self) -> Upkeep: ...

    @property
    def doctor(self) -> Doctor: ...

    def start(self, *, sends: bool) -> None: ...

    def close(self) -> None: ...


_UNAVAILABLE: Final = {
    "store": "The database cannot be used.",
    "paused": "All sending is paused: `flask pause off` lets it go on.",
    "budget": "The send budget is used up.",
    "route": "No route takes messages now.",
}

_SHORTEST: Final = 7
_LONGEST: Final = 15
"""Digits of a number, by ITU-T E.164; the shortest in use has seven with its country code."""

_log = log.get("otp.commands")

ReadSettings = Callable[[], Settings]
Assemble = Callable[[Settings], Parts]
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Setup:
    """The click object of every command."""

    read: ReadSettings
    assemble: Assemble
    token_bytes: TokenBytes
    clock: Clock

    def settings(self) -> Settings:
        with told_plainly():
            return self.read()

    @contextmanager
    def parts(self) -> Iterator[Parts]:
        """The service put together, its schema up to date, for as long as the block runs.

        What can be foreseen to fail, in the block too, is told plainly.
        """
        with told_plainly():
            settings = self.read()
            try:
                parts = self.assemble(settings)
            except ValueError as error:  # no store answers to the URL, or no key opens it
                raise click.ClickException(str(error)) from None
            try:
                yield parts
            finally:
                parts.close()


def any_number(parts: Parts, text: str) -> Phone:
    """Any number that could ever be texted: also one that is no longer served may still have to be
    found and erased."""
    settings = parts.world.settings
    found = Phone.parse(text, region=settings.default_region, served={ANY}, allow=("+",))
    allowed = found.is_possible or found.e164.startswith(settings.phone_allow)
    if not _SHORTEST <= len(found.e164.removeprefix("+")) <= _LONGEST or not allowed:
        raise InvalidPhoneNumber("not_a_number")
    return found


def note(change: str, **what: str) -> None:
    """Write into the log what an operator changed (R114); the journal of the machine says who."""
    _log.warning("changed", change=change, **what)


@contextmanager
def told_plainly() -> Iterator[None]:
    """Makes a failure that can be foreseen a few words on stderr, and the exit code 1."""
    try:
        yield
    except SettingsError as error:
        message = str(error)
    except InvalidPhoneNumber as error:
        message = f"This phone number cannot be used: {error.reason}."
    except NotFound:
        message = "There is nothing under this id."
    except Wait as error:
        wait = math.ceil(error.retry_in.total_seconds())
        message = f"A message to this number has to wait: try again in {wait} s."
    except Unavailable as error:
        message = _UNAVAILABLE.get(error.reason, error.reason)
        if error.__cause__:
            message += f" ({error.__cause__})"
    else:
        return
    raise click.ClickException(message)
