"""Whose request it is: the network of the person at the other end.

Each proxy adds to `X-Forwarded-For`, on the right, whom it was asked by. So of n proxies that we
trust the outermost wrote the n-th entry from the right, and whatever stands left of that anybody
may have written. Without proxies it is the peer. No other header is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from flask import Request

from otp.errors import Unavailable
from otp.network import UNKNOWN, Network
from otp.settings.notation import is_private
from otp.store import Store
from otp.store.flags import PROXY_SEEN
from otp.web.asked import Asked

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_LONGEST: Final = 80
"""No address with port and zone is longer."""
_SAY_AGAIN: Final = timedelta(hours=1)
_WITH_PORT: Final = re.compile(r"\[([^\[\]]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}")


def network_of(request: Request | Asked, trusted_proxies: int) -> Network:
    """The network of the person who sent *request*; `UNKNOWN` where the peer has no address."""
    return network_in(request.environ, trusted_proxies)


def network_in(environ: WSGIEnvironment, trusted_proxies: int) -> Network:
    """The same, of a request that is only an environ yet.

    Where the proxies did not say what they must, it is the peer's, the nearest proxy's: all such
    requests then count together, so nobody gets a fresh count by sending nonsense.
    """
    # By hand, since werkzeug's ProxyFix leaves out empty entries. granian hands on a line with a
    # byte that is not ASCII as an empty text, so a person could make what a proxy wrote on the same
    # line vanish, and an entry of their own move into its place. ProxyFix also writes whatever it
    # finds into REMOTE_ADDR, and the peer is lost.
    if trusted_proxies:
        text: str = environ.get("HTTP_X_FORWARDED_FOR", "")
        entries = [entry.strip(" \t") for entry in text.rsplit(",", trusted_proxies)]
        written = entries[-trusted_proxies:]
        if len(written) == trusted_proxies and all(written):
            found = _network(written[0])
            if found is not None:
                return found
    return _network(environ.get("REMOTE_ADDR") or "") or UNKNOWN


def _network(text: str) -> Network | None:
    return _parsed(text) if len(text) <= _LONGEST else None


# Parsing takes 2 to 7 microseconds, and who floods comes again at once.
@lru_cache(maxsize=1024)
def _parsed(text: str) -> Network | None:
    with_port = _WITH_PORT.fullmatch(text)
    try:
        return Network.of((with_port[1] or with_port[2]) if with_port else text)
    except ValueError:
        return None


class UntrustedProxy:
    """Notices that somebody forwards requests although no proxy is trusted, and leaves a word for
    the doctor: then all people behind it count as one address."""

    def __init__(self, store: Store, trusted_proxies: int, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._looks = not trusted_proxies
        self._clock = clock
        self._said_at: datetime | None = None

    def look(self, environ: WSGIEnvironment) -> None:
        """Anybody may send the header; only from a private peer is it likely a proxy's."""
        if not self._looks or "HTTP_X_FORWARDED_FOR" not in environ:
            return
        now = self._clock()
        if self._said_at and now - self._said_at < _SAY_AGAIN:
            return
        if is_private(environ.get("REMOTE_ADDR") or ""):
            self._said_at = now
            with suppress(Unavailable):
                self._store.put_flag(PROXY_SEEN, now.isoformat())
