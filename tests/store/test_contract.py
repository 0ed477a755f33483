"""What every store promises of verifications, told through the protocol alone."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest

from otp.challenge import Challenge, Delivery
from otp.errors import (
    Flagged,
    NotFound,
    ProofSpent,
    QuotaExceeded,
    ReplayMismatch,
    TooSoon,
    VerificationEnded,
)
from otp.phone import Phone
from otp.store import Gap, Price, Quota, Replay, Session, Store
from otp.verification import Policy, Status, Verification
from tests.store.material import (
    CLIENT,
    LEASE,
    NEW_KEY,
    NOW,
    NUMBER,
    OLD_KEY,
    OTHER_NUMBER,
    SECOND,
    added,
    approved,
    guess_wrong,
    new,
    opened,
    pending,
    right,
    sent,
)

REPLAY = Replay(key=b"key", fingerprint=b"what was asked", outcome="created")
GAP = Price(gap=Gap("number", 30 * SECOND))
POLICY = Policy(
    code_length=8,
    code_life=timedelta(microseconds=90_000_001),
    life=timedelta(seconds=901),
    max_attempts=7,
    resend_waits=(timedelta(milliseconds=1), timedelta(days=1)),
    live_codes=1,
)


def full(store: Store) -> Verification:
    """A verification whose every field says something."""
    born = new(
        store,
        policy=POLICY,
        purpose="sign-in",
        locale="hi-IN",
        nonce="' OR 1=1 --",
        reference="order-7 ₹",
    )
    challenge = replace(
        born.newest,
        delivery=Delivery.UNDELIVERED,
        reason="refused",
        tries=3,
        claim="claim",
        handed_by="claim",
        digest="old$00ff",
        route="main",
        provider_id="sms-1",
        source="address:00ff",
        word="SOMETHING",
        ask_at=NOW + 3 * SECOND,
        asks=2,
        misses=1,
        returned=1,
        due_at=NOW + SECOND,
        expires_at=NOW + 2 * SECOND,
        updated_at=datetime(2026, 11, 22, 8, 40, 0, 999_999, tzinfo=UTC),
    )
    return replace(
        born,
        challenges=(challenge, replace(challenge, number=2, queued_at=NOW + 4 * SECOND)),
        status=Status.APPROVED,
        attempts=2,
        ended_at=NOW + 5 * SECOND,
        approved_by="otp_sk_live_0123",
        wrong_at=(NOW + SECOND, NOW + 2 * SECOND),
        is_test=True,
        redeemed_at=NOW + 6 * SECOND,
    )


def test_every_field_comes_back_as_it_went_in(store: Store) -> None:
    v = full(store)
    for value in (v, v.newest):
        assert not [f.name for f in fields(value) if getattr(value, f.name) == f.default]
    assert store.add(v, now=NOW) == v
    assert store.get(CLIENT, v.id) == v


def test_every_field_that_a_swap_changes_is_written(store: Store) -> None:
    v = full(store)
    bare = replace(
        v,
        challenges=(
            Challenge(
                number=1,
                channel=v.newest.channel,
                queued_at=NOW,
                due_at=NOW,
                expires_at=NOW,
                updated_at=NOW,
            ),
        ),
        status=Status.PENDING,
        attempts=0,
        ended_at=None,
        approved_by=None,
        wrong_at=(),
        is_test=False,
        redeemed_at=None,
        policy=Policy(),
        purpose=None,
        locale=None,
        nonce=None,
        reference=None,
        support_code="",
    )
    store.add(bare, now=NOW)
    assert store.swap(CLIENT, v.id, lambda _: v, now=NOW) == v
    assert store.get(CLIENT, v.id) == v


def test_the_clock_of_the_caller_may_stand_in_any_zone(store: Store) -> None:
    v = new(store, now=NOW.astimezone(tz=None))
    store.add(v, now=NOW)
    assert store.get(CLIENT, v.id) == v
    assert store.get(CLIENT, v.id).created_at.tzinfo is UTC


@pytest.mark.parametrize(
    "id",
    [
        "ver_" + "0" * 32,
        "ver_" + "0" * 31,
        "ver_" + "٠" * 32,
        "0" * 36,
        "",
        "' OR 1=1 --",
        "ver_\0",
    ],
)
def test_an_id_that_is_none_is_not_found(store: Store, id: str) -> None:
    with pytest.raises(NotFound):
        store.get(CLIENT, id)
    with pytest.raises(NotFound):
        store.swap(CLIENT, id, lambda v: v, now=NOW)


def test_another_clients_verification_is_not_found(store: Store) -> None:
    v = added(store)
    with pytest.raises(NotFound):
        store.get("other", v.id)
    with pytest.raises(NotFound):
        store.swap("other", v.id, lambda v: v.cancel(NOW), now=NOW)
    assert pending(store, client_id="other") is None
    assert store.get(CLIENT, v.id) == v


def test_what_a_swap_returns_is_what_is_read_afterwards(store: Store) -> None:
    v = added(store)
    resent = store.swap(CLIENT, v.id, lambda v: v.resend(NOW + 30 * SECOND), now=NOW)
    assert len(resent.challenges) == 2
    assert store.get(CLIENT, v.id) == resent


def test_a_swap_that_raises_changes_nothing_and_its_error_comes_out(store: Store) -> None:
    v = sent(store)
    ended = store.swap(CLIENT, v.id, lambda v: v.check(right, caller="k", now=NOW), now=NOW)
    with pytest.raises(VerificationEnded) as raised:
        store.swap(CLIENT, v.id, lambda v: v.resend(NOW), now=NOW)
    assert raised.value.verification == ended
    with pytest.raises(ZeroDivisionError):
        store.swap(CLIENT, v.id, lambda v: replace(v, attempts=1 // 0), now=NOW)
    assert store.get(CLIENT, v.id) == ended


def test_a_swap_is_paid_with_what_its_change_made(store: Store) -> None:
    v = added(store)
    seen: list[tuple[int, int]] = []

    def price(before: Verification, after: Verification) -> Price:
        seen.append((before.attempts, after.attempts))
        return GAP

    store.swap(CLIENT, v.id, lambda v: replace(v, attempts=1), now=NOW, price=price)
    assert seen == [(0, 1)]
    with pytest.raises(TooSoon):
        store.swap(CLIENT, v.id, lambda v: replace(v, attempts=2), now=NOW, price=price)
    assert store.get(CLIENT, v.id).attempts == 1


def test_a_refused_price_keeps_a_verification_out(store: Store) -> None:
    store.add(new(store, reference="first"), now=NOW, price=GAP)
    with pytest.raises(TooSoon):
        store.add(new(store, reference="second"), now=NOW, price=GAP, replay=REPLAY)
    assert store.by_reference(CLIENT, "second", 9) == []
    assert store.replayed(CLIENT, REPLAY) is None


# -- requests that come again ---------------------------------------------------------------------


def test_a_redemption_outlives_its_process_and_a_purge_of_what_is_older(url: str) -> None:
    before = opened(url)
    first, second = approved(before).id, approved(before).id
    before.swap(CLIENT, first, lambda v: v.redeem(NOW), now=NOW)
    before.close()
    after = opened(url)
    after.purge(NOW, NOW + SECOND, 9)
    with pytest.raises(ProofSpent):
        after.swap(CLIENT, first, lambda v: v.redeem(NOW + SECOND), now=NOW + SECOND)
    after.swap(CLIENT, second, lambda v: v.redeem(NOW + SECOND), now=NOW + SECOND)
    found = [after.get(CLIENT, id).redeemed_at for id in (first, second)]
    assert found == [NOW, NOW + SECOND]
    after.close()


def test_a_repeated_add_gets_the_first_one_and_pays_nothing(store: Store) -> None:
    once = Quota("client", "acme", 1, 60 * SECOND)
    first = store.add(new(store), now=NOW, price=Price(take=(once,)), replay=REPLAY)
    guess_wrong(store, first.id)
    again = store.add(new(store), now=NOW, price=Price(take=(once,)), replay=REPLAY)
    assert again == replace(first, attempts=1, wrong_at=(NOW,))
    assert len(store.of_number(NUMBER, 9)) == 1


def test_a_repeated_swap_changes_nothing_and_shows_it_as_it_stands(store: Store) -> None:
    id = added(store).id
    later = NOW + 30 * SECOND
    resend = Replay(key=b"resend", fingerprint=b"resend")
    store.swap(CLIENT, id, lambda v: v.resend(later), now=later, replay=resend)
    guess_wrong(store, id)
    again = store.swap(CLIENT, id, lambda v: v.resend(later), now=later, replay=resend)
    assert (len(again.challenges), again.attempts) == (2, 1)


def test_a_swap_that_changed_nothing_is_remembered_too(store: Store) -> None:
    v = added(store)
    store.swap(CLIENT, v.id, lambda v: v, now=NOW, replay=REPLAY)
    known = store.replayed(CLIENT, REPLAY)
    assert known is not None
    assert (known.verification, known.outcome) == (v, "created")


def test_a_swap_that_raised_is_not_remembered(store: Store) -> None:
    id = added(store).id
    with pytest.raises(TooSoon):
        store.swap(CLIENT, id, lambda v: v.resend(NOW), now=NOW, replay=REPLAY)
    assert store.replayed(CLIENT, REPLAY) is None


def test_what_is_remembered_on_a_condition_needs_it_to_be_true(store: Store) -> None:
    id = sent(store).id
    approved = replace(REPLAY, only_if=lambda v: v.status is Status.APPROVED)
    store.swap(CLIENT, id, lambda v: replace(v, attempts=1), now=NOW, replay=approved)
    assert store.replayed(CLIENT, REPLAY) is None
    store.swap(CLIENT, id, lambda v: v.check(right, caller="k", now=NOW), now=NOW, replay=approved)
    assert store.replayed(CLIENT, REPLAY) is not None


def test_one_key_for_two_requests_is_a_mismatch(store: Store) -> None:
    v = store.add(new(store), now=NOW, replay=REPLAY)
    other = replace(REPLAY, fingerprint=b"something else")
    with pytest.raises(ReplayMismatch):
        store.replayed(CLIENT, other)
    with pytest.raises(ReplayMismatch):
        store.add(new(store), now=NOW, replay=other)
    with pytest.raises(ReplayMismatch):
        store.swap(CLIENT, v.id, lambda v: v.cancel(NOW), now=NOW, replay=other)
    assert store.of_number(NUMBER, 9) == [v]


def test_two_clients_may_use_the_same_key(store: Store) -> None:
    store.add(new(store), now=NOW, replay=REPLAY)
    assert store.replayed("other", REPLAY) is None
    theirs = store.add(new(store, client_id="other"), now=NOW, replay=REPLAY)
    assert theirs.client_id == "other"


# -- finding --------------------------------------------------------------------------------------


def test_pending_is_the_newest_of_client_number_and_purpose(store: Store) -> None:
    added(store)
    newest = added(store, now=NOW + SECOND)
    for fields_ in (
        {"purpose": "pay"},
        {"phone": OTHER_NUMBER},
        {"client_id": "other"},
    ):
        added(store, now=NOW + 2 * SECOND, **fields_)
    assert pending(store) == newest
    store.swap(CLIENT, newest.id, lambda v: v.cancel(NOW), now=NOW)
    older = pending(store)
    assert older is not None
    assert older.created_at == NOW
    pay = pending(store, purpose="pay")
    assert pay is not None
    assert pay.purpose == "pay"
    assert pending(store, purpose="log-in") is None


def test_a_test_and_what_is_none_do_not_stand_for_each_other(store: Store) -> None:
    live = added(store)
    assert pending(store, is_test=True) is None
    test = added(store, is_test=True, now=NOW + SECOND)
    assert pending(store, now=NOW + SECOND) == live
    assert pending(store, now=NOW + SECOND, is_test=True) == test


def test_what_time_has_ended_is_not_taken_up_again_though_nobody_wrote_it_down(
    store: Store,
) -> None:
    v = added(store)
    assert pending(store, now=v.expires_at - timedelta(microseconds=1)) == v
    assert pending(store, now=v.expires_at) is None


def test_a_pending_one_is_found_before_a_new_one_is_paid_and_after_what_forbids_both(
    store: Store,
) -> None:
    v = added(store)
    dear = Price(gap=Gap("number", 30 * SECOND), take=(Quota("client", "acme", 0, SECOND),))
    assert store.add(new(store), now=NOW, price=dear, resumes=True) == v
    for forbidden, error in (
        (Price(room=(Quota("failures", "n", 0, SECOND),)), QuotaExceeded),
        (Price(unless=("pause",)), Flagged),
    ):
        store.put_flag("pause", "1")
        with pytest.raises(error):
            store.add(new(store), now=NOW, price=forbidden, resumes=True)
    assert len(store.of_number(NUMBER, 9)) == 1


def test_listings_are_newest_first_and_no_longer_than_asked(store: Store) -> None:
    made = [added(store, now=NOW + n * SECOND, reference="order") for n in range(4)]
    other = added(store, now=NOW + 9 * SECOND, reference="order", client_id="other")
    added(store, phone=OTHER_NUMBER, reference="another")
    assert store.by_reference(CLIENT, "order", 3) == made[:0:-1]
    assert store.by_reference(CLIENT, "order", 9) == made[::-1]
    assert store.by_reference(CLIENT, "none", 9) == []
    assert store.of_number(NUMBER, 3) == [other, *made[:1:-1]]


def test_a_finished_verification_is_still_found_by_its_reference(store: Store) -> None:
    id = added(store, reference="order").id
    canceled = store.swap(CLIENT, id, lambda v: v.cancel(NOW), now=NOW)
    assert store.by_reference(CLIENT, "order", 9) == [canceled]


# -- forgetting -----------------------------------------------------------------------------------


def test_overdue_names_those_that_time_has_changed_until_they_are_swapped(store: Store) -> None:
    approved = sent(store, now=NOW + SECOND)
    pending = added(store)
    store.swap(CLIENT, approved.id, lambda v: v.check(right, caller="k", now=NOW + SECOND), now=NOW)
    digests_go = NOW + 61 * SECOND
    assert store.overdue(digests_go - SECOND / 1000, 9) == []
    assert store.overdue(digests_go, 9) == [(CLIENT, approved.id)]
    assert store.overdue(pending.expires_at, 9) == [(CLIENT, approved.id), (CLIENT, pending.id)]
    assert store.overdue(pending.expires_at, 1) == [(CLIENT, approved.id)]
    for client_id, id in store.overdue(pending.expires_at, 9):
        store.swap(client_id, id, lambda v: v.at(pending.expires_at), now=pending.expires_at)
    assert store.overdue(NOW + timedelta(days=9), 9) == []
    assert store.get(CLIENT, pending.id).status is Status.FAILED
    assert not any(c.digest for c in store.get(CLIENT, approved.id).challenges)


def test_purge_forgets_what_ended_before_and_nothing_else(store: Store) -> None:
    ended = []
    for n in range(3):
        id = added(store, now=NOW + n * SECOND).id
        at = NOW + n * SECOND
        ended.append(store.swap(CLIENT, id, lambda v, at=at: v.cancel(at), now=at))
    pending = added(store)
    end = NOW + 2 * SECOND
    assert store.purge(end, end, 1) == 1
    assert store.of_number(NUMBER, 9) == [ended[2], ended[1], pending]
    assert store.purge(end, end, 9) == 1
    assert store.purge(end, end, 9) == 0
    assert store.of_number(NUMBER, 9) == [ended[2], pending]


def test_what_hung_on_a_purged_verification_is_forgotten_with_it(store: Store) -> None:
    v = store.add(new(store), now=NOW, replay=REPLAY)
    year = timedelta(days=365)
    store.put_session(session(v, expires_at=NOW + year))
    store.swap(CLIENT, v.id, lambda v: v.cancel(NOW), now=NOW)
    assert store.purge(NOW + SECOND, NOW + SECOND, 9) == 1
    with pytest.raises(NotFound):
        store.get(CLIENT, v.id)
    assert store.replayed(CLIENT, REPLAY) is None
    assert store.session(b"digest", NOW) is None
    assert store.next_due() is None


def test_replays_are_forgotten_after_a_day(store: Store) -> None:
    store.add(new(store), now=NOW, replay=REPLAY)
    day = NOW + timedelta(days=1)
    store.purge(NOW, day - SECOND, 9)
    assert store.replayed(CLIENT, REPLAY) is not None
    store.purge(NOW, day, 9)
    assert store.replayed(CLIENT, REPLAY) is None


def test_a_forgotten_number_leaves_nothing_behind(store: Store) -> None:
    open_one = store.add(new(store), now=NOW, replay=REPLAY)
    ended = added(store, client_id="other")
    store.swap("other", ended.id, lambda v: v.cancel(NOW), now=NOW)
    kept = added(store, phone=OTHER_NUMBER)
    store.put_session(session(open_one))
    assert store.forget_number(NUMBER) == 2
    assert store.forget_number(NUMBER) == 0
    assert store.of_number(NUMBER, 9) == []
    assert pending(store) is None
    assert store.replayed(CLIENT, REPLAY) is None
    assert store.session(b"digest", NOW) is None
    claimed = store.claim(token="t", now=NOW, lease=LEASE, limit=9)
    assert [claim.verification.id for claim in claimed] == [kept.id]


def session(v: Verification, *, expires_at: datetime = NOW + 60 * SECOND) -> Session:
    return Session(
        digest=b"digest",
        client_id=v.client_id,
        verification_id=v.id,
        signed_in=False,
        created_at=NOW,
        expires_at=expires_at,
    )


# -- keys -----------------------------------------------------------------------------------------


def test_a_rotation_of_keys_changes_no_id_and_no_index(url: str) -> None:
    with_old = opened(url, OLD_KEY)
    v = added(with_old)
    with_old.close()
    with_both = opened(url, NEW_KEY, OLD_KEY)
    assert with_both.get(CLIENT, v.id) == v
    assert with_both.of_number(NUMBER, 9) == [v]
    with_both.close()


def test_a_number_whose_key_is_gone_is_unreadable_and_the_rest_is_not(url: str) -> None:
    with_old = opened(url, OLD_KEY)
    id = added(with_old).id
    with_old.close()
    opened(url, NEW_KEY, OLD_KEY).close()
    with_new = opened(url, NEW_KEY)
    v = with_new.get(CLIENT, id)
    assert v.phone is Phone.UNREADABLE
    assert with_new.swap(CLIENT, id, lambda v: v.cancel(NOW), now=NOW).status is Status.CANCELED
    assert [found.id for found in with_new.of_number(NUMBER, 9)] == [id]
    with_new.close()
    with_both = opened(url, NEW_KEY, OLD_KEY)
    assert with_both.get(CLIENT, id).phone == NUMBER
    with_both.close()


def test_a_store_that_no_listed_key_opens_says_so(url: str) -> None:
    opened(url, OLD_KEY).close()
    with pytest.raises(ValueError, match="OTP_SECRET_KEYS: none of the listed keys opens this"):
        opened(url, NEW_KEY)
