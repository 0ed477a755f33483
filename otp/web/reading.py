"""The OpenAPI document as a person reads it: the operations, what they take, what they answer.

Read is the document alone, so the page cannot say anything else than programs are told.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from markupsafe import Markup

from otp.web.problems import CONTENT_TYPE
from otp.web.schemas import Json
from otp.web.spelling import type_of

_TOKENS: Final = {"key": "$KEY", "webhook": "$WEBHOOK_SECRET", "operator": "$METRICS_TOKEN"}
_PLACES: Final = {"query": "in the query", "path": "in the path", "header": "a header"}


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a body, or one parameter."""

    name: str
    type: Markup
    is_required: bool
    meaning: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """A schema with a name: its members, or for a plain value its *type*."""

    name: str
    meaning: str
    type: Markup
    members: Sequence[Member]


@dataclass(frozen=True, slots=True)
class Body:
    """What a request carries. *is_closed*: members that are not named here are refused."""

    media_type: str
    is_required: bool
    is_closed: bool
    meaning: str
    members: Sequence[Member]


@dataclass(frozen=True, slots=True)
class Success:
    """An answer that is no problem. *headers* are those that not every answer has."""

    status: int
    meaning: str
    type: Markup
    media_type: str
    headers: Sequence[str]
    example: object
    leads_to: Mapping[str, str]
    """Operations on what was answered, by their id."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. *id* is its anchor too: it stays, whatever becomes of the page."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    scheme: str
    curl: str
    parameters: Sequence[Member]
    body: Body | None
    successes: Sequence[Success]
    words: Mapping[int, Sequence[str]]
    """The problems that it may answer, by their status."""


class Reading:
    """One document, opened.

    *extensions* is what single problems say besides, by their words, and *meanings* their status
    and what they mean; *standard* is what every problem says, and any path may answer those in
    *everywhere*. *carriers* has, for each header, the statuses of the answers that carry it; none:
    all do.
    """

    def __init__(self, document: Json) -> None:
        self.document = document
        schemas = document["components"]["schemas"].values()
        problems = {_word(schema): schema for schema in schemas if _is_problem(schema)}
        common = set.intersection(*(set(schema["properties"]) for schema in problems.values()))
        self.meanings = {
            word: (_status(schema), schema["description"]) for word, schema in problems.items()
        }
        self.extensions = {
            word: [one for one in _members(schema) if one.name not in common]
            for word, schema in problems.items()
        }
        self.standard = [
            Member(name, type_of({"type": held["type"]}), True, held.get("description", ""))
            for name, held in next(iter(problems.values()))["properties"].items()
            if name in common
        ]
        self.everywhere = [*document["components"]["responses"]]
        self.carriers = self._carriers()
        self.operations = [*self._operations()]

    def shapes(self) -> Iterator[Shape]:
        """Every schema that is shown nowhere else: of no problem, and of no request's body."""
        bodies = [
            schema.get("$ref", "")
            for _, _, said in self._said()
            for schema in _schemas(said.get("requestBody", {}))
        ]
        for name, schema in self.document["components"]["schemas"].items():
            if not _is_problem(schema) and f"#/components/schemas/{name}" not in bodies:
                meaning = schema.get("description", "")
                yield Shape(name, meaning, type_of(schema), _members(schema))

    def _operations(self) -> Iterator[Operation]:
        for path, method, said in self._said():
            [scheme] = [name for row in said["security"] for name in row] or [""]
            answers = said["responses"].items()
            yield Operation(
                id=said["operationId"],
                method=method.upper(),
                path=path,
                summary=said["summary"],
                description=said["description"],
                scheme=scheme,
                curl=self._curl(method.upper(), path, said, scheme),
                parameters=[*map(_parameter, self._parameters(said))],
                body=self._body(said.get("requestBody")),
                successes=[
                    self._success(int(status), answer)
                    for status, answer in answers
                    if CONTENT_TYPE not in answer["content"]
                ],
                words={
                    int(status): [_word(self._resolved(schema)) for schema in _schemas(answer)]
                    for status, answer in answers
                    if CONTENT_TYPE in answer["content"]
                },
            )

    def _said(self) -> Iterator[tuple[str, str, Json]]:
        for path, methods in self.document["paths"].items():
            for method, said in methods.items():
                yield path, method, said

    def _carriers(self) -> Mapping[str, Sequence[int]]:
        said = [row for _, _, said in self._said() for row in said["responses"].items()]
        said += [
            (_status(self._resolved(schema)), answer)
            for answer in self.document["components"]["responses"].values()
            for schema in _schemas(answer)
        ]
        having = {
            name: [int(status) for status, answer in said if name in answer["headers"]]
            for name in self.document["components"]["headers"]
        }
        return {
            name: sorted(set(statuses)) if len(statuses) < len(said) else []
            for name, statuses in having.items()
        }

    def _parameters(self, said: Json) -> Sequence[Json]:
        return [self._resolved(given) for given in said.get("parameters", ())]

    def _body(self, said: Json | None) -> Body | None:
        if said is None:
            return None
        [media_type], [schema] = said["content"], map(self._resolved, _schemas(said))
        is_closed = schema.get("additionalProperties") is False
        meaning = schema.get("description", "")
        return Body(media_type, said["required"], is_closed, meaning, _members(schema))

    def _success(self, status: int, answer: Json) -> Success:
        [(media_type, content)] = answer["content"].items()
        links = answer.get("links", {}).values()
        return Success(
            status=status,
            meaning=answer["description"],
            type=type_of(content["schema"]),
            media_type=media_type,
            headers=[name for name in answer["headers"] if self.carriers[name]],
            example=content.get("example"),
            leads_to={link["operationId"]: link["description"] for link in links},
        )

    def _resolved(self, node: Json) -> Json:
        found: Any = node
        if "$ref" in node:
            found = self.document
            for step in node["$ref"].removeprefix("#/").split("/"):
                found = found[step]
        return found  # type: ignore[no-any-return]

    def _curl(self, method: str, path: str, said: Json, scheme: str) -> str:
        """One line for a shell in which the token is set, and `ID` where it is needed."""
        query = []
        for given in self._parameters(said):
            name, example = given["name"], given["example"]
            if given["in"] == "path":
                path = path.replace(f"{{{name}}}", "$ID" if name == "id" else example)
            elif given["in"] == "query":
                query.append(f"{name}={example}")
        url = self.document["servers"][0]["url"] + path + ("?" if query else "") + "&".join(query)
        words = ["curl", f'"{url}"']
        if scheme:
            words.append(f'-H "Authorization: Bearer {_TOKENS[scheme]}"')
        sent = said.get("requestBody", {}).get("content", {}).items()
        for media_type, content in sent:
            words.append(f"-H 'Content-Type: {media_type}'")
            words.append(f"-d {shlex.quote(json.dumps(content['example']))}")
        if method != "GET" and not sent:
            words.append(f"-X {method}")
        return " ".join(words)


def _schemas(body: Json) -> Sequence[Json]:
    """What may be in a body: the schema, or each of its alternatives."""
    [content] = body.get("content", {}).values() or [None]
    if content is None:
        return ()
    return content["schema"].get("oneOf") or [content["schema"]]


def _is_problem(schema: Json) -> bool:
    return {"type", "title", "error"} <= set(schema.get("properties", ()))


def _status(problem: Json) -> int:
    return int(problem["properties"]["status"]["const"])


def _word(problem: Json) -> str:
    return str(problem["properties"]["error"]["const"])


def _members(schema: Json) -> Sequence[Member]:
    required = schema.get("required", ())
    return [
        Member(name, type_of(held), name in required, held.get("description", ""))
        for name, held in schema.get("properties", {}).items()
    ]


def _parameter(said: Json) -> Member:
    return Member(
        said["name"],
        type_of({**said["schema"], "examples": [said["example"]]}),
        said.get("required", False),
        said.get("description", ""),
        _PLACES[said["in"]],
    )


def phrase(status: int) -> str:
    """What HTTP calls a status."""
    return HTTPStatus(status).phrase
