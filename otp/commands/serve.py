"""The two processes of the Procfile: the server, and a sender by itself."""

from __future__ import annotations

import ipaddress
import os
import signal
import sys
from typing import Final

import click

from otp import log
from otp.commands import client_test_number, message_check
from otp.commands.listening import wait_for_port
from otp.commands.parts import Setup
from otp.commands.welcome import welcome

_PORT_PATIENCE: Final = 10.0  # seconds

_log = log.get("otp.commands")


def address(text: str) -> str:
    """An IP address, as an option is given one; `localhost` is 127.0.0.1."""
    try:
        return str(ipaddress.ip_address("127.0.0.1" if text == "localhost" else text))
    except ValueError:
        raise click.BadParameter("must be an IP address; 0.0.0.0 is every one.") from None


@click.command()
@click.option(
    "--host",
    type=address,
    metavar="ADDRESS",
    default="127.0.0.1",
    show_default=True,
    help="IP address to listen on; 0.0.0.0 is every one of this machine.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8000,
    envvar="PORT",
    show_default=True,
    show_envvar=True,
    help="Port to listen on.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    envvar="WEB_CONCURRENCY",
    show_default=True,
    show_envvar=True,
    help="Number of worker processes; with SQLite one is fastest.",
)
@click.pass_obj
def serve(setup: Setup, host: str, port: int, workers: int) -> None:
    """Serve the pages and the API.

    Each worker sends as well, unless OTP_SENDER is 0. Settings and schema are seen to before
    anything listens.
    """
    with setup.parts() as parts:
        settings = parts.world.settings
        for warning in settings.warnings:
            _log.warning("settings", warning=warning)
        message_check.must_fit(parts.world)
        client_test_number.tell(parts.world)
        greeting = welcome(parts.world, host, port) if settings.demo else None
    wait_for_port(host, port, patience=_PORT_PATIENCE)
    if greeting:
        click.echo(greeting)
    else:
        _log.info("serving", host=host, port=str(port), workers=workers)
    sys.stdout.flush()
    form = "text" if settings.demo else "json"
    os.execv(  # noqa: S606  no shell is wanted: signals must reach the server itself
        sys.executable,
        [sys.executable, "-m", "otp.server", host, str(port), str(workers), form],
    )


@click.command()
@click.pass_obj
def send(setup: Setup) -> None:
    """Send what is queued, until asked to end.

    A sender as a process of its own. SIGTERM and SIGINT end it: it claims nothing more and
    finishes what is under way.
    """
    ends = {signal.SIGTERM, signal.SIGINT}
    # Blocked before any thread starts, so that one of them waits here until it is asked for.
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with setup.parts() as parts:
        settings = parts.world.settings
        log.configure(json=not settings.demo, secrets=settings.secrets, stream=sys.stdout)
        log.catch_uncaught()
        message_check.must_fit(parts.world)
        client_test_number.tell(parts.world)
        parts.start(sends=True)
        _log.info("sender_started")
        signal.sigwait(ends)
        _log.info("sender_stopping")
