"""The text of a message: what it says, and what it costs."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp.message import Size, Template, beyond_gsm, size

DEFAULT = "{code} is your {service} code. It is valid for {minutes} minutes. Do not share it."
TEN_MINUTES = timedelta(minutes=10)
SERVICE = "Acme Travel"  # 11 letters
HOST = "login.acme-travel.example"  # 25 characters
ORIGIN_LINE = re.compile(r"\n@[a-z0-9.-]+ #[0-9]{6}$")


def rendered(text: str = DEFAULT, code: str = "482913", origin: str | None = HOST) -> str:
    return Template(text, SERVICE, origin).render(code, TEN_MINUTES)


# -- what it says -------------------------------------------------------------------------------


def test_the_default_text_reads_well() -> None:
    assert rendered() == (
        "482913 is your Acme Travel code. It is valid for 10 minutes. Do not share it.\n"
        "\n"
        "@login.acme-travel.example #482913"
    )


def test_the_last_line_binds_the_code_to_the_host() -> None:
    assert ORIGIN_LINE.search(rendered())
    assert rendered().splitlines()[-1] == f"@{HOST} #482913"
    assert "@" not in rendered(origin=None)


def test_the_last_line_may_hand_the_message_to_one_app_instead() -> None:
    text = Template(DEFAULT, SERVICE, app_hash="FA+9qCX9VSu").render("482913", TEN_MINUTES)
    assert text.splitlines()[1:] == ["", "FA+9qCX9VSu"]
    assert len(text.encode()) <= 140


def test_the_code_is_the_first_group_of_digits_and_the_only_long_one() -> None:
    text = rendered()
    assert re.findall(r"[0-9]+", text)[0] == "482913"
    assert re.findall(r"[0-9]{3,}", ORIGIN_LINE.sub("", text)) == ["482913"]
    assert "//" not in text


@pytest.mark.parametrize(
    ("life", "minutes"),
    [
        (timedelta(seconds=600), 10),
        (timedelta(seconds=599), 9),
        (timedelta(seconds=90), 1),
        (timedelta(seconds=30), 1),
    ],
)
def test_it_never_promises_more_minutes_than_there_are(life: timedelta, minutes: int) -> None:
    text = Template("{code} {minutes}", SERVICE).render("482913", life)
    assert text == f"482913 {minutes}"


def test_apart_from_its_variables_the_text_is_the_registered_one_to_the_letter() -> None:
    registered = re.escape("Your OTP is {#var#}. {#var#} never asks for it.")
    pattern = registered.replace(re.escape("{#var#}"), ".{1,30}")
    assert re.fullmatch(
        pattern, rendered("Your OTP is {code}. {service} never asks for it.", origin=None)
    )


def test_braces_in_the_name_of_the_service_are_harmless() -> None:
    text = Template("{code} {service}", "{code} {0} {x.__class__}").render("482913", TEN_MINUTES)
    assert text == "482913 {code} {0} {x.__class__}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Your code is secret.",
        "{code} and again {code}",
        "{code} {",
        "{code} }",
        "{code} {phone}",
        "{code} {}",
        "{code} {0}",
        "{code} {service.__class__}",
        "{code} {service[0]}",
        "{code!r}",
        "{code:>10}",
        "{code} {minutes:{code}}",
        "{code.__class__}",
        "{code}\n@evil.example #123456",
    ],
)
def test_a_template_that_cannot_carry_a_code_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Template(text, SERVICE, HOST)


# -- what it costs ------------------------------------------------------------------------------


def test_the_default_text_fits_into_one_part() -> None:
    assert (len(SERVICE), len(HOST)) == (11, 25)
    cost = size(rendered())
    assert not cost.unicode
    assert cost.parts == 1
    assert size(rendered(code="4829131234")).parts == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Size(False, 0, 1)),
        ("a" * 160, Size(False, 160, 1)),
        ("a" * 161, Size(False, 161, 2)),
        ("a" * 306, Size(False, 306, 2)),
        ("a" * 307, Size(False, 307, 3)),
        ("क" * 70, Size(True, 70, 1)),
        ("क" * 71, Size(True, 71, 2)),
        ("क" * 134, Size(True, 134, 2)),
        ("क" * 135, Size(True, 135, 3)),
        ("€" * 80, Size(False, 160, 1)),
        ("€" * 81, Size(False, 162, 2)),
        ("[]{}\\~€", Size(False, 14, 1)),
        ("a^b", Size(True, 3, 1)),  # the gateway would make ? of them
        ("a|b", Size(True, 3, 1)),
        ("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ", Size(False, 31, 1)),
        ("😀", Size(True, 2, 1)),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_a_text_is_measured_as_the_network_does(text: str, expected: Size) -> None:
    assert size(text) == expected


@pytest.mark.parametrize("char", "’₹😀`\u00a0ç\t–“")
def test_it_is_named_and_named_once(char: str) -> None:
    assert beyond_gsm("a" + char + "€" + char + "b") == [char]
    assert beyond_gsm("a[]€\n") == []


@pytest.mark.parametrize("char", "’₹😀`\u00a0ç\t–“")
def test_one_character_outside_of_the_alphabet_more_than_halves_the_room(char: str) -> None:
    assert size("a" * 100).parts == 1
    assert size("a" * 100 + char) == Size(True, 100 + len(char.encode("utf-16-le")) // 2, 2)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a" * 152 + "€" + "a" * 10, 2),
        ("a" * 152 + "€" + "a" * 152, 3),  # 306 septets, but no part ends within an escape
        ("क" * 66 + "😀" + "क" * 66, 3),  # 134 units, but no part ends within a character
    ],
)
def test_no_character_is_torn_between_two_parts(text: str, parts: int) -> None:
    assert size(text).parts == parts


@given(st.text(max_size=400))
def test_more_text_never_costs_less(text: str) -> None:
    one, two = size(text), size(text + "a")
    assert two.units == one.units + 1
    assert one.parts <= two.parts <= one.parts + 1


@given(st.text("abc123 []€", max_size=400))
def test_plain_text_stays_plain(text: str) -> None:
    cost = size(text)
    assert not cost.unicode
    assert cost.units == len(text) + sum(text.count(char) for char in "[]€")
