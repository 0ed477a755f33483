"""`flask phone`: what happened to a number, and what an operator may do about it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import click

from otp.challenge import Challenge
from otp.client import plain_id
from otp.commands.parts import Setup, any_number, note
from otp.store.flags import blocked_flag
from otp.verification import Verification

_SHOWN: Final = 20
_COUNTED: Final = {
    "wrong": "wrong codes",
    "sends": "messages without an approval",
    "total": "messages",
}
"""What the last word of a limit's name counts."""


@click.group()
def phone() -> None:
    """What happened to a number; unlock, block, erase."""


@phone.command()
@click.argument("number")
@click.pass_obj
def show(setup: Setup, number: str) -> None:
    """Show what happened to a number.

    Its last 20 verifications, newest first, each with its messages: delivery, route, the reason
    in our words, and what the gateway said in its own.
    """
    with setup.parts() as parts:
        store, now = parts.world.store, parts.world.clock()
        found = any_number(parts, number)
        blocked = store.flag(blocked_flag(store.lookup, found))
        names = {client.id: client.name for client in store.clients()}
        counted = parts.upkeep.counts(found)
        happened = [v.at(now) for v in store.of_number(found, _SHOWN)]
    click.echo(f"{found.masked}: {'blocked' if blocked else 'not blocked'}")
    for client_id, quota, taken in counted:
        if taken:
            what = _COUNTED[quota.bucket.rpartition(":")[2]]
            tests = f" (tests of {client_id})" if client_id else ""
            click.echo(f"  {what}: {taken} of {quota.limit} in {_span(quota.window)}{tests}")
    for v in happened:
        click.echo("\n".join(_told(v, names.get(plain_id(v.client_id), v.client_id))))
    if not happened:
        click.echo("Nothing is known of it.")


@phone.command()
@click.argument("number")
@click.pass_obj
def block(setup: Setup, number: str) -> None:
    """Refuse every start for a number."""
    _set_blocked(setup, number, blocked=True)


@phone.command()
@click.argument("number")
@click.pass_obj
def allow(setup: Setup, number: str) -> None:
    """Take the block of a number back."""
    _set_blocked(setup, number, blocked=False)


@phone.command()
@click.argument("number")
@click.option("--sends", is_flag=True, help="Forgive its messages too, so that it may get more.")
@click.pass_obj
def unlock(setup: Setup, number: str, *, sends: bool) -> None:
    """Lift the lock of wrong codes.

    The wrong codes that were counted for a number are forgiven; those of a pending verification
    stay spent.
    """
    with setup.parts() as parts:
        found = any_number(parts, number)
        parts.upkeep.unlock(found, sends=sends)
    click.echo(f"{found.masked}: wrong codes{' and messages' if sends else ''} forgiven")


@phone.command()
@click.argument("number")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def forget(setup: Setup, number: str, *, yes: bool) -> None:
    """Erase the verifications of a number.

    Every one, pending ones too, and its sessions. A block and what is counted against the number
    stay: they hold a keyed word for it, not the number, and counts end by themselves.
    """
    with setup.parts() as parts:
        found = any_number(parts, number)
        if not yes:
            click.confirm(f"Erase all verifications of {found.masked}?", abort=True)
        count = parts.world.store.forget_number(found)
        note("number_forgotten", phone=found.masked)
    click.echo(f"{found.masked}: verifications erased: {count}")


def _set_blocked(setup: Setup, number: str, *, blocked: bool) -> None:
    with setup.parts() as parts:
        store, found = parts.world.store, any_number(parts, number)
        store.put_flag(blocked_flag(store.lookup, found), "1" if blocked else None)
        note("number_blocked" if blocked else "number_allowed", phone=found.masked)
    click.echo(f"{found.masked}: {'blocked' if blocked else 'not blocked'}")


def _told(v: Verification, client: str) -> Iterator[str]:
    yield (
        f"\n{_time(v.created_at)}  {client}{' (test)' if v.is_test else ''}"
        f"  {v.purpose or '-'}  {v.status}"
        f"  {v.attempts} of {v.policy.max_attempts} attempts  support code {v.support_code}"
    )
    for challenge in v.challenges:
        yield f"  {_told_message(challenge)}"


def _told_message(challenge: Challenge) -> str:
    told = (
        f"{_time(challenge.updated_at)}  message {challenge.number}  {challenge.delivery}"
        f"  {challenge.route or '-'}  {challenge.reason or '-'}"
    )
    if challenge.word:
        told += f"  the gateway says {challenge.word}"
    if challenge.returned:
        told += f"  settled as not sent: {challenge.returned}"
    return told


def _span(window: timedelta) -> str:
    hours = window // timedelta(hours=1)
    return f"{hours} h" if hours else f"{window // timedelta(minutes=1)} min"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}Z"
