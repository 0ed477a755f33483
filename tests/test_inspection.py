"""What is found in a text before anybody is sent it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from otp.inspection import Finding, Severity, Use, inspect, labels
from otp.message import Template

DEFAULT = "{code} is your {service} code. It is valid for {minutes} minutes. Do not share it."
REGISTERED = "{#var#} is your {#var#} code. It is valid for {#var#} minutes. Do not share it."
HOST = "login.acme-travel.example"
SERVICE = "Acme Travel"


def found(
    text: str = DEFAULT,
    *,
    service: str = SERVICE,
    origin: str | None = None,
    app_hash: str | None = None,
    **use: Any,
) -> dict[str, Finding]:
    asked: dict[str, Any] = {
        "code_length": 6,
        "code_life": timedelta(minutes=10),
        "names": (service,),
        "registered": REGISTERED if text == DEFAULT else "",
        **use,
    }
    inspection = inspect(Template(text, service, origin, app_hash), Use(**asked))
    kinds = [finding.kind for finding in inspection.findings]
    assert [*kinds] == [
        finding.kind for finding in sorted(inspection.findings, key=lambda one: -one.severity)
    ]
    return {finding.kind: finding for finding in inspection.findings}


def error(text: str = DEFAULT, **use: Any) -> str:
    """The sentence of the one thing that does not fit."""
    [wrong] = [one for one in found(text, **use).values() if one.severity is Severity.ERROR]
    return wrong.sentence


# -- what an operator compares --------------------------------------------------------------------


def test_a_text_that_is_registered_fits_and_nothing_is_doubtful() -> None:
    assert found() == {}


def test_a_text_that_differs_does_not_fit() -> None:
    said = error(registered=REGISTERED.replace("code", "OTP"))
    assert "is not the registered one" in said
    assert '"OTP. It is valid for "' in said
    assert "last line" not in said


def test_an_unregistered_last_line_does_not_fit_and_both_ways_out_are_told() -> None:
    said = error(origin=HOST, switch="OTP_MESSAGE_ORIGIN=0")
    assert "Only the last line is too much" in said
    assert "is not certain" in said
    assert "OTP_MESSAGE_ORIGIN=0" in said
    assert f'ending in "\\n\\n@{HOST} #{{#var#}}"' in said
    assert found(origin=HOST, registered=f"{REGISTERED}\\n\\n@{HOST} #{{#var#}}") == {}


def test_an_unregistered_app_hash_is_a_last_line_too() -> None:
    said = error(app_hash="FA+9qCX9VSu")
    assert "Only the last line is too much" in said
    assert 'ending in "\\n\\nFA+9qCX9VSu"' in said
    assert found(app_hash="FA+9qCX9VSu", registered=f"{REGISTERED}\n\nFA+9qCX9VSu") == {}


def test_a_registered_last_line_that_is_left_out_does_not_fit() -> None:
    said = error(registered=f"{REGISTERED}\n\n@{HOST} #{{#var#}}")
    assert 'goes on with "\\n\\n@login.' in said
    assert "the message with nothing" in said


def test_another_last_line_than_the_registered_does_not_fit() -> None:
    assert "Only" not in error(origin=HOST, registered=f"{REGISTERED}\n\n@acme.example #{{#var#}}")


def test_every_code_and_every_minute_must_fit_and_not_only_the_first_ones() -> None:
    """A message that is tried again has fewer minutes; a portal may show them as words."""
    said = error(registered=REGISTERED.replace("{#var#} minutes", "10 minutes"))
    assert '"10 minutes. Do not share…", the message with "9 minutes.' in said
    assert (
        found(
            DEFAULT.replace("{minutes}", "10"),
            registered=REGISTERED.replace("{#var#} minutes", "10 minutes"),
        )
        == {}
    )
    assert "registered" in found(registered=REGISTERED.replace("{#var#} is", "482913 is"))


def test_a_name_may_stand_in_the_registered_words() -> None:
    assert found(registered=REGISTERED.replace("your {#var#}", f"your {SERVICE}")) == {}
    assert "registered" in found(registered=REGISTERED.replace("your {#var#}", "your Acme"))


def test_a_variable_that_is_too_long_is_told_with_its_length() -> None:
    assert "would hold 31 characters" in error(service="A" * 31)
    assert found(service="A" * 30) == {}
    numeric = REGISTERED.replace("{#var#} is", "{#numeric#} is")
    assert found(registered=numeric, code_length=10) == {}


def test_an_id_without_a_text_to_compare_is_doubtful_and_none_at_all_is_noted() -> None:
    one = found(registered="", template_id="1107161234567890123")["unregistered"]
    assert one.severity is Severity.WARNING
    assert "1107161234567890123" in one.sentence
    assert found(registered="")["no_id"].severity is Severity.NOTE
    assert found(registered="", india=False) == {}


@pytest.mark.parametrize(
    "text", ["{code} <#> Acme Travel: never share", "{code}  Acme Travel: never share"]
)
def test_what_no_registered_text_may_hold_is_doubtful_in_india(text: str) -> None:
    assert found(text)["forbidden"].severity is Severity.WARNING
    assert "forbidden" not in found(text, india=False)


# -- what it costs --------------------------------------------------------------------------------


def test_one_odd_character_that_doubles_the_price_is_named() -> None:
    text = (
        "{code} is your {service} code – valid for {minutes} minutes. Do not share it. " + "a" * 30
    )
    said = found(text)["unicode"]
    assert said.severity is Severity.WARNING
    assert "– (U+2013 en dash)" in said.sentence
    assert "2 SMS parts in place of 1" in said.sentence


def test_a_language_that_needs_unicode_is_not_blamed_for_it_within_two_parts() -> None:
    hindi = "{code} आपका Acme Travel कोड है। यह दस मिनट तक मान्य है। इसे किसी को न बताएं।"
    assert found(hindi, locale="hi").keys() == {"no_id", "unread"}
    assert "parts" not in found(hindi + "क" * 52, locale="hi")
    assert "3 SMS parts" in found(hindi + "क" * 70, locale="hi")["parts"].sentence


def test_a_plain_text_of_two_parts_is_doubtful() -> None:
    assert "2 SMS parts" in found(DEFAULT + "a" * 90)["parts"].sentence
    assert "parts" not in found(DEFAULT + "a" * 70)


def test_what_a_gateway_would_replace_goes_out_as_unicode_and_is_told() -> None:
    assert "U+005E" in found(DEFAULT + " ^")["unicode"].sentence


# -- how it reads ---------------------------------------------------------------------------------


def test_a_code_behind_the_first_part_is_doubtful() -> None:
    late = "Acme Travel: never share. " + "a" * 124
    assert "late_code" not in found(late[:147] + "{code}" + "a" * 20)
    assert "late_code" in found(late[:148] + "{code}" + "a" * 20)
    assert "late_code" not in found(late[:148] + "{code}")
    assert "late_code" in found("क" * 62 + "{code} Acme Travel")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("2 steps: {code} is your Acme Travel code. Never share it.", "digits"),
        ("{code} is your Acme Travel code. Call 1800 for help, never share it.", "digits"),
        ("{code} is your code. Never share it.", "unnamed"),
        ("{code} is your Acme Travel code for https://acme.example. Never share it.", "link"),
        ("{code} is your Acme Travel code, WWW.acme.example. Never share it.", "link"),
        ("{code} is your Acme Travel code.", "no_warning"),
    ],
)
def test_what_is_missing_or_too_much_for_people_is_doubtful(text: str, kind: str) -> None:
    assert found(text).keys() == {"no_id", kind}
    assert found(text)[kind].severity is Severity.WARNING


def test_any_of_its_names_names_the_service() -> None:
    assert "unnamed" not in found("{code}: Corner shop", names=(SERVICE, "corner SHOP"))
    assert "unnamed" in found("{code}: Corner shop", names=(SERVICE, ""))


def test_the_last_line_must_be_one_that_browsers_read() -> None:
    assert "origin" not in found(origin=HOST)
    assert "origin" in found(origin="[::1]")
    assert "origin" in found(origin="Acme.example")


def test_an_app_gets_no_message_of_more_than_140_bytes() -> None:
    rest = 140 - len("\n\nFA+9qCX9VSu") - len("482913") - len(" Acme Travel: never share. ")
    fits = "{code} Acme Travel: never share. " + "a" * rest
    assert "android" not in found(fits, app_hash="FA+9qCX9VSu")
    assert "has 141 bytes" in error(fits + "a", app_hash="FA+9qCX9VSu")
    assert "has 141 bytes" in error(fits, app_hash="FA+9qCX9VSu", code_length=7)
    assert "has 142 bytes" in error(fits[:-1] + "न", app_hash="FA+9qCX9VSu")


def test_each_finding_is_a_line_with_its_weight() -> None:
    heavy = found("{code}", registered="{#var#} is", app_hash="x" * 130)
    told = labels(list(heavy.values()))
    assert told[0].startswith("does not fit: is not the registered one")
    assert {line.partition(":")[0] for line in told} == {"does not fit", "warning"}
    assert all("\n" not in line and line.endswith(".") for line in told)
