"""The proof of an approval: a JWT that anybody can check with our public keys.

ES256, `typ: phone-proof+jwt`. It is made from the row, so the same approval gives the same claims
again: `jti`, `iat` and `exp` are the row's, not the moment's. The signing keys are derived from the
secret keys: the first signs, all are published, so a rotation fails no check.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey

from otp.client import plain_id
from otp.keys import Keyring, Lookup, SecretKey
from otp.verification import Verification

LIFE: Final = timedelta(seconds=300)

# FIPS 186-5, appendix A.2.1: the order of P-256.
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True, slots=True)
class Proof:
    token: str
    expires_at: datetime


class Prover:
    """*issuer* is the public URL; *lookup* gives the person's stable name towards one client."""

    def __init__(self, keyring: Keyring, lookup: Lookup, issuer: str) -> None:
        self._keyring = keyring
        self._lookup = lookup
        self._issuer = issuer

    def issue(self, v: Verification) -> Proof:
        """The proof of an approved verification, for its client."""
        assert v.ended_at is not None
        expires_at = v.ended_at + LIFE
        key = self._keys[0]
        header = {"alg": "ES256", "typ": "phone-proof+jwt", "kid": key.kid}
        return Proof(jwt.encode(header, self._claims(v, v.ended_at, expires_at), key), expires_at)

    def jwks(self) -> dict[str, Any]:
        """The public keys (RFC 7517), the signing one first."""
        return {"keys": [key.as_dict(private=False) for key in self._keys]}

    def _claims(self, v: Verification, at: datetime, expires_at: datetime) -> dict[str, Any]:
        client_id = plain_id(v.client_id)
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "aud": client_id,
            "sub": self._lookup.mac("sub", client_id, v.phone.e164).hex(),
            "iat": int(at.timestamp()),
            "exp": int(expires_at.timestamp()),
            "jti": self._lookup.mac("jti", v.id).hex()[:32],
            "auth_time": int(at.timestamp()),
            "amr": ["otp", v.newest.channel.value],
            "phone_number": v.phone.e164,
            "phone_number_verified": True,
            "verification_id": v.id,
        }
        optional: dict[str, str | bool | None] = {
            "nonce": v.nonce,
            "purpose": v.purpose,
            "reference": v.reference,
            "test": True if v.is_test else None,
        }
        return claims | {name: value for name, value in optional.items() if value is not None}

    @cached_property
    def _keys(self) -> list[ECKey]:
        return [_signing_key(key) for key in self._keyring.keys]


def _signing_key(key: SecretKey) -> ECKey:
    # 384 bits reduced by a 256-bit order: no bias worth a name (FIPS 186-5, A.2.1).
    seed = key.derive("proof, first part") + key.derive("proof, second part")[:16]
    scalar = int.from_bytes(seed, "big") % (_ORDER - 1) + 1
    private = ec.derive_private_key(scalar, ec.SECP256R1())
    made = ECKey.import_key(private, {"use": "sig", "alg": "ES256"})
    made.ensure_kid()
    return made
