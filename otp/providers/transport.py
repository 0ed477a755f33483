"""One HTTP request to a gateway: bounded in time and size, sent at most once, and told apart.

Every provider that speaks HTTP sends through here, so "certainly not taken" and "may have been
taken" mean the same for all. What an answer says is not read here.
"""

from __future__ import annotations

import http.client
import io
import logging
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
)

from otp.errors import ProviderError, Unknown, Unreachable

MOST_BYTES: Final = 64 * 1024
"""No answer about one message is longer."""

_LONGEST_IDLE: Final = 4.0
"""Seconds. Servers commonly close an idle connection after 5; a request that crosses that close on
the wire has an unknown outcome, so a connection is given up before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds to connect to one address, and to read the whole answer."""

    connect: float = 3
    read: float = 10

    @property
    def total(self) -> float:
        return self.connect + self.read


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. The body may quote the request, so it never shows in a `repr`."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def session(threads: int) -> requests.Session:
    """A session for so many sending threads: certificates checked, nothing taken from the
    environment (proxies, netrc, CA bundles), no redirect followed, nothing ever sent again."""
    # urllib3 writes addresses to its log, and so a token that has to go into the query.
    for name in ("urllib3.connection", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.ERROR)
    made = _Session()
    made.trust_env = False
    adapter = _Adapter(pool_connections=8, pool_maxsize=threads, max_retries=0)
    made.mount("https://", adapter)
    made.mount("http://", adapter)
    return made


def exchange(
    session: requests.Session, request: requests.PreparedRequest, timeouts: Timeouts
) -> Answer:
    """Send *request* once and read the answer, within `timeouts.total` (the look-up of the host's
    name is as slow as the system's resolver).

    Raises `Unreachable` if no connection was made, and `Unknown` for all that can go wrong once
    the request may have left. Neither has a cause or a context: those would quote the request.
    """
    error: ProviderError
    try:
        limits = Timeout(connect=timeouts.connect, read=timeouts.read, total=timeouts.total)
        # requests hands urllib3's own Timeout through; its stubs do not know.
        sent = session.send(
            request, timeout=cast("float", limits), allow_redirects=False, stream=True
        )
        with sent as response:
            body = response.raw.read(MOST_BYTES + 1, decode_content=True)
            if len(body) <= MOST_BYTES:
                return Answer(response.status_code, response.headers, body)
            error = Unknown("garbled", "The gateway's answer is too long to be one.")
    except (OSError, HTTPError) as problem:
        error = _outcome(problem)
    except Exception:
        error = Unknown("unforeseen", "The request to the gateway failed in an unforeseen way.")
    raise error


def _outcome(problem: Exception) -> ProviderError:
    cause = problem.args[0] if problem.args else None  # requests wraps urllib3's MaxRetryError
    match getattr(cause, "reason", cause):
        case _TlsFailed():
            return Unreachable("tls", "No trusted connection to the gateway: check its certificate")
        case NameResolutionError():
            return Unreachable("unreachable", "The gateway's host name is not known.")
        case NewConnectionError():
            return Unreachable("unreachable", "The gateway does not take connections.")
    if isinstance(problem, requests.ConnectTimeout):
        return Unreachable("unreachable", "The gateway cannot be reached in time.")
    if isinstance(problem, requests.ReadTimeout | ReadTimeoutError):
        return Unknown("timeout", "The gateway did not answer in time.")
    return Unknown("cut", "The connection to the gateway was cut before it answered.")


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: even unfollowed, requests would read the body of a redirect without a bound."""


class _TlsFailed(NewConnectionError):
    """The TCP connection stands, but no trusted one could be made of it."""


class _Response(http.client.HTTPResponse):
    """Has one deadline for status line, headers and body: the socket's time-out alone would begin
    anew with every byte."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        whole = sock.gettimeout()
        assert whole is not None
        raw = cast("socket.SocketIO", self.fp.detach())
        self.fp = io.BufferedReader(_ReadUntil(raw, sock, time.monotonic() + whole))


class _ReadUntil(io.RawIOBase):
    def __init__(self, raw: socket.SocketIO, sock: socket.socket, deadline: float) -> None:
        self._raw = raw
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Connection(HTTPConnection):
    response_class = _Response
    _used_at = 0.0

    @property
    def is_connected(self) -> bool:
        """Whether it may be used again: asked by the pool, which else makes a new one."""
        return super().is_connected and time.monotonic() - self._used_at < _LONGEST_IDLE

    def request(self, *args: Any, **kwargs: Any) -> None:
        self._used_at = time.monotonic()
        super().request(*args, **kwargs)


class _TlsConnection(_Connection, HTTPSConnection):
    def connect(self) -> None:
        try:
            super().connect()
        except (OSError, ValueError) as problem:  # handshake, certificate, name; cut or too slow
            raise _TlsFailed(self, type(problem).__name__) from None


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
