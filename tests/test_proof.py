"""The proof of an approval, checked the way a stranger would: with the published keys alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from otp.errors import InvalidProof
from tests.world import NUMBER, START, ServiceWorld


def proven(world: ServiceWorld, **members: str) -> str:
    id = world.api().start(**members).json["id"]
    return str(world.api().check(id, world.deliver()).json["proof"])


def published(world: ServiceWorld) -> KeySet:
    answer = world.client().get("/.well-known/jwks.json")
    assert answer.status_code == 200
    return KeySet.import_key_set(answer.json)


def opened(token: str, keys: KeySet) -> Any:
    return jwt.decode(token, keys, algorithms=["ES256"])


def test_it_says_what_was_proven_and_to_whom(world: ServiceWorld) -> None:
    token = proven(world, purpose="sign-in", nonce="n-1", reference="order-7")
    found = opened(token, published(world))
    assert (found.header["typ"], found.header["alg"]) == ("phone-proof+jwt", "ES256")
    claims = found.claims
    at = int(START.timestamp())
    assert len(claims.pop("jti")) == 32
    assert len(claims.pop("sub")) == 64
    assert claims.pop("verification_id").startswith("ver_")
    assert claims == {
        "iss": "http://localhost",
        "aud": world.client_id,
        "iat": at,
        "exp": at + 300,
        "auth_time": at,
        "amr": ["otp", "sms"],
        "nonce": "n-1",
        "purpose": "sign-in",
        "reference": "order-7",
        "phone_number": NUMBER,
        "phone_number_verified": True,
    }


def test_the_published_keys_are_public(world: ServiceWorld) -> None:
    [key] = world.client().get("/.well-known/jwks.json").json["keys"]
    assert "d" not in key
    assert {"kty", "crv", "x", "y", "kid", "use", "alg"} <= set(key)


def test_one_changed_character_is_refused(world: ServiceWorld) -> None:
    head, body, signature = proven(world).split(".")
    flipped = ("A" if signature[5] != "A" else "B") + signature[6:]
    with pytest.raises(JoseError):
        opened(f"{head}.{body}.{signature[:5]}{flipped}", published(world))


def test_a_person_has_one_name_towards_each_client(world: ServiceWorld) -> None:
    keys = published(world)
    mine = opened(proven(world), keys).claims["sub"]
    world.clock.turn(minutes=5)
    assert opened(proven(world), keys).claims["sub"] == mine
    world.clock.turn(minutes=5)
    other_id, other_keys = world.add_client("Other")
    api = world.api(other_keys["sk_live"])
    answer = api.check(api.start().json["id"], world.deliver())
    claims = opened(answer.json["proof"], keys).claims
    assert claims["aud"] == other_id
    assert claims["sub"] != mine


def test_not_one_bit_of_a_proof_can_be_another(world: ServiceWorld) -> None:
    token, read = proven(world), world.parts.world.prover.read
    assert read(token).claims["phone_number"] == NUMBER
    for at, letter in enumerate(token):
        for bit in range(8):
            with pytest.raises(InvalidProof):
                read(f"{token[:at]}{chr(ord(letter) ^ 1 << bit)}{token[at + 1 :]}")


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(), st.text("AQgw-_.", max_size=90), st.integers(0, 2))
def test_whatever_is_brought_is_read_or_refused(
    world: ServiceWorld, text: str, letters: str, place: int
) -> None:
    prover = world.parts.world.prover
    head = next(iter(prover._by_header))
    parts = [head, "e30", "A" * 86]
    for strange in (text, letters):
        changed = ".".join([*parts[:place], strange, *parts[place + 1 :]])
        for token in (strange, changed):
            with pytest.raises(InvalidProof):
                prover.read(token)
