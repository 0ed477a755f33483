"""The doctor: every illness it knows, made on purpose."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from otp import phone
from otp.doctor import Doctor, Level
from otp.errors import ProviderError, Unknown, Unreachable
from otp.providers import Balance
from otp.store.flags import PAUSED, PROXY_SEEN, SENDER_SEEN
from tests.test_sender import start
from tests.world import FakeProvider, ServiceWorld, secret_key

SECRET = "mJ7qP2xW9sK4vB6nL8tR"  # made up
PRODUCTION = {
    "OTP_DEMO": "0",
    "OTP_SERVICE_NAME": "Acme",
    "OTP_ROUTE": "mobtexting",
    "OTP_MOBTEXTING_TOKEN": "0d9f64b1c85e4f0e9f3c7a1b2d4e6f80",  # made up
    "OTP_MOBTEXTING_SENDER": "ACMEIN",
    "OTP_MOBTEXTING_WEBHOOK_SECRET": SECRET,
    "OTP_SEND_BUDGET": "1000/hour",
}


class Told(FakeProvider):
    """Says what its clock shows."""

    skew = timedelta()

    def balance(self) -> Balance:
        found = super().balance()
        return Balance(found.credits, self.world.clock() + self.skew)

    world: ServiceWorld


@pytest.fixture
def ill(tmp_path: Path) -> ServiceWorld:
    provider = Told(name="mobtexting", credits=Decimal(9000))
    provider.world = world = ServiceWorld(tmp_path, provider=provider, **PRODUCTION)
    world.store.put_flag(SENDER_SEEN, world.clock().isoformat())
    return world


def doctor(world: ServiceWorld, knock: Callable[[str, str | None], int] | None = None) -> Doctor:
    def answers(url: str, secret: str | None) -> int:
        assert url == "http://localhost/receipts/mobtexting"
        return 200 if secret == SECRET else 401

    return Doctor(
        settings=world.settings,
        store=world.store,
        routes=world.parts.world.routes,
        route=[world.provider],
        clock=world.clock,
        knock=knock or answers,
    )


def wrong(world: ServiceWorld, **named: Callable[[str, str | None], int]) -> dict[str, Level]:
    return {f.check: f.level for f in doctor(world, **named).examine() if f.level}


def test_a_healthy_service_has_nothing_wrong_and_every_check_says_so(ill: ServiceWorld) -> None:
    ill.clock.turn(seconds=1)
    found = list(doctor(ill).examine())
    assert {f.level for f in found} == {Level.OK}
    assert {f.check for f in found} == {
        *(
            "settings",
            "store",
            "sender",
            "sender id",
            "account",
            "clock",
            "webhook",
            "keys",
            "numbers",
        )
    }


def test_no_sender_for_a_minute_is_an_error(ill: ServiceWorld) -> None:
    ill.clock.turn(seconds=61)
    assert wrong(ill) == {"sender": Level.ERROR}
    ill.store.put_flag(SENDER_SEEN, None)
    assert wrong(ill) == {"sender": Level.ERROR}


def test_a_queue_that_waits_and_a_pause_are_told(ill: ServiceWorld) -> None:
    start(ill)
    ill.store.put_flag(PAUSED, "1")
    ill.clock.turn(seconds=61)
    ill.store.put_flag(SENDER_SEEN, ill.clock().isoformat())
    assert wrong(ill) == {"sending": Level.WARNING, "queue": Level.ERROR}


def test_a_route_that_takes_nothing_is_told(ill: ServiceWorld) -> None:
    ill.parts.world.routes.failed("mobtexting", "account_refused", refused=True)
    assert wrong(ill) == {"route": Level.ERROR}


@pytest.mark.parametrize(
    ("error", "repair"),
    [
        (Unreachable("account_refused", "It says 401.", account=True), "OTP_MOBTEXTING_"),
        (Unreachable("unreachable", "It takes no connections."), "network"),
        (Unknown("garbled", "It cannot be understood."), "address"),
    ],
)
def test_credentials_are_tried_without_sending(
    ill: ServiceWorld, error: ProviderError, repair: str
) -> None:
    ill.provider.balance_error = error
    [found] = [f for f in doctor(ill).examine() if f.level]
    assert (found.check, found.level) == ("account", Level.ERROR)
    assert error.detail in found.says
    assert repair in found.repair
    assert ill.provider.sent == []


def test_little_credit_is_a_warning(ill: ServiceWorld) -> None:
    ill.provider.credits = Decimal("499.99")
    assert wrong(ill) == {"account": Level.WARNING}
    ill.provider.credits = None
    assert wrong(ill) == {}


@pytest.mark.parametrize(
    ("seconds", "level"),
    [(5, None), (-5, None), (6, Level.WARNING), (-30, Level.WARNING), (31, Level.ERROR)],
)
def test_the_clock_is_compared_with_the_gateways(
    ill: ServiceWorld, seconds: int, level: Level | None
) -> None:
    assert isinstance(ill.provider, Told)
    ill.provider.skew = timedelta(seconds=seconds)
    assert wrong(ill).get("clock") == level


@pytest.mark.parametrize(
    ("without", "with_secret"), [(401, 401), (200, 200), (404, 404), (401, 301), (403, 403)]
)
def test_a_webhook_that_lets_in_nobody_or_anybody_is_an_error(
    ill: ServiceWorld, without: int, with_secret: int
) -> None:
    found = wrong(ill, knock=lambda _, secret: with_secret if secret else without)
    assert found == {"webhook": Level.ERROR}


def test_a_webhook_that_is_not_reached_is_an_error(ill: ServiceWorld) -> None:
    def unreached(url: str, secret: str | None) -> int:
        raise Unreachable("unreachable", "No connection.")

    assert wrong(ill, knock=unreached) == {"webhook": Level.ERROR}


def test_old_keys_and_old_number_metadata_are_told(ill: ServiceWorld) -> None:
    ill.clock.turn(days=366)
    ill.store.put_flag(SENDER_SEEN, ill.clock().isoformat())
    assert wrong(ill) == {"keys": Level.WARNING, "numbers": Level.WARNING}


def test_a_new_key_is_young_again(tmp_path: Path, ill: ServiceWorld) -> None:
    ill.close()
    keys = f"{secret_key('k2', 2)},{secret_key()}"
    provider = Told(name="mobtexting", credits=Decimal(9000))
    provider.world = world = ServiceWorld(
        tmp_path, provider=provider, **PRODUCTION, OTP_SECRET_KEYS=keys
    )
    assert "keys" not in wrong(world)
    world.close()


def test_a_public_service_that_trusts_no_proxy_is_warned_of(tmp_path: Path) -> None:
    provider = Told(name="mobtexting", credits=Decimal(9000))
    env = {**PRODUCTION, "OTP_PUBLIC_URL": "https://verify.example.com", "OTP_TRUSTED_PROXIES": "0"}
    provider.world = world = ServiceWorld(tmp_path, provider=provider, **env)
    found = wrong(world, knock=lambda _, secret: 200 if secret else 401)
    assert found["proxies"] is Level.WARNING
    world.close()


def test_a_store_that_cannot_be_written_is_a_finding_and_no_crash(ill: ServiceWorld) -> None:
    ill.store.close()
    assert wrong(ill)["store"] is Level.ERROR


def test_the_day_of_the_number_metadata_is_that_of_the_locked_release() -> None:
    locked = (Path(__file__).parent.parent / "requirements.txt").read_text()
    assert f"phonenumberslite=={phone.NUMBERS} " in locked


@pytest.mark.parametrize("path", ["/v1/verifications", "/sign-in"])
def test_a_proxy_that_nobody_trusts_is_noticed_by_either_door(ill: ServiceWorld, path: str) -> None:
    headers = {"X-Forwarded-For": "203.0.113.9"}
    public = {"REMOTE_ADDR": "8.8.8.8"}
    ill.client().get(path, headers=headers, environ_base=public)  # anybody may send that
    ill.client().get(path, environ_base={"REMOTE_ADDR": "10.0.0.7"})
    assert wrong(ill) == {}
    ill.client().get(path, headers=headers, environ_base={"REMOTE_ADDR": "10.0.0.7"})
    assert wrong(ill) == {"proxies": Level.ERROR}
    ill.clock.turn(days=1)
    ill.store.put_flag(SENDER_SEEN, ill.clock().isoformat())
    assert wrong(ill) == {}


def test_a_trusted_proxy_is_nothing_to_notice(tmp_path: Path) -> None:
    world = ServiceWorld(tmp_path, OTP_TRUSTED_PROXIES="1")
    headers = {"X-Forwarded-For": "203.0.113.9"}
    world.client().get("/sign-in", headers=headers, environ_base={"REMOTE_ADDR": "10.0.0.7"})
    assert world.store.flag(PROXY_SEEN) is None
    world.close()


@pytest.mark.parametrize(
    ("sender", "countries", "level"),
    [
        ("ACMEIN", "IN", None),
        ("acmein", "IN", Level.WARNING),
        ("ACME", "IN", Level.WARNING),
        ("57575", "ALL", Level.WARNING),
        ("57575", "DE", None),
    ],
)
def test_a_sender_id_that_no_operator_of_india_approves_is_told(
    tmp_path: Path, sender: str, countries: str, level: Level | None
) -> None:
    more = {"OTP_MOBTEXTING_SENDER": sender, "OTP_COUNTRIES": countries}
    more["OTP_DEFAULT_REGION"] = "DE" if countries == "DE" else "IN"
    provider = Told(name="mobtexting", credits=Decimal(9000))
    provider.world = world = ServiceWorld(tmp_path, provider=provider, **PRODUCTION | more)
    assert wrong(world).get("sender id") == level
    world.close()
