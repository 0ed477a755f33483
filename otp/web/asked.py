"""A request of a machine and its answer, as small values.

The doors of the API are functions from the one to the other. Flask's own request and response cost
more than all that most of these doors do; they are made where something of them is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from flask import Request

from otp.floods import Counted
from otp.service import Caller

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

REQUEST_ID: Final = "otp.request_id"
"""Where the id of a request is in its environ."""

_STATUS_LINES: Final = {s.value: f"{s.value} {s.phrase.upper()}" for s in HTTPStatus}


@dataclass(slots=True, eq=False)
class Asked:
    """*path* is decoded and begins with one slash. Who asks, and how often they did lately, is
    found out before a door sees the request, and is None until then."""

    environ: WSGIEnvironment
    path: str
    caller: Caller | None = None
    counted: Counted | None = None

    def header(self, name: str, default: str = "") -> str:
        """*name* as CGI writes it: `AUTHORIZATION`, `IDEMPOTENCY_KEY`."""
        found: str = self.environ.get(f"HTTP_{name}", default)
        return found

    @property
    def request_id(self) -> str:
        found: str = self.environ.get(REQUEST_ID, "")
        return found

    @property
    def request(self) -> Request:
        """The same as a request of Flask, for what is rarely asked."""
        return Request(self.environ)


@dataclass(slots=True, eq=False)
class Answered:
    """A whole body and its few headers. It is a WSGI application, so Flask takes it as well."""

    status: int
    body: bytes
    headers: list[tuple[str, str]]

    @classmethod
    def of(cls, body: bytes, status: int, content_type: str) -> Answered:
        headers = [("Content-Type", content_type), ("Content-Length", str(len(body)))]
        return cls(status, body, headers)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(_STATUS_LINES[self.status], self.headers)
        return () if environ["REQUEST_METHOD"] == "HEAD" else (self.body,)
