"""Delivery receipts: which message each is about, what it changes, and what it never may."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from otp import transit
from otp.challenge import Challenge, Delivery
from otp.errors import Forged, NotFound, Unknown
from otp.metrics import DELIVERY_DELAY, RECEIPTS, SENDS, Counter, Metrics, totals
from otp.providers import DeliveryReceipt, Inbound
from otp.providers.reading import our_reference
from otp.receipts import Receipts, reference
from otp.service import Caller
from otp.verification import Status, Verification
from tests.test_sender import sender_over
from tests.test_verification import fresh
from tests.world import NUMBER, WEBHOOK_SECRET, FakeProvider, ServiceWorld

ME = Caller(client_id="sign-in", credential="me")
FROM_GATEWAY = Inbound("POST", {"authorization": f"Bearer {WEBHOOK_SECRET}"}, {}, b"")


def receipt(
    reference: str | None,
    delivery: Delivery | None = Delivery.DELIVERED,
    *,
    id: str | None = None,
    word: str = "WORD",
    reason: str | None = None,
) -> DeliveryReceipt:
    return DeliveryReceipt(
        reference=reference, provider_id=id, word=word, delivery=delivery, reason=reason
    )


@pytest.fixture
def id(world: ServiceWorld) -> str:
    """A verification whose message is out."""
    world.provider.can_ask = True
    made = world.service.start(ME, NUMBER).verification.id
    world.sender.run_once()
    return made


def told(world: ServiceWorld, *receipts: DeliveryReceipt, route: str = "fake") -> None:
    world.provider.receipts = list(receipts)
    world.parts.world.receipts.receive(route, FROM_GATEWAY)


def message(world: ServiceWorld, id: str) -> Challenge:
    return world.store.get("sign-in", id).newest


def name(world: ServiceWorld) -> str:
    return world.provider.sent[-1].reference


def counted(world: ServiceWorld, metric: Counter = RECEIPTS) -> dict[str, int]:
    """What was counted so far, by route and word."""
    world.parts.world.metrics.flush()
    return {
        ":".join(total.values): count
        for total in totals(world.store, ["fake", "backup"])
        for count in total.counts.values()
        if total.metric is metric
    }


def test_the_message_is_found_by_our_name_for_it(world: ServiceWorld, id: str) -> None:
    world.clock.turn(seconds=3)
    told(world, receipt(name(world), id="fake-1", word="DELIVRD"))
    found = message(world, id)
    assert (found.delivery, found.word) == (Delivery.DELIVERED, "DELIVRD")
    assert found.updated_at == world.clock()


def test_the_message_is_found_by_the_gateways_name_alone(world: ServiceWorld, id: str) -> None:
    for unknown in (None, "9882ABCD", "", "0" * 32):
        told(world, receipt(unknown, Delivery.UNDELIVERED, id="fake-1", reason="network"))
    found = message(world, id)
    assert (found.delivery, found.reason) == (Delivery.UNDELIVERED, "network")


def test_it_may_come_often_late_and_out_of_order(world: ServiceWorld, id: str) -> None:
    told(world, receipt(name(world), Delivery.DELIVERED))
    first = message(world, id)
    world.clock.turn(hours=2)
    for delivery in (Delivery.DELIVERED, Delivery.SENT, Delivery.UNDELIVERED, Delivery.UNKNOWN):
        told(world, receipt(name(world), delivery))
    assert message(world, id) == first
    told_of = {"fake:delivered": 2, "fake:sent": 1, "fake:undelivered": 1, "fake:unknown": 1}
    assert counted(world) == told_of


def test_delivered_proves_nothing_and_undelivered_ends_nothing(
    world: ServiceWorld, id: str
) -> None:
    told(world, receipt(name(world), Delivery.UNDELIVERED, reason="number_unusable"))
    assert world.service.get("sign-in", id).status is Status.PENDING
    told(world, receipt(name(world), Delivery.DELIVERED))
    v = world.service.get("sign-in", id)
    assert (v.status, v.approved_by, v.attempts) == (Status.PENDING, None, 0)
    assert world.service.check(ME, id, world.provider.codes[-1]).status is Status.APPROVED


def test_a_word_nobody_knows_is_kept_counted_and_moves_nothing(
    world: ServiceWorld, id: str
) -> None:
    told(world, receipt(name(world), None, word="PENDING-NWK"))
    assert (message(world, id).delivery, message(world, id).word) == ("sent", "PENDING-NWK")
    assert counted(world) == {"fake:unknown_word": 1}


def test_a_gateway_without_a_report_leaves_it_sent_and_says_so(
    world: ServiceWorld, id: str
) -> None:
    told(world, receipt(name(world), Delivery.UNKNOWN, word="TIMEOUT-DLR", reason="no_report"))
    assert (message(world, id).delivery, message(world, id).reason) == ("sent", "no_report")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda name: receipt(name, id="other-7"), "contradiction"),
        (lambda name: receipt(name[:-1] + "2"), "unknown_message"),
        (lambda name: receipt(name[:-1] + "0"), "unknown_message"),
        (lambda name: receipt(name[:-1] + "1001"), "earlier_hand_over"),
        (lambda name: receipt("0" * 32 + "-1", id="fake-1"), "unknown_message"),
        (lambda name: receipt(None, id="fake-2"), "unknown_message"),
        (lambda name: receipt("nonsense"), "unknown_message"),
    ],
)
def test_what_names_another_message_or_none_changes_nothing_and_is_counted(
    world: ServiceWorld, id: str, make: object, why: str
) -> None:
    before = message(world, id)
    told(world, make(name(world)))  # type: ignore[operator]
    assert message(world, id) == before
    assert counted(world) == {f"fake:{why}": 1}


def test_two_names_of_two_messages_are_a_contradiction(world: ServiceWorld, id: str) -> None:
    other = world.service.start(ME, "+919876543299").verification.id
    world.sender.run_once()
    told(world, receipt(world.provider.sent[0].reference, id="fake-2"))
    assert message(world, id).delivery == message(world, other).delivery == "sent"
    assert counted(world) == {"fake:contradiction": 1}


def test_another_route_cannot_speak_of_the_message(world: ServiceWorld, id: str) -> None:
    backup = FakeProvider(
        name="backup", receipts=[receipt(name(world)), receipt(None, id="fake-1")]
    )
    parts = world.parts.world
    metrics = Metrics(
        store=world.store,
        routes=["fake", "backup"],
        clock=world.clock,
        token_bytes=parts.token_bytes,
    )
    route = [world.provider, backup]
    receipts = Receipts(store=world.store, route=route, metrics=metrics, clock=world.clock)
    receipts.receive("backup", FROM_GATEWAY)
    metrics.flush()
    assert message(world, id).delivery == "sent"
    assert counted(world) == {
        "backup:foreign_route": 1,
        "backup:unknown_message": 1,
    }


def test_nothing_is_read_of_what_is_forged_or_has_no_route(world: ServiceWorld, id: str) -> None:
    world.provider.receipts = [receipt(name(world))]
    receipts = world.parts.world.receipts
    with pytest.raises(Forged):
        receipts.receive("fake", Inbound("POST", {}, {}, b""))
    with pytest.raises(NotFound):
        receipts.receive("nobody", FROM_GATEWAY)
    assert message(world, id).delivery == "sent"


def test_a_purged_verification_and_a_test_are_passed_over(world: ServiceWorld, id: str) -> None:
    world.store.forget_number(world.store.get("sign-in", id).phone)
    told(world, receipt(name(world)))
    api = world.api(world.keys["sk_test"])
    test_id = api.start("+12025550150").json["id"]
    told(world, receipt(f"{test_id.removeprefix('ver_')}-1"))
    assert api.read(test_id).json["delivery"]["status"] != "delivered"
    assert counted(world) == {"fake:unknown_message": 1, "fake:test": 1}


def test_before_it_is_handed_over_nothing_is_believed_and_during_it_all(
    world: ServiceWorld,
) -> None:
    id = world.service.start(ME, NUMBER).verification.id
    told(world, receipt(f"{id.removeprefix('ver_')}-1"))
    assert message(world, id).is_queued

    class Quick(FakeProvider):
        """Its report is here before its answer."""

        def send(self, sms: object) -> str:
            sent = super().send(sms)  # type: ignore[arg-type]
            told(world, receipt(self.sent[-1].reference, id=sent))
            return sent

    quick = Quick()
    world.parts.world.receipts._providers["fake"] = quick
    world.provider = quick
    sender_over(world, quick).run_once()
    found = message(world, id)
    assert (found.delivery, found.provider_id, found.handed_by) == ("delivered", "fake-1", None)
    assert counted(world) == {"fake:not_handed_over": 1, "fake:delivered": 1}


def test_a_lost_answer_is_settled_by_a_receipt(world: ServiceWorld) -> None:
    id = world.service.start(ME, NUMBER).verification.id
    [claim] = world.store.claim(
        token="dead", now=world.clock(), lease=timedelta(seconds=5), limit=1
    )

    def lost(v: Verification) -> Verification:
        v = transit.hand_over(v, 1, "k1$00", claim=claim.token, route="fake", now=world.clock())
        return transit.answer_lost(v, 1, "no_answer", now=world.clock(), can_ask=True)

    world.store.swap("sign-in", id, lost, now=world.clock())
    told(world, receipt(f"{id.removeprefix('ver_')}-1", Delivery.SENT, id="found"))
    found = message(world, id)
    assert (found.delivery, found.reason, found.provider_id) == ("sent", None, "found")


def test_what_is_sent_anew_has_a_name_of_its_own_of_the_same_shape() -> None:
    v = fresh()
    again = replace(v.newest, returned=2)
    assert reference(v.id, v.newest) == "0" * 32 + "-1"
    assert reference(v.id, again) == "0" * 32 + "-2001"
    assert our_reference(reference(v.id, again))


def test_what_was_learnt_is_counted_and_how_long_a_message_took(
    world: ServiceWorld, id: str
) -> None:
    world.clock.turn(seconds=3)
    for _ in range(2):
        told(world, receipt(name(world), word="DELIVRD"))
    assert counted(world) == {"fake:delivered": 2}
    [delay] = [t for t in totals(world.store, ["fake"]) if t.metric is DELIVERY_DELAY]
    assert delay.counts["sum"] == 3_000_000  # once


def test_a_lost_answer_that_a_receipt_settles_is_counted(world: ServiceWorld) -> None:
    world.provider.can_ask = True
    world.provider.next = [Unknown("timeout")]
    id = world.service.start(ME, NUMBER).verification.id
    world.sender.run_once()
    told(world, receipt(reference(id, message(world, id)), id="fake-1"))
    assert message(world, id).delivery == "delivered"
    assert counted(world, SENDS)["fake:settled"] == 1
