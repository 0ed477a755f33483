"""The JSON Schemas of the OpenAPI document: of bodies, of answers, of each problem."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from otp.web import answers
from otp.web.kinds import KINDS, Kind
from otp.web.operations import RESERVED, Operation

Json = dict[str, Any]

_REF: Final = "#/components/schemas/{model}"


class _Plain(GenerateJsonSchema):
    """Without the titles, which only say the names again."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


class Schemas:
    """Every schema under its name, and how to refer to one."""

    def __init__(self, operations: Iterable[Operation], public_url: str) -> None:
        self.public_url = public_url
        forms = {form for row in operations for answer in row.answers for form in answer.forms}
        bodies = {row.body for row in operations if row.body}
        # Made by `_problem` out of their members; they are no schemas of their own.
        parts: set[Any] = {answers.Problem, answers.Extensions}
        modes: dict[Any, JsonSchemaMode] = dict.fromkeys(forms | parts, "serialization")
        modes |= dict.fromkeys(bodies, "validation")
        inputs = [(form, modes[form], TypeAdapter(form)) for form in sorted(modes, key=str)]
        made, definitions = TypeAdapter.json_schemas(
            inputs, ref_template=_REF, schema_generator=_Plain
        )
        self._of = {form: schema for (form, _), schema in made.items()}
        told = str((self._of, definitions))
        self.all: Json = {
            name: {key: value for key, value in schema.items() if key != "title"}
            for name, schema in definitions["$defs"].items()
            # One of a type that writes its own schema is made all the same.
            if f"'{_REF.format(model=name)}'" in told
        }
        self._standard = self.all.pop("Problem")
        self._extensions = self.all.pop("Extensions")["properties"]
        words = {word for row in operations for word in row.words}
        for word in sorted(words | {"method_not_allowed", "not_found"}):
            self.all[_name(KINDS[word])] = self._problem(KINDS[word])

    def of(self, *forms: Any) -> Json:
        """One object that is all of *forms*."""
        found = [self._of[form] for form in forms]
        return found[0] if len(found) == 1 else {"allOf": found}

    def of_value(self, form: Any) -> Json:
        """The schema of a value outside of a body, in full."""
        return TypeAdapter(form).json_schema(schema_generator=_Plain)

    def of_problems(self, kinds: Sequence[Kind]) -> Json:
        refs = {kind.word: _REF.format(model=_name(kind)) for kind in kinds}
        if len(refs) == 1:
            return {"$ref": refs[kinds[0].word]}
        return {
            "oneOf": [{"$ref": ref} for ref in refs.values()],
            "discriminator": {"propertyName": "error", "mapping": refs},
        }

    def _problem(self, kind: Kind) -> Json:
        standard, extensions = self._standard, self._extensions
        fixed = {
            "type": f"{self.public_url}/problems/{kind.word}",
            "status": kind.status,
            "error": kind.word,
        }
        properties = {
            name: schema | ({"const": fixed[name]} if name in fixed else {})
            for name, schema in standard["properties"].items()
        }
        properties |= {name: extensions[name] for name in (*kind.members, *kind.at_times)}
        reserved = "Reserved: not said today, but be ready for it. "
        return {
            "type": "object",
            "description": f"{reserved if kind.word in RESERVED else ''}"
            f"{kind.title}. {kind.meaning} {kind.advice}",
            "properties": properties,
            "required": [*standard["required"], *kind.members],
        }


def _name(kind: Kind) -> str:
    return "".join(part.capitalize() for part in kind.word.split("_")) + "Problem"
