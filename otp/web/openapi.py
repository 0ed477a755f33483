"""The OpenAPI 3.1 document of the machine doors, made from what the code itself uses.

Bodies come from `otp.web.models`, answers from `otp.web.answers`, problems from the table in
`otp.web.kinds`, and which of them meet where from `otp.web.operations`. No Flask library for
OpenAPI documents `application/problem+json`, so this glue is ours.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Final

from flask import Flask, Response

from otp.web import World, examples, models, problems
from otp.web.kinds import KINDS, Kind
from otp.web.operations import OPERATIONS, Answer, Operation
from otp.web.schemas import Json, Schemas

_TITLE: Final = "Phone verification"
_ABOUT: Final = """\
Proves that somebody holds a phone number: start a verification, let the person type the code that
comes by SMS, check it.

Every refusal is `application/problem+json` (RFC 9457). Programs switch on its `error`; the page
behind its `type` explains it. An unknown path is 404 `not_found`, and a method that a path does not
have 405 `method_not_allowed`. No answer repeats a value that was sent.

Ignore members that you do not know. `status` is a closed list; other words may grow (those known
today are listed under `x-extensible-enum`), and so may `error`.
"""

_KEY: Final = "key"
_OPERATOR: Final = "operator"
_OPERATORS_TOKEN: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "The operator's `OTP_METRICS_TOKEN`. No key opens what it opens.",
}
_SECURITY: Final = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "otp_sk_live_…",
    "description": "An API key. `otp_sk_…` is secret, for your servers: everything of your own "
    "client. `otp_pk_…` is publishable, for apps and browsers: start, check, resend, cancel, and "
    "read by id. `…_test_…` are for test numbers, and never send.",
}

_WEBHOOK: Final = "webhook"
_WEBHOOK_SECURITY: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "The secret of the webhook, as it is set for the route; for gateways.",
}

_HEADERS: Final[Mapping[str, Json]] = {
    "X-Request-Id": {
        "description": "What our log knows this request by.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[a-z]+$"},
    },
    "Cache-Control": {
        "description": "Nothing may be kept.",
        "required": True,
        "schema": {"const": "no-store"},
    },
    "Location": {
        "description": "Where the verification can be read.",
        "required": True,
        "schema": {"type": "string", "pattern": "^/v1/verifications/ver_[0-9a-f]{32}$"},
    },
    "Retry-After": {
        "description": "Whole seconds to wait.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {
        "description": "How to come with a key.",
        "required": True,
        "schema": {"const": "Bearer"},
    },
    "Allow": {
        "description": "The methods that the path has.",
        "required": True,
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": "What is left of a limit on your own requests; never of one on a number.",
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {
        "description": "The limits on your own requests.",
        "schema": {"type": "string"},
    },
}
_ON_ALL: Final = ("X-Request-Id", "Cache-Control")
_ON_KEYED: Final = ("RateLimit", "RateLimit-Policy")
_ON_STATUS: Final[Mapping[int, Sequence[str]]] = {
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}


def add(app: Flask, world: World) -> None:
    @app.get("/openapi.json")
    def openapi() -> Response:
        return Response(_written(world.settings.public_url), content_type="application/json")


@functools.cache
def _written(public_url: str) -> bytes:
    """The document as it is served. Made once, when it is first asked for."""
    return json.dumps(document(public_url), ensure_ascii=False).encode()


def document(public_url: str, operations: Sequence[Operation] = OPERATIONS) -> Json:
    """The whole of it, for the service at *public_url*."""
    schemas = Schemas(operations, public_url)
    paths: dict[str, Json] = {}
    for row in operations:
        paths.setdefault(row.path, {})[row.method] = _operation(row, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": _TITLE, "version": "1", "description": _ABOUT},
        "servers": [{"url": public_url}],
        "paths": paths,
        "components": {
            "schemas": schemas.all,
            "responses": {
                kind.word: _response([kind], schemas, keyed=False)
                for kind in (KINDS["not_found"], KINDS["method_not_allowed"])
            },
            "headers": _HEADERS,
            "parameters": _parameters(),
            "securitySchemes": {
                _KEY: _SECURITY,
                _WEBHOOK: _WEBHOOK_SECURITY,
                _OPERATOR: _OPERATORS_TOKEN,
            },
        },
    }


def _operation(row: Operation, schemas: Schemas) -> Json:
    made: Json = {
        "operationId": row.id,
        "summary": row.summary,
        "description": row.description,
        "security": [{name: []} for name in _opened_by(row)],
        "responses": _responses(row, schemas),
    }
    parameters: list[Json] = []
    if row.takes_id:
        parameters.append({"$ref": "#/components/parameters/id"})
    if row.takes_route:
        parameters.append({"$ref": "#/components/parameters/route"})
    if row.is_repeatable:
        parameters.append({"$ref": "#/components/parameters/Idempotency-Key"})
    for name, form in row.query.items():
        parameters.append(
            {
                "name": name,
                "in": "query",
                "required": True,
                "schema": schemas.of_value(form),
                "example": examples.REFERENCE,
            }
        )
    if parameters:
        made["parameters"] = parameters
    if row.body:
        made["requestBody"] = {
            "required": row.body is not models.Nothing,
            "content": {
                "application/json": {
                    "schema": schemas.of(row.body),
                    "example": examples.BODIES[row.body],
                }
            },
        }
    return made


def _opened_by(row: Operation) -> Sequence[str]:
    """The one security scheme that it takes, or none."""
    if row.for_operator:
        return (_OPERATOR,)
    if row.is_webhook:
        return (_WEBHOOK,)
    return (_KEY,) if row.needs_key else ()


def _parameters() -> Json:
    return {
        "route": {
            "name": "route",
            "in": "path",
            "required": True,
            "description": "The name of one of the service's routes.",
            "schema": {"type": "string", "pattern": "^[^/]+$"},
            "example": "mobtexting",
        },
        "id": {
            "name": "id",
            "in": "path",
            "required": True,
            "description": "The `id` of a verification of your client.",
            "schema": {"type": "string", "pattern": "^ver_[0-9a-f]{32}$"},
            "example": examples.ID,
        },
        "Idempotency-Key": {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "A name of your own for this request. Sent again within 24 hours with "
            "the same key and the same body, it is answered alike and acts once. Only successes "
            "are remembered.",
            "schema": {
                "type": "string",
                "pattern": models.IDEMPOTENCY_KEY.pattern,
                "maxLength": models.LONGEST_KEY,
            },
            "example": examples.IDEMPOTENCY_KEY,
        },
    }


def _responses(row: Operation, schemas: Schemas) -> Json:
    made = {str(answer.status): _success(row, answer, schemas) for answer in row.answers}
    kinds = [KINDS[word] for word in row.words]
    for status in sorted({kind.status for kind in kinds}):
        here = [kind for kind in kinds if kind.status == status]
        made[str(status)] = _response(here, schemas, keyed=row.needs_key)
    return made


def _success(row: Operation, answer: Answer, schemas: Schemas) -> Json:
    content: Json = {"schema": schemas.of(*answer.forms)}
    if (example := examples.success(row.id, answer.status)) is not None:
        content["example"] = example
    named = [*_on(answer.status, keyed=row.needs_key), *(["Location"] if answer.location else [])]
    made = {
        "description": answer.meaning,
        "headers": _headers(named),
        "content": {answer.media_type: content},
    }
    if answer.links:
        made["links"] = {
            other.id: {
                "operationId": other.id,
                "parameters": {"id": "$response.body#/id"},
                "description": other.summary,
            }
            for other in OPERATIONS
            if other.takes_id and other.id != row.id
        }
    return made


def _response(kinds: Sequence[Kind], schemas: Schemas, *, keyed: bool) -> Json:
    status = kinds[0].status
    found = {kind.word: examples.problem(kind, schemas.public_url) for kind in kinds}
    content = {
        "schema": schemas.of_problems(kinds),
        "examples": {word: {"value": value} for word, value in found.items() if value},
    }
    words = ", ".join(f"`{kind.word}`" for kind in kinds)
    return {
        "description": f"{HTTPStatus(status).phrase}: {words}",
        "headers": _headers(_on(status, keyed=keyed)),
        "content": {problems.CONTENT_TYPE: content},
    }


def _on(status: int, *, keyed: bool) -> Sequence[str]:
    counted = _ON_KEYED if keyed and status != 401 else ()
    return (*_ON_ALL, *_ON_STATUS.get(status, ()), *counted)


def _headers(names: Iterable[str]) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
