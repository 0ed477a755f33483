"""`flask doctor`, as it is typed."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

from otp.errors import Unreachable
from otp.store.flags import SENDER_SEEN
from tests.commands.terminal import Terminal
from tests.world import FakeProvider, secret_key


def beating(terminal: Terminal) -> None:
    with terminal.parts() as parts:
        parts.world.store.put_flag(SENDER_SEEN, terminal.clock().isoformat())


def test_it_says_what_is_well_and_what_is_not_and_ends_by_the_worst(terminal: Terminal) -> None:
    beating(terminal)
    done = terminal.type("doctor")
    assert done.exit_code == 1  # demo mode
    assert "warning  settings  Demo mode shows every code." in done.stdout
    assert "ok       store" in done.stdout
    terminal.use(
        FakeProvider(balance_error=Unreachable("account_refused", "It says 401.", account=True))
    )
    done = terminal.type("doctor")
    assert done.exit_code == 2
    assert "ERROR    account   Route fake: It says 401." in done.stdout
    assert "Correct the OTP_FAKE_… settings." in done.stdout


def test_programs_read_it_as_json(terminal: Terminal) -> None:
    beating(terminal)
    terminal.use(FakeProvider(credits=Decimal(3)))
    done = terminal.type("doctor", "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["worst"]) == (1, "warning")
    [account] = [finding for finding in told["findings"] if finding["check"] == "account"]
    assert account == {
        "check": "account",
        "level": "warning",
        "says": "Route fake has 3 credits left.",
        "repair": "Buy some.",
    }


def test_settings_that_make_no_sense_are_findings_too(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, OTP_CODE_LENGTH="5")
    done = terminal.type("doctor", "--json")
    assert done.exit_code == 2
    [finding] = json.loads(done.stdout)["findings"]
    assert finding["says"].startswith("OTP_CODE_LENGTH must be a whole number")


def test_a_store_that_cannot_be_opened_is_a_finding_too(tmp_path: Path) -> None:
    Terminal(tmp_path).lines("client", "list")
    done = Terminal(tmp_path, OTP_SECRET_KEYS=secret_key("k9", 9)).type("doctor")
    assert done.exit_code == 2
    assert "ERROR    store     It cannot be opened" in done.stdout


def test_texts_that_do_not_fit_are_found(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, OTP_MESSAGE_REGISTERED="Your code is {#var#}.")
    beating(terminal)
    done = terminal.type("doctor")
    assert done.exit_code == 2
    assert "ERROR    texts     OTP_MESSAGE " in done.stdout
