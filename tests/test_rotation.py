"""A rotation of the secret keys, step by step: one database, its service started again and again.

The operator adds the new key as the second, then puts it first, then takes the old one off.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from tests.processes import environment, flask
from tests.web.person import Person
from tests.world import NUMBER, OTHER_NUMBER, START, Api, FakeClock, ServiceWorld, secret_key

OLD, NEW = secret_key("k1", 1), secret_key("k2", 2)
FIRST, SECOND, THIRD, LAST = OLD, f"{OLD},{NEW}", f"{NEW},{OLD}", NEW


class Site:
    """One database, and the service that is stopped and started on it with other secret keys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock(START)
        self.key = ""
        self.world: ServiceWorld

    def start(self, secret_keys: str) -> ServiceWorld:
        self.stop()
        self.world = world = ServiceWorld(self.folder, OTP_SECRET_KEYS=secret_keys)
        world.clock.now = self.clock.now
        self.clock = world.clock
        self.key = self.key or world.keys["sk_live"]
        return world

    def stop(self) -> None:
        if hasattr(self, "world"):
            self.world.close()

    @property
    def api(self) -> Api:
        return self.world.api(self.key)

    def started(self, number: str = NUMBER) -> tuple[str, str]:
        """A verification whose message is out, and its code."""
        answer = self.api.start(number)
        assert answer.status_code == 201, answer.text
        return answer.json["id"], self.world.deliver()

    def proven(self, number: str = NUMBER) -> str:
        return str(self.api.check(*self.started(number)).json["proof"])

    def published(self) -> KeySet:
        return KeySet.import_key_set(self.world.client().get("/.well-known/jwks.json").json)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.stop()


def opened(token: str, keys: KeySet) -> Any:
    return jwt.decode(token, keys, algorithms=["ES256"])


def sealed_under(folder: Path) -> list[str]:
    """Which secret key each number is sealed under, oldest verification first."""
    with closing(sqlite3.connect(folder / "otp.db")) as connection:
        rows = connection.execute("SELECT number_sealed FROM verification ORDER BY row_key")
        return [sealed[1 : 1 + sealed[0]].decode() for (sealed,) in rows]


# -- proofs ---------------------------------------------------------------------------------------


def test_no_proof_fails_a_check_at_any_step_and_a_person_keeps_one_name(site: Site) -> None:
    counts, signers, names, tokens = [], [], set(), []
    before_token, before_keys = "", KeySet([])
    for step in (FIRST, SECOND, THIRD, LAST):
        site.start(step)
        keys, token = site.published(), site.proven()
        found = opened(token, keys)
        if before_token:
            opened(token, before_keys)  # by who fetched the keys before this step
            opened(before_token, keys)  # one from before this step, by who fetches them now
            assert site.api.redeem(before_token).status_code == 200
        counts.append(len(keys.keys))
        signers.append(found.header["kid"])
        names.add(found.claims["sub"])
        before_token, before_keys = token, keys
        tokens.append(token)
        if step == THIRD:
            for earlier in tokens:
                opened(earlier, keys)  # whatever the pace of the steps was
        site.clock.turn(seconds=31)
    assert site.api.redeem(before_token).status_code == 200
    assert counts == [1, 2, 2, 1]
    assert (signers[0], signers[2]) == (signers[1], signers[3])
    assert signers[0] != signers[2]
    assert len(names) == 1


def test_the_proofs_of_a_key_that_is_gone_are_none(site: Site) -> None:
    site.start(SECOND)
    token = site.proven()
    for step in (THIRD, LAST):
        site.start(step)
    with pytest.raises((JoseError, ValueError)):
        opened(token, site.published())
    answer = site.api.redeem(token)
    assert (answer.status_code, answer.json["error"]) == (422, "invalid_proof")


