"""Small things an operator does to the whole service."""

from __future__ import annotations

import click

from otp.commands.parts import Setup, note
from otp.store.flags import PAUSED


@click.command()
@click.pass_obj
def sweep(setup: Setup) -> None:
    """Write down expiries, purge what is old.

    A sender does this once a minute by itself.
    """
    with setup.parts() as parts:
        ended, purged = parts.upkeep.sweep()
    click.echo(f"{ended} written down as ended by time, {purged} purged.")


@click.command()
@click.argument("state", type=click.Choice(["on", "off"]), required=False)
@click.pass_obj
def pause(setup: Setup, state: str | None) -> None:
    """Stop all sending (on), or let it go on (off).

    While it is on, starts and resends are refused and what is queued waits. It holds for every
    process that shares the database. Without an argument, says how it is.
    """
    with setup.parts() as parts:
        store = parts.world.store
        if state:
            store.put_flag(PAUSED, "1" if state == "on" else None)
            note("paused" if state == "on" else "pause_ended")
        paused = store.flag(PAUSED)
    click.echo("Sending is paused." if paused else "Sending is not paused.")
