"""`flask client test-number`: numbers with one fixed code each, for who reviews a client's app.

There is none unless an operator makes it, it ends by itself, and whoever starts the service is told
of each. The code is never shown, logged or kept.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Final

import click

from otp import log, passcode
from otp.client import TestNumber
from otp.commands.parts import Setup, any_number, note
from otp.rehearsal import Rehearsal
from otp.web import World

MOST: Final = 5
"""Unexpired test numbers of one client."""

LONGEST: Final = timedelta(days=90)

_STANDARD_INPUT: Final = "-"
_log = log.get("otp.commands")


@click.group("test-number")
def group() -> None:
    """Numbers with a fixed code, for a review.

    A start for one with the client's live keys, or at the pages if the client is sign-in, sends
    nothing; its proof says that it is a test.
    """


@group.command()
@click.argument("client_id", metavar="CLIENT")
@click.argument("number")
@click.option("--code", required=True, help="Its code, or - to read it from standard input.")
@click.option(
    "--until",
    required=True,
    metavar="DATE",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Its last day (UTC), as in 2026-12-31: at most 90 days from today.",
)
@click.pass_obj
def add(setup: Setup, client_id: str, number: str, code: str, until: datetime) -> None:
    """Make a test number, or change its code or day.

    Take one that nobody has, such as +1 202 555 0143. A client has at most five.
    """
    with setup.parts() as parts:
        world, phone = parts.world, any_number(parts, number)
        client, now = world.store.client(client_id), world.clock()
        if code == _STANDARD_INPUT:
            code = sys.stdin.readline().strip()
        length = dict(client.policy).get("code_length", world.settings.code_length)
        made = TestNumber(
            index=world.store.lookup.index(phone),
            masked=phone.masked,
            digest=Rehearsal(world.keyring).digest(client.id, phone, _code(code, length)),
            code_length=length,
            until=_day(until.date(), now),
        )
        others = [other for other in client.open_numbers(now) if other.index != made.index]
        if len(others) >= MOST:
            raise click.ClickException(f"This client has {MOST} test numbers: remove one first.")
        world.store.put_client(replace(client, test_numbers=(*others, made)))
        note("test_number_added", client=client.id, phone=made.masked, until=str(made.until))
    click.echo(f"{made.masked}: test number of {client.id} until {made.until}")


@group.command("list")
@click.argument("client_id", metavar="[CLIENT]", required=False)
@click.pass_obj
def list_(setup: Setup, client_id: str | None) -> None:
    """List the test numbers of a client, or of all."""
    with setup.parts() as parts:
        store, now = parts.world.store, parts.world.clock()
        clients = [store.client(client_id)] if client_id else store.clients()
    for client in clients:
        for number in client.open_numbers(now):
            click.echo(f"{client.id:36}  until {number.until}  {number.masked}")


@group.command()
@click.argument("client_id", metavar="CLIENT")
@click.argument("number")
@click.pass_obj
def remove(setup: Setup, client_id: str, number: str) -> None:
    """Make a test number an ordinary one again.

    What was started for it lives out its minutes as a test.
    """
    with setup.parts() as parts:
        store, phone = parts.world.store, any_number(parts, number)
        client, index = store.client(client_id), store.lookup.index(phone)
        kept = tuple(known for known in client.test_numbers if known.index != index)
        if kept == client.test_numbers:
            raise click.ClickException("This is no test number of this client.")
        store.put_client(replace(client, test_numbers=kept))
        note("test_number_removed", client=client.id, phone=phone.masked)
    click.echo(f"{phone.masked}: no test number of {client.id}")


def tell(world: World) -> None:
    """Warn of each test number that is good now: whoever knows its code passes."""
    now = world.clock()
    for client in world.store.clients():
        for number in client.open_numbers(now):
            _log.warning(
                "test_number", phone=number.masked, client=client.id, until=str(number.until)
            )


def _code(text: str, length: int) -> str:
    digits = passcode.tidied(text, length)
    if digits is None:
        raise click.BadParameter(f"a code of this client has {length} digits.", param_hint="--code")
    if _is_guessed_first(digits):
        raise click.BadParameter("is among the first that are guessed.", param_hint="--code")
    return digits


def _is_guessed_first(digits: str) -> bool:
    """111111, 123456, 987654 and the like: each digit as far from the one before as the next."""
    steps = {(int(b) - int(a)) % 10 for a, b in pairwise(digits)}
    return len(steps) == 1


def _day(until: date, now: datetime) -> date:
    today = now.astimezone(UTC).date()
    if not today <= until <= today + LONGEST:
        last = today + LONGEST
        raise click.BadParameter(f"must be from {today} to {last}.", param_hint="--until")
    return until
