"""`flask message`, and what is said of the texts before the service starts."""

from __future__ import annotations

import re
import shlex
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from otp.client import SIGN_IN
from otp.phrasebook import FRESH
from otp.service import Caller
from otp.settings import Settings, SettingsError
from otp.wording import Wording
from tests.commands.terminal import Terminal
from tests.commands.test_client import added
from tests.commands.test_serve import Running, eventually, running, serving
from tests.world import NUMBER

ID = "1107161234567890123"
TEXT = "{code} is your OTP for {service}. Valid for {minutes} minutes. Never share it. -ACMEIN"
REGISTERED = "{#var#} is your OTP for {#var#}. Valid for {#var#} minutes. Never share it. -ACMEIN"
GERMAN = "{code} ist dein Code fuer {service}. Gib ihn niemandem."
FITTING = ("--text", TEXT, "--registered", REGISTERED, "--template-id", ID, "--last-line", "none")


def put(terminal: Terminal, *words: str) -> list[str]:
    return terminal.lines("message", "set", *words)


def refused(terminal: Terminal, *words: str) -> str:
    """What is said of it, in a line; nothing is stored."""
    before = terminal.lines("message", "list")
    said = terminal.refusal("message", "set", *words)
    assert terminal.lines("message", "list") == before
    assert len(said.splitlines()) == 1
    return said


def checked(terminal: Terminal) -> tuple[int, str]:
    result = terminal.type("message", "check")
    assert not result.stderr
    return result.exit_code, result.stdout


def sent(terminal: Terminal, **asked: Any) -> str:
    """The text of a message that is sent now."""
    with terminal.parts() as parts:
        caller = Caller(client_id=SIGN_IN, credential="test")
        number = f"+9198765{len(terminal.provider.sent):05}"
        parts.world.service.start(caller, number, **asked)
        parts.sender.run_once()
    return terminal.provider.sent[-1].text


# -- set ------------------------------------------------------------------------------------------


def test_a_text_that_is_set_is_shown_stored_and_sent(terminal: Terminal) -> None:
    assert put(terminal, "--locale", "en_in", *FITTING) == [
        f"--locale en-IN  (DLT id {ID})",
        "  | 482913 is your OTP for Demo. Valid for 10 minutes. Never share it. -ACMEIN",
        "  GSM, 74 units, 1 part",
        "  equals its registered text outside of the variables",
        "It is stored, and used within seconds.",
    ]
    assert "is your OTP for Demo. Valid for 10 minutes." in sent(terminal, locale="en-IN")
    assert terminal.provider.sent[-1].template_id == ID
    assert "is your Demo code" in sent(terminal, locale="en")
    assert terminal.provider.sent[-1].template_id is None


def test_it_is_for_the_client_the_purpose_and_the_language_that_are_named(
    terminal: Terminal,
) -> None:
    id, _ = added(terminal)
    put(terminal, "--client", id, "--purpose", "pay", "--locale", "de", "--text", GERMAN)
    put(
        terminal, "--client", SIGN_IN, "--text", "{code} signs you in to {service}. Never share it."
    )
    assert "signs you in" in sent(terminal, locale="de", purpose="pay")
    with terminal.parts() as parts:
        assert [wording.key for wording in parts.world.store.messages()] == [
            (id, "pay", "de"),
            (SIGN_IN, "", ""),
        ]


def test_the_last_line_is_as_the_settings_unless_it_is_named(terminal: Terminal) -> None:
    def last(*words: str) -> str:
        put(terminal, "--locale", "de", "--text", GERMAN, *words)
        return sent(terminal, locale="de").split("\n")[-1]

    assert re.fullmatch("@127.0.0.1 #[0-9]{6}", last())
    assert "ist dein Code" in last("--last-line", "none")
    assert last("--app-hash", "FA+9qCX9VSu") == "FA+9qCX9VSu"
    terminal.env["OTP_MESSAGE_ORIGIN"] = "0"
    assert "ist dein Code" in last()
    assert re.fullmatch("@127.0.0.1 #[0-9]{6}", last("--last-line", "origin"))


