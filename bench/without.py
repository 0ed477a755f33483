"""The service with one of its promises taken out, to see what that promise costs.

`bench.without:serve` is a factory for `bench.serve`; which promise, the variable `BENCH_WITHOUT`
says. Everything is patched from outside, here and nowhere else. A seam that is gone stops the
server, so a figure never stands for something that was not taken out.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from flask import Flask

import app
from otp import log, passcode, proof, transit
from otp.keys import Keyring
from otp.log import scrub
from otp.phone import Phone
from otp.service import Service
from otp.store import counters, group_commit, sqlite
from otp.store.sql import SqlStore
from otp.web import api, auth, body, floods, headers

VARIABLE: Final = "BENCH_WITHOUT"
CODE: Final = "000000"
"""What every code is without a store: there is no queue then to draw one from."""


def _put(owner: Any, name: str, value: Any) -> None:
    if not hasattr(owner, name):
        raise AttributeError(f"{owner} has no {name} any more: mend bench/without.py")
    setattr(owner, name, value)


def _log_lines() -> None:
    logging.disable(logging.INFO)
    _put(log.Logger, "info", lambda self, event, *args, **values: None)


def _scrubbing() -> None:
    _put(scrub.Scrubber, "__call__", lambda self, _, __, event: event)


def _phone_check() -> None:
    def parse(text: str, **_: object) -> Phone:
        return Phone(text[1:3], text[3:])

    _put(Phone, "parse", parse)


def _synchronous(level: str) -> Callable[[], None]:
    def take_out() -> None:
        connect = sqlite._connect

        def weaker(path: Path, *args: Any) -> sqlite3.Connection:
            connection = connect(path, *args)
            connection.execute(f"PRAGMA synchronous = {level}")
            return connection

        _put(sqlite, "_connect", weaker)

    return take_out


def _writer_thread() -> None:
    """Each thread commits for itself, behind a lock."""

    def run(self: Any, work: Callable[[Any], Any]) -> Any:
        with self._lock:
            if not hasattr(self, "_own"):
                self._own = self._connect()
            with group_commit.transaction(self._own):
                return work(self._own)

    _put(group_commit.Writer, "run", run)


def _limits() -> None:
    _put(counters, "pay", lambda connection, price, seen, now: None)


def _security_headers() -> None:
    _put(headers, "_SECURITY", {})


def _key_look_up() -> None:
    known: dict[str, Any] = {}
    real = auth.authenticated

    def authenticated(asked: Any, store: Any, network: Any) -> Any:
        text = asked.header("AUTHORIZATION")
        if text not in known:
            known[text] = real(asked, store, network)
        return known[text]

    _put(floods, "authenticated", authenticated)


def _flags() -> None:
    _put(SqlStore, "flag", lambda self, name: None)


def _policy_look_up() -> None:
    _put(Service, "_policy", functools.cache(Service._policy))


def _resume_look_up() -> None:
    _put(SqlStore, "_pending", lambda self, connection, like, now: None)


def _strict_body() -> None:
    def members(_: Any, raw: bytes, model: Any, *, optional: bool = False) -> Any:
        return model.model_construct(**json.loads(raw or b"{}"))

    _put(body, "members", members)


def _proof() -> None:
    def issue(self: Any, v: Any) -> proof.Proof:
        return proof.Proof("eyJ" + "x" * 600, v.proof_expires_at)

    _put(proof.Prover, "issue", issue)


def _resource() -> None:
    _put(api, "resource", lambda v, now: {"id": v.id, "status": v.status.value})


def _store() -> None:
    """Verifications in a dictionary, and a code that is known."""
    kept: dict[str, Any] = {}
    lock = threading.Lock()
    keyring: list[Keyring] = []
    init = SqlStore.__init__

    def remember(self: Any, ring: Keyring, *args: Any) -> None:
        keyring.append(ring)
        init(self, ring, *args)

    def add(self: Any, v: Any, *, now: Any, **_: Any) -> Any:
        digest = passcode.digest(
            keyring[0],
            CODE,
            client_id=v.client_id,
            verification_id=v.id,
            challenge=1,
            phone=v.phone,
        )
        held = replace(v, challenges=(replace(v.challenges[0], claim="c"),))
        held = transit.hand_over(held, 1, digest, claim="c", route="mobtexting", now=now)
        kept[v.id] = transit.taken(held, 1, "bench", claim="c", now=now)
        return v

    def swap(self: Any, client_id: str, id: str, change: Any, **_: Any) -> Any:
        with lock:
            kept[id] = change(kept[id])
            return kept[id]

    _put(SqlStore, "__init__", remember)
    _put(SqlStore, "add", add)
    _put(SqlStore, "swap", swap)
    for take_out in (_key_look_up, _flags, _policy_look_up, _resume_look_up):
        take_out()


def _all() -> None:
    for name in ("log lines", "phone check", "security headers", "strict body", "proof"):
        VARIANTS[name]()
    _store()


VARIANTS: Final[dict[str, Callable[[], None]]] = {
    "log lines": _log_lines,
    "scrubbing of the log": _scrubbing,
    "phone check": _phone_check,
    "power-cut safety (NORMAL)": _synchronous("NORMAL"),
    "writer thread, group commit": _writer_thread,
    "limits and gap": _limits,
    "security headers": _security_headers,
    "look-up of the key": _key_look_up,
    "pause and block flags": _flags,
    "look-up of the policy": _policy_look_up,
    "look-up to resume": _resume_look_up,
    "strict body": _strict_body,
    "proof": _proof,
    "whole resource": _resource,
    "store": _store,
    "store, log, phone, body, proof, headers": _all,
}
CODE_KNOWN: Final = {"store", "store, log, phone, body, proof, headers"}


def serve() -> Flask:
    name = os.environ[VARIABLE]
    if name:
        VARIANTS[name]()
    return app.serve()
