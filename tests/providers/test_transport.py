"""The transport: what holds for an encrypted connection too, and how long one is kept."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from otp.errors import Unknown, Unreachable
from otp.providers.transport import MOST_BYTES, Answer, exchange, session
from tests.gateway import Behaviour, Gateway
from tests.providers.cases import SHORT
from tests.providers.sockets import server_tls, within


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    with Gateway(tls=server_tls(tmp_path)) as gateway:
        yield gateway


@pytest.fixture
def trusting(tmp_path: Path) -> requests.Session:
    made = session(2)
    made.verify = str(tmp_path / "gateway.pem")
    return made


def asked(trusting: requests.Session, gateway: Gateway) -> Answer:
    request = requests.Request("POST", gateway.url, json={"message": "hello"}).prepare()
    return exchange(trusting, request, SHORT)


def test_certificates_are_checked_unless_told_otherwise() -> None:
    made = session(1)
    assert made.verify is True
    assert made.trust_env is False


def test_a_trusted_gateway_is_reached_and_its_connection_kept(
    gateway: Gateway, trusting: requests.Session
) -> None:
    answers = [asked(trusting, gateway) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert [request.json for request in gateway.ledger] == [{"message": "hello"}] * 3
    assert gateway.connections == 1


@pytest.mark.parametrize("behaviour", [Behaviour(stall=True), Behaviour(trickle=0.02)])
def test_the_deadline_holds_on_an_encrypted_connection(
    gateway: Gateway, trusting: requests.Session, behaviour: Behaviour
) -> None:
    gateway.answer_with(behaviour)
    with within(SHORT.read), pytest.raises(Unknown) as lost:
        asked(trusting, gateway)
    assert lost.value.reason == "timeout"


def test_a_cut_in_the_middle_is_no_fault_of_the_handshake(
    gateway: Gateway, trusting: requests.Session
) -> None:
    gateway.answer_with(Behaviour(cut="unanswered"))
    with pytest.raises(Unknown):
        asked(trusting, gateway)
    assert len(gateway.ledger) == 1


def test_a_cut_during_the_handshake_is_certain(
    gateway: Gateway, trusting: requests.Session
) -> None:
    gateway.answer_with(Behaviour(cut="unread"))
    with pytest.raises(Unreachable) as refusal:
        asked(trusting, gateway)
    assert refusal.value.reason == "tls"


def test_an_answer_is_read_to_its_bound_and_not_beyond(
    gateway: Gateway, trusting: requests.Session
) -> None:
    gateway.answer_with(Behaviour(body="x" * MOST_BYTES), Behaviour(body="x" * (MOST_BYTES + 1)))
    assert len(asked(trusting, gateway).body) == MOST_BYTES
    with pytest.raises(Unknown):
        asked(trusting, gateway)


def test_a_connection_is_given_up_before_the_gateway_may_close_it(
    gateway: Gateway, trusting: requests.Session
) -> None:
    asked(trusting, gateway)
    time.sleep(4.1)  # what is tested is the wait itself
    asked(trusting, gateway)
    assert gateway.connections == 2


def test_an_answer_shows_nothing_of_its_body() -> None:
    assert "secret" not in repr(Answer(200, {"X": "secret"}, b"secret"))
