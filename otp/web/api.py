"""The JSON door: paths under /v1, and what their answers look like."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from flask import Flask, Request, Response, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

from otp import log
from otp.errors import InvalidInput, Issue, OtpError, Unauthorized
from otp.network import Network
from otp.service import Caller
from otp.store import Replay
from otp.verification import Verification
from otp.web import World, body, counting, floods, health, metrics, openapi, problems, receipts
from otp.web.answers import LISTED, Approval, Listing, Resumed
from otp.web.auth import must_be_secret
from otp.web.headers import install
from otp.web.models import (
    IDEMPOTENCY_KEY,
    LONGEST_KEY,
    LONGEST_REFERENCE,
    Check,
    Nothing,
    Redeem,
    Start,
)
from otp.web.resource import resource, seconds

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_STATUS_LINES: Final = {status: f"{status.value} {status.phrase.upper()}" for status in HTTPStatus}

_log = log.get("otp.api")


class _Api(Flask):
    """Flask without what no request of a machine needs, and every one would pay for."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """No view here is a coroutine."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Routes by method and path alone: no route here asks for a host, and none redirects."""
        if request is None:
            return None
        return MapAdapter(self.url_map, "", "/", "", "http", request.path, request.method)


def create_api(world: World) -> Flask:
    """The Flask application of the machine doors; the pages are another one beside it."""
    app = _Api("otp.web.api", static_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False
    install(app, world)
    floods.guard_api(app, world)
    app.register_error_handler(Exception, lambda error: _refusal(world, error))
    _add_verifications(app, world)
    _add_proofs(app, world)
    receipts.add(app, world)
    health.add(app, world)
    metrics.add(app, world)
    openapi.add(app, world)
    return app


def _add_verifications(app: Flask, world: World) -> None:
    service, now = world.service, world.clock

    @app.post("/v1/verifications")
    def start() -> Response:
        caller, raw = _caller(), body.read(request)
        asked = body.members(request, raw, Start)
        if not caller.is_secret:
            _must_not_hold(asked, "client_ip", "device")
        elif asked.client_ip is not None:
            caller = replace(caller, network=Network.of(asked.client_ip))
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
        caller = _caller()
        must_be_secret(caller)
        reference = body.parameter(request, "reference")
        if not reference:
            raise InvalidInput(Issue("/reference", "missing", "Name the reference to look for."))
        if len(reference) > LONGEST_REFERENCE:
            raise InvalidInput(Issue("/reference", "too_long", "No reference is that long."))
        found = service.by_reference(caller.client_id, reference, LISTED)
        return _json(Listing(data=[resource(v, now()) for v in found]), HTTPStatus.OK)

    @app.get("/v1/verifications/<id>")
    def read(id: str) -> Response:
        caller = _caller()
        return _json(resource(service.get(caller.client_id, id), now()), HTTPStatus.OK)

    @app.post("/v1/verifications/<id>/check")
    def check(id: str) -> Response:
        caller, raw = _caller(), body.read(request)
        asked = body.members(request, raw, Check)
        if not caller.is_secret:
            _must_not_hold(asked, "client_ip")
        v = service.check(
            caller, id, asked.code, purpose=asked.purpose, replay=_replay(world, caller, raw)
        )
        return _json({**resource(v, now()), **_proven(world, caller, v)}, HTTPStatus.OK)

    @app.post("/v1/verifications/<id>/resend")
    def resend(id: str) -> Response:
        caller, raw = _caller(), body.read(request)
        body.members(request, raw, Nothing, optional=True)
        v = service.resend(caller, id, replay=_replay(world, caller, raw))
        return _json(resource(v, now()), HTTPStatus.ACCEPTED)

    @app.post("/v1/verifications/<id>/cancel")
    def cancel(id: str) -> Response:
        caller, raw = _caller(), body.read(request)
        body.members(request, raw, Nothing, optional=True)
        v = service.cancel(caller, id, replay=_replay(world, caller, raw))
        return _json(resource(v, now()), HTTPStatus.OK)


def _add_proofs(app: Flask, world: World) -> None:
    @app.get("/.well-known/jwks.json")
    def jwks() -> Response:
        return _json(world.prover.jwks(), HTTPStatus.OK)

    @app.post("/v1/proofs/redeem")
    def redeem() -> Response:
        caller, raw = _caller(), body.read(request)
        must_be_secret(caller)
        proof = world.prover.read(body.members(request, raw, Redeem).proof)
        world.service.redeem(caller, proof, replay=_replay(world, caller, raw))
        return _json(proof.claims, HTTPStatus.OK)


def _proven(world: World, caller: Caller, v: Verification) -> Approval:
    """What an approval answers besides the resource, for as long as it may be told again."""
    now = world.clock()
    if not v.answers_again(now) or v.approved_by != caller.credential or not v.phone:
        return {}  # or the number cannot be read any more, and so nothing can be said of it
    proof = world.prover.issue(v)
    out = Approval(proof=proof.token, proof_expires_in=seconds(proof.expires_at - now))
    if caller.is_secret:
        out["phone_number"] = v.phone.e164
    return out


def _caller() -> Caller:
    """Who was found to call before the request was counted."""
    caller: Caller | None = g.caller
    if caller is None:
        raise Unauthorized
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


class _Answer(Response):
    """A whole body and its few headers, as they are: nothing is left to find out about them."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(self.status, self.headers.to_wsgi_list())
        return () if environ["REQUEST_METHOD"] == "HEAD" else self.response  # type: ignore[return-value]


def _json(value: Mapping[str, object], status: HTTPStatus) -> Response:
    body = json.dumps(value).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    return _Answer([body], status=_STATUS_LINES[status], headers=headers)


def _refusal(world: World, error: Exception) -> Response:
    caller: Caller | None = g.get("caller")
    who = {"client": caller.client_id} if caller else {}
    counted = g.get("counted")
    flood = counted is not None and counted.wait is not None
    kind = problems.kind_of(error)
    counting.refusal(world.metrics, request.path, kind, error, flood=flood)
    if flood:
        pass  # a flood is not to be one of lines
    elif isinstance(error, OtpError | HTTPException):
        _log.info("refused", error=kind.word, **who)
    else:
        _log.exception("internal_error", **who)
    return problems.problem(
        error,
        public_url=world.settings.public_url,
        request_id=g.get("request_id", ""),
        now=world.clock(),
        tell_reason=caller is not None and caller.is_secret,
    )