def test_lines_are_broken_where_it_is_written(terminal: Terminal) -> None:
    put(
        terminal,
        *("--locale", "de", "--last-line", "none"),
        *("--text", "{code} ist\\ndein Code", "--registered", "{#var#} ist\\ndein Code\\n"),
    )
    assert sent(terminal, locale="de").split("\n")[1:] == ["dein Code"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--text", GERMAN), "name one; the text for all others is the setting OTP_MESSAGE"),
        (("--locale", "deutsch!", "--text", GERMAN), "as in hi or hi-IN"),
        (("--client", "cli_0", "--text", GERMAN), "nothing under this id"),
        (("--purpose", "Log in", "--text", GERMAN), "at most 40 of a-z"),
        (("--locale", "de", "--text", "Dein Code"), "must hold {code} exactly once"),
        (
            ("--locale", "de", "--text", "Dein Code ist {#var#}"),
            "where a registered text has {#var#}",
        ),
        (("--locale", "de", "--text", GERMAN, "--registered", "{#url#}"), "{#numeric#}"),
        (("--locale", "de", "--text", GERMAN, "--template-id", "TM-1"), "digits only"),
        (("--locale", "de", "--text", GERMAN, "--app-hash", "short"), "11 of A-Z"),
        (("--locale", "de", "--text", GERMAN, "--last-line", "android"), "11 of A-Z"),
        (("--locale", "de", "--text", GERMAN, "--last-line", "signature"), "--last-line"),
        (("--locale", "de"), "--text"),
        (
            ("--locale", "en", "--text", TEXT, "--registered", REGISTERED),
            "Only the last line is too much",
        ),
        (
            ("--locale", "en", "--last-line", "none", "--text", TEXT, "--registered", "{#var#} x"),
            'the registered text goes on with "x", the message with "is your OTP for Demo. Va…"',
        ),
        (
            ("--locale", "en", "--app-hash", "FA+9qCX9VSu", "--text", TEXT + "x" * 60),
            "make it shorter",
        ),
    ],
)
def test_what_does_not_fit_is_refused_and_why_is_said_in_a_sentence(
    terminal: Terminal, words: tuple[str, ...], why: str
) -> None:
    assert why in refused(terminal, *words)


def test_a_text_that_is_refused_leaves_the_one_before_it(terminal: Terminal) -> None:
    put(terminal, "--locale", "en", *FITTING)
    refused(terminal, "--locale", "en", "--text", TEXT + "!", *FITTING[2:])
    assert sent(terminal, locale="en").endswith("-ACMEIN")


# -- list, remove ---------------------------------------------------------------------------------


def test_the_list_tells_each_text_and_for_whom_it_is(terminal: Terminal) -> None:
    assert terminal.lines("message", "list") == ["No text is stored: every message is OTP_MESSAGE."]
    put(terminal, "--purpose", "pay", *FITTING)
    put(terminal, "--locale", "de", "--text", "{code}\\nniemandem", "--app-hash", "FA+9qCX9VSu")
    assert terminal.lines("message", "list") == [
        "--locale de  (DLT id of the route)",
        "  | {code}",
        "  | niemandem",
        "  | [last line: android FA+9qCX9VSu]",
        f"--purpose pay  (DLT id {ID})",
        f"  | {TEXT}",
        "  | [last line: none]",
    ]


def test_only_the_text_for_just_these_is_removed(terminal: Terminal) -> None:
    put(terminal, "--purpose", "pay", "--locale", "de", "--text", GERMAN)
    for words in (("--purpose", "pay"), ("--locale", "de"), ()):
        assert "flask message list" in terminal.refusal("message", "remove", *words)
    said = terminal.lines("message", "remove", "--purpose", "pay", "--locale", "DE")
    assert said == ["It is removed; the next nearest is used within seconds."]
    assert "is your Demo code" in sent(terminal, purpose="pay", locale="de")


def test_a_running_service_uses_a_change_within_seconds(terminal: Terminal) -> None:
    with terminal.parts() as parts:

        def text() -> str:
            caller = Caller(client_id=SIGN_IN, credential="test")
            number = f"+9198765{len(terminal.provider.sent):05}"
            parts.world.service.start(caller, number, locale="de")
            parts.sender.run_once()
            return terminal.provider.sent[-1].text

        assert "is your Demo code" in text()
        put(terminal, "--locale", "de", "--text", GERMAN)
        terminal.clock.turn(seconds=FRESH.total_seconds())
        assert "ist dein Code" in text()
        terminal.lines("message", "remove", "--locale", "de")
        terminal.clock.turn(seconds=FRESH.total_seconds())
        assert "is your Demo code" in text()
    assert timedelta() < FRESH <= timedelta(seconds=5)


# -- check ----------------------------------------------------------------------------------------


def test_a_demo_without_anything_set_passes(terminal: Terminal) -> None:
    code, said = checked(terminal)
    assert code == 0
    assert said.splitlines()[:5] == [
        "OTP_MESSAGE  (DLT id none)",
        "  | 482913 is your Demo code. It is valid for 10 minutes. Do not share it.",
        "  | ",
        "  | @127.0.0.1 #482913",
        "  GSM, 90 units, 1 part",
    ]
    assert all(line.startswith("  note: ") for line in said.splitlines()[5:])


