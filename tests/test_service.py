"""What the use cases promise beside what the doors' stories tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from otp.client import SIGN_IN
from otp.errors import VerificationEnded
from otp.log.scrub import Scrubber
from otp.phone import Phone
from otp.service import Caller
from otp.store import Replay
from tests.world import ROOMY, FakeProvider, ServiceWorld, wrong

ME = Caller(client_id=SIGN_IN, credential="me")


def test_a_start_rings_for_the_sender_and_a_check_does_not(world: ServiceWorld) -> None:
    rung = []
    world.service._wake = lambda: rung.append(1)
    id = world.service.start(ME, "+919876543210").verification.id
    assert rung == [1]
    world.service.check(ME, id, world.deliver())
    assert rung == [1]


def test_a_sweep_writes_down_all_that_ended_and_drops_its_digests(roomy: ServiceWorld) -> None:
    count = 620  # more than one batch
    for number in range(count):
        roomy.service.start(ME, f"+9198{number:08}")
    roomy.sender.run_once()
    roomy.clock.turn(minutes=21)
    assert roomy.upkeep.sweep() == (count, 0)
    assert roomy.upkeep.sweep() == (0, 0)
    [first] = roomy.store.of_number(roomy.provider.sent[0].to, 1)
    assert (first.status, first.newest.digest) == ("expired", None)


def test_what_is_past_its_retention_is_forgotten(tmp_path: Path) -> None:
    world = ServiceWorld(tmp_path, OTP_RETENTION="1d")
    try:
        id = world.service.start(ME, "+919876543210").verification.id
        world.service.cancel(ME, id)
        world.clock.turn(days=1)
        assert world.upkeep.sweep() == (0, 0)
        world.clock.turn(seconds=1)
        assert world.upkeep.sweep() == (0, 1)
        assert world.store.of_number(Phone.of("+919876543210"), 1) == []
    finally:
        world.close()


def test_ids_are_ordered_by_time_where_they_are_stored_and_nowhere_else(
    roomy: ServiceWorld,
) -> None:
    ids = []
    for number in range(40):
        ids.append(roomy.service.start(ME, f"+9198{number:08}").verification.id)
        roomy.clock.turn(milliseconds=1)
    keys = [roomy.store.lookup.row_key(id) or b"" for id in ids]
    assert keys == sorted(keys)
    assert [int.from_bytes(key[:6], "big") for key in keys] == list(
        range(int.from_bytes(keys[0][:6], "big"), int.from_bytes(keys[0][:6], "big") + 40)
    )
    assert len({key[6:] for key in keys}) == 40
    assert len({key[6:8] for key in keys}) > 30, "the random part is random from its first byte"
    assert ids != sorted(ids)


def test_two_starts_of_one_number_never_get_the_same_code_by_rule(tmp_path: Path) -> None:
    world = ServiceWorld(tmp_path, provider=FakeProvider(), **ROOMY)
    try:
        for _ in range(20):
            world.service.start(ME, "+919876543210")
            world.deliver()
            world.clock.turn(seconds=31)
        assert len(set(world.provider.codes)) > 15
    finally:
        world.close()


def test_a_twin_of_an_approving_check_gets_its_answer_though_a_wrong_code_came_between(
    world: ServiceWorld,
) -> None:
    """The twin looked for the key before the first had left it, and came to the row after both."""
    replay = Replay(key=b"key", fingerprint=b"asked")
    id = world.service.start(ME, "+919876543210").verification.id
    code = world.deliver()
    look, world.store.replayed = world.store.replayed, lambda *_: None  # type: ignore[method-assign]
    world.service.check(ME, id, code, replay=replay)
    with pytest.raises(VerificationEnded):
        world.service.check(ME, id, wrong(code))
    assert world.service.check(ME, id, code, replay=replay).status == "approved"
    world.store.replayed = look  # type: ignore[method-assign]
    assert world.service.check(ME, id, code, replay=replay).status == "approved"


def test_a_support_code_is_never_taken_for_a_passcode_by_the_log(world: ServiceWorld) -> None:
    codes = [world.service._new_support_code() for _ in range(20_000)]
    assert len(set(codes)) > 19_990
    assert not [code for code in codes if Scrubber([]).text(code) != code]
