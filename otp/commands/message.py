"""`flask message`: the texts for single clients, purposes and languages, and whether all fit."""

from __future__ import annotations

import click

from otp.commands.message_check import DEFAULT, Checked, check, check_all
from otp.commands.parts import Setup
from otp.dlt import lines
from otp.inspection import Severity, labels
from otp.wording import Key, LastLine, Wording, tidy_locale

_EXIT = {Severity.NOTE: 0, Severity.WARNING: 1, Severity.ERROR: 2}


def _locale(_: click.Context, __: click.Parameter, text: str) -> str:
    try:
        return tidy_locale(text) if text else ""
    except ValueError as problem:
        raise click.BadParameter(f"{problem}.") from None


_client = click.option(
    "--client", "client_id", default="", metavar="CLIENT", help="For this client; else for all."
)
_purpose = click.option("--purpose", default="", help="For this purpose; else for all.")
_language = click.option(
    "--locale", default="", callback=_locale, help="For this language, as in hi or hi-IN."
)


@click.group()
def message() -> None:
    """The texts of messages, and whether they fit their DLT registration."""


@message.command("set")
@_client
@_purpose
@_language
@click.option(
    "--text", required=True, help="The text, with {code}, {service}, {minutes}; \\n breaks a line."
)
@click.option("--template-id", default="", help="DLT id it is registered under (India).")
@click.option(
    "--registered", default="", help="How the operator's portal shows it, with its {#var#}."
)
@click.option(
    "--last-line",
    type=click.Choice([line.value for line in LastLine]),
    help="origin: @host #code, for browsers; android: the hash of an app. Else as the settings.",
)
@click.option("--app-hash", default="", help="Hash of the Android app, 11 characters.")
@click.pass_obj
def set_(
    setup: Setup,
    /,
    *,
    client_id: str,
    purpose: str,
    locale: str,
    text: str,
    template_id: str,
    registered: str,
    last_line: str | None,
    app_hash: str,
) -> None:
    """Store a text for a client, a purpose or a language.

    It takes the place of the one for the same. Running processes use it within seconds. What does
    not fit its registered text is refused.
    """
    with setup.parts() as parts:
        settings, store = parts.world.settings, parts.world.store
        if client_id:
            store.client(client_id)
        if last_line is None:
            as_set = LastLine.ORIGIN if settings.message_origin else LastLine.NONE
            last_line = LastLine.ANDROID if app_hash else as_set
        try:
            wording = Wording(
                client_id=client_id,
                purpose=purpose,
                locale=locale,
                text=lines(text),
                last_line=LastLine(last_line),
                app_hash=app_hash,
                template_id=template_id,
                registered=lines(registered).strip("\n"),
            )
        except ValueError as problem:
            raise click.ClickException(f"Nothing is stored: {problem}.") from None
        checked = check(settings, store.clients(), wording)
        if checked.inspection.worst is Severity.ERROR:
            wrong = " ".join(
                f"The text {found.sentence}"
                for found in checked.inspection.findings
                if found.severity is Severity.ERROR
            )
            raise click.ClickException(f"Nothing is stored. {wrong}")
        store.put_message(wording)
    _show(checked)
    click.echo("It is stored, and used within seconds.")


@message.command("list")
@click.pass_obj
def list_(setup: Setup) -> None:
    """List the stored texts.

    The nearest one is used: by client, then purpose, then language; else OTP_MESSAGE.
    """
    with setup.parts() as parts:
        stored = parts.world.store.messages()
    if not stored:
        click.echo(f"No text is stored: every message is {DEFAULT}.")
    for wording in stored:
        click.echo(f"{wording.options}  (DLT id {wording.template_id or 'of the route'})")
        last = f" {wording.app_hash}" if wording.app_hash else ""
        for line in (*wording.text.split("\n"), f"[last line: {wording.last_line}{last}]"):
            click.echo(f"  | {line}")


@message.command("check")
@click.pass_context
def check_(context: click.Context) -> None:
    """Show every text with the longest values, what it costs, and whether it fits.

    The exit code is 0 if all is well, 1 with warnings, 2 if a text does not fit: then the service
    does not start.
    """
    setup: Setup = context.obj
    with setup.parts() as parts:
        every = check_all(parts.world)
    for checked in every:
        _show(checked)
    context.exit(_EXIT[max(checked.inspection.worst for checked in every)])


@message.command()
@_client
@_purpose
@_language
@click.pass_obj
def remove(setup: Setup, client_id: str, purpose: str, locale: str) -> None:
    """Forget the text for just this client, purpose and language."""
    key: Key = (client_id, purpose, locale)
    with setup.parts() as parts:
        if not parts.world.store.remove_message(key):
            raise click.ClickException("No text is stored for just these: see flask message list.")
    click.echo("It is removed; the next nearest is used within seconds.")


def _show(checked: Checked) -> None:
    found, use = checked.inspection, checked.use
    click.echo(f"{checked.label}  (DLT id {use.template_id or 'none'})")
    for line in found.text.split("\n"):
        click.echo(f"  | {line}")
    alphabet = "Unicode" if found.size.unicode else "GSM"
    parts = "1 part" if found.size.parts == 1 else f"{found.size.parts} parts"
    click.echo(f"  {alphabet}, {found.size.units} units, {parts}")
    if use.registered and not any(one.kind == "registered" for one in found.findings):
        click.echo("  equals its registered text outside of the variables")
    for line in labels(found.findings):
        click.echo(f"  {line}")
