"""What an operator lets pass under a registered text, tried against the rule written twice."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp.dlt import Pattern, Variable, lines

SHOWN = "Your OTP is {#var#}. {#var#} never asks for it."


def difference(registered: str, text: str) -> str:
    said = Pattern.parse(registered).difference(text)
    assert said is not None
    return said


# -- what passes ----------------------------------------------------------------------------------


def test_the_words_to_the_letter_and_any_value_pass() -> None:
    pattern = Pattern.parse(SHOWN)
    assert pattern.passes("Your OTP is 482913. Acme Travel never asks for it.")
    assert pattern.difference("Your OTP is 482913. Acme Travel never asks for it.") is None


@pytest.mark.parametrize(
    "text",
    [
        "Your OTP is 482913. Acme never asks for it",
        "Your OTP is 482913. Acme never asks for it. ",
        "your OTP is 482913. Acme never asks for it.",
        "Your OTP  is 482913. Acme never asks for it.",
        "Your OTP is . Acme never asks for it.",
        "Your OTP is 482913.\nAcme never asks for it.",
        "Your OTP is 482913. Acme never asks for it.\n\n@acme.example #482913",
        "Your OTP is 48\n2913. Acme never asks for it.",
        "Your OTP is 482913. " + "A" * 31 + " never asks for it.",
        "",
    ],
)
def test_one_letter_more_less_or_other_does_not(text: str) -> None:
    assert not Pattern.parse(SHOWN).passes(text)
    assert Pattern.parse(SHOWN).difference(text)


def test_a_variable_holds_thirty_characters_and_two_hold_sixty() -> None:
    assert Pattern.parse("to {#var#}.").passes("to " + "x" * 30 + ".")
    assert not Pattern.parse("to {#var#}.").passes("to " + "x" * 31 + ".")
    assert Pattern.parse("to {#var#}{#var#}.").passes("to " + "x" * 60 + ".")
    assert not Pattern.parse("to {#var#}{#var#}.").passes("to " + "x" * 61 + ".")


def test_a_typed_variable_takes_only_its_kind() -> None:
    numeric, mixed = Pattern.parse("{#numeric#} is it"), Pattern.parse("{#alphanumeric#} has it")
    assert numeric.passes("482913 is it")
    for other in ("48291a is it", "48 2913 is it", "٤٨٢٩١٣ is it"):
        assert not numeric.passes(other)
    assert mixed.passes("Acme Travel 24 has it")
    assert mixed.passes("x" * 40 + " has it")
    assert not mixed.passes("x" * 41 + " has it")
    assert not mixed.passes("Acme & Co has it")


def test_a_pattern_is_read_as_it_is_pasted() -> None:
    one = Pattern.parse("{#var#} is it.\nBye {#var#}")
    for pasted in (
        "{#VAR#} is it.\\nBye {# var #}",
        "{#var#} is it.\r\nBye {#var#}\r\n",
        "\n{#var#} is it.\nBye {#var#}\n",
    ):
        assert Pattern.parse(pasted) == one
    assert lines("a\\nb\r\nc\nd") == "a\nb\nc\nd"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "no variable"),
        ("Your code is 482913.", "no variable"),
        ("{code} is it", "no variable"),
        ("{#url#} {#var#}", "only"),
        ("{##} {#var#}", "only"),
        ("{#var} is it", "must read"),
        ("{#var#} and #}", "must read"),
    ],
)
def test_what_is_no_registered_text_is_refused_with_what_to_do(text: str, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        Pattern.parse(text)


# -- what is said of it ---------------------------------------------------------------------------


def test_the_first_difference_is_named_where_it_stands() -> None:
    said = difference(SHOWN, "Your OTP is 482913. Acme does not ask for it.")
    assert said == (
        'after "…TP is 482913. Acme does " the registered text goes on with "never asks for it.",'
        ' the message with "not ask for it."'
    )


@pytest.mark.parametrize(
    ("registered", "text", "said"),
    [
        (
            "Your {#var#}",
            "your x",
            'after its beginning the registered text goes on with "Your ", the message with'
            ' "your x"',
        ),
        (
            "{#var#} is it. Bye",
            "1 is it.",
            'after "1 is it." the registered text goes on with " Bye", the message with nothing',
        ),
        ("{#var#} is it.", "1 is it. Bye", 'the registered text ends before " Bye"'),
        (
            "{#numeric#} is it",
            "x is it",
            'where {#numeric#} is registered, the message has "x is it"',
        ),
        (
            "to {#var#}.",
            "to " + "x" * 31 + ".",
            'a variable {#var#} would hold 31 characters ("xxxxxxxxxxxxxxxxxxxxxxxx…"), and may'
            " hold 30",
        ),
    ],
)
def test_what_differs_is_told_in_a_sentence(registered: str, text: str, said: str) -> None:
    assert difference(registered, text) == said


# -- the same rule, written a second time ---------------------------------------------------------

WORDS = st.text("ab .\n", min_size=1, max_size=6)
TAGS = st.sampled_from(["{#var#}", "{#numeric#}", "{#alphanumeric#}"])
FORMS = {
    "var": r"[^\n]{1,30}",
    "numeric": "[0-9]{1,30}",
    "alphanumeric": "[a-z0-9 ]{1,40}",
}


def as_regex(pattern: Pattern) -> str:
    return "".join(
        FORMS[piece.kind] if isinstance(piece, Variable) else re.escape(piece)
        for piece in pattern.pieces
    )


@st.composite
def patterns(draw: st.DrawFn) -> Pattern:
    pieces = draw(st.lists(st.one_of(WORDS, TAGS), min_size=1, max_size=5))
    return Pattern.parse("x" + "".join(pieces) + draw(TAGS))


@given(patterns(), st.data())
def test_it_passes_what_a_regular_expression_passes(pattern: Pattern, data: st.DataObject) -> None:
    form = as_regex(pattern)
    text = data.draw(
        st.one_of(st.from_regex(form, fullmatch=True), st.text("xab 1.\n", max_size=60))
    )
    matches = re.fullmatch(form, text, re.ASCII) is not None
    assert pattern.passes(text) is matches
    assert (pattern.difference(text) is None) is matches


@given(patterns(), st.data())
def test_a_changed_text_passes_only_if_the_expression_says_so(
    pattern: Pattern, data: st.DataObject
) -> None:
    form = as_regex(pattern)
    text = data.draw(st.from_regex(form, fullmatch=True))
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + data.draw(st.sampled_from(["", "b", "\n", "€", "1"])) + text[at + 1 :]
    assert pattern.passes(changed) is (re.fullmatch(form, changed, re.ASCII) is not None)


@given(st.text("ab {#}var\n", max_size=80), st.text("ab v\n", max_size=80))
def test_nothing_pasted_ends_in_anything_but_a_sentence(pasted: str, text: str) -> None:
    try:
        pattern = Pattern.parse(pasted)
    except ValueError:
        return
    said = pattern.difference(text)
    assert (said is None) is pattern.passes(text)
    assert said is None or "\n" not in said
