"""The sender: what a gateway may do, and what becomes of the message."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from otp import transit
from otp.challenge import Challenge
from otp.errors import Rejected, Unavailable, Unknown, Unreachable
from otp.phone import Phone
from otp.phrasebook import Phrasebook
from otp.providers import Provider
from otp.routes import Routes
from otp.sender import Sender
from otp.service import Caller
from otp.store import Store
from otp.store.flags import blocked_flag
from otp.verification import Status, Verification
from tests.gateway import until
from tests.world import NUMBER, FakeProvider, ServiceWorld, secret_key, wrong

ME = Caller(client_id="sign-in", credential="me")


def start(world: ServiceWorld, number: str = NUMBER) -> str:
    return world.service.start(ME, number).verification.id


def read(world: ServiceWorld, id: str) -> Verification:
    return world.service.get("sign-in", id)


def newest(world: ServiceWorld, id: str) -> Challenge:
    return read(world, id).newest


def sender_over(
    world: ServiceWorld, *route: Provider, store: Store | None = None, threads: int = 4
) -> Sender:
    parts = world.parts.world
    draws = iter(range(123456, 10**6, 1111))
    store = store or world.store
    return Sender(
        store=store,
        keyring=parts.keyring,
        route=route,
        routes=Routes(store, [provider.name for provider in route], world.clock),
        phrasebook=Phrasebook(store=world.store, settings=world.settings, clock=world.clock),
        metrics=parts.metrics,
        clock=world.clock,
        randbelow=lambda _: next(draws),
        token_bytes=parts.token_bytes,
        bell=threading.Event(),
        threads=threads,
    )


def test_what_is_queued_is_sent_once_with_our_name_for_it(world: ServiceWorld) -> None:
    id = start(world)
    assert world.sender.run_once() == 1
    assert world.sender.run_once() == 0
    [sms] = world.provider.sent
    assert (sms.to.e164, sms.reference) == (NUMBER, f"{id.removeprefix('ver_')}-1")
    assert newest(world, id).delivery == "sent"
    assert newest(world, id).provider_id == "fake-1"


def test_the_code_is_kept_as_a_keyed_digest_only(world: ServiceWorld) -> None:
    id = start(world)
    assert newest(world, id).digest is None
    code = world.deliver()
    digest = newest(world, id).digest
    assert digest is not None
    assert code not in digest
    assert digest.startswith("k1$")


def test_the_digest_is_committed_before_the_message_leaves(world: ServiceWorld) -> None:
    id = start(world)
    seen: list[Challenge] = []

    class Looking(FakeProvider):
        def send(self, sms: object) -> str:
            seen.append(newest(world, id))
            return super().send(sms)  # type: ignore[arg-type]

    sender_over(world, Looking()).run_once()
    assert seen[0].digest
    assert seen[0].handed_by
    assert seen[0].is_queued


def test_not_taken_is_tried_again_with_a_new_code_after_a_wait(world: ServiceWorld) -> None:
    id = start(world)
    world.provider.next = [Unreachable("unreachable")]
    world.sender.run_once()
    assert newest(world, id).is_queued
    assert (newest(world, id).digest, newest(world, id).reason) == (None, "unreachable")
    assert world.sender.run_once() == 0
    world.clock.turn(seconds=1)
    code = world.deliver()
    assert newest(world, id).delivery == "sent"
    assert world.service.check(ME, id, code).status is Status.APPROVED


def test_a_gateway_that_names_a_time_is_left_alone_until_then(world: ServiceWorld) -> None:
    start(world)
    world.provider.next = [Unreachable("throttled", retry_in=timedelta(seconds=40))]
    world.sender.run_once()
    world.clock.turn(seconds=39)
    assert world.sender.run_once() == 0
    world.clock.turn(seconds=1)
    assert world.sender.run_once() == 1


def test_refused_for_good_fails_at_once_and_is_never_tried_again(world: ServiceWorld) -> None:
    id = start(world)
    world.provider.next = [Rejected("number_unusable")]
    world.sender.run_once()
    assert read(world, id).status is Status.FAILED
    assert newest(world, id).reason == "number_unusable"
    world.clock.turn(seconds=90)
    assert world.sender.run_once() == 0


def test_a_gateway_that_stays_away_fails_it_in_the_end(world: ServiceWorld) -> None:
    id = start(world)
    world.provider.next = [Unreachable("unreachable")] * 100
    for _ in range(60):
        world.sender.run_once()
        world.clock.turn(seconds=10)
    assert read(world, id).status is Status.FAILED
    assert world.provider.sent == []
    assert 10 < 100 - len(world.provider.next) < 20


def test_a_lost_answer_is_never_sent_again_and_its_code_is_good(world: ServiceWorld) -> None:
    id = start(world)
    sms_seen = []

    class Cut(FakeProvider):
        def send(self, sms: object) -> str:
            sms_seen.append(sms)
            raise Unknown("no_answer")

    sender_over(world, Cut()).run_once()
    assert (newest(world, id).delivery, newest(world, id).reason) == ("unknown", "no_answer")
    world.clock.turn(seconds=300)
    assert world.sender.run_once() == 0
    assert world.service.check(ME, id, "123456").status is Status.APPROVED
    assert len(sms_seen) == 1


def test_the_next_of_the_route_takes_it_with_the_same_code(world: ServiceWorld) -> None:
    id = start(world)
    first = FakeProvider(name="main", next=[Unreachable("unreachable")])
    second = FakeProvider(name="backup")
    sender_over(world, first, second).run_once()
    assert second.codes == ["123456"]
    assert (newest(world, id).route, newest(world, id).delivery) == ("backup", "sent")


@pytest.mark.parametrize("error", [Rejected("number_unusable"), Unknown("no_answer")])
def test_what_is_refused_for_good_or_unknown_goes_to_no_other(
    world: ServiceWorld, error: Exception
) -> None:
    start(world)
    second = FakeProvider(name="backup")
    sender_over(world, FakeProvider(name="main", next=[error]), second).run_once()
    assert second.sent == []


def test_a_sender_that_died_between_commit_and_answer_leaves_it_unknown(
    world: ServiceWorld,
) -> None:
    id = start(world)
    [claim] = world.store.claim(
        token="dead", now=world.clock(), lease=timedelta(seconds=5), limit=1
    )
    world.store.swap(
        "sign-in",
        id,
        lambda v: transit.hand_over(
            v, 1, "k1$00", claim=claim.token, route="main", now=world.clock()
        ),
        now=world.clock(),
    )
    assert world.sender.run_once() == 0, "its lease holds"
    world.clock.turn(seconds=5)
    assert world.sender.run_once() == 1
    assert world.provider.sent == []
    assert (newest(world, id).delivery, newest(world, id).reason) == ("unknown", "sender_stopped")


def test_a_sender_that_died_before_that_loses_only_its_lease(world: ServiceWorld) -> None:
    id = start(world)
    world.store.claim(token="dead", now=world.clock(), lease=timedelta(seconds=5), limit=1)
    assert world.sender.run_once() == 0
    world.clock.turn(seconds=5)
    world.deliver()
    assert newest(world, id).delivery == "sent"


def test_a_sender_that_slept_through_its_lease_sends_nothing(world: ServiceWorld) -> None:
    id = start(world)
    woken = FakeProvider(name="late")
    slow = sender_over(world, woken)
    [claim] = slow._claims(1)
    world.clock.turn(seconds=60)
    world.deliver()
    slow._hand_over.send(claim)
    assert woken.sent == []
    assert len(world.provider.sent) == 1
    assert newest(world, id).delivery == "sent"


def test_what_ended_in_the_queue_is_not_sent(world: ServiceWorld) -> None:
    canceled, late = start(world), start(world, "+919876543299")
    world.service.cancel(ME, canceled)
    world.clock.turn(seconds=600)
    world.sender.run_once()
    assert world.provider.sent == []
    assert world.sender.run_once() == 0
    assert world.store.get("sign-in", late).status is Status.FAILED


def test_the_calls_of_a_route_are_kept_and_the_oldest_goes_first(tmp_path: Path) -> None:
    provider = FakeProvider(per_minute=3)
    world = ServiceWorld(tmp_path, provider=provider)
    try:
        numbers = [f"+9198765432{n:02}" for n in range(5)]
        for number in numbers:
            start(world, number)
            world.clock.turn(milliseconds=10)
        world.sender.run_once()
        assert len(provider.sent) == 3
        world.clock.turn(seconds=62)
        world.sender.run_once()
        assert [sms.to.e164 for sms in provider.sent] == numbers
    finally:
        world.close()


def test_a_busy_gateway_is_left_alone_by_every_message(world: ServiceWorld) -> None:
    start(world)
    busy = Unreachable("busy", retry_in=timedelta(seconds=40), for_all=True)
    provider = FakeProvider(next=[busy])
    sender = sender_over(world, provider)
    sender.run_once()
    start(world, "+919876543299")
    world.clock.turn(seconds=39)
    assert sender.run_once() == 0
    world.clock.turn(seconds=1)
    assert sender.run_once() == 2
    assert len(provider.sent) == 2


def test_the_first_free_route_ends_the_wait(world: ServiceWorld) -> None:
    full = FakeProvider(name="b", per_minute=1)
    soon = FakeProvider(name="a", per_minute=1)
    sender = sender_over(world, full, soon)
    for number in range(2):
        start(world, f"+9198765432{number:02}")
        sender.run_once()
        world.clock.turn(seconds=30)
    start(world, "+919876543299")
    assert (len(full.sent), len(soon.sent)) == (1, 1)
    sender.run_once()
    world.clock.turn(seconds=2)
    sender.run_once()
    assert (len(full.sent), len(soon.sent)) == (2, 1)


class Failing:
    """The store, but its changes fail while *fails* says so."""

    def __init__(self, store: Store, fails: Callable[[], bool]) -> None:
        self._store = store
        self._fails = fails

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def swap(self, *args: Any, **named: Any) -> Verification:
        if self._fails():
            raise Unavailable("store")
        return self._store.swap(*args, **named)


def test_a_store_that_fails_between_two_routes_loses_nothing(world: ServiceWorld) -> None:
    id = start(world)
    first = FakeProvider(name="main", next=[Unreachable("unreachable")])
    second = FakeProvider(name="backup")
    failures = iter([True])
    store: Any = Failing(world.store, lambda: not first.next and next(failures, False))
    sender_over(world, first, second, store=store).run_once()
    assert newest(world, id).is_queued
    assert newest(world, id).handed_by is None
    world.clock.turn(seconds=1)
    world.deliver()
    assert newest(world, id).delivery == "sent"


def test_what_is_canceled_between_two_routes_is_not_unknown(world: ServiceWorld) -> None:
    id = start(world)

    class Canceling(FakeProvider):
        def send(self, sms: object) -> str:
            world.service.cancel(ME, id)
            raise Unreachable("unreachable")

    second = FakeProvider(name="backup")
    sender_over(world, Canceling(name="main"), second).run_once()
    assert second.sent == []
    assert (newest(world, id).delivery, newest(world, id).handed_by) == ("undelivered", None)


def test_a_number_blocked_meanwhile_is_not_texted(world: ServiceWorld) -> None:
    id = start(world)
    world.store.put_flag(blocked_flag(world.store.lookup, Phone.of(NUMBER)), "1")
    world.sender.run_once()
    assert world.provider.sent == []
    assert (read(world, id).status, newest(world, id).reason) == (Status.FAILED, "blocked")


def test_the_message_tells_the_life_its_code_has(world: ServiceWorld) -> None:
    id = start(world)
    world.deliver()
    assert "valid for 10 minutes" in world.provider.sent[-1].text
    world.clock.turn(seconds=590)
    world.service.resend(ME, id)
    world.deliver()
    world.clock.turn(seconds=490)
    world.service.resend(ME, id)
    world.deliver()
    assert "valid for 2 minutes" in world.provider.sent[-1].text
    assert read(world, id).expires_at == newest(world, id).queued_at + timedelta(seconds=120)


def test_the_lease_is_longer_than_the_whole_route_takes(world: ServiceWorld) -> None:
    start(world)
    sender = sender_over(world, FakeProvider(name="a"), FakeProvider(name="b"))
    assert len(sender._claims(1)) == 1
    world.clock.turn(seconds=7.9)
    assert world.sender.run_once() == 0
    world.clock.turn(seconds=0.1)
    assert world.sender.run_once() == 1


def test_a_policy_of_eight_digits_gets_eight(world: ServiceWorld) -> None:
    client = replace(world.store.client("sign-in"), policy=(("code_length", 8),))
    world.store.put_client(client)
    start(world)
    assert len(world.deliver()) == 8


def test_paused_sends_nothing_and_loses_nothing(world: ServiceWorld) -> None:
    start(world)
    world.store.put_flag("pause", "1")
    assert world.sender.run_once() == 0
    world.store.put_flag("pause", None)
    assert world.sender.run_once() == 1


def test_a_number_whose_key_is_gone_is_never_sent_to(tmp_path: Path) -> None:
    first = ServiceWorld(tmp_path)
    id = start(first)
    first.close()
    second = ServiceWorld(tmp_path, OTP_SECRET_KEYS=_both())
    second.close()
    third = ServiceWorld(tmp_path, OTP_SECRET_KEYS=_both().split(",")[0])
    try:
        third.sender.run_once()
        assert third.provider.sent == []
        assert read(third, id).status is Status.FAILED
        assert newest(third, id).reason == "number_unreadable"
    finally:
        third.close()


def _both() -> str:
    return f"{secret_key('k2', 2)},{secret_key('k1', 1)}"


# -- its threads ----------------------------------------------------------------------------------


def test_what_is_started_while_it_runs_is_sent(world: ServiceWorld) -> None:
    world.sender.start()
    id = start(world)
    until(lambda: newest(world, id).delivery == "sent", seconds=5)


def test_a_gateway_that_hangs_holds_up_only_its_own_messages(world: ServiceWorld) -> None:
    hanging = FakeProvider(hold=threading.Event())
    sender = sender_over(world, hanging, threads=2)
    sender.start()
    ids = [start(world, f"+9198765432{n:02}") for n in range(4)]
    until(lambda: sum(newest(world, id).handed_by is not None for id in ids) == 2)
    assert sum(newest(world, id).claim is None for id in ids) == 2, "claims what it can send"
    assert world.service.get("sign-in", ids[0]).is_pending
    assert hanging.hold
    hanging.hold.set()
    sender.stop()
    assert all(newest(world, id).handed_by is None for id in ids)


def test_stopping_finishes_what_is_under_way(world: ServiceWorld) -> None:
    hanging = FakeProvider(hold=threading.Event())
    sender = sender_over(world, hanging)
    sender.start()
    id = start(world)
    until(lambda: newest(world, id).handed_by is not None)
    stopping = threading.Thread(target=sender.stop)
    stopping.start()
    assert hanging.hold
    hanging.hold.set()
    stopping.join(10)
    assert newest(world, id).delivery == "sent"


def test_a_store_that_fails_for_a_moment_does_not_lose_the_answer(world: ServiceWorld) -> None:
    id = start(world)

    failures = iter([True, True])
    store: Any = Failing(world.store, lambda: bool(world.provider.sent) and next(failures, False))
    sender_over(world, world.provider, store=store).run_once()
    assert next(failures, None) is None, "it failed twice"
    assert newest(world, id).delivery == "sent"


def test_two_senders_at_once_send_each_message_once(roomy: ServiceWorld) -> None:
    providers = [FakeProvider(name=f"p{n}") for n in range(4)]
    ids = [start(roomy, f"+9198765{n:05}") for n in range(40)]
    threads = [threading.Thread(target=sender_over(roomy, p).run_once) for p in providers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(len(p.sent) for p in providers) == 40
    assert all(newest(roomy, id).delivery == "sent" for id in ids)


def test_a_wrong_code_of_the_first_send_is_still_wrong_after_a_resend(world: ServiceWorld) -> None:
    id = start(world)
    code = world.deliver()
    world.clock.turn(seconds=30)
    world.service.resend(ME, id)
    codes = {code, world.deliver()}
    guess = wrong(code)
    while guess in codes:
        guess = wrong(guess)
    with pytest.raises(Exception, match="WrongCode"):
        world.service.check(ME, id, guess)
