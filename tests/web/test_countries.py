from __future__ import annotations

from phonenumbers import SUPPORTED_REGIONS

from otp.phone import ANY
from otp.web.countries import NAMES, Country, served


def test_every_country_with_numbers_has_a_name() -> None:
    assert set(NAMES) == SUPPORTED_REGIONS
    assert all(name != region and name == name.strip() for region, name in NAMES.items())


def test_only_the_served_ones_are_listed_by_name() -> None:
    assert served({"IN", "GB"}) == (
        Country("IN", "India", 91),
        Country("GB", "United Kingdom", 44),
    )


def test_all_are_listed_where_any_is_served_letters_with_marks_among_their_own() -> None:
    names = [country.name for country in served({ANY})]
    assert len(names) == len(SUPPORTED_REGIONS)
    assert names.index("Afghanistan") < names.index("Åland Islands") < names.index("Belgium")
