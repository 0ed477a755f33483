"""What the gateway, and India's operators, do not let pass."""

from __future__ import annotations

import http.client
import threading
from datetime import timedelta

import pytest

from otp.twin import Oddity, Registry, Rules
from otp.twin.ceiling import Ceiling
from otp.twin.text import sized
from tests.twin.callers import TO, Caller, running

PATTERN = "{#var#} is your code for {#var#}.\nDo not share it."
REGISTRY = Registry({"1107160000000000001": PATTERN}, "1101160000000000001")
DLT = {"template_id": "1107160000000000001", "entity_id": "1101160000000000001"}
RIGHT = "482913 is your code for Acme.\nDo not share it."


# -- repeats, senders, credits ------------------------------------------------------------------


def test_the_same_text_to_the_same_number_is_a_duplicate_for_a_while(caller: Caller) -> None:
    assert caller.send(message="Acme: 1").first["status"] == "AWAITING-DLR"
    answer = caller.send(message="Acme: 1")
    assert answer.status == 200
    assert answer.first["status"] == "DUPLICATE"
    assert answer.json["message"] == "0 numbers accepted for delivery."
    assert caller.send(message="Acme: 1", to="919876543211").first["status"] == "AWAITING-DLR"
    assert caller.send(message="Acme: 2").first["status"] == "AWAITING-DLR"
    assert caller.twin.texts_for(TO) == ["Acme: 1", "Acme: 2"]
    caller.clock.turn(minutes=5)
    assert caller.send(message="Acme: 1").first["status"] == "AWAITING-DLR"
    assert [message.told for message in caller.twin.ledger].count("refused") == 1


def test_what_was_not_sent_has_no_duplicate(caller: Caller) -> None:
    caller.twin.behave(Oddity(answer="error_before"))
    caller.send(message="Acme: 1")
    assert caller.send(message="Acme: 1").first["status"] == "AWAITING-DLR"


def test_a_sender_has_to_be_approved() -> None:
    with running(Rules(senders=("ACMEIN", "ACMETX"))) as caller:
        assert caller.send(sender="ACMETX").first["status"] == "AWAITING-DLR"
        assert caller.send(sender="OTHERS").first["status"] == "INV-SENDER"


def test_a_service_has_to_exist(caller: Caller) -> None:
    assert caller.send(service="X").first["status"] == "INV-SERVICE"


def test_credits_run_out() -> None:
    with running(Rules(credits=3)) as caller:
        assert caller.send(message="x" * 161).first["charges"] == 2
        assert caller.send(message="y" * 161).first["status"] == "NO-CREDITS"
        assert caller.send().first["status"] == "AWAITING-DLR"
        assert caller.send().first["status"] == "NO-CREDITS"
        assert caller.twin.counts["credits"] == 0


def test_a_refusal_may_be_the_answer() -> None:
    with running(Rules(refusals="answer", senders=("ACMEIN",), credits=1)) as caller:
        answer = caller.send(sender="OTHERS")
        assert answer.status == 422
        assert list(answer.json["errors"]) == ["sender"]
        assert caller.send(message="Acme: 1").status == 200
        assert list(caller.send(message="Acme: 1").json["errors"]) == ["message"]
        answer = caller.send()
        assert answer.status == 422
        assert answer.json["message"] == "Insufficient balance."
        assert "errors" not in answer.json
        assert len(caller.twin.ledger) == 1


def test_a_refusal_may_come_in_the_report() -> None:
    with running(Rules(refusals="report", senders=("ACMEIN",))) as caller:
        answer = caller.send(sender="OTHERS", custom="our-1")
        assert answer.first["status"] == "AWAITING-DLR"
        assert caller.status(cid="our-1")[0]["status"] == "INV-SENDER"
        assert not caller.twin.messages


