"""`kill -9` between hand-over and answer: what the gateway knows decides; nothing is sent twice.

The gateway here is one of its own: it looks messages up, and may be one that finds nothing by our
name for them.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.gateway import until
from tests.processes import Server, add_client, environment, together
from tests.world import code_in

pytestmark = pytest.mark.process

PLAIN, TAKEN, NEVER_TAKEN = "+919876500001", "+919876500002", "+919876500003"


@dataclass
class Remembering:
    """Takes messages and tells what became of them. While it *hangs*, it answers to none: those to
    `TAKEN` it takes all the same."""

    finds_our_names: bool
    hangs: bool = False
    url: str = ""
    asked_to_send: list[str] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def send(self, fields: dict[str, Any]) -> dict[str, Any] | None:
        number = "+" + fields["to"]
        self.asked_to_send.append(number)
        hangs = self.hangs and number != PLAIN
        if not hangs or number == TAKEN:
            row = {"id": f"sms-{len(self.taken)}:1", "mobile": fields["to"], "status": "DELIVRD"}
            row["custom"] = fields["custom"] if self.finds_our_names else ""
            self.taken.append({**row, "text": fields["message"]})
        if hangs:
            self.ended.wait()
            return None
        return {"status": 200, "message": "", "data": [{**row, "status": "AWAITING-DLR"}]}

    def status(self, query: dict[str, list[str]]) -> dict[str, Any]:
        self.looked_up += query.get("cid", [])
        names = {"id": "id", "cid": "custom", "mobile": "mobile"}
        rows = [
            row
            for row in self.taken
            if all(row[names[name]] == value for name, [value] in query.items())
        ]
        return {"status": "OK", "code": 200, "message": "OK", "data": rows}

    def texts_for(self, number: str) -> list[str]:
        return [row["text"] for row in self.taken if "+" + row["mobile"] == number]


@contextmanager
def remembering(*, finds_our_names: bool) -> Iterator[Remembering]:
    gateway = Remembering(finds_our_names)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(gateway.send(json.loads(raw)))

        def do_GET(self) -> None:
            self.answer(gateway.status(parse_qs(urlsplit(self.path).query)))

        def answer(self, content: dict[str, Any] | None) -> None:
            if content is None:
                self.close_connection = True
                return
            body = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    gateway.url = f"http://127.0.0.1:{server.server_address[1]}/api/v2/"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield gateway
    finally:
        gateway.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


class Story:
    """One message plainly sent, then two whose answers are cut off by `kill -9`."""

    def __init__(self, folder: Path, gateway: Remembering) -> None:
        folder.mkdir()
        self.gateway = gateway
        env = environment(folder, gateway.url)
        self.key = add_client(env)["sk_live"]
        self.server = Server(env)
        self.ids: dict[str, str] = {}

    def start(self, number: str) -> None:
        self.ids[number] = self.server.start_verification(number, self.key).body["id"]

    def delivery(self, number: str) -> tuple[str, str | None]:
        read = self.server.call("GET", f"/v1/verifications/{self.ids[number]}", key=self.key)
        return read.body["delivery"]["status"], read.body["delivery"]["reason"]

    def die_between_hand_over_and_answer(self) -> None:
        self.server.start()
        self.start(PLAIN)
        until(lambda: self.delivery(PLAIN)[0] != "queued")
        self.gateway.hangs = True
        for number in (TAKEN, NEVER_TAKEN):
            self.start(number)
        until(lambda: len(self.gateway.asked_to_send) == 3)
        self.server.kill()
        self.gateway.hangs = False
        self.server.start()


def test_who_dies_between_hand_over_and_answer_leaves_nothing_lost_and_nothing_sent_twice(
    tmp_path: Path,
) -> None:
    with (
        remembering(finds_our_names=True) as knowing,
        remembering(finds_our_names=False) as nameless,
    ):
        told, untold = Story(tmp_path / "told", knowing), Story(tmp_path / "untold", nameless)
        try:
            together([story.die_between_hand_over_and_answer for story in (told, untold)])

            # Found by asking, and so not sent again.
            until(lambda: told.delivery(TAKEN)[0] == "delivered", seconds=60)
            # Never had by a gateway that finds what it has: sent again, once, with a new code.
            until(lambda: told.delivery(NEVER_TAKEN)[0] in ("sent", "delivered"), seconds=90)
            assert knowing.asked_to_send == [
                PLAIN,
                *sorted([TAKEN, NEVER_TAKEN], key=knowing.asked_to_send.index),
                NEVER_TAKEN,
            ]
            assert [len(knowing.texts_for(n)) for n in (PLAIN, TAKEN, NEVER_TAKEN)] == [1, 1, 1]
            for number in (TAKEN, NEVER_TAKEN):
                code = code_in(knowing.texts_for(number)[0])
                assert told.server.check(told.ids[number], code, told.key).status == 200

            # Not to be looked up: that it finds nothing says nothing, and nothing is sent again.
            for number in (TAKEN, NEVER_TAKEN):
                name = f"{untold.ids[number].removeprefix('ver_')}-1"
                until(lambda name=name: nameless.looked_up.count(name) >= 4, seconds=60)  # type: ignore[misc]
                assert untold.delivery(number) == ("unknown", "sender_stopped")
            assert len(nameless.asked_to_send) == 3
            log = told.server.log.read_text()
            assert log.count("settled_as_not_sent") == 1
            assert "settled_as_not_sent" not in untold.server.log.read_text()
        finally:
            for story in (told, untold):
                story.server.stop()
