from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from otp import transit
from otp.challenge import Delivery
from otp.client import SIGN_IN
from otp.errors import Rejected, Unknown, Unreachable
from otp.phone import Phone
from otp.providers import Sms
from otp.verification import Status, Verification
from tests.commands.terminal import Terminal
from tests.world import NUMBER, FakeClock, FakeProvider


def newest(terminal: Terminal) -> Verification:
    with terminal.parts() as parts:
        [v, *_] = parts.world.store.of_number(Phone.of(NUMBER), 1)
        return v


def report_when_sent(terminal: Terminal) -> None:
    """The delivery report of the gateway, some time after it took the message."""
    now, delivered = terminal.clock(), Delivery.DELIVERED
    deadline = time.monotonic() + 15
    with terminal.parts() as parts:
        store = parts.world.store
        while time.monotonic() < deadline:
            found = store.of_number(Phone.of(NUMBER), 1)
            if found and found[0].newest.delivery is Delivery.SENT:
                store.swap(
                    SIGN_IN,
                    found[0].id,
                    lambda v: transit.received(v, 1, delivered, None, now),
                    now=now,
                )
                return
            time.sleep(0.02)


def test_a_message_is_sent_and_followed_until_the_gateway_has_it(terminal: Terminal) -> None:
    said = terminal.type("send-test", NUMBER)
    assert said.exit_code == 0, said.output
    assert "sent  fake" in said.stdout
    assert "whether it arrived is not known" in said.stdout
    assert len(terminal.provider.sent) == 1


def test_the_code_is_never_shown_and_good_for_nothing(terminal: Terminal) -> None:
    said = terminal.type("send-test", NUMBER).output
    [code] = terminal.provider.codes
    assert code not in said
    v = newest(terminal)
    assert v.status is Status.CANCELED
    assert not v.newest.digest


def test_a_refusal_is_told_with_the_gateways_reason(terminal: Terminal) -> None:
    terminal.provider.next = [Rejected("not_on_network")]
    result = terminal.type("send-test", NUMBER)
    assert result.exit_code == 1
    assert "undelivered  fake  not_on_network" in result.stdout
    assert "not_on_network" in result.stderr


def test_a_lost_answer_is_a_failure_too(terminal: Terminal) -> None:
    terminal.provider.next = [Unknown("read_timeout")]
    assert "read_timeout" in terminal.refusal("send-test", NUMBER)
    assert newest(terminal).status is Status.CANCELED


@dataclass
class OldAge(FakeProvider):
    """Cannot be reached; by the time that is known, the message is too old."""

    clock: FakeClock | None = None

    def send(self, sms: Sms) -> str:
        assert self.clock
        self.clock.turn(minutes=15)
        raise Unreachable("connection_refused")


def test_a_gateway_that_cannot_be_reached_is_told(terminal: Terminal) -> None:
    terminal.use(OldAge(clock=terminal.clock))
    assert "connection_refused" in terminal.refusal("send-test", NUMBER)


def test_where_reports_come_the_arrival_is_waited_for(terminal: Terminal) -> None:
    terminal.env |= {
        "OTP_ROUTE": "mobtexting",
        "OTP_MOBTEXTING_TOKEN": "gateway-token-for-tests",
        "OTP_MOBTEXTING_SENDER": "EXMPLE",
        "OTP_MOBTEXTING_WEBHOOK_ID": "7",
        "OTP_MOBTEXTING_WEBHOOK_SECRET": "webhook-secret-for-tests",
    }
    terminal.use(FakeProvider(name="mobtexting"))

    reporter = threading.Thread(target=report_when_sent, args=[terminal])
    reporter.start()
    result = terminal.type("send-test", NUMBER)
    reporter.join()
    assert result.exit_code == 0, result.output
    assert "delivered  mobtexting" in result.stdout
    assert "not known" not in result.stdout


def test_a_second_message_has_to_wait_and_is_told_how_long(terminal: Terminal) -> None:
    terminal.type("send-test", NUMBER)
    assert "30 s" in terminal.refusal("send-test", NUMBER)


def test_while_all_sending_is_paused_nothing_is_sent(terminal: Terminal) -> None:
    terminal.lines("pause", "on")
    assert "paused" in terminal.refusal("send-test", NUMBER)
    assert not terminal.provider.sent
