"""What every provider must do that can be asked what became of a message."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from otp.challenge import Delivery
from otp.errors import ProviderError, Unknown, Unreachable
from otp.providers import Asked, DeliveryReceipt
from otp.providers.transport import MOST_BYTES
from tests.gateway import Behaviour, Gateway
from tests.providers.cases import (
    NUMBER,
    PATIENT,
    SHORT,
    SMS,
    TEXT,
    TOKEN,
    GatewayCases,
    assert_no_secret,
)
from tests.providers.receipt_cases import REFERENCE
from tests.providers.sockets import within

LOST = Asked(SMS.to, REFERENCE)
TAKEN = Asked(SMS.to, REFERENCE, "x:1")


class QuestionCases(GatewayCases):
    delivered = "delivered"

    def found(self, word: str) -> Behaviour:
        """What the gateway says of the message `TAKEN`."""
        raise NotImplementedError

    def nothing(self) -> Behaviour:
        """What it says if it knows no such message."""
        raise NotImplementedError

    def asked(
        self, gateway: Gateway, *behaviours: Any, of: Asked = TAKEN
    ) -> DeliveryReceipt | None:
        gateway.answer_with(*behaviours)
        return self.reach(gateway.url, timeouts=PATIENT).ask(of)

    def refusal(self, gateway: Gateway, behaviour: Behaviour, of: Asked) -> ProviderError:
        with pytest.raises((Unreachable, Unknown)) as refused:
            self.asked(gateway, behaviour, of=of)
        assert_no_secret(refused.value)
        return refused.value

    def test_it_can_be_asked(self, gateway: Gateway) -> None:
        assert self.reach(gateway.url).can_ask is True

    @pytest.mark.parametrize("asked", [LOST, TAKEN], ids=["answer lost", "taken"])
    def test_it_tells_what_became_of_a_message(self, gateway: Gateway, asked: Asked) -> None:
        receipt = self.asked(gateway, self.found(self.delivered), of=asked)
        assert receipt
        assert receipt.delivery is Delivery.DELIVERED
        assert (receipt.reference, receipt.provider_id) == (REFERENCE, "x:1")

    def test_a_word_nobody_knows_decides_nothing(self, gateway: Gateway) -> None:
        receipt = self.asked(gateway, self.found("NO-SUCH-WORD"))
        assert receipt
        assert (receipt.word, receipt.delivery) == ("NO-SUCH-WORD", None)

    @pytest.mark.parametrize("asked", [LOST, TAKEN], ids=["answer lost", "taken"])
    def test_that_it_knows_no_such_message_is_an_answer(
        self, gateway: Gateway, asked: Asked
    ) -> None:
        assert self.asked(gateway, self.nothing(), of=asked) is None

    def test_what_it_says_of_another_message_is_not_believed(self, gateway: Gateway) -> None:
        other = Asked(SMS.to, "f" * 32 + "-1")
        with contextlib.suppress(Unreachable, Unknown):
            assert self.asked(gateway, self.found(self.delivered), of=other) is None

    @pytest.mark.parametrize("asked", [LOST, TAKEN], ids=["answer lost", "taken"])
    @pytest.mark.parametrize(
        "behaviour",
        [
            Behaviour(body=""),
            Behaviour(body=b"\x00\xff\xfe garbage"),
            Behaviour(body=f"{TEXT} to {NUMBER} for {TOKEN}"),
            Behaviour(body={}),
            Behaviour(body=[]),
            Behaviour(body="[" * 60_000),
            Behaviour(body="x" * (MOST_BYTES + 1)),
            Behaviour(status=404, body=""),
            Behaviour(status=404, body="<html>not found"),
            Behaviour(status=404, body={"message": "The route could not be found."}),
            Behaviour(status=204, body=""),
            Behaviour(status=400, body={"message": "no"}),
            Behaviour(status=500, body={"message": "Server Error"}),
            Behaviour(status=503, body=""),
            Behaviour(cut="unanswered"),
            Behaviour(cut="halfway"),
        ],
        ids=str,
    )
    def test_what_is_no_plain_answer_is_none(
        self, gateway: Gateway, behaviour: Behaviour, asked: Asked
    ) -> None:
        self.refusal(gateway, behaviour, asked)

    def test_a_gateway_that_does_not_answer_is_left_in_time(self, gateway: Gateway) -> None:
        gateway.answer_with(Behaviour(stall=True))
        with within(SHORT.read), pytest.raises(Unknown) as lost:
            self.reach(gateway.url).ask(TAKEN)
        assert lost.value.reason == "timeout"
        assert_no_secret(lost.value)

    def test_a_gateway_that_is_away_cannot_be_asked(self) -> None:
        with Gateway() as gone:
            pass
        with pytest.raises(Unreachable) as refused:
            self.reach(gone.url).ask(TAKEN)
        assert_no_secret(refused.value)

    def test_a_gateway_that_wants_fewer_questions_is_left_alone_for_so_long(
        self, gateway: Gateway
    ) -> None:
        behaviour = Behaviour(status=429, headers={"Retry-After": "30"}, body="")
        error = self.refusal(gateway, behaviour, TAKEN)
        assert isinstance(error, Unreachable)
        assert error.for_all
        assert error.retry_in
        assert error.retry_in.total_seconds() == 30

    @pytest.mark.parametrize("status", [401, 402, 403])
    def test_a_refused_credential_is_told_to_the_operator(
        self, gateway: Gateway, status: int
    ) -> None:
        error = self.refusal(gateway, Behaviour(status=status, body=""), LOST)
        assert isinstance(error, Unreachable)
        assert error.account