def test_all_texts_are_checked_and_the_worst_is_the_exit_code(terminal: Terminal) -> None:
    put(terminal, "--locale", "en", *FITTING)
    assert checked(terminal)[0] == 0
    put(terminal, "--purpose", "pay", "--text", GERMAN, "--locale", "de", "--template-id", ID)
    code, said = checked(terminal)
    assert code == 1
    assert "warning: goes out under the DLT id" in said
    terminal.env["OTP_MESSAGE_REGISTERED"] = "{#var#} is your {#var#} code."
    code, said = checked(terminal)
    assert code == 2
    assert "does not fit: is not the registered one" in said
    assert [line for line in said.splitlines() if not line.startswith(" ")] == [
        "OTP_MESSAGE  (DLT id none)",
        f"--locale en  (DLT id {ID})",
        f"--purpose pay --locale de  (DLT id {ID})",
    ]


def test_the_settings_own_text_is_compared_with_its_registered_one(terminal: Terminal) -> None:
    terminal.env |= {"OTP_MESSAGE": TEXT, "OTP_MESSAGE_REGISTERED": REGISTERED}
    code, said = checked(terminal)
    assert code == 2
    assert "Only the last line is too much" in said
    assert "OTP_MESSAGE_ORIGIN=0" in said
    terminal.env["OTP_MESSAGE_ORIGIN"] = "0"
    code, said = checked(terminal)
    assert code == 0
    assert "equals its registered text" in said
    del terminal.env["OTP_MESSAGE_ORIGIN"]
    terminal.env["OTP_MESSAGE_REGISTERED"] += "\\n\\n@127.0.0.1 #{#var#}"
    assert checked(terminal)[0] == 0


def test_the_longest_code_and_life_in_force_are_tried(terminal: Terminal) -> None:
    id, _ = added(terminal)
    put(terminal, "--client", id, "--text", GERMAN)
    put(terminal, "--locale", "de", "--text", GERMAN)
    terminal.env["OTP_CODE_LIFE"] = "300"

    def codes(said: str) -> list[str]:
        return re.findall(r"\| ([0-9]{6,10}) ist dein", said)

    assert codes(checked(terminal)[1]) == ["482913", "482913"]
    terminal.lines("client", "set", id, "code_length=10", "code_life=600")
    _, said = checked(terminal)
    assert codes(said) == ["4829134567", "4829134567"]
    assert "| 4829134567 is your Demo code. It is valid for 10 minutes" in said
    other, _ = added(terminal, "Other")
    put(terminal, "--client", other, "--text", GERMAN)
    assert sorted(codes(checked(terminal)[1])) == ["482913", "4829134567", "4829134567"]


def test_a_text_without_an_id_of_its_own_borrows_that_of_the_route(tmp_path: Path) -> None:
    terminal = Terminal(
        tmp_path,
        OTP_ROUTE="main:mobtexting",
        OTP_MAIN_TOKEN="k7Jq2mXw9rTb4vNz",
        OTP_MAIN_SENDER="ACMEIN",
        OTP_MAIN_TEMPLATE_ID=ID,
    )
    said = "\n".join(put(terminal, "--locale", "de", "--text", GERMAN))
    assert f"its route's DLT id {ID}" in said
    code, said = checked(terminal)
    assert code == 1
    assert said.count(ID) >= 2


# -- at the start ---------------------------------------------------------------------------------


def stored(folder: Path, wording: Wording) -> None:
    (folder / "data").mkdir()
    with Terminal(folder / "data").parts() as parts:
        parts.world.store.put_message(wording)


def ended(server: Running) -> int:
    return server.process.wait(20)


@pytest.mark.process
@pytest.mark.parametrize("command", ["serve", "send"])
def test_a_text_that_does_not_fit_does_not_start(tmp_path: Path, command: str) -> None:
    stored(tmp_path, Wording(locale="en", text=TEXT, registered=REGISTERED))
    wrong = {"OTP_MESSAGE_REGISTERED": "{#var#} is your code"}
    with running(tmp_path, command, PORT="1", **wrong) as server:
        assert ended(server) == 1
    assert "OTP_MESSAGE: is not the registered one: " in server.text
    assert "the message --locale en: is not the registered one: " in server.text
    assert "Only the last line" in server.text
    assert "Traceback" not in server.text


@pytest.mark.process
@pytest.mark.parametrize("command", ["serve", "send"])
def test_what_is_doubtful_starts_with_a_warning(tmp_path: Path, command: str) -> None:
    stored(tmp_path, Wording(locale="en", text="{code} is your Demo code."))
    if command == "serve":
        with serving(tmp_path) as (server, _):
            said = server.text
    else:
        with running(tmp_path, "send") as server:
            assert eventually(lambda: "sender_started" in server.text, within=20), server.text
            said = server.text
    [told] = [line for line in said.splitlines() if "does not warn" in line]
    assert "--locale en" in told


