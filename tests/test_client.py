"""Clients and their keys."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp.client import ApiKey, Client, Mode, PresentedKey, Rights

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def issued(rights: Rights = Rights.SECRET, mode: Mode = Mode.LIVE) -> tuple[ApiKey, PresentedKey]:
    key, text = ApiKey.issue("cli_1", rights, mode, token_bytes=secrets.token_bytes, now=NOON)
    presented = PresentedKey.parse(text)
    assert presented
    return key, presented


@pytest.mark.parametrize("rights", Rights)
@pytest.mark.parametrize("mode", Mode)
def test_a_key_is_opened_by_the_text_that_was_issued(rights: Rights, mode: Mode) -> None:
    key, presented = issued(rights, mode)
    assert (presented.id, presented.rights, presented.mode) == (key.id, rights, mode)
    assert key.is_opened_by(presented)


def test_a_key_has_the_form_that_scanners_look_for() -> None:
    _, text = ApiKey.issue(
        "cli_1", Rights.SECRET, Mode.LIVE, token_bytes=secrets.token_bytes, now=NOON
    )
    assert re.fullmatch(r"otp_sk_live_[0-9a-f]{16}_[0-9a-f]{64}", text)


def test_another_secret_opens_nothing() -> None:
    key, presented = issued()
    last = "0" if presented.secret[-1] != "0" else "1"
    assert not key.is_opened_by(replace(presented, secret=presented.secret[:-1] + last))
    assert not key.is_opened_by(replace(issued()[1], id=key.id))


def test_a_publishable_key_does_not_become_a_secret_one_by_another_prefix() -> None:
    key, presented = issued(Rights.PUBLISHABLE, Mode.TEST)
    assert not key.is_opened_by(replace(presented, rights=Rights.SECRET))
    assert not key.is_opened_by(replace(presented, mode=Mode.LIVE))


def test_a_revoked_key_opens_nothing() -> None:
    key, presented = issued()
    assert not replace(key, revoked_at=NOON).is_opened_by(presented)


def test_several_keys_of_a_client_are_good_at_once() -> None:
    pairs = [issued() for _ in range(3)]
    assert len({key.id for key, _ in pairs}) == 3
    assert all(key.is_opened_by(presented) for key, presented in pairs)


def test_neither_key_nor_label_nor_presented_key_shows_the_secret() -> None:
    key, presented = issued()
    shown = f"{key!r} {key.label} {presented!r}"
    assert presented.secret not in shown
    assert key.digest.hex() not in shown
    assert repr(key.digest) not in shown
    assert key.label == f"otp_sk_live_{key.id}_…"


def test_what_is_stored_is_not_the_secret() -> None:
    key, presented = issued()
    assert presented.secret.encode() not in key.digest
    assert bytes.fromhex(presented.secret) != key.digest


def test_a_client_gets_an_id_of_its_own() -> None:
    ids = {Client.new_id(secrets.token_bytes) for _ in range(10)}
    assert len(ids) == 10
    assert all(re.fullmatch(r"cli_[0-9a-f]{32}", id) for id in ids)


GOOD = f"otp_sk_live_{'0' * 16}_{'a' * 64}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "otp_sk_live_",
        GOOD[:-1],
        GOOD + "a",
        GOOD + "\n",
        " " + GOOD,
        GOOD.upper(),
        GOOD.replace("sk", "rk"),
        GOOD.replace("live", "prod"),
        GOOD.replace("otp", "sk"),
        GOOD.replace("a" * 64, "a" * 63 + "g"),
        GOOD.replace("0" * 16, "٠" * 16),
        GOOD.replace("_", "-"),
        "Bearer " + GOOD,
    ],
    ids=ascii,
)
def test_what_has_not_the_form_of_a_key_is_none(text: str) -> None:
    assert PresentedKey.parse(GOOD)
    assert PresentedKey.parse(text) is None


@given(st.text(max_size=120))
def test_whatever_is_presented_never_fails(text: str) -> None:
    assert PresentedKey.parse(text) is None
