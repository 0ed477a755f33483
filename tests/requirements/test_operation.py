"""What holds while things go wrong: stores that stop, clocks that jump, gateways that stall."""

from __future__ import annotations

import contextlib
import io
import re
import socket
import tomllib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from otp import log
from otp.errors import Unavailable
from tests.gateway import Behaviour, until
from tests.requirements.material import AMPLE, started
from tests.requirements.running import Running
from tests.web.person import Person
from tests.world import NUMBER, OTHER_NUMBER, ServiceWorld, wrong

ROOT = Path(__file__).parents[2]


# -- the store ------------------------------------------------------------------------------------


def test_without_its_store_the_service_refuses_and_a_code_is_good_when_it_is_back(
    tmp_path: Path,
) -> None:
    before = ServiceWorld(tmp_path, **AMPLE)
    key = before.keys["sk_live"]
    person = Person(before.client())
    person.open("/sign-in")
    id, code = started(before), before.deliver()
    before.store.close()
    answers = [
        before.api().start(OTHER_NUMBER),
        before.api().check(id, code),
        before.api().check(id, wrong(code)),
        before.api().resend(id),
        before.api().read(id),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json["error"]) == (503, "unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
    person.press("/sign-in", phone_number=OTHER_NUMBER)
    assert person.answer.status_code == 503
    with contextlib.suppress(Unavailable):
        before.sender.run_once()
    assert len(before.provider.sent) == 1

    after = ServiceWorld(tmp_path, **AMPLE)
    after.clock.turn(seconds=120)
    assert after.api(key).read(id).json["attempts_left"] == 5
    assert after.api(key).check(id, code).status_code == 200
    after.close()


def test_a_restart_gives_no_guess_and_no_wait_back(tmp_path: Path) -> None:
    before = ServiceWorld(tmp_path, **AMPLE)
    key = before.keys["sk_live"]
    id, code = started(before), before.deliver()
    for _ in range(4):
        before.api().check(id, wrong(code))
    before.close()
    after = ServiceWorld(tmp_path, **AMPLE)
    api = after.api(key)
    assert api.resend(id).status_code == 429
    assert api.check(id, wrong(code)).status_code == 410
    assert api.check(id, code).json["verification_status"] == "max_attempts_reached"
    after.close()


# -- the clock ------------------------------------------------------------------------------------


@pytest.mark.parametrize("back", [timedelta(seconds=61), timedelta(hours=1), timedelta(days=400)])
def test_a_clock_set_back_makes_no_dead_code_good_again(
    world: ServiceWorld, back: timedelta
) -> None:
    used, code_of_used = started(world), world.deliver()
    assert world.api().check(used, code_of_used).status_code == 200
    late, code_of_late = started(world, OTHER_NUMBER), world.deliver()
    world.clock.turn(seconds=600)
    assert world.api().check(late, code_of_late).status_code == 410
    world.clock.now -= timedelta(seconds=600) + back
    for id, code, status in ((used, code_of_used, "approved"), (late, code_of_late, "expired")):
        for kind in ("sk_live", "pk_live"):
            answer = world.api(world.keys[kind]).check(id, code)
            assert (answer.status_code, answer.json["verification_status"]) == (410, status)
        assert world.api().read(id).json["status"] == status
        assert "proof" not in world.api().read(id).json


@pytest.mark.parametrize("step", [-timedelta(days=4000), timedelta(days=4000)])
def test_no_step_of_the_clock_breaks_a_request(world: ServiceWorld, step: timedelta) -> None:
    id, code = started(world), world.deliver()
    person = Person(world.client())
    person.ask_for_a_code(OTHER_NUMBER)
    world.clock.now += step
    api = world.api()
    answers = [api.read(id), api.check(id, wrong(code)), api.check(id, code), api.resend(id)]
    answers += [api.start(NUMBER), api.start("+919876543219"), world.client().get("/readyz")]
    answers += [person.client.get(path) for path in ("/sign-in", "/sign-in/code", "/sign-in/done")]
    assert all(answer.status_code < 500 for answer in answers)
    world.sender.run_once()
    world.upkeep.sweep()
    world.clock.now -= step
    assert world.api().start("+919876543220").status_code == 201


@pytest.mark.parametrize("jump", [-60, 60])
def test_a_clock_that_jumps_is_an_event_and_a_slower_one_is_none(
    world: ServiceWorld, jump: int
) -> None:
    stream = io.StringIO()
    log.configure(json=True, secrets=(), stream=stream)
    world.sender.start()
    world.clock.turn(seconds=25)
    started(world)
    until(lambda: bool(world.provider.sent))
    assert "clock_jumped" not in stream.getvalue()
    world.clock.turn(seconds=jump)
    until(lambda: "clock_jumped" in stream.getvalue())
    [found] = re.findall(r'"seconds": (-?[0-9]+)', stream.getvalue())
    assert abs(int(found) - jump) < 20


# -- the gateway ----------------------------------------------------------------------------------


@pytest.mark.process
def test_a_slow_gateway_eats_no_worker(running: Running) -> None:
    """Starts are answered before their messages are even asked to leave."""
    id, code = running.started()
    running.gateway.answer_with(Behaviour(delay=2))
    before = len(running.gateway.ledger)
    numbers = [running.new_number() for _ in range(150)]
    with ThreadPoolExecutor(50) as crowd:
        answers = crowd.map(
            lambda number: running.server.start_verification(number, running.key).status, numbers
        )
        assert set(answers) == {201}
    assert running.server.call("GET", "/healthz").status == 200
    assert running.server.call("GET", "/readyz").status == 200
    assert running.server.check(id, code, running.key).status == 200
    assert len(running.gateway.ledger) < before + 150, "some wait, and no request waited for them"
    running.gateway.answer_with(Behaviour())
    until(lambda: all(running.gateway.texts_for(number) for number in numbers), seconds=30)


# -- the wire -------------------------------------------------------------------------------------


def exchanged(port: int, raw: bytes) -> tuple[list[int], bool]:
    """The status of every answer to these bytes, and whether the server then hung up."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=1) as line:
        line.sendall(raw)
        try:
            while part := line.recv(65536):
                got += part
        except TimeoutError:
            return statuses(got), False
        except ConnectionResetError:
            pass
    return statuses(got), True


def statuses(raw: bytes) -> list[int]:
    return [int(found) for found in re.findall(rb"HTTP/1\.[01] ([0-9]{3})", raw)]


@pytest.mark.process
def test_a_request_whose_length_is_said_twice_hides_no_second_one(running: Running) -> None:
    port = running.server.port
    host = f"Host: 127.0.0.1:{port}\r\n".encode()
    hidden = b"GET /healthz HTTP/1.1\r\n" + host + b"\r\n"
    post = b"POST /v1/verifications HTTP/1.1\r\n" + host + b"Content-Type: application/json\r\n"
    chunked = b"0\r\n\r\n" + hidden
    refused = [
        post + b"Content-Length: 2\r\nContent-Length: 60\r\n\r\n{}" + hidden,
        post + b"Content-Length: 2, 60\r\n\r\n{}" + hidden,
        post + b"Content-Length: +2\r\n\r\n{}" + hidden,
        post + b"Content-Length: -1\r\n\r\n" + hidden,
        post + b"Transfer-Encoding: xchunked\r\n\r\n" + chunked,
        post + b"Transfer-Encoding: identity\r\n\r\n" + hidden,
        post + b"Transfer-Encoding: chunked, identity\r\n\r\n" + chunked,
        post + b"Transfer-Encoding : chunked\r\n\r\n" + chunked,
        post + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + chunked,
        post.replace(b"HTTP/1.1", b"HTTP/1.0") + b"Transfer-Encoding: chunked\r\n\r\n" + chunked,
        post + b"X-Folded: a\r\n b\r\n\r\n" + hidden,
    ]
    for raw in refused:
        assert exchanged(port, raw) == ([400], True), raw
    # Both kinds of length: one answer, and nothing that follows is taken for a request.
    for length in (5, len(chunked)):
        both = f"Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        assert exchanged(port, post + both + chunked) == ([401], True)
    two_hosts = b"GET /sign-in HTTP/1.1\r\n" + host + b"Host: evil.example\r\n\r\n"
    assert exchanged(port, two_hosts)[0] == [400]


# -- what it is made of ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_package_is_one_version_known_by_its_hash(name: str) -> None:
    text = (ROOT / name).read_text().replace("\\\n", "")
    packages = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert len(packages) > 10
    for package in packages:
        assert re.match(r"[a-z0-9][a-z0-9._-]*(\[[a-z,]+\])?==[0-9][^ ]*", package), package[:60]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", package), package[:60]
        assert "://" not in package, "from an index and from nowhere else"


def test_the_lock_holds_what_is_asked_for_and_that_is_little() -> None:
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split(r"[\[<>=~! ;]", line)[0].lower() for line in asked}
    locked = {line.split("==")[0] for line in (ROOT / "requirements.txt").read_text().splitlines()}
    assert names <= locked
    assert len(names) <= 20
    assert "--require-hashes" in (ROOT / "Makefile").read_text()
