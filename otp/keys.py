"""Secret keys, and what is made from them.

`Keyring` holds the operator's secret keys. From each, one sub-key per purpose is derived
(HKDF-SHA-256, RFC 5869): the newest makes, all match, so keys rotate without an outage.

`Lookup` is for what must be found again: the index of a number, the name of a limit, a public
id. A rotation must change none of them, so its key is drawn once, kept in the store sealed
under the keyring, and sealed anew when a newer key comes first.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from otp.phone import Phone

if TYPE_CHECKING:
    from hashlib import _Hash

KEY_BYTES: Final = 32
_KEY_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,32}")
_PUBLIC_ID: Final = re.compile(r"ver_([0-9a-f]{32})")
_BLOCK_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_HASHED_BYTES: Final = 64

TokenBytes = Callable[[int], bytes]
"""Draws that many random bytes; `secrets.token_bytes`, handed in by app.py."""


class Unsealable(Exception):
    """None of the listed keys opens this seal, or it was tampered with or moved."""


@dataclass(frozen=True, slots=True)
class SecretKey:
    id: str
    secret: bytes = field(repr=False)

    def derive(self, purpose: str) -> bytes:
        """The 32-byte sub-key of this key for one *purpose*."""
        return _derive(self.secret, purpose)


@cache
def _derive(secret: bytes, purpose: str) -> bytes:
    return HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=b"otp " + purpose.encode()).derive(
        secret
    )


def parse_secret_keys(text: str) -> tuple[SecretKey, ...]:
    """`id:base64-of-32-bytes[,id:…]`, newest first.

    Raises ValueError, naming the place of the bad key and never its value, for a missing, short,
    repetitive, repeated or example key.
    """
    keys: list[SecretKey] = []
    for place, entry in enumerate(text.split(","), start=1):
        key_id, colon, encoded = entry.strip().partition(":")
        if not colon or not _KEY_ID.fullmatch(key_id):
            raise ValueError(f"key {place} is not of the form id:base64-of-32-bytes")
        try:
            secret = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(f"key {place} ({key_id}) is not base64") from None
        if len(secret) != KEY_BYTES:
            raise ValueError(f"key {place} ({key_id}) must be {KEY_BYTES} bytes")
        # 32 random bytes hold about 30 different ones; 16 or fewer is no accident.
        if len(set(secret)) <= 16 or secret.isascii():
            raise ValueError(f"key {place} ({key_id}) is too weak: draw it at random")
        keys.append(SecretKey(key_id, secret))
    if len({key.id for key in keys}) < len(keys):
        raise ValueError("two keys have the same id")
    if len({key.secret for key in keys}) < len(keys):
        raise ValueError("two keys are equal")
    return tuple(keys)


class Keyring:
    """The secret keys in use, newest first."""

    def __init__(self, keys: tuple[SecretKey, ...], token_bytes: TokenBytes) -> None:
        if not keys:
            raise ValueError("at least one key")
        self.keys = keys
        self._token_bytes = token_bytes

    @property
    def newest(self) -> SecretKey:
        return self.keys[0]

    def secrets(self, purpose: str) -> list[bytes]:
        """The sub-keys for *purpose*, newest first."""
        return [key.derive(purpose) for key in self.keys]

    def digest(self, purpose: str, *parts: str) -> str:
        """`key id $ HMAC-SHA-256`, under the newest key."""
        return f"{self.newest.id}${_mac(self.newest.derive(purpose), *parts).hex()}"

    def matches(self, digest: str, purpose: str, *parts: str) -> bool:
        """Whether *digest* is that of *parts* under one of the keys, in constant time."""
        key_id, _, expected = digest.partition("$")
        for key in self.keys:
            if key.id == key_id:
                made = _mac(key.derive(purpose), *parts).hex()
                return hmac.compare_digest(made.encode(), expected.encode())
        return False

    def seal(self, purpose: str, plain: bytes, context: bytes) -> bytes:
        """*plain* under AES-256-GCM, bound to *context*: moved elsewhere it does not open."""
        key_id = self.newest.id.encode()
        nonce = self._token_bytes(_NONCE_BYTES)
        box = _box(self.newest.derive(purpose)).encrypt(nonce, plain, context)
        return bytes([len(key_id)]) + key_id + nonce + box

    def unseal(self, purpose: str, sealed: bytes, context: bytes) -> bytes:
        """Raises `Unsealable` if no listed key opens it in this context."""
        end = 1 + int.from_bytes(sealed[:1])
        key_id = sealed[1:end].decode(errors="replace")
        nonce, box = sealed[end : end + _NONCE_BYTES], sealed[end + _NONCE_BYTES :]
        for key in self.keys:
            if key.id == key_id:
                try:
                    return _box(key.derive(purpose)).decrypt(nonce, box, context)
                except (InvalidTag, ValueError):  # tampered with or moved; or cut short
                    break
        raise Unsealable(f"sealed under key {key_id!r}")

    def sealed_by_newest(self, sealed: bytes) -> bool:
        """Whether *sealed* is under the newest key already."""
        return sealed[1 : 1 + int.from_bytes(sealed[:1])] == self.newest.id.encode()


class Lookup:
    """Keyed names that stay the same for ever. Made from one permanent 32-byte key."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        # One block, every input used once: ECB is the plain permutation, which is what is wanted.
        ids = Cipher(algorithms.AES(_derive(key, "public id")), modes.ECB())  # noqa: S305
        # A block leaves nothing behind in them, so the same two serve all callers, one at a time.
        self._forwards, self._backwards = ids.encryptor(), ids.decryptor()
        self._turn = threading.Lock()
        self.index = lru_cache(maxsize=256)(self._index)
        """16 bytes under which a number is found again; the number cannot be had from them."""

    def _index(self, phone: Phone) -> bytes:
        return self.mac("number", phone.e164)[:16]

    def mac(self, purpose: str, *parts: str) -> bytes:
        """32 bytes that say *parts* again to who holds the key, and nothing to anybody else."""
        return _mac(_derive(self._key, purpose), *parts)

    def public_id(self, row_key: bytes) -> str:
        """The id that callers see: one AES block over the time-ordered row key (16 bytes)."""
        if len(row_key) != _BLOCK_BYTES:
            raise ValueError("a row key has 16 bytes")  # part of a block would spoil the next
        with self._turn:
            return "ver_" + self._forwards.update(row_key).hex()

    def row_key(self, public_id: str) -> bytes | None:
        """The row key behind an id that callers see, or None if it has not the form of one."""
        found = _PUBLIC_ID.fullmatch(public_id)
        if not found:
            return None
        with self._turn:
            return self._backwards.update(bytes.fromhex(found[1]))


def _mac(key: bytes, *parts: str) -> bytes:
    # Each part goes in with its length: ("a", "bc") and ("ab", "c") must not meet.
    inner, outer = _states(key)
    first, second = inner.copy(), outer.copy()
    for part in parts:
        encoded = part.encode()
        first.update(len(encoded).to_bytes(4, "big") + encoded)
    second.update(first.digest())
    return second.digest()


# There are as many keys as secret keys and purposes; what is made of them would be made anew for
# every name and every seal. For a short message that takes longer than the message itself.
_box = cache(AESGCM)


@cache
def _states(key: bytes) -> tuple[_Hash, _Hash]:
    """HMAC-SHA-256 (RFC 2104) before its message: the inner and the outer hash."""
    assert len(key) <= _HASHED_BYTES
    padded = key.ljust(_HASHED_BYTES, b"\0")
    return (
        hashlib.sha256(bytes(byte ^ 0x36 for byte in padded)),
        hashlib.sha256(bytes(byte ^ 0x5C for byte in padded)),
    )
