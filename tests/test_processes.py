"""The promises of the service as it is run: several processes, a real socket, one SQLite file."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.gateway import Behaviour, Gateway, until
from tests.processes import ROOT, Server, add_client, burst, environment, flask, together
from tests.world import wrong

pytestmark = pytest.mark.process


@dataclass
class Site:
    server: Server
    gateway: Gateway
    keys: dict[str, str]
    folder: Path
    _last: int = 0

    @property
    def secret(self) -> str:
        return self.keys["sk_live"]

    def new_number(self) -> str:
        """An example number nobody was sent a code at yet."""
        self._last += 1
        return f"+9198765{self._last:05}"

    def started(self) -> tuple[str, str]:
        """A verification whose message is out, and its code."""
        number = self.new_number()
        answer = self.server.start_verification(number, self.secret)
        assert answer.status == 201, answer
        until(lambda: bool(self.gateway.codes_for(number)))
        return answer.body["id"], self.gateway.codes_for(number)[0]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with Gateway() as gateway:
        env = environment(folder, gateway.url)
        keys = add_client(env)
        with Server(env, workers=2) as server:
            yield Site(server, gateway, keys, folder)


def test_a_code_goes_out_over_the_route_and_proves_the_number(site: Site) -> None:
    id, code = site.started()
    answer = site.server.check(id, code, site.secret)
    assert (answer.status, answer.body["status"]) == (200, "approved")
    until(lambda: site.server.call("GET", f"/v1/verifications/{id}", key=site.secret).status == 200)
    read = site.server.call("GET", f"/v1/verifications/{id}", key=site.secret)
    assert read.body["delivery"]["status"] == "sent"


def test_of_sixty_guesses_at_once_over_two_processes_exactly_five_are_counted(site: Site) -> None:
    for _ in range(3):
        id, code = site.started()
        guesses = [{"code": f"{n:06}"} for n in range(1000, 1061) if f"{n:06}" != code][:60]
        path = f"/v1/verifications/{id}/check"
        answers = burst(site.server.port, path, guesses, site.secret)
        # The fifth wrong one ends it, and says so as the 55 that came too late do.
        assert Counter(a.status for a in answers) == {422: 4, 410: 56}
        last = site.server.check(id, code, site.secret)
        assert (last.status, last.body["verification_status"]) == (410, "max_attempts_reached")
        assert last.body["verification"]["attempts_left"] == 0


def test_forty_right_codes_at_once_are_one_approval(site: Site) -> None:
    for _ in range(3):
        id, code = site.started()
        path = f"/v1/verifications/{id}/check"
        answers = burst(site.server.port, path, [{"code": code}] * 40, site.secret)
        assert {a.status for a in answers} == {200}
        payloads = [a.body["proof"].split(".")[1] for a in answers]
        claims = [json.loads(base64.urlsafe_b64decode(p + "==")) for p in payloads]
        assert len({(c["jti"], c["iat"], c["exp"]) for c in claims}) == 1
        assert answers[0].body["attempts_left"] == 4, "one attempt, and no more"


def test_of_forty_redemptions_at_once_over_two_processes_one_gets_the_claims(site: Site) -> None:
    for _ in range(3):
        id, code = site.started()
        # The answer told twice: two tokens, one proof.
        tokens = [site.server.check(id, code, site.secret).body["proof"] for _ in range(2)]
        assert tokens[0] != tokens[1]
        bodies = [{"proof": token} for token in tokens] * 20
        answers = burst(site.server.port, "/v1/proofs/redeem", bodies, site.secret)
        assert Counter(a.status for a in answers) == {200: 1, 410: 39}
        [won] = [a.body for a in answers if a.status == 200]
        assert won["verification_id"] == id
        assert {a.body["error"] for a in answers if a.status == 410} == {"proof_spent"}
        late = site.server.call("POST", "/v1/proofs/redeem", bodies[0], site.secret)
        assert (late.status, late.body["error"]) == (410, "proof_spent")


def spellings(number: str) -> list[str]:
    national = number[3:]
    return [
        number,
        f"0{national}",
        f"00 91 {national}",
        f"+91 {national[:5]} {national[5:]}",
        f"(+91) {national[:5]}.{national[5:]}",
        f"+91-{national[:5]}-{national[5:]}",
        national,
        f" +91\N{NO-BREAK SPACE}{national} ",
        number.translate({ord(str(d)): 0xFF10 + d for d in range(10)}),
        f"+91 (0) {national}",
    ]


def test_thirty_starts_at_once_for_one_number_in_many_spellings_send_one_message(
    site: Site,
) -> None:
    for kind, statuses in (("sk_live", {201: 1, 200: 29}), ("pk_live", {201: 1, 429: 29})):
        number = site.new_number()
        bodies = [{"phone_number": text} for text in spellings(number) * 3]
        answers = burst(site.server.port, "/v1/verifications", bodies, site.keys[kind])
        assert Counter(a.status for a in answers) == statuses
        until(lambda number=number: bool(site.gateway.texts_for(number)))  # type: ignore[misc]
        site.started()
        assert len(site.gateway.texts_for(number)) == 1


def test_a_gateway_that_stalls_holds_up_nobody_else(site: Site) -> None:
    id, code = site.started()
    site.gateway.answer_with(Behaviour(stall=True), Behaviour())
    stalled = site.new_number()
    assert site.server.start_verification(stalled, site.secret).status == 201
    until(lambda: bool(site.gateway.codes_for(stalled)))
    other_id, other_code = site.started()
    assert site.server.check(id, code, site.secret).status == 200
    assert site.server.check(other_id, other_code, site.secret).status == 200


def test_several_senders_send_each_message_once(site: Site) -> None:
    numbers = [site.new_number() for _ in range(60)]
    for number in numbers:
        assert site.server.start_verification(number, site.keys["pk_live"]).status == 201
    until(lambda: all(site.gateway.texts_for(number) for number in numbers))
    assert {len(site.gateway.texts_for(number)) for number in numbers} == {1}


def test_a_killed_worker_is_replaced_and_nothing_is_lost(site: Site) -> None:
    worker = site.server.family()[-1]
    os.kill(worker, signal.SIGKILL)
    until(lambda: worker not in site.server.family() and len(site.server.family()) == 3)
    site.server.wait_until_ready()
    id, code = site.started()
    assert site.server.check(id, code, site.secret).status == 200


def test_workers_that_die_one_after_another_do_not_end_the_server(site: Site) -> None:
    for _ in range(3):
        before = site.server.family()
        os.kill(before[-1], signal.SIGKILL)
        until(lambda before=before: before[-1] not in site.server.family())  # type: ignore[misc]
        until(lambda: len(site.server.family()) == 3)
    site.server.wait_until_ready()
    id, code = site.started()
    assert site.server.check(id, code, site.secret).status == 200


def test_no_code_and_no_number_is_readable_anywhere(site: Site) -> None:
    """Runs after the others of this file, over all that they did."""
    id, code = site.started()
    site.server.check(id, wrong(code), site.secret)
    site.server.call("POST", "/v1/verifications", {"phone_number": "+91 98765 0"}, site.secret)
    sent = [m["to"] for m in site.gateway.messages]
    numbers = {to.removeprefix("91") for to in sent}
    codes = {code for to in set(sent) for code in site.gateway.codes_for(to)}
    assert len(numbers) > 60
    assert flask(site.server.env, "sweep").returncode == 0
    held = {path: path.read_bytes() for path in site.folder.iterdir() if path.is_file()}
    assert any(path.suffix == ".db" for path in held)
    assert any(path.suffix == ".log" and content for path, content in held.items())
    for path, content in held.items():
        for secret in numbers | set(site.keys.values()) | {site.server.env["OTP_MOBTEXTING_TOKEN"]}:
            assert secret.encode() not in content, path.name
        if path.suffix == ".log":
            # A database of random bytes holds six given digits by chance; a log does not.
            found = set(re.findall(rb"(?<![0-9])[0-9]{6}(?![0-9])", content))
            assert not found & {code.encode() for code in codes}, path.name


LIMITS = (
    # the setting, how many starts at once, of which so many may pass, and what tells them apart
    ({"OTP_ADDRESS_SENDS": "10/hour"}, lambda n: {"client_ip": "198.51.100.7"}, 429),
    ({"OTP_ADDRESS6_SENDS": "10/hour"}, lambda n: {"client_ip": f"2001:db8::{n:x}"}, 429),
    ({"OTP_SEND_BUDGET": "10/day"}, lambda n: {}, 503),
    ({"OTP_PREFIX_SENDS": "10/hour"}, lambda n: {"phone_number": f"+9198765{n:05}"}, 429),
)


@pytest.mark.parametrize(
    ("setting", "members", "refusal"), LIMITS, ids=["address", "address6", "budget", "prefix"]
)
def test_of_forty_starts_at_once_exactly_the_limit_passes_also_after_a_restart(
    tmp_path: Path, setting: dict[str, str], members: Callable[[int], dict[str, str]], refusal: int
) -> None:
    with Gateway() as gateway:
        env = environment(tmp_path, gateway.url, **setting)
        key = add_client(env)["sk_live"]
        bodies = [{"phone_number": f"+9198{n:04}5678", **members(n)} for n in range(60)]
        with Server(env, workers=2) as server:
            answers = burst(server.port, "/v1/verifications", bodies[:40], key)
            assert Counter(a.status for a in answers) == {201: 10, refusal: 30}
        with Server(env, workers=2) as server:
            answers = burst(server.port, "/v1/verifications", bodies[40:], key)
            assert {a.status for a in answers} == {refusal}
        assert len(gateway.messages) == 10


def test_of_twenty_guesses_over_many_verifications_at_once_exactly_ten_are_looked_at(
    tmp_path: Path,
) -> None:
    """A number's wrong codes count over all that was started for it, by whomever."""
    tight = {"OTP_PHONE_FAILURES": "10/day", "OTP_RESEND_WAITS": "1,1,1"}
    with Gateway() as gateway:
        env = environment(tmp_path, gateway.url, **tight)
        keys = [add_client(env)["sk_live"] for _ in range(4)]
        number = "+919876500001"
        with Server(env, workers=2) as server:
            started = []
            for key in keys:
                until(lambda key=key: _started(server, number, key, started))  # type: ignore[misc]
            until(lambda: len(gateway.codes_for(number)) == len(keys))
            right = set(gateway.codes_for(number))
            guess = next(f"{n:06}" for n in range(1000) if f"{n:06}" not in right)
            statuses: Counter[int] = Counter()
            calls = [
                (lambda id=id, key=key: statuses.update([server.check(id, guess, key).status]))
                for id, key in started
                for _ in range(5)
            ]
            together(calls)
            # The fifth wrong code of one verification is a 410, and counts as well.
            assert (statuses[422] + statuses[410], statuses[429]) == (10, 10), statuses
        with Server(env) as server:
            for id, key in started:
                assert server.check(id, guess, key).status in (429, 410)


