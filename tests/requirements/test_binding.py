"""Ids that tell nothing, and codes and proofs that are good for what they were made for alone."""

from __future__ import annotations

from itertools import pairwise

from tests.requirements.material import started, told
from tests.world import NUMBER, OTHER_NUMBER, ServiceWorld


def test_a_thousand_ids_have_nothing_in_common(world: ServiceWorld) -> None:
    ids = []
    for _ in range(1000):
        ids.append(world.service._new_id(world.clock()))
        world.clock.turn(milliseconds=1)
    assert len(set(ids)) == 1000
    hidden = [id.removeprefix("ver_") for id in ids]
    assert {len(part) for part in hidden} == {32}, "128 bits in hex digits"
    assert len({part[0] for part in hidden}) == 16, "no common beginning"
    rising = sum(one < other for one, other in pairwise(ids))
    assert 400 < rising < 600, "an id says nothing about the next one"


def test_unknown_malformed_foreign_and_purged_ids_are_the_same_bytes_in_every_request(
    world: ServiceWorld,
) -> None:
    purged = started(world)
    world.api().cancel(purged)
    world.clock.turn(days=31)
    world.upkeep.sweep()
    foreign = started(world, OTHER_NUMBER)
    _, keys = world.add_client("Other")
    other = world.api(keys["sk_live"])
    answers = []
    for id in (purged, foreign, "ver_" + "0" * 32, "ver_", "x", "ver_" + "F" * 32, foreign[:-1]):
        answers += [other.read(id), other.check(id, "123456"), other.resend(id), other.cancel(id)]
    assert {answer.status_code for answer in answers} == {404}
    assert len({told(answer)[2] for answer in answers}) == 1
    assert len({str(told(answer)[1]) for answer in answers}) == 1
    assert world.read(foreign).attempts == 0


def test_a_code_opens_its_own_verification_and_no_other(world: ServiceWorld) -> None:
    one, code_of_one = started(world), world.deliver()
    two, code_of_two = started(world, OTHER_NUMBER), world.deliver()
    assert code_of_one != code_of_two
    assert world.api().check(one, code_of_two).status_code == 422
    assert world.api().check(two, code_of_one).status_code == 422
    assert world.api().check(one, code_of_one).status_code == 200
    assert world.api().check(two, code_of_two).status_code == 200


def test_a_code_of_one_purpose_does_not_open_another_of_the_same_number(
    world: ServiceWorld,
) -> None:
    first = world.api().start(purpose="sign-in").json["id"]
    code = world.deliver()
    world.clock.turn(seconds=30)
    second = world.api().start(purpose="change-number").json["id"]
    assert first != second
    assert world.deliver() != code
    assert world.api().check(second, code).status_code == 422
    assert world.api().check(first, code).status_code == 200


def test_to_have_been_approved_is_no_proof_by_itself(world: ServiceWorld) -> None:
    """The proof is told to who brought the code, and to nobody who only asks."""
    id = started(world)
    assert "proof" in world.api().check(id, world.deliver()).json
    found = [world.api().read(id), world.api().get("/v1/verifications?reference=r")]
    found += [world.api(world.keys["pk_live"]).read(id)]
    for answer in found:
        assert answer.status_code in (200, 403)
        assert "proof" not in answer.text
        assert NUMBER not in answer.text
