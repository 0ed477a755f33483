"""Reads what was sent, strictly: one JSON object of at most 4 KiB, members known and typed."""

from __future__ import annotations

import json
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError
from werkzeug.exceptions import (
    ClientDisconnected,
    RequestEntityTooLarge,
    UnsupportedMediaType,
)

from otp.errors import InvalidInput, Issue
from otp.network import Network
from otp.web.asked import Asked
from otp.web.problems import MalformedBody

LIMIT: Final = 4096  # bytes
_LET_PASS: Final = 64 * 1024  # bytes
_DIGITS: Final = 9

_CODES: Final = {
    "missing": ("missing", "This member is needed."),
    "string_type": ("not_a_string", "This must be a string."),
    "string_too_long": ("too_long", "This is too long."),
    "string_too_short": ("too_short", "This is too short."),
    "string_pattern_mismatch": ("not_allowed", "This has characters that are not allowed."),
    "literal_error": ("not_allowed", "This is not one of the values that are allowed."),
    "extra_forbidden": ("unknown_member", "There is no such member."),
    "ip_any_address": ("not_an_address", "This must be an IPv4 or IPv6 address."),
}

Model = TypeVar("Model", bound="Members")


def network(value: object) -> Network:
    """A validator: the network of an IP address without a zone."""
    # Not pydantic's own type of address: it takes numbers, so true is 0.0.0.1.
    try:
        if isinstance(value, str) and "%" not in value:
            return Network.of(value)
    except ValueError:
        pass
    raise PydanticCustomError("ip_any_address", "not an address")


class Members(BaseModel):
    """What a request may hold. Unknown members are refused, and no type is guessed."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )


def read(asked: Asked) -> bytes:
    """The body as it came. Raises 413 for one over the limit, chunked ones as well."""
    length = asked.environ.get("CONTENT_LENGTH", "")
    if length.isascii() and length.isdecimal() and len(length) <= _DIGITS:
        if int(length) > LIMIT:
            raise RequestEntityTooLarge
        # No more than was announced: what comes behind it belongs to nobody.
        body: bytes = asked.environ["wsgi.input"].read(int(length))
        if len(body) < int(length):
            raise ClientDisconnected
        return body
    request = asked.request
    if request.content_length is not None and request.content_length > LIMIT:
        raise RequestEntityTooLarge
    # One byte more than allowed: some servers cut a chunked body at a limit without a word.
    body = request.stream.read(LIMIT + 1)
    if len(body) > LIMIT:
        # Who still writes when the line is closed never reads why; so a little more is let pass.
        request.stream.read(_LET_PASS)
        raise RequestEntityTooLarge
    return body


def members(asked: Asked, body: bytes, model: type[Model], *, optional: bool = False) -> Model:
    """The body as *model*; an *optional* one may be missing altogether.

    Raises `MalformedBody`, `InvalidInput`, 415. None of them repeats what was sent.
    """
    if body or not optional:
        _must_be_json(asked)
        values = _object(body)
    else:
        values = {}
    try:
        return model.model_validate(values)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)
        raise InvalidInput(*(_issue(e["type"], e["loc"]) for e in found)) from None


def parameter(asked: Asked, name: str) -> str:
    """A parameter of the query, or nothing. Raises `MalformedBody` for one that is no text."""
    try:
        return asked.request.args.get(name, "")
    except UnicodeDecodeError:
        raise MalformedBody from None


def _must_be_json(asked: Asked) -> None:
    if asked.header("CONTENT_ENCODING", "identity").lower() != "identity":
        raise UnsupportedMediaType
    if asked.environ.get("CONTENT_TYPE") == "application/json":
        return  # what nearly everybody sends, and werkzeug takes long to read
    request = asked.request
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if request.mimetype != "application/json" or charset not in ("utf-8", "utf8"):
        raise UnsupportedMediaType


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = _STRICT.decode(body.decode("utf-8"))
        # A lone surrogate is legal as an escape and no text: it explodes when it is written.
        if b"\\u" in body:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise MalformedBody from None
    if not isinstance(value, dict):
        raise MalformedBody
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("duplicate member")
    return value


def _no_constant(word: str) -> Any:
    raise ValueError(word)


_STRICT: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)


def _issue(kind: str, location: tuple[int | str, ...]) -> Issue:
    code, detail = _CODES.get(kind, ("invalid", "This value cannot be used."))
    # The name of an unknown member is the caller's own, and is not repeated.
    path = () if code == "unknown_member" else location
    return Issue("".join(f"/{part}" for part in path), code, detail)
