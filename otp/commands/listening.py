"""Whether a port is free to listen on."""

from __future__ import annotations

import socket
import time
from errno import EADDRINUSE
from typing import Final

import click

_PAUSE: Final = 0.2  # seconds


def wait_for_port(host: str, port: int, *, patience: float) -> None:
    """Return once nobody listens there; a worker that lost its server lets go within seconds.

    Raises `click.ClickException` if it is not to be had within *patience* seconds. To be asked
    before the server starts, since a server may share a port with an orphan of its own kind.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    deadline = time.monotonic() + patience
    told = False
    while True:
        try:
            socket.create_server((host, port), family=family).close()
        except OSError as error:
            if error.errno != EADDRINUSE:
                raise click.ClickException(
                    f"Cannot listen on {host} port {port}: {error.strerror}."
                ) from None
            if not told:
                told = True
                click.echo(f"Port {port} is taken; waiting for it.", err=True)
            if time.monotonic() > deadline:
                raise click.ClickException(
                    f"Port {port} is taken: end what listens on it, or choose another by --port."
                ) from None
            time.sleep(_PAUSE)
        else:
            return
