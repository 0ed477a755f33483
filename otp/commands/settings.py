"""The settings in force, for people."""

from __future__ import annotations

import click

from otp.commands.parts import Setup
from otp.settings import settings_table


@click.command()
@click.option("--markdown", is_flag=True, help="Print the reference of all settings instead.")
@click.pass_obj
def settings(setup: Setup, *, markdown: bool) -> None:
    """Show the settings in force.

    Secrets are masked; warnings go to stderr.
    """
    if markdown:
        click.echo(settings_table(), nl=False)
        return
    in_force = setup.settings()
    rows = in_force.rows()
    width = max(len(row.name) for row in rows)
    for row in rows:
        click.echo(f"{row.name:{width}}  {row.value}".rstrip())
    for warning in in_force.warnings:
        click.echo(f"Warning: {warning}", err=True)
