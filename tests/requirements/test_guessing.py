"""Guesses are counted before they are compared, once, wherever and however they come."""

from __future__ import annotations

import ast
import base64
import json
import random
import re
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.gateway import until
from tests.processes import burst
from tests.requirements.material import AMPLE
from tests.requirements.running import Running
from tests.web.person import Person
from tests.world import NUMBER, ServiceWorld, wrong

ROOT = Path(__file__).parents[2]


def sixty_with_the_right_one(code: str, chance: random.Random) -> list[dict[str, str]]:
    guesses = {wrong(code)}
    while len(guesses) < 59:
        guesses.add(f"{chance.randrange(10**6):06}")
        guesses.discard(code)
    crowd = [{"code": guess} for guess in [*guesses, code]]
    chance.shuffle(crowd)
    return crowd


@pytest.mark.process
def test_a_crowd_of_guesses_with_the_right_one_in_it_gets_five_and_no_more(
    running: Running,
) -> None:
    """Twelve rounds. An honest count lets the right code in once in twelve tries; more than seven
    times of twelve happens to it less than once in a million runs. Who looks at all sixty, twelve.
    """
    chance = random.Random(12)
    approvals = 0
    for _ in range(12):
        id, code = running.started()
        path = f"/v1/verifications/{id}/check"
        crowd = sixty_with_the_right_one(code, chance)
        found = Counter(a.status for a in burst(running.server.port, path, crowd, running.key))
        assert set(found) <= {200, 422, 410}
        assert found[200] <= 1
        assert found[200] + found[422] <= 5, "guesses that were looked at"
        assert found[200] or found[422] == 4
        approvals += found[200]
    assert approvals <= 7


@pytest.mark.process
def test_who_hangs_up_before_the_answer_gets_no_guess_back(running: Running) -> None:
    id, code = running.started()
    raw = json.dumps({"code": wrong(code)}).encode()
    head = (
        f"POST /v1/verifications/{id}/check HTTP/1.1\r\nHost: 127.0.0.1:{running.server.port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(raw)}\r\n"
        f"Authorization: Bearer {running.key}\r\n\r\n"
    ).encode()
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", running.server.port), timeout=10) as line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line.sendall(head + raw[:-1])
            time.sleep(0.01)
            line.sendall(raw[-1:])
    until(lambda: running.read(id)["attempts_left"] == 0)
    answer = running.server.check(id, code, running.key)
    assert (answer.status, answer.body["verification_status"]) == (410, "max_attempts_reached")


@pytest.mark.process
def test_refusals_do_not_wait_and_hold_up_nobody(running: Running) -> None:
    """Two hundred at once. Threads that slept five seconds for each would need sixteen."""
    id, code = running.started()
    for _ in range(5):
        running.server.check(id, wrong(code), running.key)
    path = f"/v1/verifications/{id}/check"
    begun = time.monotonic()
    with ThreadPoolExecutor(1) as beside:
        crowd = beside.submit(burst, running.server.port, path, [{"code": code}] * 200, running.key)
        slowest = 0.0
        while not crowd.done():
            before = time.monotonic()
            assert running.server.call("GET", "/healthz").status == 200
            slowest = max(slowest, time.monotonic() - before)
        assert {answer.status for answer in crowd.result()} == {410}
    assert time.monotonic() - begun < 10
    assert slowest < 3


def test_all_keys_of_a_client_share_the_tries_of_a_verification(world: ServiceWorld) -> None:
    app, server = world.api(world.keys["pk_live"]), world.api()
    id = app.start().json["id"]
    code = world.deliver()
    assert [app.check(id, wrong(code)).status_code for _ in range(3)] == [422] * 3
    assert [server.check(id, wrong(code)).status_code for _ in range(2)] == [422, 410]
    assert app.check(id, code).status_code == server.check(id, code).status_code == 410


