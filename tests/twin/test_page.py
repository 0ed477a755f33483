"""The handset's page, and the form for the next oddity."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from otp.twin import Oddity, Rules
from tests.twin.callers import Answer, Caller, running

FORM = "application/x-www-form-urlencoded"


def page(caller: Caller, path: str = "/") -> str:
    answer = caller.ask("GET", path, token=None)
    assert answer.status == 200
    assert answer.headers.get_content_type() == "text/html"
    return answer.body.decode()


def choose(caller: Caller, **members: str) -> Answer:
    site = members.pop("site", "same-origin")
    return caller.ask(
        "POST", "/handset", urlencode(members), token=None, Content_Type=FORM, Sec_Fetch_Site=site
    )


def test_it_shows_messages_the_newest_first_and_says_that_it_shows_codes(caller: Caller) -> None:
    assert "No message has come yet." in page(caller)
    caller.send(message="Acme: 111111")
    caller.send(message="Acme: 222222", to="919876543211")
    shown = page(caller)
    assert shown.index("222222") < shown.index("111111")
    assert "+919876543211" in shown
    assert "can read every code" in shown
    assert page(caller, "/handset") == shown


def test_it_shows_only_what_a_handset_got_and_says_so(caller: Caller) -> None:
    caller.twin.behave(Oddity(outcome="UNDELIV"), Oddity(answer="error_after"))
    caller.send(message="Acme: 111111")
    caller.send(message="Acme: 222222")
    shown = page(caller)
    assert "111111" not in shown
    assert "1 more did not reach a handset" in shown
    assert "The sender was told: error." in shown


def test_a_message_is_there_when_it_arrives() -> None:
    with running(Rules(deliver_after=timedelta(seconds=5))) as caller:
        caller.send(message="Acme: 111111")
        assert "111111" not in page(caller)
        caller.clock.turn(seconds=5)
        assert "111111" in page(caller)


def test_a_text_is_shown_and_never_run(caller: Caller) -> None:
    caller.send(message="<script>alert(1)</script> & 'more'", sender="<b>")
    shown = page(caller)
    assert "<script>" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &#39;more&#39;" in shown
    assert "<b>" not in shown


def test_half_a_character_does_no_harm(caller: Caller) -> None:
    half = '"\\ud83d"'
    body = (
        f'{{"to": "919876543210", "message": {half}, "sender": "A", "service": "T", "type": "U"}}'
    )
    assert caller.ask("POST", "sms/send", body, Content_Type="application/json").status == 200
    assert '<p class="text">?</p>' in page(caller)
    assert caller.get("/twin/ledger").status == 200
    body = f'{{"access_token": {half}}}'
    answer = caller.ask("POST", "sms/send", body, token=None, Content_Type="application/json")
    assert answer.status == 401


def test_it_works_without_scripts_and_lets_none_run(caller: Caller) -> None:
    answer = caller.ask("GET", "/", token=None)
    assert b"<script" not in answer.body
    assert b"style=" not in answer.body
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"


def test_it_looks_again_by_itself_only_if_asked(caller: Caller) -> None:
    assert 'http-equiv="refresh"' not in page(caller)
    assert '<meta http-equiv="refresh" content="5">' in page(caller, "/handset?follow=1")


@pytest.mark.parametrize(("path", "type"), [("otp.css", "text/css"), ("icon.svg", "image/svg+xml")])
def test_it_looks_like_the_services_own_pages(caller: Caller, path: str, type: str) -> None:
    assert f"/static/{path}" in page(caller)
    answer = caller.ask("GET", f"/static/{path}", token=None)
    assert (answer.status, answer.headers.get_content_type()) == (200, type)
    assert caller.ask("GET", "/static/../app.py", token=None).status == 404


def test_many_messages_make_no_endless_page(caller: Caller) -> None:
    for _ in range(60):
        caller.send()
    shown = page(caller)
    assert shown.count("<article") == 50
    assert "10 older ones" in shown


def test_the_next_oddity_is_chosen_by_a_form(caller: Caller) -> None:
    answer = choose(caller, answer="conflict", receipt="none", outcome="SPAM")
    assert (answer.status, answer.headers["Location"]) == (303, "/handset")
    choose(caller, answer="unavailable")
    assert "Still to come: conflict/none/SPAM, unavailable/normal/DELIVRD." in page(caller)
    assert [caller.send().status for _ in range(3)] == [409, 503, 200]
    assert "Still to come" not in page(caller)


def test_a_choice_that_is_none_is_told_beside_the_form(caller: Caller) -> None:
    answer = choose(caller, answer="nonsense")
    assert answer.status == 422
    assert b"no such oddity" in answer.body
    assert caller.send().status == 200


def test_no_other_page_can_send_the_form(caller: Caller) -> None:
    assert choose(caller, answer="conflict", site="cross-site").status == 403
    assert choose(caller, answer="conflict", site="same-site").status == 403
    assert caller.send().status == 200


def test_every_field_has_its_label(caller: Caller) -> None:
    shown = page(caller)
    fields = re.findall(r'<select id="(\w+)"', shown)
    assert fields == ["answer", "receipt", "outcome"]
    assert [name for name in fields if f'<label for="{name}">' not in shown] == []
    assert shown.count(" selected>") == 3