def _started(server: Server, number: str, key: str, made: list[tuple[str, str]]) -> bool:
    answer = server.start_verification(number, key)
    if answer.status == 201:
        made.append((answer.body["id"], key))
    return answer.status == 201


def test_sigterm_finishes_the_send_under_way(tmp_path: Path) -> None:
    with Gateway() as gateway:
        gateway.answer_with(Behaviour(delay=1.5))
        env = environment(tmp_path, gateway.url)
        key = add_client(env)["sk_live"]
        server = Server(env)
        with server:
            id = server.start_verification("+919876500001", key).body["id"]
            gateway.wait_for(1)
            assert server.stop() == 0
        gateway.answer_with(Behaviour())
        with Server(env) as again:
            read = again.call("GET", f"/v1/verifications/{id}", key=key)
            assert read.body["delivery"]["status"] == "sent"
        assert len(gateway.messages) == 1


def test_without_a_sender_of_its_own_the_server_leaves_the_queue_to_others(
    tmp_path: Path,
) -> None:
    with Gateway() as gateway:
        env = environment(tmp_path, gateway.url, OTP_SENDER="0")
        key = add_client(env)["sk_live"]
        with Server(env) as server:
            for number in ("+919876500001", "+919876500002"):
                assert server.start_verification(number, key).status == 201
            assert gateway.messages == []
            sender = subprocess.Popen([sys.executable, "-m", "flask", "send"], cwd=ROOT, env=env)
            gateway.wait_for(2)
            sender.terminate()
            assert sender.wait(20) == 0
    assert len(gateway.messages) == 2


