"""The API and its refusals, as pages for people: `/docs`, `/problems`, `/problems/<word>`.

Made from the document that `/openapi.json` serves and from the two tables of kinds. Nothing on
them depends on who asks or on what was sent, so each is drawn once in a process.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Final

from flask import Flask, Response, render_template
from markupsafe import Markup
from werkzeug.exceptions import NotFound

from otp.web import World, examples, problems
from otp.web.explanations import EXPLANATIONS
from otp.web.kinds import KINDS, Kind
from otp.web.openapi import document
from otp.web.operations import RESERVED
from otp.web.reading import Reading, phrase
from otp.web.spelling import type_of

_GROUPS: Final = {
    "key": "Verifications and proofs",
    "": "Open to anybody",
    "webhook": "Receipts, for gateways",
    "operator": "For the operator",
}
"""What the operations have in common that one security scheme opens, or none."""

_EXAMPLES_ID: Final = "qkzvhwmtbdrnaxpjfyce"


def add(app: Flask, world: World) -> None:
    """Serve the pages. Each is drawn when it is first asked for, and its bytes are kept."""
    url = world.settings.public_url
    app.jinja_env.filters |= {"prose": prose, "pretty": pretty, "phrase": phrase, "type": type_of}
    reading = functools.cache(lambda: Reading(document(url)))

    @functools.cache
    def drawn(template: str, word: str | None = None) -> bytes:
        values = _of_kind(reading(), KINDS[word], url) if word else _of_all(reading())
        return render_template(template, **values).encode()

    def page(template: str, word: str | None = None) -> Response:
        return Response(drawn(template, word), content_type="text/html; charset=utf-8")

    @app.get("/docs")
    def docs() -> Response:
        return page("docs.html")

    @app.get("/problems")
    def every_problem() -> Response:
        return page("problems.html")

    @app.get("/problems/<word>")
    def explanation(word: str) -> Response:
        if word not in KINDS:
            raise NotFound
        return page("explanation.html", word)


def _of_all(reading: Reading) -> Mapping[str, object]:
    return {
        "api": reading.document,
        "reading": reading,
        "groups": {
            title: [one for one in reading.operations if one.scheme == scheme]
            for scheme, title in _GROUPS.items()
        },
        "kinds": sorted(KINDS.values(), key=lambda kind: kind.status),
    }


def _of_kind(reading: Reading, kind: Kind, public_url: str) -> Mapping[str, object]:
    is_told = kind.word in reading.extensions
    return {
        "kind": kind,
        "explained": EXPLANATIONS[kind.word],
        "is_reserved": kind.word in RESERVED,
        "is_everywhere": kind.word in reading.everywhere,
        "members": reading.extensions.get(kind.word, ()),
        "example": example(kind, public_url) if is_told else None,
        "operations": [
            one
            for one in reading.operations
            if any(kind.word in words for words in one.words.values())
        ],
    }


def example(kind: Kind, public_url: str) -> Mapping[str, object]:
    """What a program reads; of a reserved kind, which nobody has seen yet, what it will have."""
    standard = problems.standard_members(kind, public_url=public_url, request_id=_EXAMPLES_ID)
    return examples.problem(kind, public_url) or {**dict.fromkeys(kind.members, "…"), **standard}


def prose(text: str) -> Markup:
    """Plain text in which `backticks` mark code."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if odd % 2 else Markup("{}").format(part)
        for odd, part in enumerate(parts)
    )


def pretty(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
