"""What leaves, how often, and to whom; and that nothing leaves twice."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from otp.phone import Phone
from otp.providers.mobtexting import MobTexting
from otp.providers.transport import Timeouts, session
from otp.store.flags import blocked_flag
from tests.gateway import Behaviour, Gateway, until
from tests.processes import burst
from tests.providers.asking import account
from tests.requirements.material import AMPLE, started
from tests.requirements.running import Running
from tests.web.person import Person
from tests.world import NUMBER, ServiceWorld


@pytest.mark.process
def test_thirty_resends_at_once_are_one_more_message(running: Running) -> None:
    id, _ = running.started()
    number = next(reversed([m["to"] for m in running.gateway.messages]))
    time.sleep(1.1)  # the first wait of this service
    path = f"/v1/verifications/{id}/resend"
    answers = burst(running.server.port, path, [{}] * 30, running.key)
    assert Counter(answer.status for answer in answers) == {202: 1, 429: 29}
    until(lambda: len(running.gateway.texts_for(f"+{number}")) == 2)
    running.started()  # what comes later is out, so all that was queued before is as well
    assert len(running.gateway.texts_for(f"+{number}")) == 2


COSTLY = [
    "+911145678901",  # a landline
    "+911800123456",  # toll free
    "+19005550100",  # premium rate
    "+449098790123",  # premium rate
    "+979123456789",  # premium rate of no country
    "+881612345678",  # satellite
    "+870301234567",  # ships
    "+883510012345678",  # a network of no country
    "+447600123456",  # a pager
    "+80012345678",  # toll free of no country
    "112",
    "1909",
]


@pytest.mark.parametrize("countries", ["IN", "ALL"])
def test_numbers_that_cost_or_are_no_persons_are_refused_in_one_way(
    tmp_path: Path, countries: str
) -> None:
    world = ServiceWorld(tmp_path, OTP_COUNTRIES=countries, **AMPLE)
    for number in COSTLY:
        answer = world.api().start(number)
        assert (answer.status_code, answer.json["error"]) == (422, "invalid_phone_number")
        person = Person(world.client())
        person.open("/sign-in")
        person.press("/sign-in", phone_number=number)
        assert person.answer.status_code == 422
    world.sender.run_once()
    assert world.provider.sent == []
    world.close()


NO_RECIPIENTS = [
    [NUMBER],
    [NUMBER, "+919876543211"],
    {"number": NUMBER},
    {"$ne": 1},
    f"{NUMBER},+919876543211",
    f"{NUMBER};+919876543211",
    f"{NUMBER}\n+919876543211",
    f"{NUMBER}&to=919876543211",
    f"{NUMBER}%2C919876543211",
    919876543210,
    True,
    None,
]


def test_a_message_has_one_recipient_and_we_write_its_number(world: ServiceWorld) -> None:
    for to in NO_RECIPIENTS:
        assert world.api().start(to).status_code == 422, to  # type: ignore[arg-type]
    world.sender.run_once()
    assert world.provider.sent == []


def test_every_text_to_a_number_is_another_one(world: ServiceWorld) -> None:
    id = started(world)
    world.deliver()
    for wait in (30, 60, 120):
        world.clock.turn(seconds=wait)
        assert world.api().resend(id).status_code == 202
        world.deliver()
    assert len({sms.text for sms in world.provider.sent}) == 4


LIES = [
    Behaviour(status=302, headers={"Location": "http://169.254.169.254/latest/"}, body=""),
    Behaviour(body="<html>Log in</html>", headers={"Content-Type": "text/html"}),
    Behaviour(body={"status": "ERROR", "message": "no"}),
    Behaviour(body={"status": 200, "message": "1 numbers accepted for delivery."}),
    Behaviour(body=""),
    Behaviour(body="x" * 5_000_000),
    Behaviour(status=500, body="oops"),
    Behaviour(stall=True),
]


def test_whatever_the_gateway_answers_wrongly_is_never_called_sent(tmp_path: Path) -> None:
    with Gateway() as gateway:
        patience = Timeouts(connect=0.5, read=0.5)
        provider = MobTexting(account(gateway.url), session=session(1), timeouts=patience)
        world = ServiceWorld(tmp_path, provider=provider, **AMPLE)  # type: ignore[arg-type]
        for place, lie in enumerate(LIES):
            gateway.answer_with(lie)
            world.parts.world.routes.worked("main")  # as until now
            id = started(world, f"+9198765{place:05}")
            before = len(gateway.ledger)
            world.sender.run_once()
            assert len(gateway.ledger) == before + 1, "asked once"
            answer = world.api().read(id)
            assert answer.status_code == 200
            assert answer.json["delivery"]["status"] not in ("sent", "delivered")
            world.sender.run_once()
            assert len(gateway.ledger) == before + 1, "and not again by itself"
        world.close()


def test_a_blocked_number_is_refused_in_the_same_words_to_everybody(world: ServiceWorld) -> None:
    """Who asked for the block, or who asked for codes before, is told to nobody."""
    started(world)
    world.deliver()
    world.store.put_flag(blocked_flag(world.store.lookup, Phone.of(NUMBER)), "1")
    _, keys = world.add_client("Other")
    refusals = [
        world.api(key).start() for key in (keys["sk_live"], keys["pk_live"], world.keys["pk_live"])
    ]
    bodies = [{k: v for k, v in a.json.items() if k != "request_id"} for a in refusals]
    assert all(body == bodies[0] for body in bodies)
    assert bodies[0]["reason"] == "blocked"
    world.sender.run_once()
    assert len(world.provider.sent) == 1
