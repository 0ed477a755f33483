"""`flask client`: the applications that may call, their keys, and what they ask otherwise."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import click

from otp.client import SIGN_IN, ApiKey, Client, Mode, Rights
from otp.commands import client_test_number
from otp.commands.parts import Setup, note
from otp.settings.notation import line, whole
from otp.web import World

POLICY: Final = {
    "code_length": whole(6, 10),
    "code_life": whole(1, 600),
    "max_attempts": whole(3, 10),
    "live_codes": whole(1, 2),
}
"""What a client may ask for, within the bounds of the settings of the same names."""

_KINDS: Final = {"secret": Rights.SECRET, "publishable": Rights.PUBLISHABLE}
_KEY: Final = re.compile(r"(?:otp_(?:sk|pk)_(?:live|test)_)?([0-9a-f]{16})(?:_.*)?")
_name = line(80)


@click.group()
def client() -> None:
    """Calling applications and their keys."""


client.add_command(client_test_number.group)


@client.command()
@click.argument("name")
@click.pass_obj
def add(setup: Setup, name: str) -> None:
    """Make a client and its four keys.

    The keys are shown this once.
    """
    try:
        _name(name)
    except ValueError as problem:
        raise click.BadParameter(f"{problem}.", param_hint="NAME") from None
    with setup.parts() as parts:
        world = parts.world
        made = Client(id=Client.new_id(world.token_bytes), name=name, created_at=world.clock())
        world.store.put_client(made)
        note("client_added", client=made.id)
        click.echo(f"{'client id':18}  {made.id}")
        for mode in Mode:
            for word in _KINDS:
                click.echo(f"{f'{word}, {mode}':18}  {_issued(world, made.id, word, mode)}")
    click.echo("The keys are not shown again. A secret key belongs in no app and no browser.")


@client.command("list")
@click.pass_obj
def list_(setup: Setup) -> None:
    """List all clients."""
    with setup.parts() as parts:
        store = parts.world.store
        for known in store.clients():
            good = sum(key.revoked_at is None for key in store.keys(known.id))
            click.echo(f"{known.id:36}  {known.created_at:%Y-%m-%d}  {good:2} keys  {known.name}")


@client.command()
@click.argument("client_id", metavar="CLIENT")
@click.pass_obj
def show(setup: Setup, client_id: str) -> None:
    """Show one client and its keys.

    A key is shown without its secret.
    """
    with setup.parts() as parts:
        store = parts.world.store
        known, keys = store.client(client_id), store.keys(client_id)
    click.echo(f"{known.id}  {known.name}")
    for name, value in known.policy:
        click.echo(f"  {name} = {value}")
    for key in keys:
        state = f"revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else "good"
        click.echo(f"  {key.label}  made {key.created_at:%Y-%m-%d}  {state}")


@client.command()
@click.argument("client_id", metavar="CLIENT")
@click.argument("kind", type=click.Choice(list(_KINDS)))
@click.option("--test", is_flag=True, help="For test numbers only: it never sends.")
@click.pass_obj
def key(setup: Setup, client_id: str, kind: str, *, test: bool) -> None:
    """Make one more key for a client.

    It is shown this once. The keys the client has stay good.
    """
    with setup.parts() as parts:
        world = parts.world
        if world.store.client(client_id).id == SIGN_IN:
            raise click.ClickException("The built-in client of the pages has no keys.")
        click.echo(_issued(world, client_id, kind, Mode.TEST if test else Mode.LIVE))


@client.command()
@click.argument("key_id", metavar="KEY-ID")
@click.pass_obj
def revoke(setup: Setup, key_id: str) -> None:
    """Make a key good for nothing.

    KEY-ID is the 16 digits in the middle of a key; its label or the key itself will do.
    """
    found = _KEY.fullmatch(key_id)
    with setup.parts() as parts:
        store = parts.world.store
        known = store.key(found[1]) if found else None
        if known is None:
            raise click.ClickException("There is no such key.")
        if known.revoked_at is None:
            store.put_key(replace(known, revoked_at=parts.world.clock()))
            note("key_revoked", client=known.client_id, key=known.label)
    click.echo(f"{known.label} is revoked.")


@client.command("set")
@click.argument("client_id", metavar="CLIENT")
@click.argument("changes", metavar="NAME=VALUE...", nargs=-1, required=True)
@click.pass_obj
def set_(setup: Setup, client_id: str, changes: tuple[str, ...]) -> None:
    """Rename a client, or change its policy.

    NAME is name, code_length, code_life (seconds), max_attempts or live_codes; the value
    "default" goes back to what the settings say. It holds for verifications that start later.
    """
    wanted = dict(_change(text) for text in changes)
    with setup.parts() as parts:
        store = parts.world.store
        known = store.client(client_id)
        store.put_client(
            replace(
                known,
                name=str(wanted.pop("name", known.name)),
                policy=_policy(dict(known.policy), wanted),
            )
        )
        note("client_set", client=known.id, values=" ".join(changes))
    click.echo(f"{known.id} is changed.")


def _change(text: str) -> tuple[str, str | int | None]:
    """The name and its value; None takes it off."""
    name, _, value = text.partition("=")
    if name != "name" and name not in POLICY:
        raise click.BadParameter(f"the names are name, {', '.join(POLICY)}.")
    try:
        if name == "name":
            return name, _name(value)
        return name, None if value == "default" else POLICY[name](value)
    except ValueError as problem:
        raise click.BadParameter(f"{name} {problem}.") from None


def _policy(
    now: Mapping[str, int], wanted: Mapping[str, str | int | None]
) -> tuple[tuple[str, int], ...]:
    merged = {**now, **wanted}
    values = ((name, merged.get(name)) for name in POLICY)
    return tuple((name, value) for name, value in values if isinstance(value, int))


def _issued(world: World, client_id: str, kind: str, mode: Mode) -> str:
    key, text = ApiKey.issue(
        client_id, _KINDS[kind], mode, token_bytes=world.token_bytes, now=world.clock()
    )
    world.store.put_key(key)
    note("key_issued", client=client_id, key=key.label)
    return text
