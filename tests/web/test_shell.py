"""The short way past Flask and the way through it: what is answered is the same."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from werkzeug.test import TestResponse

from tests.world import NUMBER, START, ServiceWorld

THROUGH = "/"
"""Before a path: a second slash, by which it names no door exactly, so Flask finds it."""

NOBODY = "/v1/verifications/ver_00000000000000000000000000000000"
KEYED = {"Idempotency-Key": "abc"}

CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/v1/verifications", {"json": {"phone_number": NUMBER}}),
    ("POST", "/v1/verifications", {"json": {"phone_number": NUMBER}, "headers": KEYED}),
    ("POST", "/v1/verifications", {"json": {"phone_number": "12"}}),
    ("POST", "/v1/verifications", {"json": {"phone_number": NUMBER, "more": 1}}),
    ("POST", "/v1/verifications", {"data": b"{", "content_type": "application/json"}),
    ("POST", "/v1/verifications", {"data": b"{}", "content_type": "text/plain"}),
    ("POST", "/v1/verifications", {"data": b"x" * 5000, "content_type": "application/json"}),
    ("POST", "/v1/verifications", {"json": {}, "headers": {"Authorization": "Bearer x"}}),
    ("POST", "/v1/verifications", {"json": {}, "headers": {"Host": "evil.example"}}),
    ("POST", "/v1/verifications?a=b", {"json": {"phone_number": NUMBER}}),
    ("GET", "/v1/verifications?reference=none", {}),
    ("GET", "/v1/verifications", {}),
    ("HEAD", "/v1/verifications?reference=none", {}),
    ("GET", NOBODY, {}),
    ("GET", "/v1/verifications/<id>", {}),
    ("GET", "/v1/verifications/%C3%A9", {}),
    ("GET", "/v1/verifications/", {}),
    ("POST", f"{NOBODY}/check", {"json": {"code": "482913"}}),
    ("POST", "/v1/verifications//check", {"json": {"code": "482913"}}),
    ("POST", f"{NOBODY}/check/", {"json": {"code": "482913"}}),
    ("PUT", f"{NOBODY}/check", {"json": {"code": "482913"}}),
    ("POST", f"{NOBODY}/resend", {}),
    ("POST", f"{NOBODY}/cancel", {}),
    ("POST", "/v1/proofs/redeem", {"json": {"proof": "x"}}),
    ("GET", "/.well-known/jwks.json", {}),
    ("DELETE", "/.well-known/jwks.json", {}),
    ("GET", "/healthz", {}),
]


def ask(world: ServiceWorld, before: str, method: str, path: str, told: dict[str, Any]) -> Any:
    headers = {"Authorization": f"Bearer {world.keys['sk_live']}", **told.get("headers", {})}
    rest = {name: value for name, value in told.items() if name != "headers"}
    raw = {"PATH_INFO": unquote(f"{before}{path.partition('?')[0]}").encode().decode("latin-1")}
    return world.client().open(
        path, method=method, headers=headers, buffered=True, environ_overrides=raw, **rest
    )


def seen(answer: TestResponse) -> tuple[int, list[tuple[str, str]], str]:
    """All of an answer but what is drawn anew each time."""
    drawn = re.compile(r"ver_[0-9a-f]{32}|[A-Z0-9]{4}-[A-Z0-9]{4}|\b[a-z]{20}\b")
    headers = [(name, drawn.sub("…", value)) for name, value in answer.headers]
    return answer.status_code, sorted(headers), drawn.sub("…", answer.text)


@pytest.mark.parametrize(("method", "path", "told"), CASES)
def test_both_ways_answer_the_same(
    tmp_path: Path, method: str, path: str, told: dict[str, Any]
) -> None:
    straight, through = ServiceWorld(tmp_path / "a"), ServiceWorld(tmp_path / "b")
    one, other = ask(straight, "", method, path, told), ask(through, THROUGH, method, path, told)
    assert seen(one) == seen(other)
    assert one.status_code != 500
    straight.close()
    through.close()


def test_both_ways_keep_the_same_log(tmp_path: Path) -> None:
    written = []
    for name, before in (("a", ""), ("b", THROUGH)):
        logs = io.StringIO()
        world = ServiceWorld(tmp_path / name, logs=logs)
        for method, path, told in CASES[:12]:
            ask(world, before, method, path, told)
        hidden = re.compile(
            r"[a-z]{20}|cli_[0-9a-f]{32}|[A-Z0-9]{4}-[A-Z0-9]{4}|^\S+Z", re.MULTILINE
        )
        written.append(hidden.sub("…", logs.getvalue()))
        world.close()
    assert written[0] == written[1]
    assert len(written[0].splitlines()) > 6


def test_a_repeat_that_comes_the_other_way_gets_the_first_answer(world: ServiceWorld) -> None:
    told = {"json": {"phone_number": NUMBER}, "headers": KEYED}
    one = ask(world, "", "POST", "/v1/verifications", told)
    other = ask(world, THROUGH, "POST", "/v1/verifications", told)
    assert one.json["id"] == other.json["id"]
    assert one.json["created_at"] == f"{START:%Y-%m-%dT%H:%M:%SZ}"


def test_both_ways_are_counted_together(tmp_path: Path) -> None:
    world = ServiceWorld(tmp_path, OTP_CLIENT_FLOOD_LIMIT="2/minute")
    ways = ["", THROUGH, "", THROUGH]
    got = [ask(world, before, "GET", NOBODY, {}).status_code for before in ways]
    assert got == [404, 404, 429, 429]
    world.close()
