"""Asking what became of a message: when, at what price, and what an answer is worth."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from otp import transit
from otp.asking import Asker
from otp.challenge import Challenge, Delivery
from otp.errors import ProviderError, Unknown, Unreachable
from otp.handover import ceiling
from otp.metrics import SENDS
from otp.providers import DeliveryReceipt
from otp.receipts import reference
from otp.service import Caller
from otp.verification import Status
from tests.test_receipts import counted
from tests.test_sender import sender_over
from tests.world import NUMBER, FakeProvider, ServiceWorld, secret_key

ME = Caller(client_id="sign-in", credential="me")
CUT = Unknown("no_answer")


@pytest.fixture(autouse=True)
def can_ask(world: ServiceWorld) -> None:
    world.provider.can_ask = True


def start(world: ServiceWorld, number: str = NUMBER) -> str:
    id = world.service.start(ME, number).verification.id
    world.sender.run_once()
    return id


def lost(world: ServiceWorld, number: str = NUMBER) -> str:
    """One whose answer was cut off."""
    world.provider.next = [CUT]
    return start(world, number)


def message(world: ServiceWorld, id: str) -> Challenge:
    return world.store.get("sign-in", id).newest


def asker(world: ServiceWorld) -> Asker:
    parts = world.parts.world
    return Asker(
        provider=world.provider,
        store=world.store,
        routes=parts.routes,
        receipts=parts.receipts,
        metrics=parts.metrics,
        clock=world.clock,
    )


def answer(
    world: ServiceWorld,
    id: str,
    delivery: Delivery | None,
    *,
    provider_id: str | None = "fake-1",
    word: str = "WORD",
    reason: str | None = None,
) -> DeliveryReceipt:
    return DeliveryReceipt(
        reference=reference(id, message(world, id)),
        provider_id=provider_id,
        word=word,
        delivery=delivery,
        reason=reason,
    )


def ask(
    world: ServiceWorld, *answers: DeliveryReceipt | ProviderError | None, by: Asker | None = None
) -> int:
    world.provider.answers = list(answers)
    return (by or asker(world)).ask_all()


# -- what was plainly sent ------------------------------------------------------------------------


def test_where_no_receipt_came_the_gateway_is_asked(world: ServiceWorld) -> None:
    id = start(world)
    world.clock.turn(seconds=19)
    assert ask(world) == 0
    world.clock.turn(seconds=1)
    assert ask(world, answer(world, id, Delivery.DELIVERED, word="DELIVRD")) == 1
    [asked] = world.provider.asked
    assert (asked.to.e164, asked.provider_id) == (NUMBER, "fake-1")
    assert asked.reference == world.provider.sent[0].reference
    assert (message(world, id).delivery, message(world, id).word) == ("delivered", "DELIVRD")
    world.clock.turn(minutes=10)
    assert ask(world) == 0


def test_where_a_receipt_came_nobody_asks(world: ServiceWorld) -> None:
    id = start(world)
    world.store.swap(
        "sign-in", id, lambda v: transit.received(v, 1, Delivery.DELIVERED, None, world.clock()),
        now=world.clock(),
    )  # fmt: skip
    world.clock.turn(minutes=1)
    assert ask(world) == 0


@pytest.mark.parametrize("said", [None, Unknown("garbled"), Unreachable("unreachable")])
def test_no_news_is_asked_for_again_later_and_moves_nothing(
    world: ServiceWorld, said: ProviderError | None
) -> None:
    id = start(world)
    world.clock.turn(seconds=20)
    assert ask(world, said) == 1
    assert message(world, id).delivery == "sent"
    world.clock.turn(seconds=39)
    assert ask(world) == 0
    world.clock.turn(seconds=1)
    assert ask(world, answer(world, id, Delivery.SENT)) == 1
    assert len(world.provider.sent) == 1


def test_a_word_nobody_knows_is_kept_and_counted(world: ServiceWorld) -> None:
    id = start(world)
    world.clock.turn(seconds=20)
    ask(world, answer(world, id, None, word="GREEN"))
    assert (message(world, id).delivery, message(world, id).word) == ("sent", "GREEN")
    assert counted(world) == {"fake:unknown_word": 1}


def test_an_answer_about_another_message_is_none(world: ServiceWorld) -> None:
    id = start(world)
    for wrong in (
        DeliveryReceipt(reference=None, provider_id="other", word="W", delivery=Delivery.DELIVERED),
        DeliveryReceipt(
            reference="0" * 32 + "-1", provider_id="fake-1", word="W", delivery=Delivery.DELIVERED
        ),
    ):
        world.clock.turn(seconds=60)
        assert ask(world, wrong) == 1
    assert message(world, id).delivery == "sent"
    assert counted(world) == {"fake:contradiction": 2}


# -- the price ------------------------------------------------------------------------------------


def test_questions_count_under_the_routes_ceiling_and_leave_a_fifth_to_messages(
    world: ServiceWorld,
) -> None:
    world.provider.per_minute = 10
    ids = [start(world, f"+9198765432{n:02}") for n in range(9)]
    world.clock.turn(seconds=62)  # the sends do not count any more
    assert ask(world, *[answer(world, id, Delivery.SENT) for id in ids]) == 8
    assert world.store.used(ceiling(world.provider)[0], world.clock()).taken == 8
    world.clock.turn(seconds=1)
    for n in range(3):
        start(world, f"+9198765433{n:02}")
    assert len(world.provider.sent) == 11, "two more fit, and no third"


def test_a_question_about_a_lost_answer_may_use_all(world: ServiceWorld) -> None:
    world.provider.per_minute = 10
    id = lost(world)
    world.store.take(ceiling(world.provider) * 7, world.clock())
    world.clock.turn(seconds=2)
    assert ask(world, None) == 1  # it may take two calls, and so counts for two
    world.clock.turn(seconds=3)
    assert ask(world, None) == 0, "the ten are used up"
    assert message(world, id).misses == 1


def test_lost_answers_are_asked_about_before_the_others(world: ServiceWorld) -> None:
    start(world)
    world.clock.turn(seconds=18)
    id = lost(world, "+919876543299")
    world.clock.turn(seconds=2)
    assert ask(world, answer(world, id, Delivery.SENT, provider_id="fake-2"), None) == 2
    assert [asked.provider_id for asked in world.provider.asked] == [None, "fake-1"]


def test_a_gateway_that_asks_to_wait_is_left_alone_by_everybody(world: ServiceWorld) -> None:
    busy = Unreachable("busy", retry_in=timedelta(seconds=40), for_all=True)
    for n in range(3):
        start(world, f"+9198765432{n:02}")
    world.clock.turn(seconds=20)
    assert ask(world, busy) == 1
    world.clock.turn(seconds=39)
    assert ask(world) == 0
    start(world, "+919876543255")
    assert len(world.provider.sent) == 3
    world.clock.turn(seconds=1)
    assert ask(world) == 0, "what is to be sent goes first"
    world.sender.run_once()
    assert len(world.provider.sent) == 4
    assert ask(world, *[None] * 9) == 3


def test_two_askers_do_not_ask_the_same(world: ServiceWorld) -> None:
    id = start(world)
    world.clock.turn(seconds=20)
    second = asker(world)

    class Meanwhile(FakeProvider):
        def ask(self, asked: object) -> DeliveryReceipt | None:
            world.provider.can_ask = True
            assert second.ask_all() == 0
            return None

    first = Asker(
        provider=Meanwhile(can_ask=True),
        store=world.store,
        routes=world.parts.world.routes,
        receipts=world.parts.world.receipts,
        metrics=world.parts.world.metrics,
        clock=world.clock,
    )
    assert first.ask_all() == 1
    assert world.provider.asked == []
    assert message(world, id).asks == 1


def test_a_dead_askers_question_comes_again(world: ServiceWorld) -> None:
    id = lost(world)
    world.clock.turn(seconds=2)
    until = world.clock() + timedelta(seconds=5)
    world.store.swap(
        "sign-in",
        id,
        lambda v: transit.asking(v, 1, until=until, now=world.clock()),
        now=world.clock(),
    )
    assert ask(world) == 0
    world.clock.turn(seconds=5)
    assert ask(world, None) == 1


# -- lost answers ---------------------------------------------------------------------------------


def test_what_the_gateway_finds_was_sent_and_is_not_sent_again(world: ServiceWorld) -> None:
    id = lost(world)
    world.clock.turn(seconds=2)
    assert ask(world, answer(world, id, Delivery.SENT, provider_id="found")) == 1
    assert world.provider.asked[0].provider_id is None
    assert (message(world, id).delivery, message(world, id).provider_id) == ("sent", "found")
    world.clock.turn(seconds=300)
    world.sender.run_once()
    assert world.provider.sent == []


def test_a_sender_that_died_between_commit_and_answer_is_asked_for_too(
    world: ServiceWorld,
) -> None:
    id = world.service.start(ME, NUMBER).verification.id
    now = world.clock()
    [claim] = world.store.claim(token="dead", now=now, lease=timedelta(seconds=5), limit=1)
    world.store.swap(
        "sign-in",
        id,
        lambda v: transit.hand_over(v, 1, "k1$00", claim=claim.token, route="fake", now=now),
        now=now,
    )
    world.clock.turn(seconds=5)
    world.sender.run_once()
    assert message(world, id).reason == "sender_stopped"
    world.clock.turn(seconds=2)
    assert ask(world, answer(world, id, Delivery.DELIVERED, provider_id="found")) == 1
    assert message(world, id).delivery == "delivered"


def asked_until(world: ServiceWorld, by: Asker, seconds: int) -> None:
    """The gateway knows what `sent` holds, and is asked for so long."""

    class Knowing(list):  # type: ignore[type-arg]
        def __bool__(self) -> bool:
            return True

        def pop(self, _: int = 0) -> DeliveryReceipt | None:
            name = world.provider.asked[-1].reference
            for place, sms in enumerate(world.provider.sent, 1):
                if sms.reference == name:
                    return DeliveryReceipt(
                        reference=name,
                        provider_id=f"fake-{place}",
                        word="DELIVRD",
                        delivery=Delivery.DELIVERED,
                    )
            return None

    world.provider.answers = Knowing()
    for _ in range(seconds):
        world.clock.turn(seconds=1)
        by.ask_all()
        world.sender.run_once()


def test_what_a_gateway_that_finds_its_messages_does_not_know_is_sent_again_once(
    world: ServiceWorld,
) -> None:
    start(world, "+919876543299")
    world.clock.turn(seconds=31)
    by, id = asker(world), lost(world)
    asked_until(world, by, 29)
    assert (message(world, id).delivery, message(world, id).misses) == ("unknown", 3)
    asked_until(world, by, 5)
    assert len(world.provider.sent) == 2
    found, v = message(world, id), world.store.get("sign-in", id)
    assert (found.delivery, found.returned, v.status) == ("sent", 1, Status.PENDING)
    assert world.provider.sent[1].reference == f"{id.removeprefix('ver_')}-1001"
    assert counted(world, SENDS)["fake:returned"] == 1
    asked_until(world, by, 300)
    assert len(world.provider.sent) == 2
    approved = world.service.check(ME, id, world.provider.codes[1])
    assert approved.status is Status.APPROVED


def test_without_any_message_that_it_surely_has_its_word_is_worth_nothing(
    world: ServiceWorld,
) -> None:
    id = lost(world)
    asked_until(world, asker(world), 500)
    assert message(world, id).delivery == "unknown"
    assert world.provider.sent == []
    assert len(world.provider.asked) == 8


def test_a_gateway_that_does_not_find_what_it_took_is_never_believed(world: ServiceWorld) -> None:
    """`custom` is not what `cid` looks for: the gateway knows no message under our reference."""
    taken = start(world, "+919876543299")
    world.clock.turn(seconds=31)
    by, id = asker(world), lost(world)
    for _ in range(500):
        world.clock.turn(seconds=1)
        world.provider.answers = [None, None]
        by.ask_all()
        world.sender.run_once()
    assert message(world, id).delivery == "unknown"
    assert message(world, taken).delivery == "sent"
    assert len(world.provider.sent) == 1


def test_a_look_up_that_finds_another_message_proves_nothing(world: ServiceWorld) -> None:
    start(world, "+919876543299")
    world.clock.turn(seconds=31)
    by, id = asker(world), lost(world)
    wrong = DeliveryReceipt(
        reference=None, provider_id="fake-9", word="W", delivery=Delivery.DELIVERED
    )
    for _ in range(100):
        world.clock.turn(seconds=1)
        world.provider.asked = []

        class Deaf(list):  # type: ignore[type-arg]
            def __bool__(self) -> bool:
                return True

            def pop(self, _: int = 0) -> DeliveryReceipt | None:
                is_lost = world.provider.asked[-1].reference.startswith(id.removeprefix("ver_"))
                return None if is_lost else wrong

        world.provider.answers = Deaf()
        by.ask_all()
        world.sender.run_once()
    assert message(world, id).delivery == "unknown"
    assert len(world.provider.sent) == 1


def test_an_answer_that_names_no_message_counts_only_where_look_ups_are_proven(
    world: ServiceWorld,
) -> None:
    nameless = DeliveryReceipt(
        reference=None, provider_id="x-1", word="W", delivery=Delivery.DELIVERED
    )
    taken = start(world, "+919876543299")
    world.clock.turn(seconds=31)
    id = lost(world)
    world.clock.turn(seconds=2)
    ask(world, nameless, None)
    assert message(world, id).delivery == "unknown"
    world.clock.turn(seconds=31)
    sample = answer(world, taken, Delivery.DELIVERED)
    ask(world, nameless, sample, answer(world, taken, Delivery.SENT))
    assert message(world, id).delivery == "delivered"


def test_in_a_route_of_several_it_goes_to_the_first_that_takes_it(world: ServiceWorld) -> None:
    start(world, "+919876543299")
    world.clock.turn(seconds=31)
    by, id = asker(world), lost(world)
    asked_until(world, by, 29)
    other = FakeProvider(name="backup")
    world.clock.turn(seconds=1)
    by.ask_all()
    assert message(world, id).is_queued
    sender_over(world, other).run_once()
    assert (message(world, id).route, len(other.sent)) == ("backup", 1)


def test_what_was_canceled_is_still_asked_about(world: ServiceWorld) -> None:
    id = start(world)
    world.store.swap("sign-in", id, lambda v: v.cancel(world.clock()), now=world.clock())
    world.clock.turn(seconds=20)
    assert ask(world, None) == 1
    assert message(world, id).asks == 1


def test_a_message_whose_number_cannot_be_read_any_more_leaves_the_list(tmp_path: Path) -> None:
    def opened(keys: str) -> ServiceWorld:
        provider = FakeProvider(can_ask=True)
        return ServiceWorld(tmp_path, provider=provider, OTP_SECRET_KEYS=keys)

    old, new = secret_key("k1", 1), secret_key("k2", 2)
    world = opened(old)
    id = start(world)
    world.close()
    opened(f"{new},{old}").close()
    world = opened(new)
    try:
        world.clock.turn(seconds=20)
        assert message(world, id).ask_at == world.clock()
        assert ask(world) == 0
        assert message(world, id).ask_at is None
        assert world.provider.asked == []
    finally:
        world.close()


def test_a_long_wish_about_questions_stops_messages_for_a_minute_only(world: ServiceWorld) -> None:
    start(world, "+919876543200")
    world.clock.turn(seconds=20)
    made = asker(world)
    world.provider.answers = [
        Unreachable("busy", retry_in=timedelta(minutes=50), for_all=True),
        None,
    ]
    assert made.ask_all() == 1
    world.clock.turn(seconds=61)
    start(world, "+919876543255")
    assert len(world.provider.sent) == 2
    world.clock.turn(minutes=10)
    assert made.ask_all() == 0
