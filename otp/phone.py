"""A phone number as the rest of the service knows it: E.164, and masked unless asked.

What people type is tidied here, once, at the edge. Letters are refused although libphonenumber
would map them to keys: "+91 98765 HELLO" is a stranger's number.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from typing import ClassVar, Final

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType, ValidationResult

from otp.errors import InvalidPhoneNumber

ANY: Final = "ALL"
"""The explicit word for: every country."""

NUMBERS: Final = "9.0.42"
NUMBERS_OF: Final = date(2026, 10, 27)
"""The release of the number metadata that is locked in requirements.txt, and its day."""

_LONGEST_INPUT: Final = 40
_E164: Final = re.compile(r"\+([1-9][0-9]{6,14})")
_SHAPE: Final = re.compile(r"\(?\+{0,2}[0-9()./ -]+")
_MOBILE: Final = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
_REASONS: Final = {
    ValidationResult.TOO_SHORT: "too_short",
    ValidationResult.TOO_LONG: "too_long",
}


@dataclass(frozen=True, slots=True, repr=False)
class Phone:
    """A number in E.164, taken apart behind its country code. Its `str` and `repr` are masked."""

    country_code: str
    national: str

    UNREADABLE: ClassVar[Phone]
    """Stands for a stored number whose secret key is gone; it is never sent to."""

    @property
    def e164(self) -> str:
        """The number in full, `+919876543210`. For the provider, the proof and the seal only."""
        return f"+{self.country_code}{self.national}"

    @property
    def masked(self) -> str:
        """`+91••••••3210`: at most the last four digits, fewer of a short number."""
        shown = 4 if len(self.national) >= 8 else 2
        hidden = max(len(self.national) - shown, 2)
        return f"+{self.country_code}{'•' * hidden}{self.national[-shown:]}"

    @property
    def region(self) -> str | None:
        """The ISO code of the number's country, or None where there is none."""
        return phonenumbers.region_code_for_number(
            phonenumbers.PhoneNumber(
                country_code=int(self.country_code), national_number=int(self.national)
            )
        )

    @property
    def is_possible(self) -> bool:
        """Whether its country has mobiles with numbers of this length."""
        number = phonenumbers.PhoneNumber(
            country_code=int(self.country_code), national_number=int(self.national)
        )
        return phonenumbers.is_possible_number_for_type(number, PhoneNumberType.MOBILE)

    def __bool__(self) -> bool:
        return bool(self.national)

    def __str__(self) -> str:
        return self.masked

    def __repr__(self) -> str:
        return f"Phone({self.masked!r})"

    @classmethod
    def of(cls, e164: str) -> Phone:
        """The value of a number that is already known to be E.164."""
        number = phonenumbers.parse(e164)
        return cls(str(number.country_code), e164[len(str(number.country_code)) + 1 :])

    @classmethod
    def parse(
        cls,
        text: str,
        *,
        region: str,
        served: Collection[str],
        allow: tuple[str, ...] = (),
    ) -> Phone:
        """What a person typed, as a number that may be texted.

        *region* is the country of a number written without its code; a leading + or 00 beats
        it. *served* are the ISO codes that may be texted, or `ANY`. A number under one of the
        *allow* prefixes is served whatever the number metadata says about it.

        Raises `InvalidPhoneNumber` and says why; never repeats the text.
        """
        if plain := _plain_mobile(text, served):
            return cls(*plain)
        number = _parsed(text, region)
        e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
        if not (allow and e164.startswith(allow)):
            _must_be_served(number, served)
        code = str(number.country_code)
        return cls(code, e164[len(code) + 1 :])


Phone.UNREADABLE = Phone("", "")


def _plain_mobile(text: str, served: Collection[str]) -> tuple[str, str] | None:
    """Country code and national number of what is plainly a served mobile in E.164; None: look.

    Applications send numbers in E.164, and libphonenumber takes as long for one as for the
    strangest spelling. This asks the same metadata a smaller question.
    """
    found = _E164.fullmatch(text)
    if not found:
        return None
    digits = found[1]
    countries = _lone_countries(frozenset(served))
    for length in (1, 2, 3):  # no country code is the beginning of another
        code = digits[:length]
        if region := countries.get(code):
            national = digits[length:]
            return (code, national) if _mobiles(region)(national) else None
    return None