def test_nothing_is_proven_of_a_number_that_cannot_be_read_any_more(site: Site) -> None:
    site.start(FIRST)
    id, code = site.started()
    site.start(THIRD)
    header = {"Idempotency-Key": "one"}
    token = site.api.check(id, code, headers=header).json["proof"]
    site.start(LAST)
    again = site.api.check(id, code, headers=header)
    assert (again.status_code, again.json["status"]) == (200, "approved")
    assert not {"proof", "phone_number"} & set(again.json)
    assert site.api.redeem(token).json["phone_number"] == NUMBER, "the one from before is good"


# -- codes, numbers, browsers ---------------------------------------------------------------------


def test_a_code_under_way_works_on_and_what_is_new_is_under_the_new_key(site: Site) -> None:
    site.start(FIRST)
    id, code = site.started()
    assert (site.world.read(id, site.world.client_id).newest.digest or "").startswith("k1$")
    owner = site.world.client_id
    site.clock.turn(seconds=1)
    site.start(THIRD)
    new_id, new_code = site.started(OTHER_NUMBER)
    assert (site.world.read(new_id, owner).newest.digest or "").startswith("k2$")
    assert sealed_under(site.folder) == ["k1", "k2"]
    site.clock.turn(seconds=30)
    assert site.api.resend(id).status_code == 202
    site.world.deliver()
    digests = [c.digest or "" for c in site.world.read(id, owner).challenges]
    assert [digest.partition("$")[0] for digest in digests] == ["k1", "k2"]
    answer = site.api.check(id, code)
    assert (answer.status_code, answer.json["phone_number"]) == (200, NUMBER)
    assert site.api.check(new_id, new_code).status_code == 200


def test_a_code_of_a_key_that_is_gone_is_a_wrong_one_and_nothing_breaks(site: Site) -> None:
    site.start(FIRST)
    id, code = site.started()
    other, _ = site.started(OTHER_NUMBER)
    site.start(THIRD)
    site.start(LAST)
    assert site.api.read(id).json["status"] == "pending"
    for left in (4, 3, 2, 1):
        answer = site.api.check(id, code)
        assert (answer.status_code, answer.json["error"]) == (422, "wrong_code")
        assert answer.json["attempts_left"] == left
    assert site.api.check(id, code).json["verification_status"] == "max_attempts_reached"
    site.clock.turn(seconds=31)
    assert site.api.resend(other).status_code == 202
    site.world.sender.run_once()
    assert site.world.provider.sent == []
    assert site.api.read(other).json["delivery"]["reason"] == "number_unreadable"
    assert site.api.cancel(other).status_code == 200
    assert site.api.check(*site.started()).status_code == 200, "its number begins anew"


def test_a_browser_under_way_goes_on_and_begins_anew_when_its_key_is_gone(site: Site) -> None:
    site.start(FIRST)
    person = Person(site.world.client())
    person.ask_for_a_code()
    code, cookie = site.world.deliver(), person.cookie()
    for step, status in ((THIRD, 200), (LAST, 303)):
        browser = site.start(step).client()
        browser.set_cookie("otp", cookie)
        assert browser.get("/sign-in/code").status_code == status
        form = person.page.forms["/sign-in/code"] | {"code": code}
        answer = browser.post("/sign-in/code", data=form)
        assert (answer.status_code, answer.headers.get("Location")) == (
            (303, "/sign-in/done") if step == THIRD else (403, None)
        )


# -- a step too many ------------------------------------------------------------------------------


@pytest.mark.process
def test_keys_of_which_none_opens_the_database_stop_the_start(tmp_path: Path) -> None:
    env = environment(tmp_path, "http://127.0.0.1:1/", OTP_SECRET_KEYS=OLD)
    assert flask(env, "client", "list").returncode == 0
    done = flask(env | {"OTP_SECRET_KEYS": NEW}, "serve")
    assert done.returncode != 0
    [line] = done.stderr.strip().splitlines()
    assert "OTP_SECRET_KEYS: none of the listed keys opens this database" in line
    assert flask(env | {"OTP_SECRET_KEYS": THIRD}, "client", "list").returncode == 0