def test_the_other_commands_go_on_where_a_text_does_not_fit(terminal: Terminal) -> None:
    """Else nobody could repair it."""
    terminal.env["OTP_MESSAGE_REGISTERED"] = "{#var#} is your code"
    terminal.lines("settings")
    put(terminal, "--locale", "de", "--text", GERMAN)
    terminal.lines("message", "remove", "--locale", "de")
    terminal.lines("phone", "show", NUMBER)


# -- the page that leads through it ---------------------------------------------------------------

PAGE = Path(__file__).parents[2] / "docs" / "messages.md"


def blocks() -> list[str]:
    """What stands indented on the page, in one line each where it was broken to fit."""
    found = re.findall(r"(?:^    .*\n|^\n(?=    ))+", PAGE.read_text(), re.MULTILINE)
    return [" ".join(block.split()) for block in found]


def set_on_the_page() -> dict[str, str]:
    lines = re.findall(r"^    (OTP_[A-Z_]+)='?(.*?)'?$", PAGE.read_text(), re.MULTILINE)
    return dict(lines)


def on_the_page(folder: Path, **more: str) -> Terminal:
    account = {
        "OTP_ROUTE": "mobtexting",
        "OTP_MOBTEXTING_TOKEN": "k7Jq2mXw9rTb4vNz",
        "OTP_MOBTEXTING_SENDER": "ACMEIN",
        "OTP_SERVICE_NAME": "Acme Travel",
        "OTP_PUBLIC_URL": "https://otp.acme.example",
        "OTP_TRUSTED_PROXIES": "1",
    }
    return Terminal(folder, **{**account, **set_on_the_page(), **more})


def test_what_the_page_sets_prints_what_the_page_shows(tmp_path: Path) -> None:
    shown = blocks()
    code, before = checked(on_the_page(tmp_path, OTP_MESSAGE_ORIGIN="1"))
    assert (code, " ".join(before.split()) in shown) == (2, True), before
    terminal = on_the_page(tmp_path)
    code, after = checked(terminal)
    assert (code, " ".join(after.split()) in shown) == (0, True), after
    assert sent(terminal).startswith("Your OTP for Acme Travel is ")


def test_the_text_that_the_page_stores_is_stored(tmp_path: Path) -> None:
    terminal = on_the_page(tmp_path)
    [typed] = [block for block in blocks() if block.startswith("flask message set --locale")]
    words = shlex.split(typed.replace("\\ ", ""))[1:]
    said = terminal.lines(*words)
    assert "  equals its registered text outside of the variables" in said
    assert said[-1] in blocks()
    assert "आपका Acme Travel OTP है" in sent(terminal, locale="hi-IN")


@pytest.mark.parametrize(
    ("settings", "row"),
    [
        ({"OTP_MESSAGE": "Your OTP"}, "must hold {code} exactly once"),
        ({"OTP_MESSAGE": "{#var#}"}, "they stand where a registered text has {#var#}"),
        ({"OTP_MESSAGE_REGISTERED": "Your OTP"}, "the registered text has no variable: copy it"),
    ],
)
def test_what_the_settings_say_of_a_text_is_on_the_page(
    tmp_path: Path, settings: dict[str, str], row: str
) -> None:
    with pytest.raises(SettingsError, match=re.escape(row)):
        Settings.from_env(on_the_page(tmp_path, **settings).env)
    assert row in PAGE.read_text()


@pytest.mark.parametrize(
    ("settings", "row"),
    [
        (
            {"OTP_MESSAGE": "Your  OTP for {service} is {code}."},
            'is not the registered one: after "Your " the registered text goes on with "OTP for ",'
            ' the message with " OTP for',
        ),
        ({"OTP_SERVICE_NAME": "A" * 34}, "a variable {#var#} would hold 34 characters"),
        ({"OTP_MESSAGE_REGISTERED": ""}, "and nothing says what text is registered under it"),
        ({"OTP_MESSAGE": "{code} {service}  "}, "holds two spaces in a row"),
        ({"OTP_MESSAGE": "{code}"}, "does not name the service"),
        ({"OTP_MESSAGE": "{code}"}, "does not warn"),
        ({"OTP_MESSAGE": "1 {code}"}, "has other digits before the code"),
        ({"OTP_MESSAGE": "{code} https://acme.example"}, "holds a link"),
        ({"OTP_MESSAGE": "a" * 155 + "{code}"}, "has its code behind the first SMS part"),
        ({"OTP_MESSAGE": "{code}’" + "a" * 90}, "and costs 2 SMS parts in place of 1"),
    ],
)
def test_what_a_check_says_of_a_text_is_on_the_page(
    tmp_path: Path, settings: dict[str, str], row: str
) -> None:
    assert row in checked(on_the_page(tmp_path, **settings))[1]
    assert row in PAGE.read_text()
