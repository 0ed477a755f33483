"""Secret keys: read, rotated, and what is made from them."""

from __future__ import annotations

import base64
import secrets

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from otp.keys import Keyring, Lookup, SecretKey, Unsealable, parse_secret_keys
from otp.phone import Phone

A, B = (SecretKey(id, bytes(range(n, n + 32))) for id, n in (("a", 128), ("b", 200)))
PHONE = Phone.of("+919876543210")


def ring(*keys: SecretKey) -> Keyring:
    return Keyring(keys, secrets.token_bytes)


def encoded(secret: bytes) -> str:
    return base64.b64encode(secret).decode()


# -- reading them -------------------------------------------------------------------------------


def test_keys_are_read_newest_first() -> None:
    keys = parse_secret_keys(f"b:{encoded(B.secret)}, a:{encoded(A.secret)}")
    assert keys == (B, A)
    assert ring(*keys).newest == B


def test_fresh_random_keys_are_never_too_weak() -> None:
    for _ in range(300):
        secret = secrets.token_bytes(32)
        assert parse_secret_keys(f"k:{encoded(secret)}")[0].secret == secret


WEAK = {
    "missing": "",
    "no id": encoded(A.secret),
    "an empty id": f":{encoded(A.secret)}",
    "an odd id": f"a b:{encoded(A.secret)}",
    "a dollar in the id": f"a$:{encoded(A.secret)}",
    "a long id": f"{'a' * 33}:{encoded(A.secret)}",
    "no base64": "a:not-base64-at-all!",
    "not ascii": "a:ключ",
    "short": f"a:{encoded(A.secret[:31])}",
    "long": f"a:{encoded(A.secret + b'x')}",
    "zeros": f"a:{encoded(bytes(32))}",
    "a pattern": f"a:{encoded(bytes(range(200, 216)) * 2)}",
    "a passphrase": f"a:{encoded(b'correct horse battery staple 12!')}",
    "hex taken for a key": f"a:{encoded(A.secret.hex()[:32].encode())}",
    "the same id twice": f"a:{encoded(A.secret)},a:{encoded(B.secret)}",
    "the same key twice": f"a:{encoded(A.secret)},b:{encoded(A.secret)}",
    "one good, one bad": f"a:{encoded(A.secret)},b:{encoded(bytes(32))}",
    "a trailing comma": f"a:{encoded(A.secret)},",
}


@pytest.mark.parametrize("text", WEAK.values(), ids=WEAK.keys())
def test_a_weak_key_is_refused_without_being_printed(text: str) -> None:
    with pytest.raises(ValueError) as refusal:
        parse_secret_keys(text)
    shown = f"{refusal.value} {refusal.value!r}"
    assert refusal.value.__cause__ is None
    for entry in text.split(","):
        secret = entry.partition(":")[2] or entry
        assert not secret or secret not in shown


def test_a_bad_key_is_named_by_its_place_and_id() -> None:
    with pytest.raises(ValueError, match=r"key 2 \(b\)"):
        parse_secret_keys(WEAK["one good, one bad"])


def test_no_key_is_shown_by_accident() -> None:
    assert repr(A) == "SecretKey(id='a')"
    assert encoded(A.secret) not in repr(ring(A))


def test_a_keyring_needs_a_key() -> None:
    with pytest.raises(ValueError):
        ring()


# -- digests ------------------------------------------------------------------------------------


def test_the_newest_key_makes_and_all_match() -> None:
    old = ring(A).digest("purpose", "part")
    rotated = ring(B, A)
    assert old.startswith("a$")
    assert rotated.digest("purpose", "part").startswith("b$")
    assert rotated.matches(old, "purpose", "part")
    assert not ring(B).matches(old, "purpose", "part")


@pytest.mark.parametrize("parts", [("ab", "c"), ("a", "b", "c"), ("abc",), ("a", "bc", "")])
def test_parts_do_not_run_into_each_other(parts: tuple[str, ...]) -> None:
    assert not ring(A).matches(ring(A).digest("purpose", "a", "bc"), "purpose", *parts)


def test_a_digest_is_good_for_one_purpose() -> None:
    assert not ring(A).matches(ring(A).digest("one", "part"), "two", "part")
    assert len({A.derive("one"), A.derive("two"), B.derive("one"), A.secret}) == 4


@pytest.mark.parametrize("digest", ["", "$", "a", "a$", "a$00", "a$ü", "zz$00", "$$", "a$\x00"])
def test_a_broken_digest_matches_nothing(digest: str) -> None:
    assert not ring(A).matches(digest, "purpose", "part")


