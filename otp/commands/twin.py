"""`flask twin`: the emulator of the SMS gateway, as a process of its own."""

from __future__ import annotations

import ipaddress
import json
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import click

from otp.commands.parts import Setup
from otp.commands.serve import address
from otp.twin import Chaos, Registry, Rules, Twin
from otp.twin.control import chaos_of
from otp.twin.rules import TOKEN

_DAY: Final = 24 * 3600.0  # seconds


def _span(text: str) -> timedelta:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= _DAY:
        raise click.BadParameter("must be seconds, from 0 to a day.")
    return timedelta(seconds=seconds)


def _template(text: str) -> tuple[str, str]:
    id, equals, pattern = text.partition("=")
    if not (id and equals and pattern):
        raise click.BadParameter("must be ID=PATTERN.")
    return id, pattern.replace("\\n", "\n")


def _chaos(text: str) -> Chaos:
    path = Path(text)
    try:
        return chaos_of(json.loads(path.read_text()))
    except OSError as error:
        raise click.BadParameter(f"cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from None


@click.command()
@click.option(
    "--host",
    type=address,
    metavar="ADDRESS",
    default="127.0.0.1",
    show_default=True,
    help="IP address to listen on. Who reaches it reads every code.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8025,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--name",
    "names",
    multiple=True,
    help="Host name by which the handset may be opened, beside addresses; repeatable.",
)
@click.option("--seed", help="Draws the same ids and the same chaos again; by default a new one.")
@click.option("--token", default=TOKEN, show_default=True, help="Access token of the account.")
@click.option(
    "--address",
    "addresses",
    multiple=True,
    type=address,
    help="IP address the token may be used from; repeatable. By default any.",
)
@click.option(
    "--sender", "senders", multiple=True, help="Approved sender id; repeatable. By default any."
)
@click.option("--entity", help="DLT id that messages to India must name beside a template's.")
@click.option(
    "--template",
    "templates",
    multiple=True,
    type=_template,
    metavar="ID=PATTERN",
    help="DLT template, {#var#} where a text may vary, \\n for a new line; repeatable. With one, "
    "Indian numbers need one.",
)
@click.option(
    "--credits", type=int, default=1_000_000, show_default=True, help="Credits of the account."
)
@click.option(
    "--per-minute",
    type=click.IntRange(min=0),
    default=1000,
    show_default=True,
    help="Calls in any 60 seconds before a 429; 0 for no ceiling.",
)
@click.option(
    "--counts",
    type=click.Choice(["all", "each"]),
    default="all",
    show_default=True,
    help="Whether all calls share that ceiling, or each API has its own.",
)
@click.option(
    "--repeat-seconds",
    "repeat_after",
    type=_span,
    metavar="SECONDS",
    default="300",
    show_default=True,
    help="How long the same text to the same number is a DUPLICATE.",
)
@click.option(
    "--refusals",
    type=click.Choice(["data", "answer", "report"]),
    default="data",
    show_default=True,
    help="Where DUPLICATE, INV-SENDER, INV-SERVICE and NO-CREDITS appear: in data[0].status, as a "
    "422, or in the report.",
)
@click.option(
    "--cid",
    type=click.Choice(["custom", "foreign"]),
    default="custom",
    show_default=True,
    help="Whether the gateway's cid is the custom of the send, or a value of its own.",
)
@click.option(
    "--unknown",
    type=click.Choice(["empty", "404"]),
    default="empty",
    show_default=True,
    help="What sms/status says of a message it does not know.",
)
@click.option(
    "--challenge",
    type=click.Choice(["challenge", "validation_key", "get", "off"]),
    default="challenge",
    show_default=True,
    help="The answer a new webhook must give.",
)
@click.option(
    "--deliver-seconds",
    "deliver_after",
    type=_span,
    metavar="SECONDS",
    default="1",
    show_default=True,
    help="From the send to its delivery and receipt.",
)
@click.option(
    "--visible-seconds",
    "visible_after",
    type=_span,
    metavar="SECONDS",
    default="0",
    show_default=True,
    help="From the send until sms/status knows the message.",
)
@click.option(
    "--retry-seconds",
    "retry_after",
    type=_span,
    metavar="SECONDS",
    default="1800",
    show_default=True,
    help="From a receipt that was not received to its next attempt, of three.",
)
@click.option("--webhook", metavar="URL", help="Where all receipts go, without a challenge.")
@click.option("--webhook-secret", default="", help="Its bearer secret.")
@click.option(
    "--chaos", type=_chaos, metavar="FILE", help="JSON of what POST /twin/chaos takes, for a start."
)
@click.pass_obj
def twin(
    setup: Setup,
    /,
    host: str,
    port: int,
    names: tuple[str, ...],
    seed: str | None,
    token: str,
    senders: tuple[str, ...],
    entity: str | None,
    templates: tuple[tuple[str, str], ...],
    per_minute: int,
    webhook: str | None,
    webhook_secret: str,
    chaos: Chaos | None,
    **rules: Any,
) -> None:
    """Emulate the MOBtexting gateway, to test against.

    Nothing is sent to anybody: its page shows what handsets would get. Reads no settings. SIGTERM
    and SIGINT end it.
    """
    try:
        made = Twin(
            clock=setup.clock,
            seed=seed or setup.token_bytes(8).hex(),
            rules=Rules(
                token=token,
                senders=senders,
                registry=Registry(dict(templates), entity),
                per_minute=per_minute or None,
                **rules,
            ),
            host=host,
            port=port,
            names=names,
        )
    except OSError as error:
        raise click.ClickException(
            f"Cannot listen on {host} port {port}: {error.strerror}."
        ) from None
    except ValueError as error:
        raise click.UsageError(f"{error}.") from None
    if chaos:
        made.unleash(chaos)
    ends = {signal.SIGTERM, signal.SIGINT}
    # Blocked before any thread starts, so that one of them waits here until it is asked for.
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with made:
        webhook_id = made.report_to(webhook, secret=webhook_secret) if webhook else None
        _tell(made, token, senders, webhook_id)
        if not ipaddress.ip_address(host).is_loopback:
            click.echo("Warning: who reaches this address reads every code.", err=True)
        signal.sigwait(ends)


def _tell(made: Twin, token: str, senders: tuple[str, ...], webhook_id: str | None) -> None:
    click.echo(f"An emulator: nothing is sent. Handset, codes in clear: {made.origin}/")
    click.echo(f"OTP_ROUTE=mobtexting\nOTP_MOBTEXTING_URL={made.url}")
    click.echo(f"OTP_MOBTEXTING_TOKEN={token}")
    click.echo(f"OTP_MOBTEXTING_SENDER={senders[0] if senders else 'TWINSE'}")
    if webhook_id:
        click.echo(f"OTP_MOBTEXTING_WEBHOOK_ID={webhook_id}")