# -- templates ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "DELIVRD"),
        ({"template_id": None}, "TEMPLATE-NOT-FOUND"),
        ({"template_id": "1107160000000000009"}, "DLT-INV-TM-ID"),
        ({"entity_id": None}, "DLT-INV-ENTITY"),
        ({"entity_id": "1101160000000000009"}, "DLT-INV-ENTITY"),
        ({"message": RIGHT + "\n\n@acme.example #482913"}, "INV-TEMPLATE"),
        ({"message": RIGHT.replace("your code", "the code")}, "INV-TEMPLATE"),
        ({"message": RIGHT.replace("Acme", "")}, "INV-TEMPLATE"),
        ({"message": RIGHT.replace("Acme", "A" * 30)}, "DELIVRD"),
        ({"message": RIGHT.replace("Acme", "A" * 31)}, "DLT-TM-VAR-EXECEED"),
        ({"to": "14155550101", "message": "anything", "template_id": None}, "DELIVRD"),
    ],
)
def test_a_text_to_india_has_to_match_its_template(changes: dict[str, object], word: str) -> None:
    with running(Rules(registry=REGISTRY)) as caller:
        answer = caller.send(**({"message": RIGHT} | DLT | changes))
        assert answer.first["status"] == "AWAITING-DLR"  # taken first
        [message] = caller.twin.ledger
        assert message.outcome == word
        assert message.on_handset == (word == "DELIVRD")
        assert caller.status(cid="our-1")[0]["status"] == word


# -- texts --------------------------------------------------------------------------------------


def test_a_text_that_is_not_plain_is_damaged_as_n_and_nobody_is_told(caller: Caller) -> None:
    text = "आपका कोड 123456 – ok"
    assert caller.send(message=text, type="N").first["status"] == "AWAITING-DLR"
    assert caller.twin.texts_for(TO) == ["???? ??? 123456 ? ok"]
    caller.clock.turn(minutes=5)
    caller.send(message=text, type="U")
    caller.send(message=text, type="A", to="919876543211")
    assert caller.twin.texts_for(TO)[1:] == [text]
    assert caller.twin.texts_for("919876543211") == [text]
    caller.send(message=text, type=None, to="919876543212")
    assert caller.twin.texts_for("919876543212") == ["???? ??? 123456 ? ok"]


@pytest.mark.parametrize("char", ["`", "^", "|"])
def test_the_gateways_alphabet_is_smaller_than_gsm(char: str) -> None:
    assert sized(f"a{char}b", "N").text == "a?b"
    assert sized(f"a{char}b", "A").unicode


@pytest.mark.parametrize(
    ("text", "type", "units"),
    [
        ("x" * 160, "N", 1),
        ("x" * 161, "N", 2),
        ("x" * 306, "N", 2),
        ("x" * 307, "N", 3),
        ("x" * 459, "N", 3),
        ("x" * 70, "U", 1),
        ("x" * 71, "U", 2),
        ("x" * 134, "U", 2),
        ("x" * 135, "U", 3),
        ("x" * 201, "U", 3),
        ("€" * 80, "N", 1),
        ("€" * 81, "N", 2),
        ("€" * 153, "N", 3),  # no character is torn: 76 in each part
        ("😀" * 35, "A", 1),
        ("😀" * 36, "A", 2),
    ],
)
def test_parts_are_counted_as_documented(caller: Caller, text: str, type: str, units: int) -> None:
    first = caller.send(message=text, type=type).first
    assert (first["units"], first["charges"], first["length"]) == (units, units, len(text))


def test_a_message_can_be_scheduled_in_indias_time(caller: Caller) -> None:
    caller.send(custom="our-1", time="2026-11-22 14:10:27")
    assert caller.status(cid="our-1")[0]["status"] == "AWAITING-DLR"
    caller.clock.turn(minutes=1)
    assert caller.status(cid="our-1")[0]["status"] == "DELIVRD"


# -- the ceiling --------------------------------------------------------------------------------


