"""JSON Schemas in words.

A keyword for which there are no words is shown as it stands, so that nothing is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final

from markupsafe import Markup, escape

from otp.web.schemas import Json

_TYPES: Final = {"integer": "whole number", "boolean": "true or false", "array": "list"}
_FORMATS: Final = {"date-time": "a time (RFC 3339, UTC)", "ipv4": "IPv4", "ipv6": "IPv6"}
_BOUNDS: Final = {
    "minimum": "at least {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {}",
    "maxItems": "at most {}",
}
_SAID_ELSEWHERE: Final = {"description", "properties", "required"}


def type_of(schema: Json) -> Markup:
    """The schema in words, with links to the named ones that it refers to."""
    held = {key: value for key, value in schema.items() if key not in _SAID_ELSEWHERE}
    return Markup(", ").join(_phrases(held))


def _phrases(held: Json) -> Iterator[Markup]:
    """One phrase for each keyword of *held*, which is used up."""
    if "$ref" in held:
        yield Markup('<a href="/docs#{0}">{0}</a>').format(held.pop("$ref").rpartition("/")[2])
    if "type" in held:
        name = held.pop("type")
        yield escape(_TYPES.get(name, name))
    if "items" in held:
        yield Markup("each {}").format(type_of(held.pop("items")))
    if "allOf" in held:
        yield Markup(" and ").join(map(type_of, held.pop("allOf")))
    if "anyOf" in held:
        parts = [*map(type_of, held.pop("anyOf"))]
        is_long = any("," in part for part in parts)
        yield escape("; or " if is_long else " or ").join(parts)
    if "format" in held:
        name = held.pop("format")
        yield escape(_FORMATS.get(name, name))
    if (others := held.pop("additionalProperties", None)) is not None:
        if isinstance(others, bool):
            yield escape("with any members" if others else "with no other members")
        else:
            yield Markup("each member {}").format(type_of(others))
    if "const" in held:
        yield Markup("always {}").format(_code(held.pop("const")))
    if "enum" in held:
        yield Markup("one of {}").format(_listed(held.pop("enum")))
    if "x-extensible-enum" in held:
        yield Markup("today one of {}").format(_listed(held.pop("x-extensible-enum")))
    if {"minLength", "maxLength"} <= set(held):
        yield escape(f"{held.pop('minLength')} to {held.pop('maxLength')} characters")
    for key, words in _BOUNDS.items():
        if key in held:
            yield escape(words.format(held.pop(key)))
    if "pattern" in held:
        yield Markup("matching {}").format(_code(held.pop("pattern")))
    if (default := held.pop("default", None)) is not None:
        yield Markup("if left out {}").format(_code(default))
    if "examples" in held:
        yield Markup("such as {}").format(_listed(held.pop("examples")))
    for key, value in held.items():
        yield Markup("{} {}").format(key, _code(value))


def _code(value: object) -> Markup:
    written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return Markup("<code>{}</code>").format(written)


def _listed(values: Sequence[object]) -> Markup:
    return Markup(", ").join(map(_code, values))
