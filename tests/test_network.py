from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp.network import UNKNOWN, Network


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_counts_for_itself(address: object) -> None:
    assert Network.of(str(address)) == Network(str(address), is_v6=False)


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_all_addresses_of_one_64_count_together(prefix: int, one: int, other: int) -> None:
    prefix |= 1 << 61  # global unicast: nothing that is IPv4 in disguise
    first, second = (ipaddress.IPv6Address(prefix << 64 | low) for low in (one, other))
    assert Network.of(first) == Network.of(str(second))
    assert Network.of(first).is_v6


def test_neighbouring_networks_count_apart() -> None:
    assert Network.of("2001:db8:0:1::1") != Network.of("2001:db8:0:2::1")


def test_ipv4_in_ipv6_clothes_is_the_ipv4_address() -> None:
    assert Network.of("::ffff:198.51.100.7") == Network.of("198.51.100.7")


def test_a_zone_makes_no_other_network() -> None:
    assert Network.of("fe80::1%eth0") == Network.of("fe80::1%eth1")


@pytest.mark.parametrize("text", ["", "unknown", "198.51.100.7:4711", "198.51.100", "[::1]"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Network.of(text)


def test_it_does_not_show_itself() -> None:
    assert "198.51.100.7" not in repr(Network.of("198.51.100.7"))


@given(st.from_regex(r"[0-9]{1,4}(\.[0-9]{1,4}){2,4}\n?", fullmatch=True))
def test_what_looks_like_an_address_is_one_where_the_library_says_so(text: str) -> None:
    try:
        expected = str(ipaddress.ip_address(text))
    except ValueError:
        with pytest.raises(ValueError, match="does not appear to be"):
            Network.of(text)
    else:
        assert Network.of(text) == Network(expected, is_v6=False)


@pytest.mark.parametrize(
    ("address", "cut"),
    [
        ("198.51.100.7", "198.51.100.0"),
        ("::ffff:198.51.100.7", "198.51.100.0"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("2001:db8::1", "2001:db8::"),
    ],
)
def test_a_log_gets_a_neighbourhood_and_no_household(address: str, cut: str) -> None:
    assert Network.of(address).cut == cut


def test_who_has_no_address_has_none_in_the_log_either() -> None:
    assert UNKNOWN.cut == "unknown"
