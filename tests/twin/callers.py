"""Who calls a twin over a real socket, and who takes its receipts."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from otp.twin import Rules, Twin
from tests.gateway import until
from tests.world import FakeClock

TO = "919876543210"
TOKEN = Rules().token
JSON = "application/json"
_ORDER = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def first(self) -> dict[str, Any]:
        found: dict[str, Any] = self.json["data"][0]
        return found


@dataclass
class Caller:
    twin: Twin
    clock: FakeClock
    address: str = "127.0.0.1"

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = TOKEN,
        timeout: float = 5,
        **headers: str,
    ) -> Answer:
        """One request over a connection of its own; no redirect is followed."""
        split = urlsplit(self.twin.origin)
        line = http.client.HTTPConnection(self.address, split.port, timeout=timeout)
        sent = {"Accept": JSON, **{k.replace("_", "-"): v for k, v in headers.items()}}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        if body is not None and not isinstance(body, str | bytes):
            body = json.dumps(body)
            sent.setdefault("Content-Type", JSON)
        target = path if path.startswith("/") else f"/api/v2/{path}"
        with contextlib.closing(line):
            line.request(method, target, body, sent)  # type: ignore[arg-type]
            answer = line.getresponse()
            return Answer(answer.status, answer.headers, answer.read())

    def get(self, path: str, /, **query: str) -> Answer:
        return self.ask("GET", f"{path}?{urlencode(query)}" if query else path)

    def send(self, *, timeout: float = 5, **changes: Any) -> Answer:
        """One message, each with a text of its own unless told otherwise."""
        return self.ask("POST", "sms/send", fields(**changes), timeout=timeout)

    def status(self, **query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("sms/status", **query).json["data"]
        return found


def fields(**changes: Any) -> dict[str, Any]:
    usual = {
        "to": TO,
        "message": f"Your code is {next(_ORDER):06d}",
        "sender": "ACMEIN",
        "service": "T",
        "type": "N",
        "custom": "our-1",
    }
    return {name: value for name, value in (usual | changes).items() if value is not None}


@contextlib.contextmanager
def running(rules: Rules | None = None, **more: Any) -> Iterator[Caller]:
    clock = FakeClock()
    with Twin(clock=clock, rules=rules or Rules(), **more) as twin:
        yield Caller(twin, clock)


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    json: Any


@dataclass
class Receiver:
    """A webhook. *statuses* are given one by one, the last for ever; *echo*: which members of a
    challenge it sends back."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    statuses: list[int] = field(default_factory=lambda: [200])
    echo: tuple[str, ...] = ("challenge", "validation_key")

    def wait_for(self, count: int) -> list[Call]:
        until(lambda: len(self.calls) >= count)
        return self.calls

    @property
    def words(self) -> list[str]:
        return [call.json["status"] for call in self.calls]


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            split = urlsplit(self.path)
            query = parse_qs(split.query)
            content = json.loads(raw) if raw else None
            rest = receiver.statuses
            status = rest.pop(0) if len(rest) > 1 else rest[0]
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.calls.append(Call(self.command, split.path, query, headers, content))
            known = {"validation_key": query.get("token", [""])[0], **(content or {})}
            body = json.dumps({name: known.get(name) for name in receiver.echo}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST  # noqa: N815

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.005,))
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/receipts/main"
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