@lru_cache(maxsize=8)
def _lone_countries(served: frozenset[str]) -> dict[str, str]:
    """The served countries that have a country code to themselves, by it."""
    return {
        str(code): regions[0]
        for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()
        if len(regions) == 1 and regions[0] != "001" and (ANY in served or regions[0] in served)
    }


@cache
def _mobiles(region: str) -> Callable[[str], bool]:
    """Whether national digits are a mobile number of *region* and could be nothing else."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    if metadata is None:
        return lambda _: False
    mobile, general = metadata.mobile, metadata.general_desc
    if not (mobile and mobile.national_number_pattern and general):
        return lambda _: False
    others = (
        metadata.premium_rate,
        metadata.toll_free,
        metadata.shared_cost,
        metadata.voip,
        metadata.personal_number,
        metadata.pager,
        metadata.uan,
        metadata.voicemail,
    )
    patterns = [kind.national_number_pattern for kind in others if kind]
    any_other = "|".join(f"(?:{pattern})" for pattern in patterns if pattern)
    is_other = re.compile(any_other or r"(?!)").fullmatch
    is_mobile = re.compile(mobile.national_number_pattern).fullmatch
    is_any = re.compile(general.national_number_pattern or r"(?!)").fullmatch
    lengths = set(mobile.possible_length or general.possible_length)
    # What begins like a trunk prefix may be read without it.
    trunk = re.compile(metadata.national_prefix_for_parsing or r"(?!)").match

    def is_plain(national: str) -> bool:
        return bool(
            len(national) in lengths
            and is_mobile(national)
            and is_any(national)
            and not is_other(national)
            and not trunk(national)
            and not national.startswith("0")
        )

    return is_plain


def _parsed(text: str, region: str) -> phonenumbers.PhoneNumber:
    tidy = _tidied(text)
    if tidy is None:
        raise InvalidPhoneNumber("not_a_number")
    try:
        return phonenumbers.parse(tidy, region)
    except phonenumbers.NumberParseException as problem:
        kind = phonenumbers.NumberParseException
        raise InvalidPhoneNumber(
            {kind.TOO_SHORT_NSN: "too_short", kind.TOO_SHORT_AFTER_IDD: "too_short"}.get(
                problem.error_type,
                "too_long" if problem.error_type == kind.TOO_LONG else "not_a_number",
            )
        ) from None


def _must_be_served(number: phonenumbers.PhoneNumber, served: Collection[str]) -> None:
    if not phonenumbers.is_valid_number(number):
        # Of a mobile: other kinds of the country may be longer or shorter, and hide the mistake.
        possible = phonenumbers.is_possible_number_for_type_with_reason(
            number, PhoneNumberType.MOBILE
        )
        raise InvalidPhoneNumber(_REASONS.get(possible, "not_a_number"))
    region = phonenumbers.region_code_for_number(number)
    # "001" is no country: satellite networks and global services, priced like neither.
    if region in (None, "001") or (ANY not in served and region not in served):
        raise InvalidPhoneNumber("country_not_served")
    if phonenumbers.number_type(number) not in _MOBILE:
        raise InvalidPhoneNumber("not_mobile")


def _tidied(text: str) -> str | None:
    """ASCII digits and the usual marks, or None if anything else is in it."""
    if len(text) > _LONGEST_INPUT:
        return None
    out = []
    for char in text:
        digit = unicodedata.decimal(char, None)
        if digit is not None:
            out.append(str(digit))
        elif char in "+＋":
            out.append("+")
        elif unicodedata.category(char) in ("Zs", "Cf", "Pd") or char in "\t\N{MINUS SIGN}":
            out.append(" ")
        else:
            out.append(char)
    tidy = "".join(out).strip()
    if not _SHAPE.fullmatch(tidy):
        return None
    return f"+{tidy[2:]}" if tidy.startswith("00") else tidy