def test_a_body_in_pieces_is_taken_to_its_limit_and_no_further(site: Site) -> None:
    for size, status in ((4096, 422), (4097, 413), (50_000, 413)):
        filler = "9" * (size - len('{"phone_number": ""}'))
        raw = f'{{"phone_number": "{filler}"}}'.encode()
        connection = http.client.HTTPConnection("127.0.0.1", site.server.port, timeout=20)
        headers = {
            "Authorization": f"Bearer {site.secret}",
            "Content-Type": "application/json",
            "Transfer-Encoding": "chunked",
        }
        pieces = (raw[at : at + 1000] for at in range(0, len(raw), 1000))
        with contextlib.closing(connection):
            connection.request("POST", "/v1/verifications", pieces, headers, encode_chunked=True)
            assert connection.getresponse().status == status


def test_settings_that_make_no_sense_stop_the_start_and_quote_no_secret(tmp_path: Path) -> None:
    env = environment(tmp_path, "http://127.0.0.1:1/", OTP_CODE_LENGTH="five", OTP_LIVE_CODES="3")
    env["OTP_MOBTEXTING_TOKEN"] = "changeme"
    done = flask(env, "serve")
    assert done.returncode != 0
    for name in ("OTP_CODE_LENGTH", "OTP_LIVE_CODES", "OTP_MOBTEXTING_TOKEN"):
        assert name in done.stderr
    assert "changeme" not in done.stderr
    assert "Traceback" not in done.stderr
