"""The JSON door: paths under /v1, and what their answers look like."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus

from flask import Flask
from werkzeug.exceptions import HTTPException

from otp import log
from otp.errors import InvalidInput, Issue, OtpError, Unauthorized
from otp.service import Caller
from otp.store import Replay
from otp.verification import Verification
from otp.web import World, body, counting, floods, health, metrics, openapi, problems, receipts
from otp.web.answers import LISTED, Approval, Listing, Resumed
from otp.web.asked import Answered, Asked
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
from otp.web.shell import Shell, Steps

_log = log.get("otp.api")


def create_api(world: World) -> Flask:
    """The Flask application of the machine doors; the pages are another one beside it."""
    app = Shell("otp.web.api")
    guard = floods.Guard(world)
    app.surround(
        Steps(
            begin=install(app, world),
            before=guard.count,
            refuse=lambda asked, error: _refusal(world, asked, error),
            fields=guard.fields,
        )
    )
    _add_verifications(app, world)
    _add_proofs(app, world)
    receipts.add(app, world)
    health.add(app, world)
    metrics.add(app, world)
    openapi.add(app, world)
    return app


def _add_verifications(app: Shell, world: World) -> None:
    service, now = world.service, world.clock

    def start(asked: Asked) -> Answered:
        caller, raw = _caller(asked), body.read(asked)
        sent = body.members(asked, raw, Start)
        if not caller.is_secret:
            _must_not_hold(sent, "client_ip", "device")
        elif sent.client_ip is not None:
            caller = replace(caller, network=sent.client_ip)
        started = service.start(
            caller,
            sent.phone_number,
            region=sent.region,
            purpose=sent.purpose,
            locale=sent.locale,
            nonce=sent.nonce,
            reference=sent.reference,
            replay=_replay(world, asked, caller, raw),
        )
        answer = resource(started.verification, now())
        if started.resumed:
            return _json({**answer, **Resumed(resumed=True)}, HTTPStatus.OK)
        created = _json(answer, HTTPStatus.CREATED)
        created.headers.append(("Location", f"/v1/verifications/{started.verification.id}"))
        return created

    def search(asked: Asked) -> Answered:
        caller = _caller(asked)
        must_be_secret(caller)
        reference = body.parameter(asked, "reference")
        if not reference:
            raise InvalidInput(Issue("/reference", "missing", "Name the reference to look for."))
        if len(reference) > LONGEST_REFERENCE:
            raise InvalidInput(Issue("/reference", "too_long", "No reference is that long."))
        found = service.by_reference(caller.client_id, reference, LISTED)
        return _json(Listing(data=[resource(v, now()) for v in found]), HTTPStatus.OK)

    def read(asked: Asked, id: str) -> Answered:
        caller = _caller(asked)
        return _json(resource(service.get(caller.client_id, id), now()), HTTPStatus.OK)

    def check(asked: Asked, id: str) -> Answered:
        caller, raw = _caller(asked), body.read(asked)
        sent = body.members(asked, raw, Check)
        if not caller.is_secret:
            _must_not_hold(sent, "client_ip")
        v = service.check(
            caller, id, sent.code, purpose=sent.purpose, replay=_replay(world, asked, caller, raw)
        )
        return _json({**resource(v, now()), **_proven(world, caller, v)}, HTTPStatus.OK)

    def resend(asked: Asked, id: str) -> Answered:
        caller, raw = _caller(asked), body.read(asked)
        body.members(asked, raw, Nothing, optional=True)
        v = service.resend(caller, id, replay=_replay(world, asked, caller, raw))
        return _json(resource(v, now()), HTTPStatus.ACCEPTED)

    def cancel(asked: Asked, id: str) -> Answered:
        caller, raw = _caller(asked), body.read(asked)
        body.members(asked, raw, Nothing, optional=True)
        v = service.cancel(caller, id, replay=_replay(world, asked, caller, raw))
        return _json(resource(v, now()), HTTPStatus.OK)

    app.door("POST", "/v1/verifications", start)
    app.door("GET", "/v1/verifications", search)
    app.door("GET", "/v1/verifications/<id>", read)
    app.door("POST", "/v1/verifications/<id>/check", check)
    app.door("POST", "/v1/verifications/<id>/resend", resend)
    app.door("POST", "/v1/verifications/<id>/cancel", cancel)


def _add_proofs(app: Shell, world: World) -> None:
    def jwks(asked: Asked) -> Answered:
        return _json(world.prover.jwks(), HTTPStatus.OK)

    def redeem(asked: Asked) -> Answered:
        caller, raw = _caller(asked), body.read(asked)
        must_be_secret(caller)
        proof = world.prover.read(body.members(asked, raw, Redeem).proof)
        world.service.redeem(caller, proof, replay=_replay(world, asked, caller, raw))
        return _json(proof.claims, HTTPStatus.OK)

    app.door("GET", "/.well-known/jwks.json", jwks)
    app.door("POST", "/v1/proofs/redeem", redeem)


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


def _caller(asked: Asked) -> Caller:
    """Who was found to call before the request was counted."""
    if asked.caller is None:
        raise Unauthorized
    return asked.caller


def _must_not_hold(sent: body.Members, *names: str) -> None:
    found = [name for name in names if getattr(sent, name) is not None]
    if found:
        detail = "Only a secret key may send this member."
        raise InvalidInput(*(Issue(f"/{name}", "not_allowed", detail) for name in found))


def _replay(world: World, asked: Asked, caller: Caller, raw: bytes) -> Replay | None:
    """The repeatable request this is, if it carries an Idempotency-Key.

    Its scope is the credential and the address; what was asked is remembered as a keyed digest,
    since a body holds a number or a code.
    """
    key: str | None = asked.environ.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return None
    if len(key) > LONGEST_KEY or not IDEMPOTENCY_KEY.fullmatch(key):
        raise problems.MalformedBody
    mac = world.store.lookup.mac
    return Replay(
        key=mac("replay", caller.credential, asked.path, key.strip('"')),
        fingerprint=mac("replayed body", raw.decode("latin-1")),
    )


def _json(value: Mapping[str, object], status: HTTPStatus) -> Answered:
    return Answered.of(json.dumps(value).encode(), status, "application/json")


def _refusal(world: World, asked: Asked, error: Exception) -> Answered:
    caller, counted = asked.caller, asked.counted
    who = {"client": caller.client_id} if caller else {}
    flood = counted is not None and counted.wait is not None
    kind = problems.kind_of(error)
    counting.refusal(world.metrics, asked.path, kind, error, flood=flood)
    if flood:
        pass  # a flood is not to be one of lines
    elif isinstance(error, OtpError | HTTPException):
        _log.info("refused", error=kind.word, **who)
    else:
        _log.exception("internal_error", **who)
    return problems.problem(
        error,
        public_url=world.settings.public_url,
        request_id=asked.request_id,
        now=world.clock(),
        tell_reason=caller is not None and caller.is_secret,
    )
