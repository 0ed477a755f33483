"""Sign-in by a code sent to a phone: the phone page, the code page, and the way out."""

from __future__ import annotations

from contextlib import suppress

from flask import Flask, Response, request

from otp.client import SIGN_IN
from otp.errors import InvalidInput, Unavailable, VerificationEnded, Wait, WrongCode
from otp.verification import Verification
from otp.web import World, counting
from otp.web.countries import served
from otp.web.problems import kind_of
from otp.web.rendering import page, page_again, see_other
from otp.web.resource import resource, seconds, timestamp
from otp.web.visits import Visits


def add(app: Flask, world: World, visits: Visits) -> None:
    service, sessions, now = world.service, visits.sessions, world.clock
    countries = served(world.settings.countries)
    regions = {country.region for country in countries}

    def count(error: Exception | None) -> None:
        if error is not None:
            counting.refusal(world.metrics, request.path, kind_of(error), error)

    def phone_page(
        *, error: Exception | None = None, typed: str = "", region: str = ""
    ) -> Response:
        count(error)
        return page_again(
            "phone.html",
            error,
            countries=countries,
            typed=typed,
            region=region or world.settings.default_region,
            has_code=visits.place() == "/sign-in/code",
        )

    def code_page(v: Verification, *, error: Exception | None = None) -> Response:
        count(error)
        number_waits_until = v.newest.queued_at + service.first_wait
        return page_again(
            "code.html",
            error,
            v=resource(v, now()),
            message_number=v.newest.number,
            restart_in=seconds(number_waits_until - now()),
        )

    def begin(phone_number: str, region: str) -> None:
        """Start a verification, and go on as a browser with a new token."""
        browser = visits.browser()
        fresh = sessions.new(browser.id)
        started = service.start(
            visits.caller(fresh),
            phone_number,
            region=region or None,
            replay=visits.replay(phone_number, region),
        )
        sessions.begin(fresh, started.verification, replaces=browser, now=now())
        visits.become(fresh)

    def leave() -> None:
        """End the session at the server, and go on as a browser that starts over."""
        browser = visits.browser()
        sessions.end(browser)
        visits.become(sessions.new(browser.id))

    @app.get("/sign-in")
    def phone() -> Response:
        if visits.place() == "/sign-in/done":
            return see_other("/sign-in/done")
        return phone_page()

    @app.post("/sign-in")
    def start() -> Response:
        typed, region = request.form.get("phone_number", ""), request.form.get("region", "")
        region = region if region in regions else ""
        try:
            begin(typed, region)
        except (InvalidInput, Wait) as error:
            return phone_page(error=error, typed=typed, region=region)
        return see_other("/sign-in/code")

    @app.get("/sign-in/code")
    def code() -> Response:
        match visits.found():
            case session, v if not session.signed_in:
                return code_page(v)
        return see_other(visits.place())

    @app.post("/sign-in/code")
    def check() -> Response:
        browser = visits.browser()
        # The second press of a double one comes when the first has signed in already.
        session = sessions.find(browser, now()) or sessions.find(sessions.successor(browser), now())
        if session is None:
            return see_other("/sign-in")
        id = session.verification_id
        try:
            v = service.check(visits.caller(), id, request.form.get("code", ""))
        except VerificationEnded:
            return see_other("/sign-in/code")
        except (InvalidInput, WrongCode, Wait) as error:
            return code_page(service.get(SIGN_IN, id), error=error)
        visits.become(sessions.sign_in(browser, v, now()))
        return see_other("/sign-in/done")

    @app.post("/sign-in/resend")
    def resend() -> Response:
        """A new code; of an ended verification, a new one for the same number."""
        match visits.found():
            case session, v if not session.signed_in:
                try:
                    if v.is_pending:
                        service.resend(visits.caller(), v.id, replay=visits.replay())
                    else:
                        begin(v.phone.e164, "")
                except VerificationEnded:
                    pass  # a moment ago; its page offers a new start
                except (InvalidInput, Unavailable, Wait) as error:
                    return code_page(v, error=error)
        return see_other("/sign-in/code")

    @app.post("/sign-in/cancel")
    def cancel() -> Response:
        match visits.found():
            case session, v if not session.signed_in:
                with suppress(VerificationEnded):
                    service.cancel(visits.caller(), v.id)
                leave()
        return see_other("/sign-in")

    @app.get("/sign-in/done")
    def done() -> Response:
        match visits.found():
            case session, v if session.signed_in:
                return page("done.html", phone=v.phone.masked, at=timestamp(session.created_at))
        return see_other(visits.place())

    @app.post("/sign-out")
    def sign_out() -> Response:
        leave()
        return see_other("/sign-in")
