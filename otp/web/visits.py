"""The browser behind the present request, and what holds for all that it asks.

A POST is looked at only if it is a form of our own page in this very browser. The cookie of an
answer speaks of the browser as it is when the answer leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from flask import Flask, Response, g, request
from werkzeug.exceptions import Forbidden, RequestEntityTooLarge, UnsupportedMediaType

from otp.client import SIGN_IN
from otp.errors import NotFound
from otp.service import Caller
from otp.store import Replay, Session
from otp.verification import Verification
from otp.web import World, body
from otp.web.address import network_of
from otp.web.rendering import page, see_other
from otp.web.sessions import Browser, Form, Sessions

_FORM: Final = "application/x-www-form-urlencoded"


class Visits:
    """Knows the browser of the present request, and which page it belongs to."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.sessions = Sessions(
            store=world.store,
            keyring=world.keyring,
            token_bytes=world.token_bytes,
            secure=world.settings.secure,
        )

    def came(self) -> Browser | None:
        """The browser that the request's cookie speaks of."""
        return self.sessions.read(request.cookies.get(self.sessions.cookie_name, ""))

    def browser(self) -> Browser:
        """The same, or a new one that the answer's cookie will speak of."""
        if "browser" not in g:
            g.browser = self.came() or self.sessions.new()
        found: Browser = g.browser
        return found

    def become(self, browser: Browser) -> None:
        g.browser = browser

    def form_token(self) -> str:
        return self.sessions.form_token(self.browser())

    def caller(self, browser: Browser | None = None) -> Caller:
        """Who asks for the present request, as *browser* or as the one it came from."""
        return Caller(
            client_id=SIGN_IN,
            credential=(browser or self.browser()).credential,
            network=network_of(request, self._world.settings.trusted_proxies),
        )

    def found(self) -> tuple[Session, Verification] | None:
        """The session of this browser and its verification, if both are still there."""
        session = self.sessions.find(self.browser(), self._world.clock())
        if session is None:
            return None
        try:
            return session, self._world.service.get(SIGN_IN, session.verification_id)
        except NotFound:
            return None

    def place(self) -> str:
        """The page where this browser belongs."""
        match self.found():
            case None:
                return "/sign-in"
            case session, _:
                return "/sign-in/done" if session.signed_in else "/sign-in/code"

    def replay(self, *parts: str) -> Replay:
        """One posted form, so that a double press of its button acts once."""
        token = request.form.get("csrf", "")
        key = self._world.store.lookup.mac("form", request.path, token, *parts)
        return Replay(key=key, fingerprint=key)


def guard(app: Flask, world: World, visits: Visits) -> None:
    """What holds for every request, before and after its view."""
    is_ours = _origin_check(world)

    @app.before_request
    def look() -> Response | None:
        if request.routing_exception is not None:
            return None
        if request.path.startswith("/sign-in") and world.settings.sign_in != "open":
            return page("problem.html", 403, word="closed", wait=None)
        return look_at_form() if request.method == "POST" else None

    def look_at_form() -> Response | None:
        if request.mimetype != _FORM:
            raise UnsupportedMediaType
        if len(request.get_data()) > body.LIMIT:
            raise RequestEntityTooLarge
        if not is_ours():
            raise Forbidden
        match visits.sessions.judge(request.form.get("csrf", ""), visits.came()):
            case Form.OURS:
                return None
            case Form.STALE:
                return see_other(visits.place())
            case Form.FOREIGN:
                raise Forbidden

    @app.after_request
    def remember(response: Response) -> Response:
        if request.endpoint == "static":
            return response
        response.vary.add("Cookie")
        if "browser" in g and g.browser != visits.came():
            response.set_cookie(
                visits.sessions.cookie_name,
                visits.sessions.cookie(g.browser),
                secure=world.settings.secure,
                httponly=True,
                samesite="Lax",
            )
        return response


def _origin_check(world: World) -> Callable[[], bool]:
    public = urlsplit(world.settings.public_url)
    origins = {f"{public.scheme}://{public.netloc}"}

    def is_ours() -> bool:
        """Whether the browser says that one of our own pages posted this, or says nothing."""
        site = request.headers.get("Sec-Fetch-Site")
        if site is not None:
            return site in ("same-origin", "none")
        origin = request.headers.get("Origin")
        near = {f"http://{request.host}", f"https://{request.host}"}
        return origin is None or origin in (origins | near if world.settings.demo else origins)

    return is_ours
