"""The flood limits at the doors: who is counted, and what an answer says about it.

At the API a request with a secret key counts for its client, and any other for the network it came
from. Only what is under /v1 counts there: a probe that is refused would make an orchestrator end
the service, and the keys that everybody checks proofs with are bytes that cost nothing.
"""

from __future__ import annotations

import logging
from typing import Final, NoReturn

from flask import Flask, Response, request
from flask_limiter import ApplicationLimit, Limiter, RequestLimit
from limits.errors import StorageError

from otp.errors import QuotaExceeded, Unauthorized, Unavailable
from otp.floods import Counted, Limit
from otp.network import Network
from otp.service import Caller
from otp.settings import Rate
from otp.web import World
from otp.web.address import UntrustedProxy, network_of
from otp.web.asked import Asked
from otp.web.auth import authenticated
from otp.web.resource import seconds

_COUNTED: Final = "/v1/"
_TO_BE_WAITED_FOR: Final = {429, 503}
_UNITS: Final = {60: "minute", 3600: "hour", 86400: "day"}


class Guard:
    """Knows the caller of each request under /v1, and counts it.

    Of an answer that has to be waited for, the fields speak only if it was this limit that refused:
    with a number's wait beside them, they would tell what others did with that number.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._names = {limit: _names(world.floods.rates[limit]) for limit in Limit}
        self._policies = {limit: _policies(self._names[limit]) for limit in Limit}
        self._proxy = _untrusted_proxy(world)

    def count(self, asked: Asked) -> None:
        """Raises `QuotaExceeded` for one too many, `Unavailable` where it cannot be counted."""
        if not asked.path.startswith(_COUNTED):
            return
        self._proxy.look(asked.environ)
        network = network_of(asked, self._world.settings.trusted_proxies)
        asked.caller = _caller(self._world, asked, network)
        whom = _whom(self._world, asked.caller, network)
        asked.counted = counted = self._world.floods.count(*whom)
        if counted.wait is not None:
            raise QuotaExceeded(counted.limit, counted.wait)

    def fields(self, asked: Asked, status: int) -> list[tuple[str, str]]:
        """The header fields that an answer of this *status* carries."""
        counted = asked.counted
        if counted is None or (counted.wait is None and status in _TO_BE_WAITED_FOR):
            return []
        standing = _standing(counted, self._names[counted.limit])
        return [("RateLimit-Policy", self._policies[counted.limit]), ("RateLimit", standing)]


def guard_pages(app: Flask, world: World) -> None:
    """Count every request for a page, known or not, for its network. Static files do not count."""
    floods, proxy = world.floods, _untrusted_proxy(world)

    def who() -> str:
        proxy.look(request.environ)
        return floods.name_of(network_of(request, world.settings.trusted_proxies))

    def refuse(_: RequestLimit) -> NoReturn:
        raise QuotaExceeded(Limit.ADDRESS, floods.wait(Limit.ADDRESS, who()))

    Limiter(
        who,
        app=app,
        # Of the application and not of each route: a person has one count, at the API too.
        application_limits=[ApplicationLimit(floods.notation(Limit.ADDRESS), scope=Limit.ADDRESS)],
        # Without a name for what has no route it would not be counted.
        request_identifier=lambda: request.endpoint or "nowhere",
        on_breach=refuse,
        storage_uri=floods.where.uri,
        storage_options=dict(floods.where.options),
        strategy="moving-window",
        headers_enabled=False,
        swallow_errors=False,
        in_memory_fallback_enabled=False,
    )
    # It has a line to say for each refused request: a flood of requests must not be one of lines.
    logging.getLogger("flask-limiter").setLevel(logging.WARNING)

    @app.errorhandler(StorageError)
    def uncounted(_: StorageError) -> Response:
        answer: Response = app.handle_user_exception(Unavailable("store"))  # type: ignore[assignment]
        return answer


def _untrusted_proxy(world: World) -> UntrustedProxy:
    return UntrustedProxy(world.store, world.settings.trusted_proxies, world.clock)


def _caller(world: World, asked: Asked, network: Network) -> Caller | None:
    try:
        return authenticated(asked, world.store, network)
    except Unauthorized:
        return None


def _whom(world: World, caller: Caller | None, network: Network) -> tuple[Limit, str]:
    if caller and caller.is_secret:
        return Limit.CLIENT, caller.client_id
    return Limit.ADDRESS, world.floods.name_of(network)


def _names(rates: tuple[Rate, ...]) -> dict[Rate, str]:
    """What each rate is called, as a string of a structured field."""
    if len(rates) == 1:
        return {rates[0]: '"requests"'}
    return {rate: f'"requests-{_UNITS[seconds(rate.window)]}"' for rate in rates}


def _policies(names: dict[Rate, str]) -> str:
    return ", ".join(f"{name};q={r.limit};w={seconds(r.window)}" for r, name in names.items())


def _standing(counted: Counted, names: dict[Rate, str]) -> str:
    """What is left of each rate; once one is used up, only of the one to wait for."""
    if counted.wait is not None:
        last = max(counted.standings, key=lambda s: (not s.left, s.resets_in))
        return f"{names[last.rate]};r=0;t={max(seconds(counted.wait), 1)}"
    return ", ".join(
        f"{names[s.rate]};r={s.left};t={seconds(s.resets_in)}" for s in counted.standings
    )
