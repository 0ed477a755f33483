"""What a browser is known by: its cookie, its session in the store, and its form tokens.

The cookie holds two random values under a signature. *token* is the session's secret: the store
keeps its SHA-256 only, a new one is made at every step up, and the old one is dead with it. *id*
stays, gives no right, and tells a stale form of this browser from a form of another one.

A first visit writes nothing to the store. What is not done here: HTTP.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

from itsdangerous import BadSignature, Signer

from otp.client import SIGN_IN
from otp.keys import Keyring, TokenBytes
from otp.store import Session, Store
from otp.verification import Verification

SIGNED_IN_LIFE: Final = timedelta(hours=24)
"""The longest for one factor, NIST SP 800-63B-4 section 2.1.3."""

AFTERWARDS: Final = timedelta(minutes=10)
"""A session outlives its pending verification by this: one press still gets a new code."""

_ID_BYTES: Final = 16
_TOKEN_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_MARK_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Browser:
    """One browser at one step of its way."""

    id: bytes = field(repr=False)
    token: bytes = field(repr=False)

    @property
    def digest(self) -> bytes:
        """What the store finds the session by."""
        return hashlib.sha256(self.token).digest()

    @property
    def credential(self) -> str:
        """Who asks, for `otp.service`: the same as long as the token is."""
        return f"session:{self.digest.hex()}"


class Form(Enum):
    """Where a posted form came from."""

    OURS = auto()
    STALE = auto()
    """A page of this browser from before its last step, say in another tab: act on nothing."""
    FOREIGN = auto()


class Sessions:
    def __init__(
        self, *, store: Store, keyring: Keyring, token_bytes: TokenBytes, secure: bool
    ) -> None:
        self._store = store
        self._keyring = keyring
        self._token_bytes = token_bytes
        # Browsers disagree whether __Host- may be used at http://localhost.
        self.cookie_name = "__Host-otp" if secure else "otp"
        self._cookies = _signer(keyring, "cookie")
        self._forms = _signer(keyring, "form")

    # -- the cookie -----------------------------------------------------------------------------

    def new(self, id: bytes | None = None) -> Browser:
        """A browser without a session; with *id*, a known one that starts over."""
        return Browser(id or self._token_bytes(_ID_BYTES), self._token_bytes(_TOKEN_BYTES))

    def cookie(self, browser: Browser) -> str:
        return self._cookies.sign(_encoded(browser.id + browser.token)).decode()

    def read(self, cookie: str) -> Browser | None:
        """The browser behind a cookie that we signed, or None."""
        held = _unsigned(self._cookies, cookie)
        if held is None or len(held) != _ID_BYTES + _TOKEN_BYTES:
            return None
        return Browser(held[:_ID_BYTES], held[_ID_BYTES:])

    # -- the session ----------------------------------------------------------------------------

    def find(self, browser: Browser, now: datetime) -> Session | None:
        return self._store.session(browser.digest, now)

    def begin(self, browser: Browser, v: Verification, *, replaces: Browser, now: datetime) -> None:
        """Keep the pending session of a start; the one it *replaces* ends with it."""
        self._put(browser, v, replaces, now, until=v.created_at + v.policy.life + AFTERWARDS)

    def sign_in(self, browser: Browser, v: Verification, now: datetime) -> Browser:
        """The browser with its new token, signed in; its pending session ends with it.

        Asked twice, by a double press, both answers hold the same token of one session.
        """
        signed_in = self.successor(browser)
        self._put(signed_in, v, browser, now, until=now + SIGNED_IN_LIFE, signed_in=True)
        return signed_in

    def successor(self, browser: Browser) -> Browser:
        """Who this browser is once it has signed in.

        Drawn from its present token and our key rather than from chance, so that the second press
        of a double one, which still carries the old token, finds the session that the first made.
        """
        key = self._keyring.newest.derive("session successor")
        return Browser(browser.id, hmac.digest(key, browser.token, hashlib.sha256))

    def end(self, browser: Browser) -> None:
        self._store.end_session(browser.digest)

    def _put(
        self,
        browser: Browser,
        v: Verification,
        replaces: Browser,
        now: datetime,
        *,
        until: datetime,
        signed_in: bool = False,
    ) -> None:
        session = Session(
            digest=browser.digest,
            client_id=SIGN_IN,
            verification_id=v.id,
            signed_in=signed_in,
            created_at=now,
            expires_at=until,
        )
        self._store.put_session(session, replaces=replaces.digest)

    # -- forms ----------------------------------------------------------------------------------

    def form_token(self, browser: Browser) -> str:
        """What a form of this browser carries, a new one for each page."""
        nonce = self._token_bytes(_NONCE_BYTES)
        return self._forms.sign(_encoded(nonce + _mark(browser.id) + _mark(browser.token))).decode()

    def judge(self, token: str, browser: Browser | None) -> Form:
        """Where a form with this *token* came from, compared in constant time."""
        held = _unsigned(self._forms, token)
        if held is None or browser is None:
            return Form.FOREIGN
        marks = held[_NONCE_BYTES:]
        if hmac.compare_digest(marks, _mark(browser.id) + _mark(browser.token)):
            return Form.OURS
        if hmac.compare_digest(marks[:_MARK_BYTES], _mark(browser.id)):
            return Form.STALE
        return Form.FOREIGN


def _signer(keyring: Keyring, purpose: str) -> Signer:
    oldest_first = list(reversed(keyring.secrets(purpose)))
    return Signer(
        oldest_first, salt=f"otp {purpose}", key_derivation="hmac", digest_method=hashlib.sha256
    )


def _unsigned(signer: Signer, text: str) -> bytes | None:
    try:
        return base64.urlsafe_b64decode(signer.unsign(text.encode()))
    except (BadSignature, binascii.Error):
        return None


def _encoded(held: bytes) -> bytes:
    return base64.urlsafe_b64encode(held)


def _mark(secret: bytes) -> bytes:
    """Says *secret* again, and is not the digest under which the store knows it."""
    return hashlib.sha256(b"form " + secret).digest()[:_MARK_BYTES]
