from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import dotenv
import pytest

from otp.settings import Settings
from tests.commands.terminal import Terminal

TOKEN = "t'k%n\\-0123456789"  # all that a file would have to quote
ANSWERS = ("https://otp.example.com", "Corner Shop", TOKEN, "EXMPLE", "", "")
UNATTENDED = (
    "--non-interactive",
    *("--public-url", "https://otp.example.com"),
    *("--service-name", 'Anna\'s "Corner" \\ Shop #1'),
    *("--mobtexting-token", TOKEN),
    *("--mobtexting-sender", "EXMPLE"),
    *("--send-budget", "10/hour"),
    *("--trusted-proxies", "2"),
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    with chdir(tmp_path):
        yield tmp_path


def typed(*answers: str) -> str:
    return "".join(f"{answer}\n" for answer in answers)


def written(folder: Path) -> Settings:
    return Settings.from_env(dict(dotenv.dotenv_values(folder / ".env")))  # type: ignore[arg-type]


def test_the_answers_become_settings_that_work(terminal: Terminal, folder: Path) -> None:
    result = terminal.type("init", answers=typed(*ANSWERS))
    assert result.exit_code == 0, result.output
    settings = written(folder)
    assert settings.public_url == "https://otp.example.com"
    assert settings.service_name == "Corner Shop"
    assert settings.routes[0].token == TOKEN
    assert settings.trusted_proxies == 1
    assert len(settings.secret_keys) == 1


def test_no_secret_is_shown(terminal: Terminal, folder: Path) -> None:
    said = terminal.type("init", answers=typed(*ANSWERS)).output
    key = dotenv.dotenv_values(folder / ".env")["OTP_SECRET_KEYS"]
    assert key
    assert key.partition(":")[2] not in said
    assert TOKEN not in said


def test_only_the_owner_reads_the_file(terminal: Terminal, folder: Path) -> None:
    terminal.type("init", answers=typed(*ANSWERS))
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == [".env"]


def test_what_is_wrong_is_asked_again_and_nothing_else(terminal: Terminal, folder: Path) -> None:
    wrong = ("http://otp.example.com", "Corner Shop", TOKEN, "EXMPLE", "many", "")
    result = terminal.type("init", answers=typed(*wrong, "https://otp.example.com", "9/hour"))
    assert result.exit_code == 0, result.output
    assert "OTP_PUBLIC_URL: must be https" in result.stderr
    assert "OTP_SEND_BUDGET" in result.stderr
    assert result.output.count("MOBtexting sender id") == 1
    assert written(folder).public_url == "https://otp.example.com"


def test_every_run_draws_another_key(terminal: Terminal, folder: Path) -> None:
    terminal.type("init", *UNATTENDED)
    first = written(folder).secret_keys
    (folder / ".env").unlink()
    terminal.type("init", *UNATTENDED)
    assert written(folder).secret_keys != first


def test_nobody_has_to_be_there(terminal: Terminal, folder: Path) -> None:
    result = terminal.type("init", *UNATTENDED)
    assert result.exit_code == 0, result.output
    settings = written(folder)
    assert settings.service_name == 'Anna\'s "Corner" \\ Shop #1'
    assert settings.trusted_proxies == 2


def test_unattended_says_all_that_is_missing_and_writes_nothing(
    terminal: Terminal, folder: Path
) -> None:
    said = terminal.refusal("init", "--non-interactive", "--service-name", "Shop")
    for name in ("OTP_PUBLIC_URL", "OTP_MOBTEXTING_TOKEN", "OTP_SEND_BUDGET"):
        assert name in said
    assert not list(folder.iterdir())


def test_a_token_can_come_by_standard_input(terminal: Terminal, folder: Path) -> None:
    words = [word if word != TOKEN else "-" for word in UNATTENDED]
    assert terminal.type("init", *words, answers=f"{TOKEN}\n").exit_code == 0
    assert written(folder).routes[0].token == TOKEN


def test_a_file_that_is_there_is_left_alone(terminal: Terminal, folder: Path) -> None:
    (folder / ".env").write_text("OTP_DEMO=1\n")
    assert "--force" in terminal.refusal("init", *UNATTENDED)
    assert (folder / ".env").read_text() == "OTP_DEMO=1\n"


def test_force_keeps_the_old_keys_behind_the_fresh_one(terminal: Terminal, folder: Path) -> None:
    terminal.type("init", *UNATTENDED)
    [old] = written(folder).secret_keys
    (folder / ".env").chmod(0o644)
    assert terminal.type("init", "--force", *UNATTENDED).exit_code == 0
    fresh, kept = written(folder).secret_keys
    assert kept == old
    assert fresh.id != old.id
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600


def test_an_answer_that_a_file_would_change_is_refused(terminal: Terminal, folder: Path) -> None:
    words = [word if word != "EXMPLE" else "A${HOME}" for word in UNATTENDED]
    assert "${" in terminal.refusal("init", *words)
    assert not list(folder.iterdir())