def test_the_sub_keys_stand_newest_first() -> None:
    assert ring(B, A).secrets("cookie") == [B.derive("cookie"), A.derive("cookie")]


# -- seals --------------------------------------------------------------------------------------


@given(st.binary(max_size=100), st.binary(max_size=40))
def test_what_was_sealed_opens_in_its_own_place(plain: bytes, context: bytes) -> None:
    sealed = ring(A).seal("number", plain, context)
    assert ring(A).unseal("number", sealed, context) == plain
    assert ring(B, A).unseal("number", sealed, context) == plain


def test_a_seal_moved_elsewhere_does_not_open() -> None:
    keys = ring(A)
    sealed = keys.seal("number", b"+919876543210", b"row 1")
    for purpose, context in (("number", b"row 2"), ("number", b""), ("other", b"row 1")):
        with pytest.raises(Unsealable):
            keys.unseal(purpose, sealed, context)


def test_a_seal_does_not_open_once_its_key_is_gone() -> None:
    sealed = ring(A).seal("number", b"+919876543210", b"row 1")
    with pytest.raises(Unsealable) as refusal:
        ring(B).unseal("number", sealed, b"row 1")
    assert "'a'" in str(refusal.value)


def test_two_seals_of_one_thing_differ_and_hide_it() -> None:
    keys = ring(A)
    one, two = (keys.seal("number", b"+919876543210", b"row 1") for _ in range(2))
    assert one != two
    assert b"9876543210" not in one


@given(st.data())
def test_a_seal_that_was_touched_does_not_open(data: st.DataObject) -> None:
    sealed = bytearray(ring(A).seal("number", b"+919876543210", b"row 1"))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Unsealable):
        ring(A, B).unseal("number", bytes(sealed), b"row 1")


@given(st.binary(max_size=60))
@example(b"")
@example(b"\x01")
@example(b"\x01a")
@example(b"\x01a" + bytes(5))
@example(b"\x01a" + bytes(12))
def test_bytes_that_are_no_seal_do_not_open(junk: bytes) -> None:
    with pytest.raises(Unsealable):
        ring(A).unseal("number", junk, b"row 1")


def test_it_is_known_which_seals_are_of_an_older_key() -> None:
    sealed = ring(A).seal("number", b"plain", b"")
    assert ring(A, B).sealed_by_newest(sealed)
    assert not ring(B, A).sealed_by_newest(sealed)
    assert not ring(A).sealed_by_newest(b"")


# -- lookups ------------------------------------------------------------------------------------


def test_an_index_is_the_same_for_ever_and_tells_nothing() -> None:
    lookup = Lookup(A.secret)
    assert lookup.index(PHONE) == Lookup(A.secret).index(Phone.of("+919876543210"))
    assert lookup.index(PHONE) != lookup.index(Phone.of("+919876543211"))
    assert lookup.index(PHONE) != Lookup(B.secret).index(PHONE)
    assert len(lookup.index(PHONE)) == 16


def test_a_name_is_good_for_one_purpose() -> None:
    lookup = Lookup(A.secret)
    assert lookup.mac("one", "x") != lookup.mac("two", "x")
    assert lookup.mac("one", "a", "bc") != lookup.mac("one", "ab", "c")
    assert len(lookup.mac("one", "x")) == 32


@given(st.binary(min_size=16, max_size=16))
def test_a_public_id_leads_back_to_its_row_and_nowhere_else(row_key: bytes) -> None:
    lookup = Lookup(A.secret)
    public = lookup.public_id(row_key)
    assert len(public) == 36
    assert public.startswith("ver_")
    assert row_key.hex() not in public
    assert lookup.row_key(public) == row_key
    assert Lookup(B.secret).row_key(public) != row_key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ver_",
        "ver_" + "0" * 31,
        "ver_" + "0" * 33,
        "ver_" + "G" * 32,
        "ver_" + "A" * 32,
        "ver_" + "٠" * 32,
        "VER_" + "0" * 32,
        "0" * 36,
        "ver_ver_" + "0" * 28,
        " ver_" + "0" * 31,
        "ver_" + "0" * 31 + "\n",
    ],
    ids=ascii,
)
def test_what_has_not_the_form_of_an_id_leads_nowhere(text: str) -> None:
    assert Lookup(A.secret).row_key(text) is None