def test_the_ceiling_slides() -> None:
    with running(Rules(per_minute=3)) as caller:
        for seconds in (30, 25, 0):
            assert caller.send().status == 200
            caller.clock.turn(seconds=seconds)
        answer = caller.send()
        assert answer.status == 429
        assert answer.headers["Retry-After"] == "5"
        assert answer.headers["X-RateLimit-Limit"] == "3"
        assert answer.json == {
            "status": "ERROR",
            "code": 429,
            "message": "Too Many Attempts. You may try again after 1 minutes.",
        }
        caller.clock.turn(seconds=4.9)  # a minute's edge is none: the burst at 55 s still counts
        assert caller.send().status == 429
        caller.clock.turn(seconds=0.1)
        assert caller.send().status == 200
        assert caller.send().status == 429
        assert len(caller.twin.ledger) == 4


def test_all_calls_share_the_ceiling_or_each_has_its_own() -> None:
    with running(Rules(per_minute=2)) as caller:
        assert caller.send().status == 200
        assert caller.get("finance/balance").status == 200
        assert caller.send().status == 429
    with running(Rules(per_minute=2, counts="each")) as caller:
        for _ in range(2):
            assert caller.send().status == 200
            assert caller.get("finance/balance").status == 200
        assert caller.send().status == 429
        assert caller.get("finance/balance").status == 429
        assert caller.get("sms/status", id="x").status == 200


def test_the_most_calls_of_a_minute_are_remembered() -> None:
    with running(Rules(per_minute=None)) as caller:
        for _ in range(5):
            caller.send()
        caller.clock.turn(seconds=60)
        caller.get("finance/balance")
        assert caller.twin.counts["most_in_a_minute"] == {
            "all": 5,
            "sms/send": 5,
            "finance/balance": 1,
        }


def test_a_crowd_gets_through_exactly_as_often_as_allowed() -> None:
    with running(Rules(per_minute=50)) as caller:
        host, port = caller.twin.origin.removeprefix("http://").split(":")
        statuses: list[int] = []

        def ask() -> None:
            line = http.client.HTTPConnection(host, int(port))
            headers = {"Authorization": "Bearer twin-token", "Accept": "application/json"}
            for _ in range(20):
                line.request("GET", "/api/v2/auth/me", headers=headers)
                answer = line.getresponse()
                answer.read()
                statuses.append(answer.status)
            line.close()

        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (statuses.count(200), statuses.count(429)) == (50, 70)
        assert caller.twin.counts["most_in_a_minute"]["all"] == 120
        assert caller.twin.counts["refused"] == {"429": 70}


def test_no_sixty_seconds_hold_more_than_the_ceiling() -> None:
    ceiling, passed = Ceiling(5), []
    for tick in range(2000):
        now = tick * 0.7
        if ceiling.ask(now) is None:
            passed.append(now)
    assert all(later - earlier >= 60 for earlier, later in zip(passed, passed[5:], strict=False))
    assert len(passed) > 2000 * 0.7 / 60 * 5 * 0.95


def test_a_refused_call_names_the_shortest_wait_that_helps() -> None:
    ceiling = Ceiling(1)
    assert ceiling.ask(100.5) is None
    wait = ceiling.ask(101)
    assert wait == 60
    assert ceiling.ask(101 + wait) is None
    assert Ceiling(0).ask(1) == 60


def test_what_a_token_has_to_be() -> None:
    with pytest.raises(ValueError):
        Rules(token="with space")
    assert "token" not in repr(Rules())


def test_the_twin_has_a_clock_of_its_own_to_turn() -> None:
    with running(Rules(deliver_after=timedelta(hours=1))) as caller:
        caller.send(custom="our-1")
        caller.twin.turn(hours=1)
        assert caller.status(cid="our-1")[0]["status"] == "DELIVRD"
        assert caller.get("auth/me").headers["Date"] == "Sun, 22 Nov 2026 09:39:27 GMT"