def test_a_cookie_put_back_gives_no_try_back(world: ServiceWorld, person: Person) -> None:
    person.ask_for_a_code()
    kept = person.cookie()
    code = world.deliver()
    form = person.page.forms["/sign-in/code"]
    statuses = []
    for _ in range(5):
        person.client.set_cookie("otp", kept)
        answer = person.client.post("/sign-in/code", data={**form, "code": wrong(code)})
        statuses.append(answer.status_code)
    assert statuses == [422, 422, 422, 422, 303]
    person.client.set_cookie("otp", kept)
    answer = person.client.post("/sign-in/code", data={**form, "code": code})
    assert answer.headers["Location"] == "/sign-in/code"
    assert person.open("/sign-in/done").title.startswith("Too many wrong codes")


def test_a_cookie_holds_nothing_but_chance(world: ServiceWorld, person: Person) -> None:
    person.ask_for_a_code()
    code = world.deliver()
    before = person.cookie()
    person.press("/sign-in/code", code=wrong(code))
    assert person.cookie() == before, "what a guess changed is at the server"
    [v] = world.store.of_number(world.provider.sent[0].to, 1)
    inside = b"".join(
        base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in before.split(".")
    )
    known = (NUMBER, NUMBER[3:], code, v.id, v.id[4:], v.newest.digest or "", v.support_code)
    for text in known:
        assert text
        assert text not in before
        assert text.encode() not in inside
    assert bytes.fromhex(v.id[4:]) not in inside
    assert re.fullmatch(r"[\w=-]+\.[\w-]+", before)


SECRETS = {"code", "digest", "expected", "mac", "made", "marks", "secret", "token"}


def test_no_secret_is_compared_with_an_equals_sign() -> None:
    """What two equals signs compare, they compare up to the first difference."""
    found = []
    for path in sorted((ROOT / "otp").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Compare):
                continue
            sides = [node.left, *node.comparators]
            equals = any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops)
            against_a_word = any(map(is_a_word, sides))
            if equals and not against_a_word and any(map(names_a_secret, sides)):
                found.append(f"{path.name}:{node.lineno}: {ast.unparse(node)}")
    assert found == []
    assert "hmac.compare_digest" in (ROOT / "otp" / "keys.py").read_text()


def is_a_word(side: ast.expr) -> bool:
    """A constant, or the name of one."""
    return isinstance(side, ast.Constant) or (isinstance(side, ast.Name) and side.id.isupper())


def names_a_secret(side: ast.expr) -> bool:
    name = side.id if isinstance(side, ast.Name) else getattr(side, "attr", "")
    return name in SECRETS


def test_wrong_codes_over_json_and_over_the_pages_are_one_count_of_the_number(
    tmp_path: Path,
) -> None:
    """Neither another door, client, browser nor verification begins it anew; a day ends it."""
    world = ServiceWorld(tmp_path, **{**AMPLE, "OTP_PHONE_FAILURES": "10/day"})
    app = world.api(world.keys["pk_live"])
    id = app.start().json["id"]
    code = world.deliver()
    assert [app.check(id, wrong(code)).status_code for _ in range(5)][-1] == 410
    world.clock.turn(seconds=30)
    person = Person(world.client())
    person.ask_for_a_code()
    code = world.deliver()
    for _ in range(5):
        page = person.press("/sign-in/code", code=wrong(code))
    assert page.title.startswith("Too many wrong codes")
    world.clock.turn(seconds=30)
    _, keys = world.add_client("Other")
    for key in (world.keys["sk_live"], world.keys["pk_live"], keys["sk_live"], keys["pk_live"]):
        answer = world.api(key).start()
        assert (answer.status_code, answer.json["error"]) == (429, "too_many_failures")
    other = Person(world.client())
    assert "Too many wrong codes were entered for this number" in other.ask_for_a_code().text
    world.sender.run_once()
    assert len(world.provider.sent) == 2
    world.clock.turn(days=1, minutes=24)  # a day, counted in sixtieths
    assert app.start().status_code == 201
    world.close()
