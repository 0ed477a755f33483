"""What demo mode says when it starts: where to look, and three lines to paste."""

from __future__ import annotations

import socket
from typing import Final

from otp import demo
from otp.web import World

_ANY_ADDRESS: Final = ("0.0.0.0", "::")  # noqa: S104  looked for, not listened on
_EXAMPLE_NUMBER: Final = "+919876543210"


def welcome(world: World, host: str, port: int) -> str:
    """The text, with the demo client's keys. Makes that client on the first start."""
    data_dir = world.settings.data_dir
    known = demo.client(world.store, data_dir, token_bytes=world.token_bytes, now=world.clock())
    url = _url("127.0.0.1" if host in _ANY_ADDRESS else host, port)
    pages = [f"  sign-in page       {url}/sign-in", f"  messages sent      {url}/demo/phone"]
    if host in _ANY_ADDRESS and (address := _lan_address()):
        pages.append(f"  from a handset     {_url(address, port)}/sign-in")
    shown = all(route.provider == "console" for route in world.settings.routes)
    return "\n".join(
        [
            "Demo: messages are shown, not sent. Never for real people."
            if shown
            else "Demo, but its route SENDS REAL MESSAGES. Never for real people.",
            "",
            *pages,
            f"  client id          {known['client']}",
            f"  secret key         {known['sk_live']}",
            f"  publishable key    {known['pk_live']}",
            "",
            "Start, read the code, check it:",
            "",
            *_lines_to_paste(url, known["sk_live"], world.settings.code_length),
            "",
        ]
    )


def _lines_to_paste(url: str, key: str, code_length: int) -> list[str]:
    json = f"-H 'Authorization: Bearer {key}' -H 'Content-Type: application/json'"
    start = f'{{"phone_number": "{_EXAMPLE_NUMBER}"}}'
    return [
        f"id=$(curl -sw '\\n' {json} -d '{start}' {url}/v1/verifications"
        " | tee /dev/stderr | grep -o 'ver_[0-9a-f]*')",
        # The pause is for who pastes all lines at once: the message leaves a moment later.
        f"sleep 1; code=$(curl -s {url}/demo/phone"
        f" | grep -oE '\\b[0-9]{{{code_length}}}\\b' | head -1); echo $code",
        f"curl -sw '\\n' {json} -d '{{\"code\": \"'$code'\"}}' {url}/v1/verifications/$id/check",
    ]


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _lan_address() -> str | None:
    """This machine's address on its own network; None if it has none.

    Connecting a datagram socket only asks the routing table; nothing is sent.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address kept for documentation
        except OSError:
            return None
        return str(probe.getsockname()[0])
