"""The twin's own door: what a test in another process tells it and asks it."""

from __future__ import annotations

import pytest

from otp.twin import Oddity, Rules
from otp.twin.oddities import ANSWERS
from otp.twin.receipts import RECEIPTS
from tests.gateway import until
from tests.twin.callers import TO, Caller, receiving, running


def tell(caller: Caller, what: str, content: object) -> int:
    return caller.ask("POST", f"/twin/{what}", content, token=None).status


def test_the_ledger_tells_every_message_and_what_its_caller_was_told(caller: Caller) -> None:
    caller.twin.behave(Oddity(), Oddity(answer="error_after"), Oddity(outcome="UNDELIV"))
    id = caller.send(custom="our-1", message="Acme: 482913").first["id"]
    caller.send(custom="our-2")
    caller.send(custom="our-3")
    caller.send(custom="our-4", message="Acme: 482913")
    told = caller.get("/twin/ledger").json["messages"]
    assert told[0] == {
        "number": 0,
        "id": id,
        "group": id[:-2],
        "at": "2026-11-22T08:39:27+00:00",
        "to": TO,
        "text": "Acme: 482913",
        "asked": "Acme: 482913",
        "custom": "our-1",
        "cid": "our-1",
        "sender": "ACMEIN",
        "service": "T",
        "type": "N",
        "units": 1,
        "length": 12,
        "charges": 1,
        "template_id": "",
        "entity_id": "",
        "webhook_id": "",
        "outcome": "DELIVRD",
        "due": "2026-11-22T08:39:27+00:00",
        "visible_at": "2026-11-22T08:39:27+00:00",
        "refused": False,
        "oddity": "normal",
        "told": "taken",
        "on_handset": True,
    }
    assert [(m["custom"], m["told"], m["on_handset"], m["outcome"]) for m in told] == [
        ("our-1", "taken", True, "DELIVRD"),
        ("our-2", "error", True, "DELIVRD"),
        ("our-3", "taken", False, "UNDELIV"),
        ("our-4", "refused", False, "DUPLICATE"),
    ]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("to=919876543211", [1]),
        ("to=%2B919876543211", [1]),
        ("custom=our-0", [0, 2]),
        ("custom=our-0&since=1", [2]),
        ("since=1", [1, 2]),
        ("custom=nobody", []),
        (f"to={TO}&custom=our-0", [0, 2]),
    ],
)
def test_the_ledger_can_be_searched(caller: Caller, query: str, numbers: list[int]) -> None:
    caller.send(custom="our-0")
    caller.send(custom="our-1", to="919876543211")
    caller.send(custom="our-0")
    found = caller.get(f"/twin/ledger?{query}").json["messages"]
    assert [message["number"] for message in found] == numbers


def test_it_counts(caller: Caller) -> None:
    caller.twin.behave(Oddity(answer="error_after"), Oddity(answer="unavailable"))
    for _ in range(3):
        caller.send()
    caller.send(sender=None)
    caller.get("sms/status", id="x")
    counts = caller.get("/twin/counts").json
    assert counts == caller.get("/twin/ledger").json["counts"]
    assert counts == {
        "requests": {"sms/send": 4, "sms/status": 1},
        "oddities": {"error_after": 1, "unavailable": 1, "normal": 3},
        "refused": {"500": 1, "503": 1, "422": 1},
        "most_in_a_minute": {"all": 5, "sms/send": 4, "sms/status": 1},
        "credits": 999_998,
        "messages": 2,
        "on_handset": 2,
        "told": {"error": 1, "taken": 1},
        "outcomes": {"DELIVRD": 2},
        "receipts": {"attempts": 0, "received": 0, "given_up": 0, "waiting": 0},
    }


def test_oddities_can_be_asked_for_in_json(caller: Caller) -> None:
    assert tell(caller, "behave", {"answer": "unauthorized"}) == 200
    assert caller.send().status == 401
    assert (
        tell(caller, "behave", [{"answer": "conflict"}, {"outcome": "SPAM", "seconds": 1}]) == 200
    )
    assert caller.send().status == 409
    caller.send()
    assert caller.twin.ledger[0].outcome == "SPAM"
    assert tell(caller, "chaos", {"seed": "7", "answers": {"conflict": 1.0}}) == 200
    assert caller.send().status == 409
    assert tell(caller, "chaos", {}) == 200
    assert caller.send().status == 200


