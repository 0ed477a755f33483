"""A caller that holds every answer against the OpenAPI document, to the letter."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs
from flask.testing import FlaskClient
from werkzeug.test import TestResponse
from werkzeug.wrappers import Response

Json = dict[str, Any]


class Contract:
    """The document as a judge of answers.

    Callers ignore members that they do not know; this one refuses members that are not described.
    """

    def __init__(self, document: Json) -> None:
        self.document = document
        self._components = {
            "schemas": {
                name: _closed(schema, top=False)
                for name, schema in document["components"]["schemas"].items()
            }
        }
        self._validators: dict[str, jsonschema_rs.Validator] = {}
        self._paths = {
            path: re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)) for path in document["paths"]
        }

    def operation(self, method: str, path: str) -> Json | None:
        """What the document says of this method of this path."""
        for template, shape in self._paths.items():
            if shape.fullmatch(path):
                found: Json | None = self.document["paths"][template].get(method.lower())
                return found
        return None

    def validator(self, schema: Json, *, closed: bool) -> jsonschema_rs.Validator:
        key = json.dumps([schema, closed])
        if key not in self._validators:
            self._validators[key] = self._made(schema, closed)
        return self._validators[key]

    def _made(self, schema: Json, closed: bool) -> jsonschema_rs.Validator:
        schema = _closed(schema) if closed else schema
        components = self._components if closed else self.document["components"]
        return jsonschema_rs.validator_for(
            {**schema, "components": components}, validate_formats=True
        )

    def judge(self, operation: Json, answer: Response) -> None:
        """Raises unless status, media type, headers and body are as documented."""
        described = operation["responses"].get(str(answer.status_code))
        assert described, f"{operation['operationId']} may not answer {answer.status_code}"
        [(media_type, content)] = described["content"].items()
        assert answer.content_type == media_type
        value = answer.json if "json" in media_type else answer.text
        self.validator(content["schema"], closed=True).validate(value)
        for name, reference in described["headers"].items():
            header = self.document["components"]["headers"][name]
            assert reference == {"$ref": f"#/components/headers/{name}"}
            value = answer.headers.get(name)
            assert value is not None or not header.get("required"), f"no {name}"
            if value is not None:
                number = header["schema"].get("type") == "integer"
                self.validator(header["schema"], closed=False).validate(
                    int(value) if number else value
                )


@dataclass
class Caller:
    """Asks, lets the contract judge the answer, and remembers what was seen."""

    client: FlaskClient
    contract: Contract
    seen: set[tuple[str, int, str]] = field(default_factory=set)

    def ask(
        self, method: str, path: str, key: str = "", headers: Json | None = None, **more: Any
    ) -> TestResponse:
        sent = {**({"Authorization": f"Bearer {key}"} if key else {}), **(headers or {})}
        answer = self.client.open(path, method=method, headers=sent, **more)
        operation = self.contract.operation(method, path.partition("?")[0])
        assert operation, f"{method} {path} is not documented"
        self.contract.judge(operation, answer)
        word = answer.json.get("error", "") if answer.is_json else ""
        self.seen.add((operation["operationId"], answer.status_code, word))
        return answer


def _closed(schema: Any, *, top: bool = True) -> Any:
    """The schema with nothing allowed that it does not name; *top* False: but for its own level,
    since others may add to it."""
    schema = copy.copy(schema)
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    for name in ("items", "additionalProperties"):
        if name in schema:
            schema[name] = _closed(schema[name])
    for name in ("allOf", "oneOf", "anyOf"):
        if name in schema:
            schema[name] = [_closed(part, top=False) for part in schema[name]]
    if "properties" in schema:
        schema["properties"] = {k: _closed(v) for k, v in schema["properties"].items()}
    if top and ({"$ref", "allOf", "oneOf", "properties"} & set(schema)):
        schema["unevaluatedProperties"] = False
    return schema
