"""Numbers as people write them, and what may be texted."""

from __future__ import annotations

import contextlib
import random

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from otp.errors import InvalidPhoneNumber
from otp.phone import ANY, Phone, _plain_mobile

EXAMPLE = "+919876543210"

SPELLINGS = [
    "+919876543210",
    "919876543210",
    "00919876543210",
    "09876543210",
    "9876543210",
    "98765 43210",
    "+91 98765 43210",
    "+91-98765-43210",
    "+91 (98765) 43210",
    "(+91) 98765 43210",
    "+91 (0) 98765 43210",
    "+91.98765.43210",
    "+91/98765/43210",
    "++919876543210",
    "  +919876543210  ",
    "\t+919876543210\r\n",
    "+91\u00a098765\u00a043210",
    "+91\u200b98765\u200b43210",
    "\u202a+919876543210\u202c",
    "+91\u201198765\u201343210",
    "+91 98765\u221243210",
    "＋９１９８７６５４３２１０",
    "+९१९८७६५४३२१०",
    "+٩١٩٨٧٦٥٤٣٢١٠",
    "00 91 98765 43210",
    "0 98765 43210",
    "98765-43210",
]


def parsed(text: str, *, region: str = "IN", served: tuple[str, ...] = ("IN",)) -> Phone:
    return Phone.parse(text, region=region, served=served)


def reason(text: str, *, region: str = "IN", served: tuple[str, ...] = ("IN",)) -> str:
    with pytest.raises(InvalidPhoneNumber) as refusal:
        parsed(text, region=region, served=served)
    return refusal.value.reason


# -- reading ------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", SPELLINGS, ids=ascii)
def test_all_spellings_of_a_number_are_one_number(text: str) -> None:
    assert parsed(text).e164 == EXAMPLE


@pytest.mark.parametrize(
    "text",
    [
        "+91 98765 HELLO",
        "9876543210 or so",
        "tel:+919876543210",
        "tel:9876543210;phone-context=+91",
        "9876543210;phone-context=+91",
        "9876543210;ext=5",
        "9876543210x123",
        "9876543210 ext. 5",
        "9876543210#5",
        "9876543210*5",
        "9876543210\x00",
        "\x009876543210",
        "9876543210\r\nX-Other: 1",
        "9876543210,",
        "9876543210,9876543211",
        "9876543210;9876543211",
        "9876543210\n9876543211",
        "9876543210 / 9876543211",
        "9876543210&to=9876543211",
        "98765+43210",
        "+919876543210+",
        "+++919876543210",
        "+",
        "++",
        "()",
        "",
        " ",
        "\u200b",
        "\ud800",
        "½876543210",
        "9876543²10",
        "五876543210",
        '{"$ne":1}',
        "1" * 41,
        "+91" + " " * 60 + "9876543210",
    ],
    ids=ascii,
)
def test_anything_but_one_number_is_refused(text: str) -> None:
    assert reason(text) in {"not_a_number", "too_long"}


def test_a_region_is_for_numbers_without_their_country() -> None:
    assert parsed("(415) 555-0101", region="US", served=("US",)).e164 == "+14155550101"
    assert parsed(EXAMPLE, region="US").e164 == EXAMPLE
    assert parsed("00919876543210", region="US").e164 == EXAMPLE


def test_an_unknown_region_is_no_failure() -> None:
    assert reason("9876543210", region="XX") == "not_a_number"
    assert parsed(EXAMPLE, region="XX").e164 == EXAMPLE


def test_a_zero_that_belongs_to_the_number_is_kept() -> None:
    zero = Phone.of("+22501234567")
    assert zero.e164 == "+22501234567"
    assert parsed("+225 01 23 45 67 89", served=("CI",)).e164 == "+2250123456789"


# -- refusing -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("987654321", "too_short"),
        ("+91987654321", "too_short"),
        ("+91 9", "too_short"),
        ("112", "too_short"),
        ("98765432100", "too_long"),
        ("+9198765432100", "too_long"),
        ("+91987654321012345", "too_long"),
        ("+0919876543210", "not_a_number"),
        ("+999 98765 43210", "not_a_number"),
        ("+1 123 456 7890", "not_a_number"),
        ("+911145678901", "not_mobile"),
        ("+911800123456", "not_mobile"),
        ("1800 123 456", "not_mobile"),
        ("+14155550101", "country_not_served"),
        ("+447400123456", "country_not_served"),
    ],
)
def test_a_refusal_says_why(text: str, why: str) -> None:
    assert reason(text) == why


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("+19005550100", "not_mobile"),
        ("+18005550100", "not_mobile"),
        ("+449098790123", "not_mobile"),
        ("+448001234567", "not_mobile"),
        ("+447600123456", "not_mobile"),
        ("+979123456789", "country_not_served"),
        ("+80012345678", "country_not_served"),
        ("+881612345678", "country_not_served"),
        ("+870301234567", "country_not_served"),
        ("+883510012345678", "country_not_served"),
    ],
    ids=[
        "premium rate",
        "toll free",
        "British premium rate",
        "British free phone",
        "British pager",
        "international premium rate",
        "international toll free",
        "satellite",
        "Inmarsat",
        "international network",
    ],
)
def test_costly_numbers_are_refused_though_every_country_is_served(text: str, why: str) -> None:
    assert reason(text, served=(ANY,)) == why


def test_all_countries_need_the_explicit_word() -> None:
    assert parsed("+14155550101", served=(ANY,)).region == "US"
    assert reason("+14155550101", served=()) == "country_not_served"


