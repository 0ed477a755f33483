"""What a thief of the database has, and what a rotation of keys costs."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import itertools
import secrets
import sqlite3
from pathlib import Path

from otp import passcode
from otp.keys import Keyring, parse_secret_keys
from tests.requirements.material import AMPLE, started
from tests.world import NUMBER, OTHER_NUMBER, Api, ServiceWorld, secret_key

HASHES = ("sha256", "sha1", "md5", "sha512", "sha3_256", "blake2s")


def stolen(folder: Path) -> list[bytes]:
    """Every value of every row of a copy of the database, as bytes."""
    values: set[bytes] = set()
    with contextlib.closing(sqlite3.connect(folder / "otp.db")) as copy:
        names = copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in names:
            for row in copy.execute(f'SELECT * FROM "{table}"'):
                for value in row:
                    if value is not None:
                        values.add(value if isinstance(value, bytes) else str(value).encode())
    return sorted(values)


def test_no_hash_without_the_key_leads_from_a_stolen_database_to_a_code(
    world: ServiceWorld,
) -> None:
    """A thief tries every code in every function of it and what else he stole. It is enough to try
    the right one: no function can find it of which it is not a solution."""
    id = started(world)
    code = world.deliver()
    values = stolen(world.folder)
    [digest] = [v for v in values if v.startswith(b"k1$")]
    made = digest.removeprefix(b"k1$")
    targets = {made, bytes.fromhex(made.decode())}
    salts = [b"", *values, NUMBER.encode(), NUMBER[1:].encode(), id.encode(), b"otp passcode"]
    assert len(salts) > 20
    for name, salt in itertools.product(HASHES, salts):
        for text in (salt + code.encode(), code.encode() + salt, salt + b"$" + code.encode()):
            found = hashlib.new(name, text)
            assert not {found.digest(), found.hexdigest().encode()} & targets
        keyed = hmac.new(salt, code.encode(), name)
        assert not {keyed.digest(), keyed.hexdigest().encode()} & targets


def test_every_code_hashed_plainly_is_in_no_column(world: ServiceWorld) -> None:
    started(world)
    world.deliver()
    values = stolen(world.folder)
    held = {part for value in values for part in (value, value.rpartition(b"$")[2])}
    lengths = {len(part) for part in held}
    for name in ("sha256", "md5"):
        make = getattr(hashlib, name)
        for number in range(10**6):
            if make(b"%06d" % number).hexdigest().encode() in held:
                raise AssertionError(f"{name} of a code")
    assert 64 in lengths, "the digest was among what was looked at"


def test_with_the_key_one_code_fits_and_no_other(world: ServiceWorld) -> None:
    v = world.read(started(world))
    code = world.deliver()
    v = world.read(v.id)
    keyring = Keyring(world.settings.secret_keys, secrets.token_bytes)

    def fits(guess: str) -> bool:
        assert v.newest.digest
        return passcode.matches(
            keyring,
            v.newest.digest,
            guess,
            client_id=v.client_id,
            verification_id=v.id,
            challenge=1,
            phone=v.phone,
        )

    around = {f"{(int(code) + step) % 10**6:06}" for step in range(-1000, 1000)}
    assert [guess for guess in around if fits(guess)] == [code]


def test_digests_exchanged_in_the_database_open_nothing(world: ServiceWorld) -> None:
    one, code_of_one = started(world), world.deliver()
    two, code_of_two = started(world, OTHER_NUMBER), world.deliver()
    with contextlib.closing(sqlite3.connect(world.folder / "otp.db")) as file, file:
        digests = [d for (d,) in file.execute("SELECT digest FROM challenge")]
        assert len(digests) == 2
        file.execute(
            "UPDATE challenge SET digest = CASE digest WHEN ? THEN ? ELSE ? END",
            (digests[0], digests[1], digests[0]),
        )
    for id in (one, two):
        for code in (code_of_one, code_of_two):
            assert world.api().check(id, code).status_code == 422


def test_a_rotation_of_keys_costs_nobody_a_code_and_the_old_key_then_opens_nothing(
    tmp_path: Path,
) -> None:
    old, new = secret_key("k1", 1), secret_key("k2", 2)
    before = ServiceWorld(tmp_path, OTP_SECRET_KEYS=old, **AMPLE)
    key = before.keys["sk_live"]
    first, code_of_first = started(before), before.deliver()
    second, code_of_second = started(before, OTHER_NUMBER), before.deliver()
    before.close()

    during = ServiceWorld(tmp_path, OTP_SECRET_KEYS=f"{new},{old}", **AMPLE)
    assert during.api(key).check(first, code_of_first).status_code == 200
    third = during.api(key).start("+919876543219").json["id"]
    code_of_third = during.deliver()
    [digest] = [v for v in stolen(tmp_path) if v.startswith(b"k2$")]
    assert len(digest) == len("k2$") + 64
    during.close()

    after = ServiceWorld(tmp_path, OTP_SECRET_KEYS=new, **AMPLE)
    api: Api = after.api(key)
    assert api.check(third, code_of_third).status_code == 200
    answer = api.check(second, code_of_second)
    assert answer.status_code in (422, 410), "wrong or ended, and no error of ours"
    assert api.read(second).status_code == 200
    after.close()


def test_one_key_per_purpose_is_made_of_a_secret_key() -> None:
    [key] = parse_secret_keys(secret_key())
    purposes = ("passcode", "number", "session", "form", "proof, first part", "proof, second part")
    made = {key.derive(purpose) for purpose in purposes}
    assert len(made) == len(purposes)
    assert key.secret not in made
