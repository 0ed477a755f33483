"""The composition root: the one place that knows the environment, the clock and chance.

A WSGI server calls `serve` in each of its workers. The `flask` command finds `create_app`, which
puts nothing together until it must, so that `flask init` works before there are settings.
"""

from __future__ import annotations

import functools
import gc
import os
import secrets
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import dotenv
from flask import Flask
from flask.helpers import get_load_dotenv

from otp import asking, commands, demo, log, metrics, watch
from otp.asking import Asker
from otp.chores import Chore, Chores
from otp.doctor import Doctor, remember_keys
from otp.errors import Unavailable
from otp.floods import open_floods
from otp.keys import Keyring
from otp.metrics import Metrics
from otp.phrasebook import Phrasebook
from otp.proof import Prover
from otp.providers import Provider
from otp.providers.console import DemoMessages
from otp.providers.notify import knocker, poster
from otp.providers.registry import build
from otp.providers.transport import session
from otp.quotas import Quotas
from otp.receipts import Receipts
from otp.routes import Routes
from otp.sender import Sender
from otp.service import Service
from otp.serving import at_end
from otp.settings import Settings
from otp.store import open_store
from otp.upkeep import Upkeep
from otp.web import World
from otp.web.api import create_api
from otp.web.pages import create_pages

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ROOT = Path(__file__).parent
_FOR_ANY_HOST = {"healthz", "readyz", "metrics"}
_MACHINE_DOORS = {"v1", ".well-known", "receipts", "openapi.json"} | _FOR_ANY_HOST


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Parts:
    """The service taken together: what a command, a server or a test needs of it."""

    world: World
    sender: Sender
    upkeep: Upkeep
    counting: Chores
    doctor: Doctor
    askers: Sequence[Asker]
    messages: DemoMessages

    def start(self, *, sends: bool) -> None:
        """Begin what is done in the background, until `close`; *sends*: the sending as well."""
        self.counting.start()
        if sends:
            self.sender.start()

    def close(self) -> None:
        """Finish the sends under way, hand in what was counted, then let go of the store."""
        self.sender.stop()
        self.counting.stop()
        with suppress(Unavailable):
            self.world.metrics.flush()
        self.world.store.close()


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process: its environment, and `.env` for what that leaves out.

    As Flask does, it leaves `.env` alone where FLASK_SKIP_DOTENV is set.
    """
    if environ is None:
        kept = dotenv.dotenv_values(".env") if get_load_dotenv() else {}
        environ = {**kept, **os.environ}  # type: ignore[dict-item]
    return Settings.from_env(environ, lambda path: demo.secret_keys(path, secrets.token_bytes))


def assemble(
    settings: Settings,
    *,
    clock: Callable[[], datetime] = now,
    show: Callable[[str], None] = print,
    logs: TextIO = sys.stdout,
    route: Sequence[Provider] | None = None,
    alone: bool = False,
) -> Parts:
    """Open the store, bring its schema up to date, and put the rooms together.

    *route* stands in for the settings' own in tests. *alone*: no other process serves.
    """
    log.configure(json=not settings.demo, secrets=settings.secrets, stream=logs)
    keyring = Keyring(settings.secret_keys, secrets.token_bytes)
    store = open_store(settings.database_url, keyring, secrets.token_bytes)
    remember_keys(store, settings, clock())
    messages = DemoMessages(settings.data_dir / "demo-messages.json")
    connections = session(settings.sender_threads)
    if route is None:
        route = [
            build(row, session=connections, show=show, messages=messages, clock=clock)
            for row in settings.routes
        ]
    phrasebook = Phrasebook(store=store, settings=settings, clock=clock)
    bell = threading.Event()
    names = [provider.name for provider in route]
    routes = Routes(store, names, clock)
    counted = Metrics(store=store, routes=names, clock=clock, token_bytes=secrets.token_bytes)
    service = Service(
        store=store,
        keyring=keyring,
        settings=settings,
        clock=clock,
        randbelow=secrets.randbelow,
        phrasebook=phrasebook,
        wake=bell.set,
        routes=routes,
        metrics=counted,
    )
    quotas = Quotas(settings, store.lookup)
    upkeep = Upkeep(
        store=store, quotas=quotas, metrics=counted, retention=settings.retention, clock=clock
    )
    watching = watch.Watch(
        store=store,
        routes=routes,
        route=route,
        budget=quotas.budget(),
        low_balance=settings.alert_balance,
        post=poster(connections, settings.alert_url) if settings.alert_url else None,
        service=settings.service_name,
        clock=clock,
    )
    receipts = Receipts(store=store, route=route, metrics=counted, clock=clock)
    askers = [
        Asker(
            provider=provider,
            store=store,
            routes=routes,
            receipts=receipts,
            metrics=counted,
            clock=clock,
        )
        for provider in route
        if provider.can_ask
    ]
    sender = Sender(
        store=store,
        keyring=keyring,
        route=route,
        routes=routes,
        phrasebook=phrasebook,
        metrics=counted,
        clock=clock,
        randbelow=secrets.randbelow,
        token_bytes=secrets.token_bytes,
        bell=bell,
        chores=[
            Chore("sweep", timedelta(minutes=1), upkeep.sweep),
            Chore("watch", watch.EVERY, watching.look_at_store),
            Chore("balance", watch.EVERY, watching.look_at_accounts),
            *(Chore("ask", asking.EVERY, asker.ask_all) for asker in askers),
        ],
        threads=settings.sender_threads,
    )
    world = World(
        settings=settings,
        keyring=keyring,
        store=store,
        service=service,
        prover=Prover(keyring, store.lookup, settings.public_url),
        routes=routes,
        receipts=receipts,
        metrics=counted,
        floods=open_floods(settings, store, clock, alone=alone),
        clock=clock,
        token_bytes=secrets.token_bytes,
    )
    doctor = Doctor(
        settings=settings,
        store=store,
        routes=routes,
        route=route,
        clock=clock,
        knock=knocker(connections),
    )
    counting = Chores([Chore("metrics", metrics.EVERY, counted.flush)])
    return Parts(world, sender, upkeep, counting, doctor, askers, messages)


def wsgi_app(parts: Parts) -> Flask:
    """The application of both doors.

    Pages and API are two Flask applications under one roof: what is hooked into the one (sessions,
    flood limits) costs the other nothing.
    """
    world = parts.world
    pages = create_pages(world, messages=parts.messages.newest if world.settings.demo else None)
    api = create_api(world)
    to_pages = pages.wsgi_app

    def dispatch(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"].lstrip("/")
        first = path.partition("/")[0]
        if path in _FOR_ANY_HOST:
            environ["HTTP_HOST"] = "localhost"  # whatever a prober calls us, it gets its answer
        door = api.wsgi_app if first in _MACHINE_DOORS else to_pages
        return door(environ, start_response)

    pages.wsgi_app = dispatch  # type: ignore[method-assign]
    return pages


def serve(*, alone: bool = False) -> Flask:
    """What a WSGI server calls once in each of its workers; the sender runs until they end."""
    parts = assemble(read_settings(), alone=alone)
    log.catch_uncaught()
    parts.start(sends=parts.world.settings.sender)
    at_end(parts.close)
    served = wsgi_app(parts)
    # What is there by now stays: the collector need not look through it again and again.
    gc.collect()
    gc.freeze()
    return served


def serve_alone() -> Flask:
    """The same in the only worker of the only server, which counts requests in its memory."""
    return serve(alone=True)


def create_app() -> Flask:
    """What the `flask` command finds: the commands, and on a first request all of `serve`."""
    app = Flask(__name__, static_folder=None)
    for command in commands.make(
        read_settings, functools.partial(assemble, logs=sys.stderr), secrets.token_bytes, now
    ):
        app.cli.add_command(command)
    lock = threading.Lock()
    served = functools.cache(serve)

    def first_serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with lock:  # of two first requests, one makes the service
            made = served()
        return made(environ, start_response)

    app.wsgi_app = first_serve  # type: ignore[method-assign]
    return app
