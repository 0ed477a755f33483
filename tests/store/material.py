"""What the tests of the stores put in: fixed keys, verifications, openers that know the answer."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from otp import transit
from otp.challenge import Challenge
from otp.errors import QuotaExceeded
from otp.keys import Keyring, SecretKey
from otp.phone import Phone
from otp.store import Price, Quota, Store, open_store
from otp.verification import Policy, Verification

NOW = datetime(2026, 11, 22, 8, 39, 27, 123456, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LEASE = 10 * SECOND
NUMBER = Phone("91", "9876543210")
OTHER_NUMBER = Phone("91", "9876543211")
CLIENT = "acme"

OLD_KEY = SecretKey("old", bytes(range(100, 132)))
NEW_KEY = SecretKey("new", bytes(range(150, 182)))


def keyring(*keys: SecretKey) -> Keyring:
    return Keyring(keys or (OLD_KEY,), secrets.token_bytes)


def opened(url: str, *keys: SecretKey) -> Store:
    return open_store(url, keyring(*keys), secrets.token_bytes)


def new(store: Store, *, now: datetime = NOW, phone: Phone = NUMBER, **fields: Any) -> Verification:
    """A verification as a start makes it, in no store yet."""
    row_key = int(now.timestamp() * 1000).to_bytes(6, "big") + secrets.token_bytes(10)
    start: dict[str, Any] = {
        "id": store.lookup.public_id(row_key),
        "client_id": CLIENT,
        "phone": phone,
        "policy": Policy(),
        "support_code": "K7QF-2M9D",
        "now": now,
    }
    return Verification.start(**{**start, **fields})


def added(store: Store, *, now: datetime = NOW, **fields: Any) -> Verification:
    return store.add(new(store, now=now, **fields), now=now)


def sent(
    store: Store, *, now: datetime = NOW, can_ask: bool = False, id: str = "sms-1", **fields: Any
) -> Verification:
    """One whose only code was handed over, so that it can be approved."""
    v = added(store, now=now, **fields)
    for claim in store.claim(token="sender", now=now, lease=LEASE, limit=1000):
        store.swap(
            claim.verification.client_id,
            claim.verification.id,
            lambda v, number=claim.number: transit.hand_over(
                v, number, "digest", claim="sender", route="main", now=now
            ),
            now=now,
        )
    return store.swap(
        v.client_id,
        v.id,
        lambda v: transit.taken(v, 1, id, claim="sender", now=now, can_ask=can_ask),
        now=now,
    )


def pending(store: Store, *, now: datetime = NOW, **fields: Any) -> Verification | None:
    """The one that a start like this would take up again."""
    nothing = Quota("client", "nothing", 0, SECOND)
    try:
        like = new(store, now=now, **fields)
        return store.add(like, now=now, price=Price(take=(nothing,)), resumes=True)
    except QuotaExceeded:
        return None


def approved(store: Store) -> Verification:
    v = sent(store)
    return store.swap(CLIENT, v.id, lambda v: v.check(right, caller="key", now=NOW), now=NOW)


def right(_: Challenge) -> bool:
    return True


def wrong(_: Challenge) -> bool:
    return False


def guess_wrong(store: Store, id: str, *, now: datetime = NOW) -> Verification:
    return store.swap(CLIENT, id, lambda v: v.check(wrong, caller="key", now=now), now=now)