def test_neighbours_under_one_country_code_are_told_apart() -> None:
    assert parsed("+77012345678", served=("KZ",)).region == "KZ"
    assert reason("+77012345678", served=("RU",)) == "country_not_served"


def test_an_allowed_prefix_is_served_whatever_the_metadata_says() -> None:
    allow = ("+911145", "+1415555")
    for text in ("+911145678901", "+1 415 555 0101"):
        assert Phone.parse(text, region="IN", served=("IN",), allow=allow)
    with pytest.raises(InvalidPhoneNumber):
        Phone.parse("+911245678901", region="IN", served=("IN",), allow=allow)


def test_a_refusal_does_not_repeat_the_number() -> None:
    with pytest.raises(InvalidPhoneNumber) as refusal:
        parsed("+14155550101")
    assert "4155550101" not in f"{refusal.value} {refusal.value!r} {vars(refusal.value)}"
    assert refusal.value.issues[0].pointer == "/phone_number"


# -- showing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("e164", ["+919876543210", "+14155550101", "+6591234567", "+2902123"])
def test_a_number_shows_no_more_than_its_last_four_digits(e164: str) -> None:
    phone = Phone.of(e164)
    for shown in (str(phone), repr(phone), f"{phone}", phone.masked):
        digits = shown.partition("•")[2].replace("•", "").rstrip("')")
        assert e164.endswith(digits)
        assert 2 <= len(digits) <= 4
        assert len(digits) * 2 <= len(phone.national)


def test_the_mask_is_as_long_as_the_number() -> None:
    assert Phone.of(EXAMPLE).masked == "+91••••••3210"


def test_a_number_taken_apart_is_put_together_again() -> None:
    phone = Phone.of(EXAMPLE)
    assert (phone.country_code, phone.national, phone.region) == ("91", "9876543210", "IN")
    assert phone == parsed("98765 43210")
    assert len({phone, parsed(EXAMPLE)}) == 1


def test_a_number_whose_key_is_gone_is_false_and_shows_nothing() -> None:
    assert not Phone.UNREADABLE
    assert Phone.of(EXAMPLE)
    assert not any(char.isdigit() for char in Phone.UNREADABLE.masked)


# -- whatever is typed --------------------------------------------------------------------------

_typed = st.text(max_size=50) | st.text(
    "0123456789+＋()./-–\u00a0\u200b \t\n\x00٠९x,;abc", max_size=42
)


@given(_typed, st.sampled_from(["IN", "US", "GB", "XX", "", "001", "in"]))
@example("0" * 40, "IN")
@example("+" + "9" * 39, "IN")
@example("00", "IN")
@example("٣" * 40, "IN")
def test_whatever_is_typed_it_is_a_number_or_refused(text: str, region: str) -> None:
    with contextlib.suppress(InvalidPhoneNumber):
        phone = Phone.parse(text, region=region, served=(ANY,))
        assert phonenumbers.is_valid_number(phonenumbers.parse(phone.e164))
        assert Phone.of(phone.e164) == phone
        assert phone.e164.isascii()
        assert phone.e164[1:].isdigit()


@given(st.from_regex(r"9[0-9]{9}", fullmatch=True), st.sampled_from(SPELLINGS))
def test_what_holds_for_the_example_holds_for_any_number(national: str, spelling: str) -> None:
    chars = list(spelling)
    places = [place for place, char in enumerate(chars) if char.isdecimal()]
    for place, digit in zip(places[-10:], national, strict=True):
        chars[place] = digit
    with contextlib.suppress(InvalidPhoneNumber):
        plain = parsed(national)
        assert parsed("".join(chars)) == plain


@given(st.from_regex(r"\+[1-9][0-9]{5,14}", fullmatch=True))
def test_a_mask_never_shows_more_than_four_digits_of_what_is_behind_the_country(e164: str) -> None:
    with contextlib.suppress(phonenumbers.NumberParseException):
        phone = Phone.of(e164)
        shown = phone.masked.removeprefix(f"+{phone.country_code}")
        assert sum(char.isdigit() for char in shown) <= 4
        assert shown.startswith("••")


# -- the short way --------------------------------------------------------------------------------


def long_way(text: str, served: set[str]) -> Phone | str:
    """What libphonenumber says: a space takes the short way out of the question."""
    return said(f" {text}", served)


def said(text: str, served: set[str]) -> Phone | str:
    try:
        return Phone.parse(text, region="IN", served=served)
    except InvalidPhoneNumber as error:
        return error.reason


def example_mobile(region: str) -> phonenumbers.PhoneNumber | None:
    return phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)


@pytest.mark.parametrize(
    "region",
    [region for region in sorted(phonenumbers.SUPPORTED_REGIONS) if example_mobile(region)],
)
def test_the_short_way_says_what_libphonenumber_says(region: str) -> None:
    number = example_mobile(region)
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    draw = random.Random(region)
    for served in ({region}, {"ALL"}, {"IN"}):
        for _ in range(25):
            assert said(e164, served) == long_way(e164, served)
            changed = list(e164)
            changed[draw.randrange(2, len(e164))] = draw.choice("0123456789")
            e164 = "".join(changed)


@given(st.from_regex(r"\A\+91[0-9]{8,12}\Z"))
def test_the_short_way_says_the_same_of_any_indian_number(text: str) -> None:
    assert said(text, {"IN"}) == long_way(text, {"IN"})


def test_an_example_goes_the_short_way() -> None:
    assert _plain_mobile("+919876543210", {"IN"}) == ("91", "9876543210")
    assert _plain_mobile("+919876543210", {"DE"}) is None
    assert _plain_mobile("+12025550123", {"ALL"}) is None, "a country code of several countries"
