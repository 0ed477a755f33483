"""The HTML door: sign-in in a browser, whole without JavaScript, and the plain pages.

GET changes nothing. A POST answers 303, or its page again with what went wrong beside the field.
The words that people read are in the templates. What is not done here: any rule of a verification,
which `otp.service` has for both doors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from flask import Flask, Response, request
from werkzeug.exceptions import Forbidden, HTTPException, NotFound

from otp import errors, log
from otp.web import World, body, counting, floods, reference, rendering, sign_in, visits
from otp.web.headers import install
from otp.web.kinds import KINDS, Kind
from otp.web.problems import headers, kind_of, retry_in
from otp.web.rendering import page, see_other
from otp.web.resource import timestamp

_log = log.get("otp.pages")


class Message(Protocol):
    """What the handset of demo mode shows."""

    @property
    def to_masked(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def sent_at(self) -> datetime: ...


def create_pages(world: World, *, messages: Callable[[], Sequence[Message]] | None) -> Flask:
    """The Flask application of the pages. *messages*, newest first, are for demo mode only."""
    app = Flask("otp.web.pages", root_path=str(rendering.ROOT), static_folder=None)
    # One byte more than allowed: some servers cut a chunked body at a limit without a word.
    app.config["MAX_CONTENT_LENGTH"] = body.LIMIT + 1
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False
    # By hand: Flask would add it before the settings above, and let it answer OPTIONS.
    app.static_folder = "static"
    app.add_url_rule("/static/<path:filename>", "static", app.send_static_file, methods=["GET"])
    visit = visits.Visits(world)
    rendering.set_up(
        app,
        service_name=world.settings.service_name,
        demo=world.settings.demo,
        form_token=visit.form_token,
    )
    install(app, world)
    floods.guard_pages(app, world)
    visits.guard(app, world, visit)
    sign_in.add(app, world, visit)
    _add_plain_pages(app, world, messages)
    reference.add(app, world)
    _add_problem_pages(app, world)
    return app


def _add_plain_pages(
    app: Flask, world: World, messages: Callable[[], Sequence[Message]] | None
) -> None:
    @app.get("/")
    def home() -> Response:
        if world.settings.sign_in == "open":
            return see_other("/sign-in")
        return page("about.html")

    @app.get("/demo/phone")
    def demo_phone() -> Response:
        if messages is None or not world.settings.demo:
            raise NotFound
        shown = [(m.to_masked, m.text, timestamp(m.sent_at)) for m in messages()]
        return page("demo_phone.html", messages=shown)


def _add_problem_pages(app: Flask, world: World) -> None:
    @app.errorhandler(errors.NotFound)
    def forgotten(_: errors.NotFound) -> Response:
        """The verification of this session was erased meanwhile."""
        return see_other("/sign-in")

    @app.errorhandler(Exception)
    def refuse(error: Exception) -> Response:
        kind = _kind(error)
        # Of the limits that the pages do not tell beside a field, only that of requests is one.
        flood = isinstance(error, errors.QuotaExceeded)
        counting.refusal(world.metrics, request.path, kind, error, flood=flood)
        if not isinstance(error, errors.OtpError | HTTPException):
            _log.exception("internal_error")
        elif not isinstance(error, errors.QuotaExceeded):  # a flood is not to be one of lines
            _log.info("refused", error=kind.word)
        response = page("problem.html", kind.status, word=kind.word, wait=retry_in(error))
        response.headers.update(headers(error))
        return response


def _kind(error: Exception) -> Kind:
    """As for the JSON door, but for what only browsers meet."""
    return KINDS["csrf"] if isinstance(error, Forbidden) else kind_of(error)
