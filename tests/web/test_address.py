"""Whose request it is: from the right, and never further than the proxies that are trusted."""

from __future__ import annotations

import pytest
from flask import Request
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder

from otp.network import UNKNOWN, Network
from otp.web.address import network_of

PEER = "192.0.2.1"
PERSON = "198.51.100.7"
SPOOFED = "203.0.113.66"


def found(forwarded: str | None, proxies: int, peer: str | None = PEER) -> Network:
    environ = EnvironBuilder().get_environ()
    environ.pop("REMOTE_ADDR", None)
    if peer is not None:
        environ["REMOTE_ADDR"] = peer
    if forwarded is not None:
        environ["HTTP_X_FORWARDED_FOR"] = forwarded
    return network_of(Request(environ), proxies)


@pytest.mark.parametrize("forwarded", [None, "", SPOOFED, f"{SPOOFED}, {SPOOFED}", "x", ",,,"])
def test_without_proxies_it_is_the_peer_whatever_is_said(forwarded: str | None) -> None:
    assert found(forwarded, 0) == Network.of(PEER)


@pytest.mark.parametrize("name", ["X_REAL_IP", "FORWARDED", "CF_CONNECTING_IP", "TRUE_CLIENT_IP"])
@pytest.mark.parametrize("proxies", [0, 1])
def test_no_other_header_is_looked_at(name: str, proxies: int) -> None:
    environ = EnvironBuilder().get_environ()
    environ |= {"REMOTE_ADDR": PEER, f"HTTP_{name}": f"for={SPOOFED}" if "FOR" in name else SPOOFED}
    assert network_of(Request(environ), proxies) == Network.of(PEER)


@pytest.mark.parametrize(
    ("forwarded", "proxies"),
    [
        (PERSON, 1),
        (f"{SPOOFED}, {PERSON}", 1),
        (f"{SPOOFED},{PERSON}", 1),
        (f"{SPOOFED},\t{PERSON} ", 1),
        (f'{SPOOFED}, ", {PERSON}', 1),
        (f"{SPOOFED}, é, {PERSON}", 1),
        (f",,,{PERSON}", 1),
        (f"{PERSON}, 10.0.0.1", 2),
        (f"{SPOOFED}, {SPOOFED}, {PERSON}, 10.0.0.1", 2),
        (f'{SPOOFED}, {SPOOFED}, ", {PERSON}, 10.0.0.1', 2),
        (f"{SPOOFED}, {PERSON}, unix:, 10.0.0.1", 3),
    ],
)
def test_it_is_what_the_outermost_proxy_saw(forwarded: str, proxies: int) -> None:
    assert found(forwarded, proxies) == Network.of(PERSON)


@pytest.mark.parametrize(
    ("forwarded", "proxies"),
    [
        (None, 1),
        ("", 1),
        (PERSON, 2),
        ("unknown", 1),
        (f"{SPOOFED}, unknown", 1),
        (f"{SPOOFED}, _hidden, 10.0.0.1", 2),
        (f"{SPOOFED}, {PERSON}:", 1),
        (f"{SPOOFED}, {PERSON}:123456", 1),
        (f"{SPOOFED}, [{PERSON}", 1),
        (f"{SPOOFED}, 198.51.100.7.", 1),
        (f"{SPOOFED}, {'1' * 9000}", 1),
        (f"{SPOOFED}, fe80::1%{'x' * 9000}", 1),
        # What granian makes of a line with a byte that is not ASCII: nothing at all.
        (f"{SPOOFED},", 1),
        (f"{SPOOFED},{SPOOFED},", 2),
        (f"{SPOOFED},{SPOOFED},,10.0.0.1", 2),
        (f"{SPOOFED},{SPOOFED},,10.0.0.1", 3),
    ],
)
def test_where_the_proxies_did_not_speak_it_is_the_peer(
    forwarded: str | None, proxies: int
) -> None:
    assert found(forwarded, proxies) == Network.of(PEER)


@given(st.text(st.characters(codec="latin-1"), max_size=60), st.integers(1, 3))
def test_nothing_that_a_person_puts_on_the_left_moves_what_the_proxies_wrote(
    left: str, proxies: int
) -> None:
    written = [PERSON, "10.0.0.1", "10.0.0.2"][:proxies]
    assert found(",".join([left, *written]), proxies) == Network.of(PERSON)


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        ("198.51.100.7:4711", PERSON),
        ("::ffff:198.51.100.7", PERSON),
        ("[::ffff:198.51.100.7]:4711", PERSON),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::2"),
        ("[2001:db8::1]:4711", "2001:db8::3"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%eth0]:4711", "fe80::1"),
    ],
)
def test_an_entry_may_carry_a_port_and_a_zone(entry: str, address: str) -> None:
    assert found(entry, 1) == Network.of(address)
    assert found(None, 0, peer=entry) == Network.of(address)


@pytest.mark.parametrize("peer", [None, "", "/run/otp.sock", "unix:", "@"])
def test_all_who_come_without_an_address_are_one_network(peer: str | None) -> None:
    assert found(SPOOFED, 0, peer) == UNKNOWN
    assert found("unknown", 1, peer) == UNKNOWN
    assert found(PERSON, 1, peer) == Network.of(PERSON)
