from __future__ import annotations

import secrets
from datetime import timedelta
from pathlib import Path

import pytest

from otp.keys import Keyring, parse_secret_keys
from otp.web.sessions import AFTERWARDS, SIGNED_IN_LIFE, Browser, Form, Sessions
from tests.web.person import Person
from tests.world import ServiceWorld, secret_key


def sessions(world: ServiceWorld, *keys: str, secure: bool = False) -> Sessions:
    keyring = Keyring(parse_secret_keys(",".join(keys or [secret_key()])), secrets.token_bytes)
    return Sessions(
        store=world.store, keyring=keyring, token_bytes=secrets.token_bytes, secure=secure
    )


def test_a_cookie_is_read_back_and_a_changed_one_is_not(world: ServiceWorld) -> None:
    made = sessions(world)
    browser = made.new()
    cookie = made.cookie(browser)
    assert made.read(cookie) == browser
    for place in range(0, len(cookie), 5):
        changed = cookie[:place] + ("A" if cookie[place] != "A" else "B") + cookie[place + 1 :]
        assert made.read(changed) is None
    assert made.read(cookie[:-1]) is None


def test_a_form_token_is_no_cookie_and_a_cookie_no_form_token(world: ServiceWorld) -> None:
    made = sessions(world)
    browser = made.new()
    assert made.read(made.form_token(browser)) is None
    assert made.judge(made.cookie(browser), browser) is Form.FOREIGN


def test_the_name_of_the_cookie_binds_it_to_the_host_over_https(world: ServiceWorld) -> None:
    assert sessions(world, secure=True).cookie_name == "__Host-otp"
    assert sessions(world, secure=False).cookie_name == "otp"


def test_cookies_and_forms_outlive_a_rotation_of_keys(world: ServiceWorld) -> None:
    old, new = secret_key("k1", 1), secret_key("k2", 2)
    before, during, after = sessions(world, old), sessions(world, new, old), sessions(world, new)
    browser = before.new()
    cookie, token = before.cookie(browser), before.form_token(browser)
    assert during.read(cookie) == browser
    assert during.judge(token, browser) is Form.OURS
    assert after.read(cookie) is None
    assert after.judge(token, browser) is Form.FOREIGN
    assert after.read(during.cookie(browser)) == browser, "the newest key signs"


def test_a_form_is_ours_stale_or_foreign(world: ServiceWorld) -> None:
    made = sessions(world)
    browser = made.new()
    token = made.form_token(browser)
    assert made.judge(token, browser) is Form.OURS
    assert made.judge(token, made.new(browser.id)) is Form.STALE
    assert made.judge(token, made.successor(browser)) is Form.STALE
    assert made.judge(token, made.new()) is Form.FOREIGN
    assert made.judge(token, Browser(made.new().id, browser.token)) is Form.FOREIGN
    assert made.judge(token, None) is Form.FOREIGN
    assert made.judge("", browser) is Form.FOREIGN


def test_each_page_has_a_form_token_of_its_own(world: ServiceWorld) -> None:
    made = sessions(world)
    browser = made.new()
    assert len({made.form_token(browser) for _ in range(10)}) == 10


def test_the_successor_cannot_be_had_without_the_key(world: ServiceWorld) -> None:
    browser = sessions(world).new()
    mine = sessions(world).successor(browser)
    assert mine == sessions(world).successor(browser)
    assert mine.token != sessions(world, secret_key("k1", 2)).successor(browser).token
    assert mine.token != browser.token


def test_lives_are_counted_from_the_start_and_from_the_approval(world: ServiceWorld) -> None:
    made, now = sessions(world), world.clock()
    person = Person(world.client())
    person.ask_for_a_code()
    world.deliver()
    [v] = world.store.of_number(world.provider.sent[0].to, 1)
    pending = made.new()
    made.begin(pending, v, replaces=made.new(), now=now)
    end = v.created_at + v.policy.life + AFTERWARDS
    assert made.find(pending, end - timedelta(seconds=1)) is not None
    assert made.find(pending, end) is None
    signed_in = made.sign_in(pending, v, now)
    assert made.find(pending, now) is None
    assert made.find(signed_in, now + SIGNED_IN_LIFE - timedelta(seconds=1)) is not None
    assert made.find(signed_in, now + SIGNED_IN_LIFE) is None


@pytest.mark.parametrize("value", ["token", "id"])
def test_the_store_never_holds_what_the_cookie_holds(
    world: ServiceWorld, tmp_path: Path, value: str
) -> None:
    person = Person(world.client())
    person.ask_for_a_code()
    person.press("/sign-in/code", code=world.deliver())
    browser = sessions(world).read(person.cookie())
    assert browser is not None
    held: bytes = getattr(browser, value)
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir() if file.is_file())
    assert browser.digest in kept
    assert held not in kept
    assert held.hex().encode() not in kept


def test_a_browser_does_not_show_its_token(world: ServiceWorld) -> None:
    browser = sessions(world).new()
    assert browser.token.hex() not in repr(browser)
    assert str(browser.token) not in repr(browser)