@pytest.mark.parametrize(
    ("what", "content"),
    [
        ("behave", {"answer": "nonsense"}),
        ("behave", {"nonsense": 1}),
        ("behave", {"seconds": "1"}),
        ("behave", {"seconds": True}),
        ("behave", {"times": 1.5}),
        ("behave", {"sent": 1}),
        ("behave", ["cut_after"]),
        ("behave", "{"),
        ("chaos", {"answers": {"nonsense": 1}}),
        ("chaos", {"answers": ["slow"]}),
        ("clock", {"advance": 1e12}),
        ("clock", {"advance": "1"}),
    ],
)
def test_what_is_wrong_is_told_and_changes_nothing(
    caller: Caller, what: str, content: object
) -> None:
    answer = caller.ask(
        "POST", f"/twin/{what}", content, token=None, Content_Type="application/json"
    )
    assert answer.status == 422
    assert answer.json["message"]
    assert caller.send().status == 200


def test_all_oddities_can_be_listed(caller: Caller) -> None:
    listed = caller.get("/twin/oddities").json
    assert listed["answers"].keys() == ANSWERS.keys()
    assert listed["receipts"].keys() == RECEIPTS.keys()
    assert "DELIVRD" in listed["outcomes"]


def test_the_clock_can_be_turned(caller: Caller) -> None:
    caller.send(message="Acme: 1")
    answer = caller.ask("POST", "/twin/clock", {"advance": 300}, token=None)
    assert answer.json == {"now": "2026-11-22T08:44:27+00:00"}
    assert caller.send(message="Acme: 1").first["status"] == "AWAITING-DLR"


def test_receipts_can_be_asked_for(caller: Caller) -> None:
    with receiving() as receiver:
        caller.twin.report_to(receiver.url, secret="s")
        caller.send()
        until(lambda: bool(caller.twin.receipts))
        [attempt] = caller.get("/twin/receipts").json
        assert attempt["content"] == receiver.calls[0].json
        assert (
            attempt.items()
            >= {
                "message": 0,
                "uri": receiver.url,
                "attempt": 1,
                "status": 200,
                "received": True,
                "last": True,
            }.items()
        )


def test_a_reset_forgets_all_but_webhooks_and_gives_no_id_twice() -> None:
    with running(Rules(credits=5, per_minute=2)) as caller:
        caller.twin.report_to("http://127.0.0.1:1/", secret="s")
        ids = [caller.send(message="Acme: 1").first["id"]]
        caller.twin.behave(Oddity(answer="conflict", times=0))
        assert tell(caller, "reset", {}) == 200
        assert caller.get("/twin/ledger").json["messages"] == []
        assert caller.twin.counts["requests"] == {}
        assert caller.twin.counts["credits"] == 5
        ids += [caller.send(message="Acme: 1").first["id"], caller.send().first["id"]]
        assert len(set(ids)) == 3
        caller.twin.turn(minutes=1)
        assert len(caller.get("developer/webhooks").json["data"]) == 1


def test_the_same_seed_gives_the_same_ids() -> None:
    ids = []
    for seed in ("7", "7", "8"):
        with running(seed=seed) as caller:
            ids.append(caller.send().first["id"])
    assert ids[0] == ids[1] != ids[2]


# -- who may not -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/twin/ledger", "/", "/handset"])
@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::1"])
def test_a_name_that_a_web_page_gave_itself_opens_nothing(
    caller: Caller, path: str, host: str
) -> None:
    caller.send(message="Acme: 482913")
    answer = caller.ask("GET", path, token=None, Host=host)
    assert answer.status == 403
    assert b"482913" not in answer.body


@pytest.mark.parametrize("host", ["localhost", "localhost:8025", "192.0.2.7:8025", "[::1]:8025"])
def test_an_address_opens_it(caller: Caller, host: str) -> None:
    assert caller.ask("GET", "/twin/ledger", token=None, Host=host).status == 200


def test_a_name_can_be_given_to_it() -> None:
    with running(names=("twin.example",)) as caller:
        assert caller.ask("GET", "/", token=None, Host="twin.example").status == 200


def test_no_form_of_another_page_can_tell_it_anything(caller: Caller) -> None:
    for type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = caller.ask(
            "POST", "/twin/behave", '{"answer": "conflict"}', token=None, Content_Type=type
        )
        assert answer.status == 415
    assert caller.send().status == 200


@pytest.mark.parametrize("path", ["/twin/", "/twin/nothing", "/twin/behave", "/nothing"])
def test_there_is_nothing_else(caller: Caller, path: str) -> None:
    assert caller.get(path).status == 404


def test_the_ledger_is_waited_for(caller: Caller) -> None:
    caller.send()
    assert len(caller.twin.wait_for(1)) == 1
    with pytest.raises(TimeoutError):
        caller.twin.wait_for(2, seconds=0.05)
