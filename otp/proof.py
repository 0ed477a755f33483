"""The proof of an approval: a JWT that anybody can check with our public keys.

ES256, `typ: phone-proof+jwt`. It is made from the row, so the same approval gives the same claims
again: `jti`, `iat` and `exp` are the row's, not the moment's. The signing keys are derived from the
secret keys: the first signs, all are published, so a rotation fails no check.

What is not decided here: whether a proof is still good. That is the verification's to say.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from otp.client import plain_id
from otp.errors import InvalidProof
from otp.keys import Keyring, Lookup, SecretKey
from otp.verification import Verification

_TYPE: Final = "phone-proof+jwt"
_ALGORITHM: Final = "ES256"
_ES256: Final = ec.ECDSA(hashes.SHA256())
_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

# FIPS 186-5, appendix A.2.1: the order of P-256.
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

_ESSENTIAL: Final = {
    "aud": str,
    "sub": str,
    "iat": int,
    "exp": int,
    "jti": str,
    "phone_number": str,
    "verification_id": str,
}


@dataclass(frozen=True, slots=True)
class Proof:
    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a proof says that was read and found to be ours; *claims* is all of it."""

    client_id: str
    verification_id: str
    is_test: bool
    claims: dict[str, Any]


class Prover:
    """*issuer* is the public URL; *lookup* gives the person's stable name towards one client."""

    def __init__(self, keyring: Keyring, lookup: Lookup, issuer: str) -> None:
        self._keyring = keyring
        self._lookup = lookup
        self._issuer = issuer

    def issue(self, v: Verification) -> Proof:
        """The proof of an approved verification, for its client."""
        assert v.ended_at is not None
        claims = _JSON.encode(self._claims(v, v.ended_at)).encode()
        signed = f"{self._header}.{_base64(claims)}"
        # The compact form of RFC 7515, section 7.1: the library looks each header and the key over
        # anew, which takes as long as the signature.
        signature = _base64(_sign(signed.encode(), self._private))
        return Proof(f"{signed}.{signature}", v.proof_expires_at)

    def read(self, token: str) -> Statement:
        """What a token says that one of the listed keys signed as a proof, for this issuer.

        Raises `InvalidProof` for any other text. Its time is not looked at.
        """
        key = self._by_header.get(token.partition(".")[0])
        if key is None:
            raise InvalidProof
        try:
            claims = jwt.decode(token, key, algorithms=[_ALGORITHM]).claims
        except (JoseError, ValueError):
            raise InvalidProof from None
        is_whole = all(type(claims.get(name)) is kind for name, kind in _ESSENTIAL.items())
        if claims.get("iss") != self._issuer or not is_whole:
            raise InvalidProof
        return Statement(
            client_id=claims["aud"],
            verification_id=claims["verification_id"],
            is_test=claims.get("test") is True,
            claims=claims,
        )

    def jwks(self) -> dict[str, Any]:
        """The public keys (RFC 7517), the signing one first."""
        return {"keys": [key.as_dict(private=False) for key in self._keys]}

    def _claims(self, v: Verification, at: datetime) -> dict[str, Any]:
        client_id = plain_id(v.client_id)
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "aud": client_id,
            "sub": self._lookup.mac("sub", client_id, v.phone.e164).hex(),
            "iat": int(at.timestamp()),
            "exp": int(v.proof_expires_at.timestamp()),
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

    @cached_property
    def _private(self) -> ec.EllipticCurvePrivateKey:
        """The key that signs."""
        return _private(self._keyring.newest)

    @cached_property
    def _header(self) -> str:
        """That of the key which signs, encoded."""
        return next(iter(self._by_header))

    @cached_property
    def _by_header(self) -> dict[str, ECKey]:
        # A header of ours is spelled in one way for each key, so a stranger's is never parsed: what
        # it says of `alg`, `kid`, `typ` or of where to fetch a key is not even looked at.
        return {jwt.encode(_header(key), {}, key).partition(".")[0]: key for key in self._keys}


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _header(key: ECKey) -> dict[str, Any]:
    return {"alg": _ALGORITHM, "typ": _TYPE, "kid": key.kid}


def _sign(data: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """ES256 of RFC 7518, section 3.4: both numbers of the signature, 32 bytes each."""
    return b"".join(
        number.to_bytes(32, "big") for number in decode_dss_signature(key.sign(data, _ES256))
    )


def _signing_key(key: SecretKey) -> ECKey:
    made = ECKey.import_key(_private(key), {"use": "sig", "alg": _ALGORITHM})
    made.ensure_kid()
    return made


def _private(key: SecretKey) -> ec.EllipticCurvePrivateKey:
    # 384 bits reduced by a 256-bit order: no bias worth a name (FIPS 186-5, A.2.1).
    seed = key.derive("proof, first part") + key.derive("proof, second part")[:16]
    scalar = int.from_bytes(seed, "big") % (_ORDER - 1) + 1
    return ec.derive_private_key(scalar, ec.SECP256R1())
