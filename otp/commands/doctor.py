"""`flask doctor`: what may be wrong, and the repair in one sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final

import click

from otp.commands.message_check import check_all
from otp.commands.parts import Setup
from otp.doctor import Finding, Level
from otp.errors import OtpError
from otp.inspection import Severity
from otp.settings import SettingsError
from otp.web import World

_MARKS: Final = {Level.OK: "ok     ", Level.WARNING: "warning", Level.ERROR: "ERROR  "}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Say it for programs.")
@click.pass_obj
def doctor(setup: Setup, as_json: bool) -> None:
    """Look for what is wrong, without sending anything.

    It reads the settings, tries the database, asks each gateway for its balance and clock, and
    knocks at the webhooks. Ends with 0 if all is well, 1 with warnings, 2 with errors.
    """
    findings = _found(setup)
    worst = max((finding.level for finding in findings), default=Level.OK)
    if as_json:
        click.echo(json.dumps(_told(findings, worst), indent=2))
    else:
        for finding in findings:
            click.echo(f"{_MARKS[finding.level]}  {finding.check:9} {finding.says}")
            if finding.repair:
                click.echo(f"{'':20}{finding.repair}")
    raise SystemExit(int(worst))


def _found(setup: Setup) -> list[Finding]:
    """What is found; where nothing can be put together, why not."""
    try:
        settings = setup.read()
    except SettingsError as error:
        return [
            Finding("settings", Level.ERROR, f"{name} {problem}.", "See docs/settings.md.")
            for name, problem in error.problems.items()
        ]
    try:
        parts = setup.assemble(settings)
    except (OtpError, ValueError) as error:
        cause = f" ({error.__cause__})" if error.__cause__ else ""
        repair = "See OTP_DATABASE_URL, its folder's rights and free space, and OTP_SECRET_KEYS."
        return [Finding("store", Level.ERROR, f"It cannot be opened: {error}{cause}.", repair)]
    try:
        return [*parts.doctor.examine(), *_of_texts(parts.world)]
    finally:
        parts.close()


def _of_texts(world: World) -> Iterator[Finding]:
    try:
        texts = check_all(world)
    except OtpError as error:
        yield Finding("texts", Level.ERROR, f"They cannot be read: {error}.", "See the database.")
        return
    for text in texts:
        wrong = [f for f in text.inspection.findings if f.severity > Severity.NOTE]
        for finding in wrong:
            level = Level.ERROR if finding.severity is Severity.ERROR else Level.WARNING
            says = f"{text.label} {finding.sentence}"
            yield Finding("texts", level, says, "`flask message check` shows it whole.")
        if not wrong:
            yield Finding("texts", Level.OK, f"{text.label} fits.")


def _told(findings: Sequence[Finding], worst: Level) -> dict[str, object]:
    return {
        "worst": worst.name.lower(),
        "findings": [
            {
                "check": finding.check,
                "level": finding.level.name.lower(),
                "says": finding.says,
                "repair": finding.repair or None,
            }
            for finding in findings
        ],
    }
