from __future__ import annotations

import re

import pytest

from otp.web.headers import new_request_id
from tests.world import ServiceWorld

EVERYWHERE = ["/sign-in", "/nowhere", "/static/otp.css", "/v1/verifications", "/healthz"]


@pytest.mark.parametrize("path", EVERYWHERE)
def test_every_answer_carries_the_security_headers(world: ServiceWorld, path: str) -> None:
    headers = world.client().get(path, buffered=True).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "otp-credentials=(self)" in headers["Permissions-Policy"]


@pytest.mark.parametrize("path", EVERYWHERE)
def test_only_static_files_may_be_kept(world: ServiceWorld, path: str) -> None:
    kept = world.client().get(path, buffered=True).headers["Cache-Control"]
    assert kept == ("public, max-age=3600" if path.startswith("/static/") else "no-store")


def test_a_missing_static_file_is_not_kept(world: ServiceWorld) -> None:
    answer = world.client().get("/static/nothing.css")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (404, "no-store")


def test_transport_security_is_asked_for_over_https_only(world: ServiceWorld, tmp_path) -> None:
    assert "Strict-Transport-Security" not in world.client().get("/sign-in").headers
    secure = ServiceWorld(tmp_path / "s", OTP_PUBLIC_URL="https://otp.example.com")
    for path in EVERYWHERE:
        answer = secure.client().get(path, base_url="https://otp.example.com", buffered=True)
        held = answer.headers["Strict-Transport-Security"]
        assert held == "max-age=63072000; includeSubDomains"
    secure.close()


def test_each_request_has_an_id_of_letters_and_the_callers_own_is_not_echoed(
    world: ServiceWorld,
) -> None:
    client = world.client()
    ids = {
        client.get(path, headers={"X-Request-Id": "mine"}, buffered=True).headers["X-Request-Id"]
        for path in EVERYWHERE
    }
    assert len(ids) == len(EVERYWHERE)
    assert all(re.fullmatch("[a-z]{20}", id) for id in ids)


def test_request_ids_come_from_the_drawn_bytes() -> None:
    assert new_request_id(lambda n: bytes(range(n))) == "abcdefghijklmnopqrst"


@pytest.mark.parametrize(
    "host",
    ["evil.example", "", "localhost@evil.example", "localhost evil", "otp.local.evil.example", "["],
)
def test_a_foreign_host_is_refused_at_both_doors(world: ServiceWorld, host: str) -> None:
    for path in ("/sign-in", "/v1/verifications", "/static/otp.css"):
        assert world.client().get(path, headers={"Host": host}, buffered=True).status_code == 400


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "[::1]:8000", "192.168.1.7", "pi.local"],
)
def test_demo_mode_answers_its_own_network(world: ServiceWorld, host: str) -> None:
    assert world.client().get("/sign-in", headers={"Host": host}).status_code == 200


def test_the_probes_answer_for_any_host(world: ServiceWorld) -> None:
    for path in ("/healthz", "/readyz"):
        assert (
            world.client().get(path, headers={"Host": "10.1.2.3.evil"}, buffered=True).status_code
            == 200
        )
