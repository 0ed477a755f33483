"""What every provider must do, whatever its gateway says. Its tests subclass these.

`ProviderCases` is for all; `GatewayCases` for those that reach a gateway over HTTP. Receipts are
in `receipt_cases`, questions in `question_cases`.
"""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from otp.errors import Forged, ProviderError, Unknown, Unreachable
from otp.phone import Phone
from otp.providers import Asked, Balance, Inbound, Provider, Sms
from otp.providers.transport import MOST_BYTES, Timeouts
from tests.gateway import Behaviour, Gateway, until
from tests.providers.sockets import deaf_port, server_tls, within

TOKEN = "0123456789abcdef-a-secret-token"
NUMBER = "+919876543210"
TEXT = "482913 is your Acme code.\n\n@login.acme.example #482913"
SMS = Sms(Phone.of(NUMBER), TEXT, "ref-0001")
SIGNING_SECRET = "whsec_c2lnbmluZy1rZXktb2YtdGhlLXByb3ZpZGVyLWNhc2Vz"
SECRETS = (TOKEN, SIGNING_SECRET[6:], NUMBER, NUMBER[1:], "482913", "is your Acme code")
SHORT = Timeouts(connect=0.5, read=0.5)
PATIENT = Timeouts(connect=5, read=5)
"""For answers that come, on a machine that is busy."""


def assert_no_secret(error: BaseException) -> None:
    """Neither the error, nor what a traceback shows, nor what hangs on it."""
    shown = [str(error), repr(error), repr(vars(error)), *traceback.format_exception(error)]
    for secret in SECRETS:
        assert not any(secret in part for part in shown)
    assert error.__cause__ is None
    assert error.__context__ is None


class ProviderCases:
    @pytest.fixture
    def provider(self) -> Provider:
        """A provider named "main" whose gateway, if it has one, is well."""
        raise NotImplementedError

    def test_it_has_the_name_of_its_route(self, provider: Provider) -> None:
        assert provider.name == "main"

    def test_it_says_how_long_it_may_take_and_its_ceiling(self, provider: Provider) -> None:
        assert dt.timedelta() < provider.patience < dt.timedelta(seconds=30)
        assert provider.per_minute is None or provider.per_minute > 0

    def test_each_message_gets_an_id_of_its_own(self, provider: Provider) -> None:
        ids = [provider.send(Sms(SMS.to, TEXT, f"ref-{n}")) for n in range(3)]
        assert len(set(ids)) == 3
        assert all(ids)

    def test_it_shows_no_secret_of_its_own(self, provider: Provider) -> None:
        provider.send(SMS)
        assert not any(secret in repr(provider) for secret in SECRETS)

    @pytest.mark.parametrize("method", ["GET", "POST"])
    @pytest.mark.parametrize("body", [b"", b"{}", b'{"id":"x:1","status":"DELIVRD"}'])
    def test_a_request_that_proves_nothing_is_forged(
        self, provider: Provider, method: str, body: bytes
    ) -> None:
        with pytest.raises(Forged):
            provider.receive(Inbound(method, {"content-type": "application/json"}, {}, body))

    def test_what_cannot_be_asked_says_so(self, provider: Provider) -> None:
        if not provider.can_ask:
            with pytest.raises(Unknown) as lost:
                provider.ask(Asked(SMS.to, SMS.reference))
            assert_no_secret(lost.value)

    def test_the_balance_is_told_or_it_is_said_why_not(self, provider: Provider) -> None:
        try:
            assert isinstance(provider.balance(), Balance)
        except (Unreachable, Unknown) as error:
            assert_no_secret(error)


