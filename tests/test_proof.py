"""The proof of an approval, checked the way a stranger would: with the published keys alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from tests.world import NUMBER, START, ServiceWorld, secret_key


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


def test_a_rotation_fails_no_check_and_changes_no_name(tmp_path: Path) -> None:
    """Add as second, deploy, move to first, deploy, take the old one off."""
    old, new = secret_key("k1", 1), secret_key("k2", 2)
    names, tokens, published_keys = set(), [], []
    client_id, keys = "", {}
    for place, secret_keys in enumerate((old, f"{old},{new}", f"{new},{old}", new)):
        world = ServiceWorld(tmp_path, OTP_SECRET_KEYS=secret_keys)
        client_id, keys = (client_id, keys) if keys else (world.client_id, world.keys)
        world.clock.turn(minutes=10 * place)
        api = world.api(keys["sk_live"])
        tokens.append(api.check(api.start().json["id"], world.deliver()).json["proof"])
        published_keys.append(published(world))
        world.close()
    for place, token in enumerate(tokens):
        names.add(opened(token, published_keys[place]).claims["sub"])
    for place, token in enumerate(tokens[:2]):
        opened(token, published_keys[place + 1])  # by the next deployment's keys
        opened(token, published_keys[2])
    opened(tokens[2], published_keys[1])  # by keys that a checker fetched before
    opened(tokens[2], published_keys[3])
    assert len(names) == 1
