"""What a setting says of itself: the one source of `flask settings` and docs/settings.md.

A setting is a field of a dataclass, annotated with its `Setting` and the validators that turn its
text into its value. Validators may look at the fields before it, through pydantic's
`ValidationInfo`. A problem of one field never hides that of another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """*default* is written as an operator would write it; None: it is required.

    *demo* is the default of demo mode where that is another. *shown* describes a default that
    depends on other settings. *name* is that of the variable where it is not the field's, both
    without what the variables of its kind begin with. *mask* makes a value fit to be shown.
    """

    meaning: str
    default: str | None = None
    demo: str | None = None
    shown: str | None = None
    name: str | None = None
    mask: Callable[[str], str] = str

    def default_for(self, demo: bool) -> str | None:
        return self.demo if demo and self.demo is not None else self.default


@cache
def settings_of(kind: type) -> dict[str, tuple[str, Setting]]:
    """The fields of *kind* that are settings: variable name to field and description."""
    found = {}
    for field, hint in get_type_hints(kind, include_extras=True).items():
        for note in get_args(hint)[1:]:
            if isinstance(note, Setting):
                found[note.name or field.upper()] = (field, note)
    return found


def build(
    kind: type[T], texts: Mapping[str, str], *, prefix: str, demo: bool, **rest: Any
) -> tuple[T | None, dict[str, str]]:
    """One *kind* from texts by variable name, or None; and what is wrong, by variable name.

    *rest* are fields that do not come from a text.
    """
    names = {}
    values: dict[str, Any] = {}
    described: type = kind
    for name, (field, setting) in settings_of(described).items():
        names[field] = prefix + name
        text = texts.get(prefix + name, setting.default_for(demo))
        if text is not None:
            values[field] = text
    try:
        built: T = _adapter(described).validate_python(values | rest)
        return built, {}
    except ValidationError as failed:
        return None, {
            names[str(error["loc"][0])]: _sentence(error)
            for error in failed.errors(include_url=False, include_input=False)
        }


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _sentence(error: Mapping[str, Any]) -> str:
    return "is required" if error["type"] == "missing" else str(error["ctx"]["error"])
