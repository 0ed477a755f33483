"""Which stored text a message takes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp.message import Template
from otp.wording import Key, LastLine, Phrase, Wording, choose, tidy_locale

TEN = timedelta(minutes=10)
TEXT = "{code} is your {service} code. Do not share it."


def stored(*keys: Key) -> dict[Key, Phrase]:
    return {key: Phrase(Template(f"{{code}} {'/'.join(key)}", "Acme")) for key in keys}


def chosen(among: dict[Key, Phrase], *key: str) -> Key | None:
    client, purpose, locale = key
    phrase = choose(among, (client, purpose, locale))
    return next((known for known, its in among.items() if its is phrase), None)


ALL = stored(
    *(
        (client, purpose, locale)
        for client in ("acme", "")
        for purpose in ("pay", "")
        for locale in ("hi-IN", "hi", "")
        if client or purpose or locale
    )
)
ORDER: list[Key] = [
    ("acme", "pay", "hi-IN"),
    ("acme", "pay", "hi"),
    ("acme", "pay", ""),
    ("acme", "", "hi-IN"),
    ("acme", "", "hi"),
    ("acme", "", ""),
    ("", "pay", "hi-IN"),
    ("", "pay", "hi"),
    ("", "pay", ""),
    ("", "", "hi-IN"),
    ("", "", "hi"),
]


def test_the_client_counts_before_the_purpose_and_that_before_the_language() -> None:
    among = dict(ALL)
    for key in ORDER:
        assert chosen(among, "acme", "pay", "hi-IN") == key
        del among[key]
    assert not among
    assert choose(among, ("acme", "pay", "hi-IN")) is None


@pytest.mark.parametrize("locale", ["hi-IN", "hi_in", "HI-in", "hi-IN-x-private", "hi-IN-1994"])
def test_a_language_falls_back_to_the_nearest(locale: str) -> None:
    assert chosen(stored(("", "", "hi-IN"), ("", "", "hi")), "a", "", locale) == ("", "", "hi-IN")
    assert chosen(stored(("", "", "hi")), "acme", "", locale) == ("", "", "hi")
    assert chosen(stored(("", "", "en")), "acme", "", locale) is None


@pytest.mark.parametrize("locale", ["", "h", "hi\n", "hi IN", "hi--IN", "हि", "../hi", "hi-" * 20])
def test_what_is_no_language_is_every_language(locale: str) -> None:
    assert chosen(stored(("", "", "hi"), ("acme", "", "")), "acme", "", locale) == ("acme", "", "")


WORDS = st.sampled_from(["", "a", "b"])
LOCALES = st.sampled_from(["", "hi", "hi-IN", "en", "en-GB", "zh-Hant-TW", "zh-Hant"])
KEYS = st.tuples(WORDS, WORDS, LOCALES)


@given(st.sets(KEYS), KEYS)
def test_what_is_chosen_fits_and_nothing_that_fits_is_more_specific(
    keys: set[Key], asked: Key
) -> None:
    def fits(key: Key) -> bool:
        mine, theirs = key[2], asked[2]
        of_language = mine in ("", theirs) or theirs.startswith(f"{mine}-")
        return key[0] in ("", asked[0]) and key[1] in ("", asked[1]) and of_language

    fitting = [key for key in keys if fits(key)]
    best = max(fitting, key=lambda key: (key[0], key[1], len(key[2])), default=None)
    assert chosen(stored(*keys), *asked) == best


# -- what can be one ------------------------------------------------------------------------------


def wording(**fields: Any) -> Wording:
    return Wording(**{"locale": "hi", "text": TEXT, **fields})


def test_its_last_line_is_the_host_an_app_or_none() -> None:
    def lines(**fields: Any) -> list[str]:
        return wording(**fields).template("Acme", "acme.example").render("482913", TEN).split("\n")

    assert lines()[1:] == ["", "@acme.example #482913"]
    assert lines(last_line=LastLine.NONE)[1:] == []
    app = lines(last_line=LastLine.ANDROID, app_hash="FA+9qCX9VSu")
    assert app == ["482913 is your Acme code. Do not share it.", "", "FA+9qCX9VSu"]


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"locale": ""}, "name one"),
        ({"purpose": "Log In"}, "purpose"),
        ({"purpose": "x" * 41}, "purpose"),
        ({"locale": "hi_in"}, "hi-IN"),
        ({"locale": "h"}, "language tag"),
        ({"template_id": "11 07"}, "digits"),
        ({"template_id": "1107a"}, "digits"),
        ({"last_line": LastLine.ANDROID}, "11 of"),
        ({"last_line": LastLine.ANDROID, "app_hash": "FA+9qCX9VSuX"}, "11 of"),
        ({"last_line": LastLine.ANDROID, "app_hash": "FA+9qCX9V\nu"}, "11 of"),
        ({"app_hash": "FA+9qCX9VSu"}, "android only"),
        ({"text": "no code"}, "exactly once"),
        ({"text": "Your OTP is {#var#}"}, "stand where a registered text has"),
        ({"text": "{code}\x07"}, "control"),
        ({"registered": "no variable"}, "no variable"),
    ],
)
def test_what_can_be_no_message_is_refused_with_what_to_do(
    fields: dict[str, Any], word: str
) -> None:
    with pytest.raises(ValueError, match=word):
        wording(**fields)


def test_a_language_is_written_in_one_way() -> None:
    for text, tidy in {"HI": "hi", "en_gb": "en-GB", "ZH-hant-tw": "zh-Hant-TW"}.items():
        assert tidy_locale(text) == tidy
        assert wording(locale=tidy).locale == tidy


def test_it_names_itself_as_it_is_typed() -> None:
    assert wording(client_id="cli_1", purpose="pay").options == (
        "--client cli_1 --purpose pay --locale hi"
    )
