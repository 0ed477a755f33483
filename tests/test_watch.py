"""What an operator hears of while it happens, and how often."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest

from otp.breaker import FAILURES
from otp.chores import Chore
from otp.errors import ProviderError, Unavailable, Unknown, Unreachable
from otp.phrasebook import Phrasebook
from otp.providers import Balance
from otp.providers.notify import poster
from otp.providers.transport import session
from otp.quotas import Quotas
from otp.routes import Routes
from otp.sender import Sender
from otp.watch import Post, Watch
from tests.gateway import Behaviour, Gateway, until
from tests.test_sender import sender_over, start
from tests.world import FakeProvider, ServiceWorld


class Posted:
    """What the operator got."""

    def __init__(self) -> None:
        self.bodies: list[Mapping[str, object]] = []
        self.fails: list[ProviderError] = []

    def __call__(self, content: Mapping[str, object]) -> None:
        if self.fails:
            raise self.fails.pop()
        self.bodies.append(content)

    @property
    def events(self) -> list[tuple[object, object]]:
        return [(body["event"], body["level"]) for body in self.bodies]


@pytest.fixture
def posted() -> Posted:
    return Posted()


def look(watching: Watch) -> None:
    """Everything that is looked at, as often as it is."""
    watching.look_at_store()
    watching.look_at_accounts()


def watch(world: ServiceWorld, post: Post | None, *route: FakeProvider) -> Watch:
    providers = route or (world.provider,)
    return Watch(
        store=world.store,
        routes=Routes(world.store, [provider.name for provider in providers], world.clock),
        route=providers,
        budget=Quotas(world.settings, world.store.lookup).budget(),
        low_balance=Decimal(500),
        post=post,
        service="Acme",
        clock=world.clock,
    )


@pytest.fixture
def ten(tmp_path: Path) -> Iterator[ServiceWorld]:
    """A service whose budget is ten parts."""
    made = ServiceWorld(tmp_path, OTP_SEND_BUDGET="10/hour", OTP_PREFIX_SENDS="1000/hour")
    yield made
    made.close()


def test_all_is_quiet_where_nothing_is_wrong(world: ServiceWorld, posted: Posted) -> None:
    start(world)
    world.deliver()
    look(watch(world, posted))
    assert posted.bodies == []


def test_a_budget_is_told_at_half_four_fifths_and_all_of_it(
    ten: ServiceWorld, posted: Posted
) -> None:
    looking, told = watch(ten, posted), []
    for number in range(10):
        start(ten, f"+91987654{number:02}10")
        look(looking)
        told.append(len(posted.bodies))
    assert told == [0, 0, 0, 0, 1, 1, 1, 2, 2, 3]
    assert posted.events == [
        ("budget_50", "warning"),
        ("budget_80", "warning"),
        ("budget_100", "critical"),
    ]
    assert posted.bodies[0] == {
        "event": "budget_50",
        "level": "warning",
        "subject": "1 h",
        "text": "Acme: 50 % of the send budget of 1 hours is used.",
        "at": "2026-11-22T08:39:27Z",
    }


def test_a_budget_that_refuses_is_told_though_a_part_of_it_is_left(
    tmp_path: Path, posted: Posted
) -> None:
    """Messages of two parts never use up an odd budget."""
    world = ServiceWorld(
        tmp_path,
        OTP_SEND_BUDGET="5/hour",
        OTP_MESSAGE="{code} is your {service} code. It is valid for {minutes} minutes." + " x" * 60,
    )
    start(world, "+919876543210")
    start(world, "+919876543310")
    with pytest.raises(Unavailable):
        start(world, "+919876543410")
    look(watch(world, posted))
    assert posted.events == [("budget_100", "critical")]
    world.close()


def test_no_alarm_waits_for_a_gateway_that_is_slow_to_tell_its_balance(
    world: ServiceWorld, posted: Posted
) -> None:
    asked: list[None] = []

    class Slow(FakeProvider):
        def balance(self) -> Balance:
            asked.append(None)
            return super().balance()

    looking = watch(world, posted, Slow(name="fake"))
    Routes(world.store, ["fake"], world.clock).failed("fake", "account_refused", refused=True)
    looking.look_at_store()
    assert (posted.events, asked) == ([("account_refused", "critical")], [])
    looking.look_at_accounts()
    assert asked == [None]
    chores = {thread.name for thread in world.sender._chores._threads}
    assert {"otp-watch", "otp-balance"} <= chores


def test_a_route_that_opened_is_told_and_a_refused_account_by_its_own_word(
    world: ServiceWorld, posted: Posted
) -> None:
    main = FakeProvider(name="main", next=[Unreachable("unreachable")] * FAILURES)
    refused = Unreachable("account_refused", "It says 401.", account=True)
    backup = FakeProvider(name="backup", next=[refused] * FAILURES)
    for number in range(FAILURES):
        start(world, f"+91987654{number:02}10")
        sender_over(world, main, backup).run_once()
        world.clock.turn(seconds=1)
    look(watch(world, posted, main, backup))
    assert posted.events == [("route_open", "critical"), ("account_refused", "critical")]
    assert [body["subject"] for body in posted.bodies] == ["main", "backup"]
    assert "check the token" in str(posted.bodies[1]["text"])


def test_a_queue_that_stands_still_is_told(world: ServiceWorld, posted: Posted) -> None:
    start(world)
    looking = watch(world, posted)
    world.clock.turn(seconds=60)
    look(looking)
    assert posted.bodies == []
    world.clock.turn(seconds=1)
    look(looking)
    assert posted.events == [("queue_delayed", "critical")]


def test_a_low_balance_is_told_and_is_asked_for_now_and_then_by_one(
    world: ServiceWorld, posted: Posted
) -> None:
    world.provider.per_minute = 5
    world.provider.credits = Decimal("499.5")
    first, second = watch(world, posted), watch(world, posted)
    look(first)
    look(second)
    assert posted.events == [("balance_low", "warning")]
    assert "499.5" in str(posted.bodies[0]["text"])
    world.provider.credits = Decimal(500)
    world.clock.turn(hours=2)
    look(second)
    assert len(posted.bodies) == 1


def test_credentials_that_are_refused_are_told_before_a_message_has_to_fail(
    world: ServiceWorld, posted: Posted
) -> None:
    world.provider.balance_error = Unreachable("account_refused", "It says 401.", account=True)
    look(watch(world, posted))
    assert posted.events == [("account_refused", "critical")]


def test_a_gateway_that_does_not_tell_its_balance_is_no_alarm(
    world: ServiceWorld, posted: Posted
) -> None:
    for error in (Unreachable("unreachable"), Unknown("garbled")):
        world.provider.balance_error = error
        look(watch(world, posted))
        world.clock.turn(hours=1)
    assert posted.bodies == []


def test_an_alarm_is_told_once_by_many_and_again_while_it_lasts(
    world: ServiceWorld, posted: Posted
) -> None:
    start(world)
    world.clock.turn(seconds=61)
    lookers = [watch(world, posted) for _ in range(8)]
    crowd = [threading.Thread(target=look, args=(looker,)) for looker in lookers]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    assert len(posted.bodies) == 1
    world.clock.turn(minutes=59)
    look(lookers[0])
    assert len(posted.bodies) == 1
    world.clock.turn(minutes=3)
    look(lookers[0])
    assert posted.events == [("queue_delayed", "critical")] * 2


def test_an_alarm_that_did_not_arrive_is_told_again(world: ServiceWorld, posted: Posted) -> None:
    start(world)
    world.clock.turn(seconds=61)
    looking = watch(world, posted)
    posted.fails = [Unknown("timeout")]
    look(looking)
    look(looking)
    assert posted.bodies == []
    world.clock.turn(seconds=30)
    look(looking)
    assert posted.events == [("queue_delayed", "critical")]


def test_without_an_address_it_is_in_the_log(tmp_path: Path) -> None:
    logs = StringIO()
    world = ServiceWorld(tmp_path, logs=logs)
    start(world)
    world.clock.turn(seconds=61)
    look(watch(world, None))
    world.close()
    assert "alarm=queue_delayed" in logs.getvalue()


def test_alarms_arrive_over_a_real_connection_and_carry_no_number(world: ServiceWorld) -> None:
    start(world)
    world.clock.turn(seconds=61)
    with Gateway() as hears:
        hears.answer_with(Behaviour(status=500), Behaviour(status=204, body=b""))
        looking = watch(world, poster(session(1), hears.url + "hook?room=1"))
        look(looking)
        world.clock.turn(seconds=30)
        look(looking)
        failed, told = hears.wait_for(2)
    assert failed.text == told.text.replace("08:40:58", "08:40:28")
    assert (told.method, told.path, told.query) == ("POST", "/api/v2/hook", {"room": ["1"]})
    assert json.loads(told.text)["event"] == "queue_delayed"
    assert "98765" not in told.text


def test_a_running_sender_does_its_chores_and_one_that_fails_does_not_end_it(
    world: ServiceWorld,
) -> None:
    done: list[int] = []

    def work() -> None:
        done.append(1)
        raise RuntimeError("a defect")

    parts = world.parts.world
    sender = Sender(
        store=world.store,
        keyring=parts.keyring,
        route=[world.provider],
        routes=parts.routes,
        phrasebook=Phrasebook(store=world.store, settings=world.settings, clock=world.clock),
        metrics=parts.metrics,
        clock=world.clock,
        randbelow=lambda _: 123456,
        token_bytes=parts.token_bytes,
        bell=threading.Event(),
        chores=[Chore("work", timedelta(milliseconds=5), work)],
        threads=1,
    )
    sender.start()
    try:
        until(lambda: len(done) >= 3)
    finally:
        sender.stop()
