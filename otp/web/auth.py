"""Who calls: an API key, to its client and its rights."""

from __future__ import annotations

from flask import Request

from otp.client import Mode, PresentedKey, Rights
from otp.errors import Forbidden, NotFound, Unauthorized
from otp.service import Caller
from otp.store import Store


def authenticated(request: Request, store: Store) -> Caller:
    """The caller behind `Authorization: Bearer <key>`.

    Raises `Unauthorized`, the same for a missing, malformed, unknown, wrong and revoked key.
    """
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    presented = PresentedKey.parse(text.strip()) if scheme.lower() == "bearer" else None
    if presented is None:
        raise Unauthorized
    key = store.key(presented.id)
    if key is None or not key.is_opened_by(presented):
        raise Unauthorized
    return Caller(
        client_id=key.client_id,
        credential=f"key:{key.id}",
        is_secret=key.rights is Rights.SECRET,
        is_test=key.mode is Mode.TEST,
    )


def must_be_secret(caller: Caller) -> None:
    """Raises `Forbidden` for a publishable key."""
    if not caller.is_secret:
        raise Forbidden


def must_be_live(caller: Caller) -> None:
    """Raises `NotFound` for a test key: nothing was ever started with one."""
    if caller.is_test:
        raise NotFound
