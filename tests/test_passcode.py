"""Passcodes: how they are drawn, read and compared."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp import passcode
from otp.keys import Keyring, SecretKey
from otp.phone import Phone

PHONE = Phone.of("+919876543210")
MADE_FOR: dict[str, Any] = {
    "client_id": "cli_1",
    "verification_id": "ver_1",
    "challenge": 1,
    "phone": PHONE,
}


def keyring(*keys: int) -> Keyring:
    return Keyring(
        tuple(SecretKey(f"k{key}", bytes([key]) * 32) for key in keys), secrets.token_bytes
    )


def never(_: int) -> int:
    return 0


# -- drawing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [6, 8, 10])
def test_a_code_is_that_many_ascii_digits(length: int) -> None:
    for _ in range(200):
        code = passcode.draw(secrets.randbelow, length)
        assert len(code) == length
        assert code.isascii()
        assert code.isdecimal()


def test_leading_zeros_are_kept() -> None:
    assert passcode.draw(never, 6) == "000000"
    assert passcode.draw(lambda bound: 42, 6) == "000042"


@pytest.mark.parametrize("length", [6, 7, 10])
def test_every_code_can_be_drawn_and_none_twice_as_easily(length: int) -> None:
    bounds: list[int] = []

    def highest(bound: int) -> int:
        bounds.append(bound)
        return bound - 1

    assert passcode.draw(highest, length) == "9" * length
    assert bounds == [10**length]  # one draw below exactly 10^n: no remainder, no bias


def test_each_digit_is_as_likely_as_any_other_in_each_place() -> None:
    """Chi-squared with 9 degrees of freedom stays below 50 but for one run in ten million."""
    drawn = [passcode.draw(secrets.randbelow, 6) for _ in range(20_000)]
    for place in range(6):
        counts = Counter(code[place] for code in drawn)
        expected = len(drawn) / 10
        assert sum((counts[d] - expected) ** 2 / expected for d in "0123456789") < 50


# -- reading ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    [
        "123456",
        "123 456",
        "123-456",
        "123 456\n",
        " 123456 ",
        "\t123456\r\n",
        "1 2 3 4 5 6",
        "123\u2013456",
        "123\u2212456",
        "123\u00a0456",
        "\u200b123456",
        "\u202a123456\u202c",
        "\ufeff123456",
    ],
    ids=ascii,
)
def test_spaces_and_dashes_in_a_code_are_fine(typed: str) -> None:
    assert passcode.tidied(typed, 6) == "123456"


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "12345",
        "1234567",
        "12345a",
        "１２３４５６",
        "१२३४५६",
        "١٢٣٤٥٦",
        "12345²",
        "12345½",
        "12345Ⅵ",
        "+12345",
        "123456\x00",
        "123_456",
        "1e5000",
        "123.456",
        "0x1234",
        "123456" + " " * 60,
        "123456\u0301",
    ],
    ids=ascii,
)
def test_anything_else_is_no_code(typed: str) -> None:
    assert passcode.tidied(typed, 6) is None


@given(st.text(max_size=80), st.integers(6, 10))
def test_whatever_is_typed_is_a_code_or_nothing(typed: str, length: int) -> None:
    code = passcode.tidied(typed, length)
    if code is not None:
        assert len(code) == length
        assert set(code) <= set("0123456789")
        assert passcode.tidied(code, length) == code


@given(st.from_regex(r"[0-9]{6}", fullmatch=True), st.sampled_from([" ", "-", "\u00a0", "–"]))
def test_a_code_read_out_in_groups_is_the_same_code(code: str, mark: str) -> None:
    assert passcode.tidied(f"{code[:3]}{mark}{code[3:]}\n", 6) == code


# -- comparing ----------------------------------------------------------------------------------


def test_the_right_code_fits_and_another_does_not() -> None:
    keys = keyring(1)
    stored = passcode.digest(keys, "482913", **MADE_FOR)
    assert passcode.matches(keys, stored, "482913", **MADE_FOR)
    assert not passcode.matches(keys, stored, "482914", **MADE_FOR)


def test_a_digest_says_nothing_of_its_code_or_number() -> None:
    stored = passcode.digest(keyring(1), "482913", **MADE_FOR)
    assert stored.startswith("k1$")
    assert "482913" not in stored
    assert PHONE.national not in stored


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("client_id", "cli_2"),
        ("verification_id", "ver_2"),
        ("challenge", 2),
        ("phone", Phone.of("+919876543211")),
    ],
)
def test_a_digest_copied_elsewhere_opens_nothing(name: str, other: object) -> None:
    keys = keyring(1)
    stored = passcode.digest(keys, "482913", **MADE_FOR)
    assert not passcode.matches(keys, stored, "482913", **MADE_FOR | {name: other})


def test_a_code_outlives_a_rotation_of_keys_but_not_the_removal_of_its_key() -> None:
    stored = passcode.digest(keyring(1), "482913", **MADE_FOR)
    assert passcode.matches(keyring(2, 1), stored, "482913", **MADE_FOR)
    assert not passcode.matches(keyring(2), stored, "482913", **MADE_FOR)


def test_another_key_makes_another_digest() -> None:
    made: Callable[[int], str] = lambda key: passcode.digest(  # noqa: E731
        keyring(key), "482913", **MADE_FOR
    )
    assert made(1).partition("$")[2] != made(2).partition("$")[2]