class GatewayCases(ProviderCases):
    takes: Callable[[Mapping[str, Any]], object] | None = None
    """What its gateway says to a message it takes, where that is not MOBtexting's answer."""

    text_field = "message"

    @pytest.fixture
    def gateway(self) -> Iterator[Gateway]:
        with Gateway(takes=self.takes) as running:
            yield running

    def reach(self, url: str, *, timeouts: Timeouts = SHORT, threads: int = 4) -> Provider:
        """A provider named "main", with `TOKEN`, whose gateway is at *url*."""
        raise NotImplementedError

    @pytest.fixture
    def provider(self, gateway: Gateway) -> Provider:
        return self.reach(gateway.url)

    # -- certainly not taken --------------------------------------------------------------------

    def test_a_gateway_that_refuses_connections_is_unreachable(self) -> None:
        with Gateway() as gone:
            pass
        with pytest.raises(Unreachable) as refusal:
            self.reach(gone.url).send(SMS)
        assert refusal.value.reason == "unreachable"
        assert not refusal.value.account
        assert_no_secret(refusal.value)

    def test_a_host_without_an_address_is_unreachable(self) -> None:
        with pytest.raises(Unreachable) as refusal:
            self.reach("http://gateway.invalid/api/").send(SMS)
        assert refusal.value.reason == "unreachable"
        assert_no_secret(refusal.value)

    def test_a_host_that_never_answers_a_connection_is_unreachable_in_time(self) -> None:
        with deaf_port() as port, within(SHORT.connect), pytest.raises(Unreachable) as refusal:
            self.reach(f"http://127.0.0.1:{port}/").send(SMS)
        assert refusal.value.reason == "unreachable"
        assert_no_secret(refusal.value)

    def test_a_certificate_nobody_vouches_for_is_not_trusted(self, tmp_path: Path) -> None:
        with Gateway(tls=server_tls(tmp_path)) as stranger:
            with pytest.raises(Unreachable) as refusal:
                self.reach(stranger.url).send(SMS)
            assert stranger.ledger == []
        assert refusal.value.reason == "tls"
        assert_no_secret(refusal.value)

    def test_old_tls_is_refused(self, tmp_path: Path) -> None:
        old = server_tls(tmp_path)
        with pytest.warns(DeprecationWarning, match="deprecated"):
            old.minimum_version = ssl.TLSVersion.TLSv1
        with pytest.warns(DeprecationWarning, match="deprecated"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with Gateway(tls=old) as gateway, pytest.raises(Unreachable) as refusal:
            self.reach(gateway.url).send(SMS)
        assert refusal.value.reason == "tls"

    def test_a_handshake_that_stalls_is_unreachable_in_time(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            with within(SHORT.connect), pytest.raises(Unreachable) as refusal:
                self.reach(f"https://127.0.0.1:{port}/").send(SMS)
        assert refusal.value.reason == "tls"
        assert_no_secret(refusal.value)

    # -- may have been taken --------------------------------------------------------------------

    @pytest.mark.parametrize(
        "behaviour",
        [
            Behaviour(stall=True),
            Behaviour(delay=1),
            Behaviour(trickle=0.02),
            Behaviour(trickle=0.02, body="x" * 10_000),
            Behaviour(status=100, body=""),
        ],
        ids=["silent", "late", "trickling its headers", "trickling on and on", "only interim"],
    )
    def test_a_slow_gateway_is_left_in_time_and_not_asked_again(
        self, gateway: Gateway, provider: Provider, behaviour: Behaviour
    ) -> None:
        gateway.answer_with(behaviour)
        with within(SHORT.read), pytest.raises(Unknown) as lost:
            provider.send(SMS)
        assert lost.value.reason == "timeout"
        assert len(gateway.ledger) == 1
        assert_no_secret(lost.value)

    @pytest.mark.parametrize("cut", ["unread", "unanswered", "halfway"])
    def test_a_cut_line_leaves_the_outcome_unknown(
        self, gateway: Gateway, provider: Provider, cut: str
    ) -> None:
        gateway.answer_with(Behaviour(cut=cut), Behaviour())
        with pytest.raises(Unknown) as lost:
            provider.send(SMS)
        assert len(gateway.ledger) == (0 if cut == "unread" else 1)
        assert gateway.connections == 1
        assert_no_secret(lost.value)

    @pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
    def test_a_failure_of_the_gateway_leaves_the_outcome_unknown(
        self, gateway: Gateway, provider: Provider, status: int
    ) -> None:
        gateway.answer_with(Behaviour(status=status, body={"message": "Server Error"}))
        with pytest.raises(Unknown):
            provider.send(SMS)
        assert len(gateway.ledger) == 1

    @pytest.mark.parametrize(
        "behaviour",
        [
            Behaviour(body=""),
            Behaviour(status=204, body=""),
            Behaviour(body=b"\x00\xff\xfe garbage"),
            Behaviour(body=f"sent {TEXT} to {NUMBER} for {TOKEN}"),
            Behaviour(body=[]),
            Behaviour(body="[" * 60_000),
            Behaviour(body="x" * (MOST_BYTES + 1)),
            Behaviour(body="x" * 5_000_000),
            Behaviour(body="{}", headers={"Content-Length": "3"}, closes="idle"),
            Behaviour(body="{}", headers={"Content-Encoding": "gzip"}),
            Behaviour(status=999),
            Behaviour(body="{}", headers={"Transfer-Encoding": "chunked"}, closes="idle"),
        ],
        ids=str,
    )
    def test_an_answer_that_makes_no_sense_leaves_the_outcome_unknown(
        self, gateway: Gateway, provider: Provider, behaviour: Behaviour
    ) -> None:
        gateway.answer_with(behaviour)
        with pytest.raises(Unknown) as lost:
            provider.send(SMS)
        assert len(gateway.ledger) == 1
        assert_no_secret(lost.value)

    # -- where the request goes -----------------------------------------------------------------

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_is_not_followed(
        self, gateway: Gateway, provider: Provider, status: int
    ) -> None:
        with Gateway() as elsewhere:
            gateway.answer_with(Behaviour(status=status, headers={"Location": elsewhere.url}))
            with pytest.raises(ProviderError) as refusal:
                provider.send(SMS)
            assert elsewhere.connections == 0
        assert_no_secret(refusal.value)

    def test_a_proxy_of_the_environment_is_not_used(
        self, gateway: Gateway, provider: Provider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with Gateway() as proxy:
            monkeypatch.setenv("HTTP_PROXY", proxy.url)
            monkeypatch.setenv("http_proxy", proxy.url)
            monkeypatch.delenv("NO_PROXY", raising=False)
            monkeypatch.delenv("no_proxy", raising=False)
            provider.send(SMS)
            assert proxy.connections == 0
        assert len(gateway.ledger) == 1

    def test_neither_text_nor_number_stands_in_the_address(
        self, gateway: Gateway, provider: Provider
    ) -> None:
        provider.send(SMS)
        request = gateway.ledger[0]
        assert request.method == "POST"
        assert request.query == {}
        assert not any(secret in request.path for secret in SECRETS)

    # -- connections ----------------------------------------------------------------------------

    def test_one_connection_serves_many_messages(
        self, gateway: Gateway, provider: Provider
    ) -> None:
        for _ in range(5):
            provider.send(SMS)
        assert gateway.connections == 1

    def test_a_connection_the_gateway_closed_while_idle_loses_no_message(
        self, gateway: Gateway, provider: Provider
    ) -> None:
        gateway.answer_with(Behaviour(closes="idle"))
        for n in range(1, 4):
            provider.send(SMS)
            until(lambda: gateway.open_connections == 0)
            assert (gateway.connections, len(gateway.ledger)) == (n, n)

    def test_a_kept_connection_cut_under_a_message_is_not_a_reason_to_send_it_again(
        self, gateway: Gateway, provider: Provider
    ) -> None:
        gateway.answer_with(Behaviour(), Behaviour(cut="unanswered"), Behaviour())
        provider.send(SMS)
        with pytest.raises(Unknown):
            provider.send(SMS)
        assert (gateway.connections, len(gateway.ledger)) == (1, 2)
        provider.send(SMS)

    def test_many_threads_share_it_and_none_gets_the_answer_of_another(
        self, gateway: Gateway
    ) -> None:
        shared = self.reach(gateway.url, threads=8, timeouts=Timeouts(connect=5, read=5))
        texts = [Sms(SMS.to, f"text {n}", f"ref-{n}") for n in range(80)]
        with ThreadPoolExecutor(8) as pool:
            ids = list(pool.map(shared.send, texts))
        assert len(set(ids)) == 80
        assert {r.json[self.text_field] for r in gateway.ledger} == {sms.text for sms in texts}
        assert gateway.connections <= 8
