from __future__ import annotations

import re

import pytest

from otp.client import PresentedKey
from otp.commands.client import POLICY
from otp.service import Caller
from otp.settings import Settings, SettingsError
from tests.commands.terminal import Terminal
from tests.world import NUMBER


def added(terminal: Terminal, name: str = "Shop") -> tuple[str, list[str]]:
    """The id and the four keys of a new client."""
    said = "\n".join(terminal.lines("client", "add", name))
    return re.findall(r"cli_[0-9a-f]{32}", said)[0], re.findall(r"otp_[a-z]+_[a-z]+_\w+", said)


def key_id(text: str) -> str:
    presented = PresentedKey.parse(text)
    assert presented
    return presented.id


def opens(terminal: Terminal, text: str) -> bool:
    presented = PresentedKey.parse(text)
    assert presented
    with terminal.parts() as parts:
        stored = parts.world.store.key(presented.id)
    return stored is not None and stored.is_opened_by(presented)


def test_a_new_client_gets_an_id_and_four_keys_that_open(terminal: Terminal) -> None:
    _, keys = added(terminal)
    kinds = {tuple(key.split("_")[1:3]) for key in keys}
    assert kinds == {("sk", "live"), ("sk", "test"), ("pk", "live"), ("pk", "test")}
    assert all(opens(terminal, key) for key in keys)


def test_keys_are_told_once(terminal: Terminal) -> None:
    id, keys = added(terminal)
    later = "\n".join(terminal.lines("client", "show", id) + terminal.lines("client", "list"))
    for key in keys:
        assert key.rpartition("_")[2] not in later
        assert key_id(key) in later


def test_the_list_names_every_client_and_counts_its_good_keys(terminal: Terminal) -> None:
    id, keys = added(terminal)
    terminal.lines("client", "revoke", key_id(keys[0]))
    [line] = [line for line in terminal.lines("client", "list") if id in line]
    assert "Shop" in line
    assert " 3 keys" in line


def test_one_more_key_leaves_the_others_good(terminal: Terminal) -> None:
    id, keys = added(terminal)
    [more] = terminal.lines("client", "key", id, "publishable", "--test")
    assert more.startswith("otp_pk_test_")
    assert all(opens(terminal, key) for key in [*keys, more])


@pytest.mark.parametrize("form", ["id", "label", "whole"])
def test_a_revoked_key_opens_nothing_however_it_was_named(terminal: Terminal, form: str) -> None:
    id, [first, *others] = added(terminal)
    label = first.rpartition("_")[0] + "_…"
    said = terminal.lines(
        "client", "revoke", {"id": key_id(first), "label": label, "whole": first}[form]
    )
    assert said == [f"{label} is revoked."]
    assert not opens(terminal, first)
    assert all(opens(terminal, key) for key in others)
    [line] = [s for s in terminal.lines("client", "show", id) if key_id(first) in s]
    assert "revoked 2026-11-22" in line


def test_revoking_again_changes_nothing(terminal: Terminal) -> None:
    id, [first, *_] = added(terminal)
    terminal.lines("client", "revoke", key_id(first))
    before = terminal.lines("client", "show", id)
    terminal.clock.turn(days=3)
    terminal.lines("client", "revoke", key_id(first))
    assert terminal.lines("client", "show", id) == before


def test_what_a_client_asks_is_what_its_verifications_get(terminal: Terminal) -> None:
    id, _ = added(terminal)
    terminal.lines("client", "set", id, "name=Corner shop", "code_length=8", "max_attempts=3")
    with terminal.parts() as parts:
        caller = Caller(client_id=id, credential="test")
        policy = parts.world.service.start(caller, NUMBER).verification.policy
    assert (policy.code_length, policy.max_attempts, policy.live_codes) == (8, 3, 2)
    shown = "\n".join(terminal.lines("client", "show", id))
    assert "Corner shop" in shown
    assert "code_length = 8" in shown


def test_default_goes_back_to_the_settings_and_leaves_the_rest(terminal: Terminal) -> None:
    id, _ = added(terminal)
    terminal.lines("client", "set", id, "code_length=8", "live_codes=1")
    terminal.lines("client", "set", id, "code_length=default")
    shown = "\n".join(terminal.lines("client", "show", id))
    assert "code_length" not in shown
    assert "live_codes = 1" in shown
    assert "Shop" in shown


@pytest.mark.parametrize(
    "change", ["code_length=5", "code_life=601", "max_attempts=2", "live_codes=3", "live_codes=x"]
)
def test_what_is_out_of_bounds_changes_nothing(terminal: Terminal, change: str) -> None:
    id, _ = added(terminal)
    before = terminal.lines("client", "show", id)
    assert "whole number" in terminal.refusal("client", "set", id, "name=Other", change)
    assert terminal.lines("client", "show", id) == before


@pytest.mark.parametrize("change", ["colour=red", "name=", "id=cli_0"])
def test_only_what_a_client_may_ask_can_be_set(terminal: Terminal, change: str) -> None:
    id, _ = added(terminal)
    terminal.refusal("client", "set", id, change)


@pytest.mark.parametrize("name", POLICY)
@pytest.mark.parametrize("value", ["0", "1", "2", "3", "5", "6", "10", "11", "600", "601"])
def test_the_bounds_of_a_client_are_those_of_the_settings(
    terminal: Terminal, name: str, value: str
) -> None:
    def by_setting() -> bool:
        try:
            Settings.from_env({**terminal.env, f"OTP_{name.upper()}": value})
        except SettingsError:
            return False
        return True

    def by_client() -> bool:
        try:
            POLICY[name](value)
        except ValueError:
            return False
        return True

    assert by_client() == by_setting()


def test_the_client_of_the_pages_gets_no_keys(terminal: Terminal) -> None:
    assert "built-in" in terminal.refusal("client", "key", "sign-in", "secret")


@pytest.mark.parametrize(
    "words",
    [
        ("show", "cli_00"),
        ("key", "cli_00", "secret"),
        ("set", "cli_00", "code_length=6"),
        ("revoke", "0123456789abcdef"),
        ("revoke", "rubbish"),
        ("add", ""),
        ("add", "two\nlines"),
    ],
)
def test_what_is_not_there_is_said_in_a_line(terminal: Terminal, words: tuple[str, ...]) -> None:
    assert "Traceback" not in terminal.refusal("client", *words)
