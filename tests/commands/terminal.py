"""A terminal in which the commands are typed, before the real service on a real file."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from click.testing import CliRunner, Result

from app import Parts, assemble
from otp import commands
from otp.settings import Settings
from tests.world import FakeClock, FakeProvider, secret_key


class Terminal:
    """*env* is the environment of every command typed."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.clock = FakeClock()
        self.env = {
            "OTP_DEMO": "1",
            "OTP_DATA_DIR": str(folder),
            "OTP_SECRET_KEYS": secret_key(),
            **env,
        }
        self.use(FakeProvider())

    def use(self, provider: FakeProvider) -> None:
        """Send over *provider* from now on."""
        self.provider = provider
        self._assemble = functools.partial(assemble, clock=self.clock, route=[provider])

    def type(self, *words: str, answers: str | None = None) -> Result:
        made = commands.make(
            lambda: Settings.from_env(self.env), self._assemble, secrets.token_bytes, self.clock
        )
        group = click.Group(commands=made)
        return CliRunner().invoke(group, words, input=answers, prog_name="flask")

    def lines(self, *words: str) -> list[str]:
        """What a command that succeeds says."""
        result = self.type(*words)
        assert result.exit_code == 0, result.output
        assert not result.stderr
        return result.stdout.splitlines()

    def refusal(self, *words: str, answers: str | None = None) -> str:
        """What a command that fails says: on stderr, with no traceback."""
        result = self.type(*words, answers=answers)
        assert result.exit_code not in (0, None)
        assert isinstance(result.exception, SystemExit)
        assert result.stderr
        return result.stderr

    @contextmanager
    def parts(self) -> Iterator[Parts]:
        """The service on the same file, for what no command does."""
        parts = self._assemble(Settings.from_env(self.env))
        try:
            yield parts
        finally:
            parts.close()
