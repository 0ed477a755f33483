"""Values in, pages out: what the templates are given, and the three shapes of an answer."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from flask import Flask, Response, make_response, render_template
from jinja2 import StrictUndefined

from otp import log
from otp.web.problems import headers, kind_of, retry_in

ROOT: Final = Path(__file__).resolve().parents[2]
"""Where the templates and the static files are: beside app.py."""

_log = log.get("otp.pages")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a page is shown again: the problem's word, its reason, and the wait in seconds."""

    word: str
    reason: str | None
    wait: int | None

    @classmethod
    def of(cls, error: Exception) -> Refusal:
        reason = getattr(error, "reason", None) or getattr(error, "quota", None)
        return cls(kind_of(error).word, reason, retry_in(error))


def set_up(app: Flask, *, service_name: str, demo: bool, form_token: Callable[[], str]) -> None:
    """Give the templates of *app* what they all may use."""
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters["span"] = span
    app.jinja_env.globals.update(
        asset=_asset, demo=demo, form_token=form_token, service_name=service_name
    )


def see_other(path: str) -> Response:
    return Response(status=303, headers={"Location": path})


def page(template: str, status: int = 200, **values: object) -> Response:
    return make_response(render_template(template, **values), status)


def page_again(template: str, error: Exception | None, **values: object) -> Response:
    """The page of a form, with what went wrong the last time if anything did."""
    if error is None:
        return page(template, 200, refusal=None, **values)
    refusal = Refusal.of(error)
    _log.info("refused", error=refusal.word)
    response = page(template, kind_of(error).status, refusal=refusal, **values)
    response.headers.update(headers(error))
    return response


def span(seconds: int) -> str:
    """How long, in words, rounded up: `25 seconds`, `2 minutes`, `3 hours`."""
    if seconds <= 90:
        return _counted(seconds, "second")
    if seconds <= 90 * 60:
        return _counted(math.ceil(seconds / 60), "minute")
    if seconds <= 36 * 3600:
        return _counted(math.ceil(seconds / 3600), "hour")
    return _counted(math.ceil(seconds / 86400), "day")


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


@cache
def _version(name: str) -> str:
    return hashlib.sha256((ROOT / "static" / name).read_bytes()).hexdigest()[:10]


def _asset(name: str) -> str:
    """Where a static file is. Changes with its content, so no old copy meets a new page."""
    # Not by url_for: the page that refuses a Host is drawn without any routing.
    return f"/static/{name}?v={_version(name)}"
