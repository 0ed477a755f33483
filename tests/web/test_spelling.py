from __future__ import annotations

from typing import Any

import pytest

from otp.web.spelling import type_of


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string"}, "string"),
        ({"type": "string", "maxLength": 3}, "string, at most 3 characters"),
        ({"type": "string", "minLength": 1, "maxLength": 3}, "string, 1 to 3 characters"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        (
            {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]},
            "whole number, at least 0; or null",
        ),
        ({"type": "array", "items": {"type": "string"}}, "list, each string"),
        ({"$ref": "#/components/schemas/Fault"}, '<a href="/docs#Fault">Fault</a>'),
        ({"type": "object", "additionalProperties": True}, "object, with any members"),
        (
            {"type": "object", "additionalProperties": {"type": "string"}},
            "object, each member string",
        ),
        ({"const": True}, "always <code>true</code>"),
        ({"x-extensible-enum": ["a", "b"]}, "today one of <code>a</code>, <code>b</code>"),
        ({"type": "string", "default": None, "description": "x"}, "string"),
    ],
)
def test_a_schema_is_said_in_words(schema: dict[str, Any], words: str) -> None:
    assert type_of(schema) == words


def test_a_keyword_without_words_is_shown_as_it_stands() -> None:
    said = type_of({"type": "integer", "multipleOf": 5})
    assert said == "whole number, multipleOf <code>5</code>"


def test_nothing_in_a_schema_becomes_markup() -> None:
    said = type_of({"type": "<i>", "pattern": "<b>", "const": "<u>", "enum": ["<s>"], "<q>": "<p>"})
    assert "<" not in said.replace("<code>", "").replace("</code>", "")


def test_a_schema_is_left_as_it_was() -> None:
    schema = {"type": "string", "maxLength": 3}
    type_of(schema)
    assert schema == {"type": "string", "maxLength": 3}
