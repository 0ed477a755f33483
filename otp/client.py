"""A calling application, and the keys it calls with.

`otp_sk_live_<key id>_<secret>`: the id is public and finds the row, the secret is 256 random bits,
so a plain SHA-256 of it is as good at rest as any slow hash.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final

from otp.keys import TokenBytes

SIGN_IN: Final = "sign-in"
"""The built-in client of the pages: made by the first migration, without keys."""

_TEST: Final = "/test"
_SHAPE: Final = re.compile(r"otp_(sk|pk)_(live|test)_([0-9a-f]{16})_([0-9a-f]{64})")


class Rights(StrEnum):
    SECRET = "sk"  # noqa: S105  the word for a kind of key, no key
    """Everything of its own client."""
    PUBLISHABLE = "pk"
    """For apps and browsers: start, and check, resend, cancel, read by id."""


class Mode(StrEnum):
    LIVE = "live"
    TEST = "test"
    """For test numbers only; never sends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestNumber:
    """A number that a client's live keys may play at, with one code, for who reviews its app.

    *index* is the keyed name of the number and *digest* the keyed digest of the code; neither can
    be had from them. It is good through the day *until*, in UTC.
    """

    index: bytes
    masked: str
    digest: str = field(repr=False)
    code_length: int
    until: date

    def is_open(self, now: datetime) -> bool:
        return now.astimezone(UTC).date() <= self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """*policy* holds what this client wants otherwise than the settings, by their names."""

    id: str
    name: str
    created_at: datetime
    policy: tuple[tuple[str, int], ...] = ()
    test_numbers: tuple[TestNumber, ...] = ()

    @staticmethod
    def new_id(token_bytes: TokenBytes) -> str:
        return f"cli_{token_bytes(16).hex()}"

    def acting(self, mode: Mode) -> str:
        """The id under which what is started with keys of *mode* is kept.

        Test mode acts as a client of its own, so that neither mode finds, resumes, counts or
        proves what the other started.
        """
        return f"{self.id}{_TEST}" if mode is Mode.TEST else self.id

    def open_numbers(self, now: datetime) -> tuple[TestNumber, ...]:
        """Its test numbers that are good at *now*."""
        return tuple(number for number in self.test_numbers if number.is_open(now))


def plain_id(acting_id: str) -> str:
    """The client behind an id that `Client.acting` made."""
    return acting_id.removesuffix(_TEST)


def mode_of(acting_id: str) -> Mode:
    """The mode of the keys behind an id that `Client.acting` made."""
    return Mode.TEST if acting_id.endswith(_TEST) else Mode.LIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One key as it is stored. Several are good at once; a revoked one is kept, and opens nothing.

    What was started with a key belongs to its client.
    """

    id: str
    client_id: str
    rights: Rights
    mode: Mode
    digest: bytes = field(repr=False)
    created_at: datetime
    revoked_at: datetime | None = None

    @property
    def label(self) -> str:
        """How the key is called where its secret must not stand."""
        return f"otp_{self.rights}_{self.mode}_{self.id}_…"

    @classmethod
    def issue(
        cls,
        client_id: str,
        rights: Rights,
        mode: Mode,
        *,
        token_bytes: TokenBytes,
        now: datetime,
    ) -> tuple[ApiKey, str]:
        """A new key and its text, which is told once and kept nowhere."""
        key_id, secret = token_bytes(8).hex(), token_bytes(32).hex()
        key = cls(
            id=key_id,
            client_id=client_id,
            rights=rights,
            mode=mode,
            digest=_digest(secret),
            created_at=now,
        )
        return key, f"otp_{rights}_{mode}_{key_id}_{secret}"

    def is_opened_by(self, presented: PresentedKey) -> bool:
        """Whether it is this key and still good, in constant time."""
        same = hmac.compare_digest(self.digest, _digest(presented.secret))
        kind = (self.rights, self.mode) == (presented.rights, presented.mode)
        return same and kind and self.revoked_at is None


@dataclass(frozen=True, slots=True)
class PresentedKey:
    """The parts of a key as a caller sent it."""

    id: str
    rights: Rights
    mode: Mode
    secret: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> PresentedKey | None:
        """The parts, or None if the text is no key."""
        found = _SHAPE.fullmatch(text)
        if not found:
            return None
        rights, mode, key_id, secret = found.groups()
        return cls(key_id, Rights(rights), Mode(mode), secret)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
