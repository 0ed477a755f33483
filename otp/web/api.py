"""The JSON door: paths under /v1, and what their answers look like."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from otp import log
from otp.errors import InvalidInput, Issue, OtpError
from otp.service import Caller
from otp.store import Replay
from otp.verification import Verification
from otp.web import World, body, health, openapi, problems
from otp.web.answers import LISTED, Approval, Listing, Resumed
from otp.web.auth import authenticated, must_be_live, must_be_secret
from otp.web.headers import install
from otp.web.models import (
    IDEMPOTENCY_KEY,
    LONGEST_KEY,
    LONGEST_REFERENCE,
    Check,
    Nothing,
    Start,
)
from otp.web.resource import resource, seconds

_log = log.get("otp.api")


def create_api(world: World) -> Flask:
    """The Flask application of the machine doors; the pages are another one beside it."""
    app = Flask("otp.web.api", static_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False
    install(app, world)
    app.register_error_handler(Exception, lambda error: _refusal(world, error))
    _add_verifications(app, world)
    health.add(app, world)
    openapi.add(app, world)

    @app.get("/.well-known/jwks.json")
    def jwks() -> Response:
        return _json(world.prover.jwks(), HTTPStatus.OK)

    return app


def _add_verifications(app: Flask, world: World) -> None:
    service, now = world.service, world.clock

    @app.post("/v1/verifications")
    def start() -> Response:
        caller, raw = _caller(world), body.read(request)
        asked = body.members(request, raw, Start)
        if not caller.is_secret:
            _must_not_hold(asked, "client_ip", "device")
        started = service.start(
            caller,
            asked.phone_number,
            region=asked.region,
            purpose=asked.purpose,
            locale=asked.locale,
            nonce=asked.nonce,
            reference=asked.reference,
            replay=_replay(world, caller, raw),
        )
        answer = resource(started.verification, now())
        if started.resumed:
            return _json({**answer, **Resumed(resumed=True)}, HTTPStatus.OK)
        created = _json(answer, HTTPStatus.CREATED)
        created.headers["Location"] = f"/v1/verifications/{started.verification.id}"
        return created

    @app.get("/v1/verifications")
    def search() -> Response:
        caller = _caller(world)
        must_be_secret(caller)
        must_be_live(caller)
        reference = body.parameter(request, "reference")
        if not reference:
            raise InvalidInput(Issue("/reference", "missing", "Name the reference to look for."))
        if len(reference) > LONGEST_REFERENCE:
            raise InvalidInput(Issue("/reference", "too_long", "No reference is that long."))
        found = service.by_reference(caller.client_id, reference, LISTED)
        return _json(Listing(data=[resource(v, now()) for v in found]), HTTPStatus.OK)

    @app.get("/v1/verifications/<id>")
    def read(id: str) -> Response:
        caller = _caller(world)
        must_be_live(caller)
        return _json(resource(service.get(caller.client_id, id), now()), HTTPStatus.OK)

    @app.post("/v1/verifications/<id>/check")
    def check(id: str) -> Response:
        caller, raw = _caller(world), body.read(request)
        must_be_live(caller)
        asked = body.members(request, raw, Check)
        if not caller.is_secret:
            _must_not_hold(asked, "client_ip")
        v = service.check(
            caller, id, asked.code, purpose=asked.purpose, replay=_replay(world, caller, raw)
        )
        return _json({**resource(v, now()), **_proven(world, caller, v)}, HTTPStatus.OK)

    @app.post("/v1/verifications/<id>/resend")
    def resend(id: str) -> Response:
        caller, raw = _caller(world), body.read(request)
        must_be_live(caller)
        body.members(request, raw, Nothing, optional=True)
        v = service.resend(caller, id, replay=_replay(world, caller, raw))
        return _json(resource(v, now()), HTTPStatus.ACCEPTED)

    @app.post("/v1/verifications/<id>/cancel")
    def cancel(id: str) -> Response:
        caller, raw = _caller(world), body.read(request)
        must_be_live(caller)
        body.members(request, raw, Nothing, optional=True)
        v = service.cancel(caller, id, replay=_replay(world, caller, raw))
        return _json(resource(v, now()), HTTPStatus.OK)


def _proven(world: World, caller: Caller, v: Verification) -> Approval:
    """What an approval answers besides the resource, for as long as it may be told again."""
    now = world.clock()
    if not v.answers_again(now) or v.approved_by != caller.credential:
        return {}
    proof = world.prover.issue(v)
    out = Approval(proof=proof.token, proof_expires_in=seconds(proof.expires_at - now))
    if caller.is_secret:
        out["phone_number"] = v.phone.e164
    return out


def _caller(world: World) -> Caller:
    caller = authenticated(request, world.store)
    g.caller = caller
    return caller


def _must_not_hold(asked: body.Members, *names: str) -> None:
    found = [name for name in names if getattr(asked, name) is not None]
    if found:
        detail = "Only a secret key may send this member."
        raise InvalidInput(*(Issue(f"/{name}", "not_allowed", detail) for name in found))


def _replay(world: World, caller: Caller, raw: bytes) -> Replay | None:
    """The repeatable request this is, if it carries an Idempotency-Key.

    Its scope is the credential and the address; what was asked is remembered as a keyed digest,
    since a body holds a number or a code.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if len(key) > LONGEST_KEY or not IDEMPOTENCY_KEY.fullmatch(key):
        raise problems.MalformedBody
    mac = world.store.lookup.mac
    return Replay(
        key=mac("replay", caller.credential, request.path, key.strip('"')),
        fingerprint=mac("replayed body", raw.decode("latin-1")),
    )


def _json(value: Mapping[str, object], status: HTTPStatus) -> Response:
    return Response(json.dumps(value), status=status, content_type="application/json")


def _refusal(world: World, error: Exception) -> Response:
    if isinstance(error, OtpError | HTTPException):
        _log.info("refused", error=problems.kind_of(error).word)
    else:
        _log.exception("internal_error")
    caller: Caller | None = g.get("caller")
    return problems.problem(
        error,
        public_url=world.settings.public_url,
        request_id=g.get("request_id", ""),
        now=world.clock(),
        tell_reason=caller is not None and caller.is_secret,
    )
