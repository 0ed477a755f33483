"""`flask init`: writes the `.env` of an installation that sends real messages."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import dotenv

from otp.commands.parts import Setup
from otp.keys import KEY_BYTES, TokenBytes
from otp.settings import Settings, SettingsError

_FILE: Final = Path(".env")
_UNFINISHED: Final = Path(".env.new")
_KEYS: Final = "OTP_SECRET_KEYS"


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    default: str | None = None
    is_secret: bool = False

    def ask(self) -> str:
        answer: str = click.prompt(self.text, default=self.default, hide_input=self.is_secret)
        return answer.strip()


QUESTIONS: Final = {
    "OTP_PUBLIC_URL": Question("Public URL, as in https://otp.example.com"),
    "OTP_SERVICE_NAME": Question("Name of the service, in messages and on pages"),
    "OTP_MOBTEXTING_TOKEN": Question("MOBtexting access token (not shown)", is_secret=True),
    "OTP_MOBTEXTING_SENDER": Question("MOBtexting sender id"),
    "OTP_SEND_BUDGET": Question("SMS parts the whole service may send", "500/hour,2000/day"),
    "OTP_TRUSTED_PROXIES": Question("Proxies in front that set X-Forwarded-For", "1"),
}


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """One option for each question, so that nobody has to be there to answer."""
    for name, question in reversed(QUESTIONS.items()):
        option = "--" + name.removeprefix("OTP_").lower().replace("_", "-")
        how = "; - reads it from standard input." if question.is_secret else "."
        command = click.option(option, name.lower(), help=question.text + how)(command)
    return command


@click.command()
@_options
@click.option("--force", is_flag=True, help="Write over a .env that is there; its keys are kept.")
@click.option("--non-interactive", is_flag=True, help="Ask nothing; fail if something is missing.")
@click.pass_obj
def init(setup: Setup, /, *, force: bool, non_interactive: bool, **given: str | None) -> None:
    """Write a .env for real messages.

    Draws a secret key and asks for what only you know. The answers are tried as settings before
    anything is written; the file is readable by its owner only. With --force the secret keys of
    the old file stay good, behind the fresh one, so the database made under them still opens.
    """
    if _FILE.exists() and not force:
        raise click.ClickException(f"{_FILE} is there already; --force writes over it.")
    old_keys = dotenv.dotenv_values(_FILE).get(_KEYS)
    fixed = {
        _KEYS: ",".join(filter(None, (_fresh_key(setup.token_bytes), old_keys))),
        "OTP_ROUTE": "mobtexting",
        "OTP_DATA_DIR": "data/live",  # apart from a demo's, whose database has other keys
    }
    options = {name: _option_value(name, given[name.lower()]) for name in QUESTIONS}
    known = fixed | {name: value for name, value in options.items() if value is not None}
    values = _tried(known) if non_interactive else _asked(known)
    _write(values)
    click.echo(f"Wrote {_FILE}: keep a copy of {_KEYS} apart from the database.")


def _asked(known: Mapping[str, str]) -> dict[str, str]:
    """*known* and the answers to all other questions; what is wrong is asked again."""
    values = dict(known)
    names = [name for name in QUESTIONS if name not in values]
    while True:
        values |= {name: QUESTIONS[name].ask() for name in names}
        try:
            Settings.from_env(values)
        except SettingsError as error:
            names = [name for name in QUESTIONS if name in error.problems]
            if not names:
                raise click.ClickException(str(error)) from None
            for name in names:
                click.echo(f"{name}: {error.problems[name]}", err=True)
        else:
            return values


def _tried(values: Mapping[str, str]) -> dict[str, str]:
    try:
        Settings.from_env(values)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    return dict(values)


def _option_value(name: str, value: str | None) -> str | None:
    """A secret need not stand in the command, where every process of the machine can read it."""
    if value == "-" and QUESTIONS[name].is_secret:
        return sys.stdin.readline().strip()
    return value


def _fresh_key(token_bytes: TokenBytes) -> str:
    """An entry of `OTP_SECRET_KEYS`. Its id is only a name that no other key has."""
    key = token_bytes(KEY_BYTES)
    return f"{hashlib.sha256(key).hexdigest()[:8]}:{base64.b64encode(key).decode()}"


def _write(values: Mapping[str, str]) -> None:
    """All of it or nothing, readable by the owner only."""
    text = "".join(f"{name}={_quoted(value)}\n" for name, value in values.items())
    if dotenv.dotenv_values(stream=io.StringIO(text)) != values:
        raise click.ClickException("An answer holds ${…}, which a .env file cannot carry.")
    _UNFINISHED.unlink(missing_ok=True)
    descriptor = os.open(_UNFINISHED, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    _UNFINISHED.replace(_FILE)


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
