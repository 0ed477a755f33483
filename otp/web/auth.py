"""Who calls: an API key, to its client and its rights."""

from __future__ import annotations

from otp.client import Mode, PresentedKey, Rights
from otp.errors import Forbidden, Unauthorized
from otp.network import Network
from otp.service import Caller
from otp.store import Store
from otp.web.asked import Asked


def authenticated(asked: Asked, store: Store, network: Network) -> Caller:
    """The caller behind `Authorization: Bearer <key>`, who asks from *network*.

    A back end is not where the person is, whose network it may name itself.

    Raises `Unauthorized`, the same for a missing, malformed, unknown, wrong and revoked key.
    """
    scheme, _, text = asked.header("AUTHORIZATION").partition(" ")
    presented = PresentedKey.parse(text.strip()) if scheme.lower() == "bearer" else None
    if presented is None:
        raise Unauthorized
    found = store.key_and_client(presented.id)
    if found is None or not found[0].is_opened_by(presented):
        raise Unauthorized
    key, client = found
    return Caller(
        client_id=client.acting(key.mode),
        credential=f"key:{key.id}",
        is_secret=key.rights is Rights.SECRET,
        is_test=key.mode is Mode.TEST,
        network=None if key.rights is Rights.SECRET else network,
        client=client,
    )


def must_be_secret(caller: Caller) -> None:
    """Raises `Forbidden` for a publishable key."""
    if not caller.is_secret:
        raise Forbidden
