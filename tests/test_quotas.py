"""The limits of `otp.quotas`, told through the use cases, with the settings' own numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from otp.client import SIGN_IN
from otp.errors import (
    InvalidPhoneNumber,
    OtpError,
    QuotaExceeded,
    Rejected,
    TooManyFailures,
    TooSoon,
    Unavailable,
    WrongCode,
)
from otp.network import Network
from otp.phone import Phone
from otp.service import Caller
from otp.store.flags import PAUSED, blocked_flag
from tests.world import NUMBER, OTHER_NUMBER, ROOMY, ServiceWorld, wrong

HOME = Network.of("198.51.100.7")
PHONE = Phone.of(NUMBER)
Make = Callable[..., ServiceWorld]


def person(number: int = 0, network: Network | None = None) -> Caller:
    """Somebody at a page; each has a session of its own."""
    return Caller(client_id=SIGN_IN, credential=f"session {number}", network=network)


def start(world: ServiceWorld, number: str = NUMBER, caller: Caller | None = None) -> str:
    return world.service.start(caller or person(), number).verification.id


def refused(world: ServiceWorld, number: str = NUMBER, caller: Caller | None = None) -> OtpError:
    with pytest.raises(OtpError) as caught:
        start(world, number, caller)
    return caught.value


def approved(world: ServiceWorld, number: str = NUMBER, caller: Caller | None = None) -> None:
    id = start(world, number, caller)
    world.service.check(caller or person(), id, world.deliver())


@pytest.fixture
def with_only(tmp_path: Path) -> Iterator[Make]:
    """The service with one limit that is tight; the others are not met."""
    made: list[ServiceWorld] = []

    def make(**env: str) -> ServiceWorld:
        made.append(ServiceWorld(tmp_path / str(len(made)), **{**ROOMY, **env}))
        return made[-1]

    yield make
    for world in made:
        world.close()


# -- messages to one number -----------------------------------------------------------------------


def test_a_number_gets_six_messages_in_any_hour_and_twelve_in_any_day(world: ServiceWorld) -> None:
    sent, full_ones = [], set()
    for _ in range(24 * 60):  # a day and more, a try a minute, over two clients in turn
        caller = person() if len(sent) % 2 else Caller(client_id=world.client_id, credential="key")
        try:
            start(world, caller=caller)
            sent.append(world.clock.now)
        except QuotaExceeded as full:
            full_ones.add(full.quota)
        world.clock.turn(minutes=1)
    hours = [[at for at in sent if 0 <= (at - first).total_seconds() < 3600] for first in sent]
    assert max(len(hour) for hour in hours) == 6
    assert len(sent) == 12
    assert full_ones == {"phone_number"}


def test_messages_that_were_followed_by_an_approval_give_way(world: ServiceWorld) -> None:
    for _ in range(10):
        approved(world)
        world.clock.turn(minutes=1)
    for _ in range(6):
        start(world)
        world.clock.turn(minutes=1)
    error = refused(world)
    assert isinstance(error, QuotaExceeded)
    assert error.quota == "phone_number"


def test_all_messages_to_a_number_end_at_thirty_a_day(world: ServiceWorld) -> None:
    for _ in range(30):
        approved(world)
        world.clock.turn(minutes=1)
    assert isinstance(refused(world), QuotaExceeded)
    approved(world, OTHER_NUMBER)
    world.clock.turn(days=1, minutes=24)
    approved(world)


def test_a_resend_counts_as_a_message_and_is_given_back_with_the_rest(with_only: Make) -> None:
    world = with_only(OTP_PHONE_SENDS="3/hour")
    for _ in range(2):
        id = start(world)
        for wait in (30, 60):
            world.clock.turn(seconds=wait)
            world.service.resend(person(), id)
        world.clock.turn(seconds=120)
        with pytest.raises(QuotaExceeded) as full:
            world.service.resend(person(), id)
        assert full.value.verification is not None, "the caller may read its own"
        world.service.check(person(), id, world.deliver())


def test_a_refused_start_counts_nothing(with_only: Make) -> None:
    world = with_only(OTP_PHONE_SENDS="2/hour", OTP_ADDRESS_SENDS="1/hour")
    start(world, OTHER_NUMBER, person(0, HOME))
    for _ in range(5):
        error = refused(world, caller=person(0, HOME))
        assert isinstance(error, QuotaExceeded)
        assert error.quota == "address"
    for _ in range(2):
        start(world)
        world.clock.turn(minutes=1)
    assert isinstance(refused(world), QuotaExceeded)


def test_sends_that_fail_count_all_the_same(with_only: Make) -> None:
    world = with_only(OTP_PHONE_SENDS="2/hour")
    for _ in range(2):
        start(world)
        world.provider.next = [Rejected("number_unusable")]
        world.sender.run_once()
        world.clock.turn(minutes=1)
    assert isinstance(refused(world), QuotaExceeded)
    assert world.provider.sent == []


# -- wrong codes ----------------------------------------------------------------------------------


def spent(world: ServiceWorld, count: int, caller: Caller | None = None) -> tuple[str, str]:
    """Start and submit so many wrong codes; the verification and its right code."""
    caller = caller or person()
    id = start(world, caller=caller)
    code = world.deliver()
    for _ in range(count):
        with pytest.raises(WrongCode):
            world.service.check(caller, id, wrong(code))
    return id, code


def test_ten_wrong_codes_close_a_number_for_check_start_and_resend_alike(
    world: ServiceWorld,
) -> None:
    for n in range(2):
        spent(world, 4, person(n))
        world.clock.turn(minutes=10)
    id, code = spent(world, 2, person(9))
    for submitted in (code, wrong(code)):
        with pytest.raises(TooManyFailures) as closed:
            world.service.check(person(9), id, submitted)
        assert closed.value.verification == world.service.get(SIGN_IN, id)
    pending = world.read(id, SIGN_IN)
    assert (pending.status, pending.attempts) == ("pending", 2), "nothing was spent"
    world.clock.turn(minutes=9)
    assert isinstance(refused(world), TooManyFailures)
    with pytest.raises(TooManyFailures):
        world.service.resend(person(9), id)
    other = Caller(client_id=world.client_id, credential="key", is_secret=True)
    assert isinstance(refused(world, caller=other), TooManyFailures)
    start(world, OTHER_NUMBER)


def test_neither_a_new_code_nor_a_new_verification_forgets_wrong_codes(world: ServiceWorld) -> None:
    refusals = 0
    submitted = 0
    for n in range(20):
        world.clock.turn(minutes=31)
        try:
            id = start(world, caller=person(n))
        except TooManyFailures:
            refusals += 1
            continue
        code = world.deliver()
        for _ in range(4):
            try:
                world.service.check(person(n), id, wrong(code))
            except WrongCode:
                submitted += 1
            except TooManyFailures:
                refusals += 1
    assert submitted == 10
    assert refusals > 10


def test_an_approval_forgives_the_wrong_codes_of_its_own_verification_and_no_others(
    world: ServiceWorld,
) -> None:
    spent(world, 4, person(1))
    world.clock.turn(minutes=1)
    spent(world, 4, person(2))
    world.clock.turn(minutes=1)
    id, code = spent(world, 1, person(3))
    world.service.check(person(3), id, code)  # forgives its one: eight are left
    world.clock.turn(minutes=1)
    id, code = spent(world, 2, person(4))
    with pytest.raises(TooManyFailures):
        world.service.check(person(4), id, code)


def test_wrong_codes_are_forgotten_after_a_day_and_not_before(world: ServiceWorld) -> None:
    spent(world, 4, person(1))
    world.clock.turn(minutes=1)
    spent(world, 4, person(2))
    world.clock.turn(minutes=1)
    spent(world, 2, person(3))
    world.clock.turn(hours=23, minutes=50)
    assert isinstance(refused(world), TooManyFailures)
    world.clock.turn(minutes=34)
    approved(world)


def test_an_answer_that_is_told_again_costs_nothing_even_where_nothing_is_left(
    world: ServiceWorld,
) -> None:
    me = person(7)
    id = start(world, caller=me)
    code = world.deliver()
    world.service.check(me, id, code)
    for n in range(2):
        world.clock.turn(seconds=31 if not n else 0)
    quotas = world.service._quotas.of_number(PHONE, "", sends=False)
    world.store.take(quotas * 10, world.clock.now)
    assert world.service.check(me, id, code).status == "approved"


def test_an_operator_unlocks_a_number(world: ServiceWorld) -> None:
    for n in range(2):
        spent(world, 4, person(n))
        world.clock.turn(minutes=1)
    id, code = spent(world, 2, person(3))
    with pytest.raises(TooManyFailures):
        world.service.check(person(3), id, code)
    world.upkeep.unlock(PHONE)
    assert world.service.check(person(3), id, code).status == "approved"


def test_an_operator_may_forgive_the_messages_too(with_only: Make) -> None:
    world = with_only(OTP_PHONE_SENDS="1/hour", OTP_PHONE_SENDS_TOTAL="1/day")
    start(world)
    world.clock.turn(minutes=1)
    assert isinstance(refused(world), QuotaExceeded)
    world.upkeep.unlock(PHONE)
    assert isinstance(refused(world), QuotaExceeded)
    world.upkeep.unlock(PHONE, sends=True)
    start(world)


# -- where the person is --------------------------------------------------------------------------


def numbers(count: int) -> list[str]:
    """Example numbers, each of another prefix."""
    return [f"+9198{n:04}5678" for n in range(count)]


def test_an_address_starts_so_many_for_whatever_numbers(with_only: Make) -> None:
    world = with_only(OTP_ADDRESS_SENDS="10/hour")
    for number in numbers(10):
        start(world, number, person(0, HOME))
    error = refused(world, "+919900005678", person(1, HOME))
    assert isinstance(error, QuotaExceeded)
    assert error.quota == "address"
    start(world, "+919900005678", person(0, Network.of("198.51.100.8")))


def test_one_household_of_ipv6_counts_once(with_only: Make) -> None:
    world = with_only(OTP_ADDRESS6_SENDS="10/hour")
    for n, number in enumerate(numbers(10)):
        start(world, number, person(0, Network.of(f"2001:db8:1:2::{n:x}")))
    assert isinstance(
        refused(world, "+919900005678", person(0, Network.of("2001:db8:1:2:ffff::1"))),
        QuotaExceeded,
    )
    start(world, "+919900005678", person(0, Network.of("2001:db8:1:3::1")))


def test_an_approval_gives_the_addresses_of_its_own_messages_back(with_only: Make) -> None:
    world = with_only(OTP_ADDRESS_SENDS="2/hour")
    away = Network.of("203.0.113.9")
    for number in numbers(5):
        id = start(world, number, person(0, HOME))
        world.clock.turn(seconds=30)
        world.service.resend(person(0, away), id)
        world.service.check(person(0, away), id, world.deliver())
    for network in (HOME, away):
        start(world, f"+9197{network.text[-1]}0005678", person(0, network))
        start(world, f"+9197{network.text[-1]}1115678", person(0, network))
        assert isinstance(refused(world, NUMBER, person(0, network)), QuotaExceeded)


def test_a_back_end_that_names_no_address_is_counted_under_none(with_only: Make) -> None:
    world = with_only(OTP_ADDRESS_SENDS="1/hour")
    for number in numbers(5):
        start(world, number)


def test_a_back_ends_resend_counts_where_the_person_is_that_it_started_for(
    with_only: Make,
) -> None:
    world = with_only(OTP_ADDRESS_SENDS="1/hour")
    id = start(world, NUMBER, person(0, HOME))
    world.clock.turn(seconds=30)
    with pytest.raises(QuotaExceeded):
        world.service.resend(person(0), id)


def test_a_range_of_numbers_gets_twenty_an_hour(world: ServiceWorld) -> None:
    for n in range(20):
        start(world, f"+9198765{n:05}", person(n, Network.of(f"198.51.100.{n}")))
    error = refused(world, "+919876500999", person(0, HOME))
    assert isinstance(error, QuotaExceeded)
    assert error.quota == "prefix"
    start(world, "+919876600999")


def test_a_country_may_have_a_limit_of_its_own(with_only: Make) -> None:
    world = with_only(OTP_COUNTRY_SENDS="2/hour", OTP_COUNTRIES="IN,GB")
    for number in numbers(2):
        start(world, number)
    error = refused(world, "+919900005678")
    assert isinstance(error, QuotaExceeded)
    assert error.quota == "country"
    start(world, "+447400123456")


def test_a_client_may_have_a_limit_and_what_it_proves_gives_way(with_only: Make) -> None:
    world = with_only(OTP_CLIENT_SENDS="2/hour")
    for number in numbers(4):
        approved(world, number)
    for n in range(2):
        start(world, f"+9197{n:04}5678")
    error = refused(world, "+919900005678")
    assert isinstance(error, QuotaExceeded)
    assert error.quota == "client"
    start(world, "+919900005678", Caller(client_id=world.client_id, credential="key"))


# -- money ----------------------------------------------------------------------------------------


def test_the_budget_is_a_hard_stop_and_checks_go_on(with_only: Make) -> None:
    world = with_only(OTP_SEND_BUDGET="5/hour")
    started = []
    for number in numbers(5):
        id = start(world, number)
        started.append((id, world.deliver()))
    error = refused(world, "+919900005678")
    assert isinstance(error, Unavailable)
    assert error.reason == "budget"
    assert world.sender.run_once() == 0
    for id, code in started:
        assert world.service.check(person(), id, code).status == "approved"
    assert isinstance(refused(world, "+919900005678"), Unavailable), "an approval is not a refund"
    world.clock.turn(hours=1, minutes=1)
    start(world, "+919900005678")


def test_the_budget_counts_parts_and_not_messages(with_only: Make) -> None:
    long = "{code} is your {service} code. " + "Do not share it with anybody at all. " * 4
    world = with_only(OTP_SEND_BUDGET="5/hour", OTP_MESSAGE=long)
    start(world, NUMBER)
    start(world, OTHER_NUMBER)
    assert isinstance(refused(world, "+919900005678"), Unavailable), "of five, one part is left"


def test_the_budget_outlives_a_restart(tmp_path: Path) -> None:
    tight = {**ROOMY, "OTP_SEND_BUDGET": "1/hour"}
    world = ServiceWorld(tmp_path, **tight)
    start(world)
    world.close()
    again = ServiceWorld(tmp_path, **tight)
    try:
        assert isinstance(refused(again, OTHER_NUMBER), Unavailable)
    finally:
        again.close()


# -- what is told ---------------------------------------------------------------------------------


def test_the_wait_of_a_number_is_told_coarsely_and_is_enough(world: ServiceWorld) -> None:
    for _ in range(6):
        start(world)
        world.clock.turn(minutes=7, seconds=13)
    error = refused(world)
    assert isinstance(error, QuotaExceeded)
    assert error.retry_in.total_seconds() % 300 == 0
    world.clock.now += error.retry_in
    start(world)


def test_a_number_is_waited_for_before_it_is_counted(world: ServiceWorld) -> None:
    start(world)
    for _ in range(20):
        assert isinstance(refused(world), TooSoon)
    for _ in range(5):
        world.clock.turn(seconds=30)
        start(world)


def test_no_message_is_queued_to_a_number_that_was_blocked_meanwhile(world: ServiceWorld) -> None:
    id = start(world)
    world.clock.turn(seconds=30)
    world.store.put_flag(blocked_flag(world.store.lookup, PHONE), "1")
    with pytest.raises(InvalidPhoneNumber, match="blocked"):
        world.service.resend(person(), id)
    assert isinstance(refused(world), InvalidPhoneNumber)


def test_a_pause_refuses_in_the_transaction_of_the_start(world: ServiceWorld) -> None:
    world.store.put_flag(PAUSED, "1")
    error = refused(world)
    assert isinstance(error, Unavailable)
    assert error.reason == "paused"


def test_no_count_is_kept_under_a_number_or_an_address_that_can_be_read(
    world: ServiceWorld,
) -> None:
    start(world, NUMBER, person(0, HOME))
    for path in world.folder.glob("otp.db*"):
        held = path.read_bytes()
        for secret in (NUMBER[1:], NUMBER[3:], NUMBER[:-4], HOME.text):
            assert secret.encode() not in held
