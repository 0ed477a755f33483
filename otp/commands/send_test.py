"""`flask send-test`: one real message, followed live."""

from __future__ import annotations

import contextlib
import time
from datetime import datetime
from typing import Final

import click

from otp.challenge import Challenge, Delivery
from otp.client import SIGN_IN
from otp.commands.parts import Parts, Setup
from otp.errors import NotFound, VerificationEnded
from otp.service import Caller

_PATIENCE: Final = 20.0  # seconds
_PAUSE: Final = 0.2  # seconds
_CALLER: Final = Caller(client_id=SIGN_IN, credential="send-test")


@click.command("send-test")
@click.argument("number")
@click.pass_obj
def send_test(setup: Setup, number: str) -> None:
    """Send one real message, and follow it.

    It goes over the route that is set, costs what a message costs, and is followed for up to 20
    seconds. Its code is good for nothing once this ends.
    """
    with setup.parts() as parts:
        service = parts.world.service
        v = service.start(_CALLER, number, purpose="send-test").verification
        try:
            if v.is_test:
                raise click.ClickException("This is a test number: nothing is ever sent to it.")
            last = _followed(parts, v.id, v.created_at)
        finally:
            with contextlib.suppress(VerificationEnded, NotFound):
                service.cancel(_CALLER, v.id)
        if last.delivery not in (Delivery.SENT, Delivery.DELIVERED):
            raise click.ClickException(f"{last.delivery}: {last.reason or 'no sender took it'}.")
        if last.delivery is Delivery.SENT:
            click.echo("The gateway has it; whether it arrived is not known.")


def _followed(parts: Parts, id: str, since: datetime) -> Challenge:
    """Say each change of the message until nothing more will come, or patience ends."""
    world = parts.world
    reporting = {route.name for route in world.settings.routes if route.webhook_secrets}
    deadline = time.monotonic() + _PATIENCE
    told = ""
    while True:
        # Ours is one more sender: another process's may be quicker, and that is as good.
        parts.sender.run_once()
        message = world.service.get(SIGN_IN, id).newest
        line = f"{message.delivery}  {message.route or '-'}  {message.reason or '-'}"
        if line != told:
            told = line
            click.echo(f"{(world.clock() - since).total_seconds():5.1f} s  {line}")
        expects_report = message.delivery is Delivery.SENT and message.route in reporting
        if not (message.is_queued or expects_report) or time.monotonic() > deadline:
            return message
        time.sleep(_PAUSE)
