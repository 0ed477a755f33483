"""Redeeming a proof: once, in time, by its own client's server, and only what we signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey
from werkzeug.test import TestResponse

from otp.client import ApiKey, Mode, Rights
from otp.phone import Phone
from tests.world import NUMBER, OTHER_NUMBER, ServiceWorld

HEADER = {"alg": "ES256", "typ": "phone-proof+jwt"}


def proven(world: ServiceWorld, number: str = NUMBER, **members: str) -> str:
    """The proof of a number, by a client's own server."""
    id = world.api().start(number, **members).json["id"]
    return str(world.api().check(id, world.deliver()).json["proof"])


def payload(token: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


def coded(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def own_key(world: ServiceWorld) -> ECKey:
    """The service's own signing key: what is signed with it is refused for another reason."""
    return world.parts.world.prover._keys[0]


def signed(world: ServiceWorld, claims: Any, **header: str) -> str:
    key = own_key(world)
    return jwt.encode({**HEADER, "kid": key.kid, **header}, claims, key)


def said(answer: TestResponse) -> str:
    """The problem, but for what names the request."""
    return str({name: value for name, value in answer.json.items() if name != "request_id"})


def assert_spent(answer: TestResponse) -> None:
    assert (answer.status_code, answer.json["error"]) == (410, "proof_spent")


# -- once, and in time ----------------------------------------------------------------------------


def test_the_claims_are_told_once(world: ServiceWorld) -> None:
    token = proven(world, nonce="n-1", purpose="sign-in", reference="order-7")
    answer = world.api().redeem(token)
    assert answer.status_code == 200
    assert answer.json == payload(token)
    told = {name: answer.json[name] for name in ("nonce", "purpose", "reference", "phone_number")}
    assert told == {
        "nonce": "n-1",
        "purpose": "sign-in",
        "reference": "order-7",
        "phone_number": NUMBER,
    }
    assert answer.headers["Cache-Control"] == "no-store"
    again = world.api().redeem(token)
    assert_spent(again)
    assert again.json["verification"]["id"] == answer.json["verification_id"]
    assert NUMBER not in again.text


def test_a_proof_is_good_until_its_last_second_is_over_and_not_at_that_instant(
    world: ServiceWorld,
) -> None:
    world.clock.turn(milliseconds=700)
    in_time, too_late = proven(world), proven(world, OTHER_NUMBER)
    died = payload(in_time)["exp"] - world.clock().timestamp()
    assert died == pytest.approx(299.3)
    world.clock.turn(seconds=299.299999)
    assert world.api().redeem(in_time).status_code == 200
    world.clock.turn(microseconds=1)
    assert world.clock().timestamp() == payload(too_late)["exp"]
    assert_spent(world.api().redeem(too_late))


def test_an_answer_that_was_told_twice_is_one_proof(world: ServiceWorld) -> None:
    id = world.api().start().json["id"]
    code = world.deliver()
    first = world.api().check(id, code).json["proof"]
    world.clock.turn(seconds=30)
    second = world.api().check(id, code).json["proof"]
    assert first != second, "signed anew"
    assert payload(first) == payload(second)
    assert world.api().redeem(second).status_code == 200
    assert_spent(world.api().redeem(first))
    assert payload(world.api().check(id, code).json["proof"]) == payload(first), "still told again"
    assert_spent(world.api().redeem(second))


def test_what_an_app_proved_its_server_redeems(world: ServiceWorld) -> None:
    app = world.api(world.keys["pk_live"])
    token = app.check(app.start(nonce="n").json["id"], world.deliver()).json["proof"]
    refused = app.redeem(token)
    assert (refused.status_code, refused.json["error"]) == (403, "forbidden")
    assert world.api().redeem(token).json["nonce"] == "n"


def test_the_longest_proof_can_be_brought_back(world: ServiceWorld) -> None:
    for number, letter in ((NUMBER, "\x01"), (OTHER_NUMBER, "\N{GRINNING FACE}")):
        token = proven(world, number, nonce=letter * 200, purpose="p" * 40, reference=letter * 64)
        answer = world.api().redeem(token)
        assert answer.status_code == 200, len(token)
        assert answer.json["nonce"] == letter * 200


def test_a_proof_of_what_was_erased_is_spent(world: ServiceWorld) -> None:
    token = proven(world)
    assert world.store.forget_number(Phone.of(NUMBER)) == 1
    answer = world.api().redeem(token)
    assert_spent(answer)
    assert "verification" not in answer.json


# -- by whom --------------------------------------------------------------------------------------


def test_another_clients_proof_is_not_found_and_stays_good(world: ServiceWorld) -> None:
    token = proven(world)
    _, keys = world.add_client("Other")
    other = world.api(keys["sk_live"])
    answer = other.redeem(token)
    assert answer.status_code == 404
    assert said(answer) == said(other.read("ver_" + "0" * 32)) == said(other.get("/v1/nothing"))
    assert world.api().redeem(token).status_code == 200
    assert other.redeem(token).status_code == 404, "whether it was redeemed is not told either"


def test_without_a_key_nothing_is_told(world: ServiceWorld) -> None:
    token = proven(world)
    assert world.api("").redeem(token).status_code == 401
    assert world.api().redeem(token).status_code == 200


def test_a_test_key_and_a_live_proof_do_not_meet_nor_the_other_way_round(
    world: ServiceWorld,
) -> None:
    live, test = world.api(), world.api(world.keys["sk_test"])
    token = proven(world)
    id = test.start("+12025550100").json["id"]
    of_test = test.check(id, "550100").json["proof"]
    for answer in (test.redeem(token), live.redeem(of_test)):
        assert said(answer) == said(live.read("ver_" + "0" * 32))
    assert live.redeem(token).status_code == 200
    assert test.redeem(of_test).json["test"] is True
    assert test.redeem(of_test).status_code == 410


def test_a_test_key_that_is_publishable_is_forbidden_before_anything_is_looked_at(
    world: ServiceWorld,
) -> None:
    for kind in ("pk_live", "pk_test"):
        assert world.api(world.keys[kind]).redeem("x").status_code == 403


# -- what is none of ours -------------------------------------------------------------------------

Forge = Callable[[ServiceWorld, str], str]


def _keyed_hash(world: ServiceWorld, token: str, secret: bytes) -> str:
    head = coded({**HEADER, "alg": "HS256", "kid": own_key(world).kid})
    text = f"{head}.{token.split('.')[1]}"
    return f"{text}.{coded(hmac.digest(secret, text.encode(), hashlib.sha256))}"


def _another_key(world: ServiceWorld) -> ECKey:
    made = ECKey.import_key(ec.generate_private_key(ec.SECP256R1()), {"use": "sig"})
    made.ensure_kid()
    return made


def _by_another_key(world: ServiceWorld, token: str, **header: Any) -> str:
    key = _another_key(world)
    return jwt.encode({**HEADER, "kid": key.kid, **header}, payload(token), key)


def _without(name: str) -> Forge:
    def forge(world: ServiceWorld, token: str) -> str:
        return signed(world, {k: v for k, v in payload(token).items() if k != name})

    return forge


def _with(**claims: Any) -> Forge:
    return lambda world, token: signed(world, payload(token) | claims)


def _parts(forge: Callable[[str, str, str], str]) -> Forge:
    return lambda _, token: forge(*token.split("."))


FORGED: dict[str, Forge] = {
    "nothing": lambda *_: "",
    "a word": lambda *_: "proof",
    "dots": lambda *_: "..",
    "no text of ours": lambda *_: "\N{GRINNING FACE}.\0.\N{GRINNING FACE}",
    "an API key": lambda world, _: world.keys["sk_live"],
    "padded": _parts(lambda head, body, mac: f"{head}.{body}.{mac}=="),
    "spaces around": lambda _, token: f" {token}\n",
    "no base64 in the signature": _parts(lambda head, body, mac: f"{head}.{body}.{mac[:-1]}!"),
    "no base64 in the claims": _parts(lambda head, body, mac: f"{head}.{body}!.{mac}"),
    "no signature": _parts(lambda head, body, _: f"{head}.{body}."),
    "a signature of zeros": _parts(lambda head, body, _: f"{head}.{body}.{coded(bytes(64))}"),
    "a signature cut short": _parts(lambda head, body, mac: f"{head}.{body}.{mac[:-2]}"),
    "a part too many": lambda _, token: f"{token}.{token}",
    "encrypted, by its look": lambda _, token: ".".join([token.split(".")[0], *"abcd"]),
    "over-long": lambda _, token: token + "A" * (4000 - len(token)),
    "other claims": _parts(
        lambda head, body, mac: f"{head}.{coded({**payload(f'.{body}.'), 'purpose': 'x'})}.{mac}"
    ),
    "alg none": _parts(lambda _, body, __: f"{coded({**HEADER, 'alg': 'none'})}.{body}."),
    "alg none with our kid": lambda world, token: (
        f"{coded({**HEADER, 'alg': 'none', 'kid': own_key(world).kid})}.{token.split('.')[1]}."
    ),
    "HS256 with the public key as PEM": lambda world, token: _keyed_hash(
        world, token, own_key(world).as_pem(private=False)
    ),
    "HS256 with the public key as JWK": lambda world, token: _keyed_hash(
        world, token, json.dumps(own_key(world).as_dict(private=False)).encode()
    ),
    "another key": _by_another_key,
    "another key under our kid": lambda world, token: _by_another_key(
        world, token, kid=own_key(world).kid or ""
    ),
    "a key it brings along": lambda world, token: _by_another_key(
        world, token, jwk=_another_key(world).as_dict(private=False)
    ),
    "a header of lists": _parts(lambda _, body, mac: f"{coded(['alg'])}.{body}.{mac}"),
    "a header deep down": _parts(lambda _, body, mac: f"{coded(b'[' * 2000)}.{body}.{mac}"),
    "an alg that is no word": _parts(lambda _, body, mac: f"{coded({'alg': []})}.{body}.{mac}"),
    "no kid": lambda world, token: jwt.encode(HEADER, payload(token), own_key(world)),
    "another typ": lambda world, token: signed(world, payload(token), typ="JWT"),
    "another use of our key": lambda world, token: signed(world, payload(token), typ="at+jwt"),
    "another iss": _with(iss="https://evil.example"),
    "no iss": _without("iss"),
    "no aud": _without("aud"),
    "many aud": _with(aud=["cli_a", "cli_b"]),
    "no exp": _without("exp"),
    "an exp that is true": _with(exp=True),
    "no iat": _without("iat"),
    "no jti": _without("jti"),
    "no sub": _without("sub"),
    "no phone_number": _without("phone_number"),
    "no verification_id": _without("verification_id"),
    "a verification_id of another kind": _with(verification_id=5),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_what_we_did_not_sign_as_a_proof_is_none(world: ServiceWorld, forge: Forge) -> None:
    token = proven(world)
    answer = world.api().redeem(forge(world, token))
    assert (answer.status_code, answer.json["error"]) == (422, "invalid_proof")
    assert answer.content_type == "application/problem+json"
    assert world.api().redeem(token).status_code == 200, "and costs the good one nothing"


def test_the_forger_of_these_tests_signs_well_where_nothing_is_wrong(world: ServiceWorld) -> None:
    assert world.api().redeem(signed(world, payload(proven(world)))).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({}, 422, "invalid_input"),
        ({"proof": None}, 422, "invalid_input"),
        ({"proof": 5}, 422, "invalid_input"),
        ({"proof": ["a.b.c"]}, 422, "invalid_input"),
        ({"proof": "a.b.c", "jti": "x"}, 422, "invalid_input"),
        ({"proof": "a" * 5000}, 413, "body_too_large"),
        ([], 400, "malformed_body"),
    ],
)
def test_a_body_that_holds_no_proof_is_refused_as_any_other(
    world: ServiceWorld, body: Any, status: int, error: str
) -> None:
    answer = world.api().post("/v1/proofs/redeem", body)
    assert (answer.status_code, answer.json["error"]) == (status, error)


# -- repeated requests ----------------------------------------------------------------------------


def test_a_repeat_of_the_request_gets_the_claims_again_and_nobody_else_does(
    world: ServiceWorld,
) -> None:
    token, header = proven(world), {"Idempotency-Key": "one"}
    first = world.api().redeem(token, headers=header)
    world.clock.turn(hours=23)
    again = world.api().redeem(token, headers=header)
    assert (again.status_code, again.json) == (200, first.json)
    assert_spent(world.api().redeem(token))
    assert_spent(world.api().redeem(token, headers={"Idempotency-Key": "two"}))


def test_an_idempotency_key_is_that_of_one_api_key(world: ServiceWorld) -> None:
    token, header = proven(world), {"Idempotency-Key": "one"}
    assert world.api().redeem(token, headers=header).status_code == 200
    second, text = ApiKey.issue(
        world.client_id,
        Rights.SECRET,
        Mode.LIVE,
        token_bytes=world.parts.world.token_bytes,
        now=world.clock(),
    )
    world.store.put_key(second)
    assert_spent(world.api(text).redeem(token, headers=header))
    _, keys = world.add_client("Other")
    assert world.api(keys["sk_live"]).redeem(token, headers=header).status_code == 404
    assert world.api(world.keys["sk_test"]).redeem(token, headers=header).status_code == 404


def test_one_key_for_two_proofs_is_a_mismatch_and_spends_nothing(world: ServiceWorld) -> None:
    first, second, header = proven(world), proven(world, OTHER_NUMBER), {"Idempotency-Key": "one"}
    assert world.api().redeem(first, headers=header).status_code == 200
    answer = world.api().redeem(second, headers=header)
    assert (answer.status_code, answer.json["error"]) == (422, "idempotency_mismatch")
    assert world.api().redeem(second).status_code == 200


def test_only_a_success_is_remembered(world: ServiceWorld) -> None:
    header = {"Idempotency-Key": "one"}
    spent, good = proven(world), proven(world, OTHER_NUMBER)
    world.api().redeem(spent)
    assert_spent(world.api().redeem(spent, headers=header))
    assert world.api().redeem("x", headers=header).status_code == 422
    assert world.api().redeem(good, headers=header).status_code == 200


def test_what_is_remembered_goes_with_the_verification(world: ServiceWorld) -> None:
    token, header = proven(world), {"Idempotency-Key": "one"}
    assert world.api().redeem(token, headers=header).status_code == 200
    world.store.forget_number(Phone.of(NUMBER))
    assert_spent(world.api().redeem(token, headers=header))


def test_a_store_that_fails_has_not_redeemed_anything(world: ServiceWorld) -> None:
    token = proven(world)
    world.store.close()
    answer = world.api().redeem(token)
    assert (answer.status_code, answer.json["error"]) == (503, "unavailable")
