"""The bridge and the report in docs/adding-a-provider.md, run as they stand there."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from otp.challenge import Delivery
from otp.errors import Unreachable
from otp.providers import DeliveryReceipt, Inbound, Sms
from otp.providers.signed_http import SignedHttp
from tests.gateway import Gateway, until
from tests.processes import ROOT, free_port
from tests.providers.cases import NUMBER, SIGNING_SECRET, SMS, TEXT
from tests.providers.receipt_cases import REFERENCE
from tests.providers.test_signed_http import OLD
from tests.providers.test_signed_http import provider as signed_http

pytestmark = pytest.mark.process

PAGE = (ROOT / "docs" / "adding-a-provider.md").read_text()
BRIDGE, REPORT = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
MODEM = """\
#!/bin/sh
test "$2" = "+919876500000" && exit 1
echo "$@" >>"$0.calls"
cat >>"$0.calls"
"""


def over(port: int, secret: str = SIGNING_SECRET) -> SignedHttp:
    return signed_http(
        f"http://127.0.0.1:{port}/send",
        secret,
        now=datetime.now(UTC),
    )


@pytest.fixture
def modem(tmp_path: Path) -> Path:
    program = tmp_path / "modem"
    program.write_text(MODEM)
    program.chmod(0o700)
    return program


@pytest.fixture
def port(tmp_path: Path, modem: Path) -> Iterator[int]:
    """Where the bridge of the page listens."""
    port = free_port()
    (tmp_path / "bridge.py").write_text(BRIDGE)
    running = subprocess.Popen(
        [sys.executable, str(tmp_path / "bridge.py")],
        env={
            "PATH": os.environ["PATH"],
            "BRIDGE_SECRET": SIGNING_SECRET,
            "BRIDGE_COMMAND": str(modem),
            "BRIDGE_PORT": str(port),
        },
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: _listens(port))
        yield port
    finally:
        running.terminate()
        running.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_bridge_hands_a_message_to_the_modem_once(port: int, modem: Path) -> None:
    for _ in range(2):
        assert over(port).send(Sms(SMS.to, TEXT, REFERENCE)) == REFERENCE
    assert (modem.parent / "modem.calls").read_text() == f"TEXT {NUMBER} -len 400\n{TEXT}"


def test_the_bridge_hands_over_nothing_that_is_not_signed(port: int, modem: Path) -> None:
    with pytest.raises(Unreachable) as refusal:
        over(port, OLD).send(SMS)
    assert refusal.value.account
    assert not (modem.parent / "modem.calls").exists()


def test_what_the_modem_does_not_take_another_route_may(port: int) -> None:
    with pytest.raises(Unreachable) as refusal:
        over(port).send(Sms(type(SMS.to).of("+919876500000"), TEXT, REFERENCE))
    assert refusal.value.reason == "busy"


def test_the_report_is_a_receipt(tmp_path: Path) -> None:
    (tmp_path / "report.py").write_text(REPORT)
    with Gateway() as service:
        subprocess.run(
            [sys.executable, str(tmp_path / "report.py"), REFERENCE, "delivered"],
            env={"BRIDGE_SECRET": SIGNING_SECRET, "REPORT_URL": f"{service.url}receipts/modem"},
            check=True,
        )
        (request,) = service.ledger
    headers = {name.lower(): value for name, value in request.headers.items()}
    reply = over(1).receive(Inbound("POST", headers, {}, request.text.encode()))
    assert reply.receipts == (
        DeliveryReceipt(
            reference=REFERENCE,
            provider_id=None,
            word="delivered",
            delivery=Delivery.DELIVERED,
        ),
    )
