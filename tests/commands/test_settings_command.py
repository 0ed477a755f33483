from __future__ import annotations

from pathlib import Path

from otp.settings import settings_table
from tests.commands.terminal import Terminal
from tests.world import secret_key


def test_every_setting_in_force_is_shown(terminal: Terminal) -> None:
    terminal.env["OTP_CODE_LENGTH"] = "8"
    shown = dict(line.split(maxsplit=1) for line in terminal.lines("settings") if " " in line)
    assert shown["OTP_CODE_LENGTH"].strip() == "8"
    assert shown["OTP_SERVICE_NAME"].strip() == "Demo"


def test_no_secret_is_shown(terminal: Terminal) -> None:
    terminal.env |= {
        "OTP_ROUTE": "mobtexting",
        "OTP_MOBTEXTING_TOKEN": "gateway-token-for-tests",
        "OTP_MOBTEXTING_SENDER": "EXMPLE",
        "OTP_METRICS_TOKEN": "metrics-token-for-tests",
    }
    said = terminal.type("settings").output
    assert "EXMPLE" in said
    for name in ("OTP_SECRET_KEYS", "OTP_MOBTEXTING_TOKEN", "OTP_METRICS_TOKEN"):
        assert name in said
        assert terminal.env[name].rpartition(":")[2] not in said


def test_doubts_go_to_stderr(terminal: Terminal) -> None:
    terminal.env["OTP_SOMETHING_ELSE"] = "1"
    result = terminal.type("settings")
    assert result.exit_code == 0
    assert "OTP_SOMETHING_ELSE" in result.stderr
    assert "OTP_SOMETHING_ELSE" not in result.stdout


def test_all_that_is_wrong_is_said_at_once(terminal: Terminal) -> None:
    terminal.env |= {"OTP_CODE_LENGTH": "six", "OTP_COUNTRIES": "Atlantis"}
    said = terminal.refusal("settings")
    assert "OTP_CODE_LENGTH" in said
    assert "OTP_COUNTRIES" in said
    assert "Atlantis" not in said


def test_the_reference_needs_no_settings_that_work(terminal: Terminal) -> None:
    terminal.env["OTP_CODE_LENGTH"] = "six"
    assert terminal.type("settings", "--markdown").stdout == settings_table()


def test_commands_that_need_the_service_say_what_is_wrong_with_the_settings(
    terminal: Terminal, tmp_path: Path
) -> None:
    del terminal.env["OTP_DEMO"]
    said = terminal.refusal("sweep")
    assert "OTP_PUBLIC_URL: is required" in said
    assert not list(tmp_path.iterdir())


def test_a_database_that_cannot_be_opened_is_said_in_a_line(
    terminal: Terminal, tmp_path: Path
) -> None:
    terminal.env["OTP_DATABASE_URL"] = f"sqlite:///{tmp_path}"  # a folder
    assert "The database cannot be used. (" in terminal.refusal("sweep")
    terminal.env["OTP_DATABASE_URL"] = "postgresql://127.0.0.1:9/otp"
    assert terminal.refusal("sweep").startswith("Error: ")


def test_a_database_made_under_another_key_is_said_in_a_line(terminal: Terminal) -> None:
    terminal.lines("sweep")
    terminal.env["OTP_SECRET_KEYS"] = secret_key("k2", seed=2)
    assert "OTP_SECRET_KEYS" in terminal.refusal("sweep")
