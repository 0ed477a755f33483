"""What every store promises of clients, keys, sessions, flags and metric counts."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import date

import pytest

from otp import client as clients
from otp.breaker import CLOSED, Breaker
from otp.client import SIGN_IN, ApiKey, Client, Mode, Rights
from otp.errors import NotFound, Unavailable
from otp.store import Quota, Session, Store
from tests.store.material import CLIENT, NOW, SECOND, added, new

ACME = Client(
    id="cli_1",
    name="Acme",
    created_at=NOW,
    policy=(("max_attempts", 3), ("code_length", 8)),
    test_numbers=tuple(
        clients.TestNumber(
            index=bytes([end]) * 16,
            masked="+1••••••0143",
            digest=f"old$00{end}",
            code_length=8,
            until=date(2026, 12, 31),
        )
        for end in (1, 2)
    ),
)


def issued(rights: Rights = Rights.SECRET, mode: Mode = Mode.LIVE) -> ApiKey:
    key, _ = ApiKey.issue(ACME.id, rights, mode, token_bytes=secrets.token_bytes, now=NOW)
    return key


def session_of(store: Store, digest: bytes = b"one") -> Session:
    return Session(
        digest=digest,
        client_id=CLIENT,
        verification_id=added(store).id,
        signed_in=False,
        created_at=NOW,
        expires_at=NOW + 60 * SECOND,
    )


def test_the_pages_are_a_client_from_the_first_day(store: Store) -> None:
    assert [client.id for client in store.clients()] == [SIGN_IN]
    assert (store.client(SIGN_IN).name, store.keys(SIGN_IN)) == ("sign-in", [])


def test_a_client_is_kept_whole_and_replaced_whole(store: Store) -> None:
    store.put_client(ACME)
    assert store.client("cli_1") == ACME
    renamed = Client(id="cli_1", name="Acme & Co", created_at=NOW + SECOND)
    store.put_client(renamed)
    assert store.client("cli_1") == renamed
    assert [client.id for client in store.clients()].count("cli_1") == 1


def test_a_key_and_its_client_are_found_in_one_look(store: Store) -> None:
    store.put_client(ACME)
    key = issued()
    store.put_key(key)
    assert store.key_and_client(key.id) == (key, ACME)
    assert store.key_and_client("0" * 16) is None


def test_an_unknown_client_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound):
        store.client("' OR 1=1 --")


def test_keys_are_found_by_their_id_and_by_their_client(store: Store) -> None:
    store.put_client(ACME)
    made = [issued(rights, mode) for rights in Rights for mode in Mode]
    for key in made:
        store.put_key(key)
    assert [store.key(key.id) for key in made] == made
    assert sorted(store.keys(ACME.id), key=lambda key: key.id) == sorted(
        made, key=lambda key: key.id
    )
    assert store.keys(SIGN_IN) == []
    assert store.key("0" * 16) is None


def test_a_revoked_key_is_kept_and_says_when(store: Store) -> None:
    store.put_client(ACME)
    key = issued()
    store.put_key(key)
    revoked = replace(key, revoked_at=NOW + SECOND)
    store.put_key(revoked)
    assert store.key(key.id) == revoked
    assert store.keys(ACME.id) == [revoked]


def test_a_key_of_no_client_is_refused(store: Store) -> None:
    with pytest.raises(Unavailable):
        store.put_key(issued())


def test_a_session_lives_until_it_expires(store: Store) -> None:
    session = replace(session_of(store), signed_in=True)
    store.put_session(session)
    assert store.session(b"one", session.expires_at - SECOND) == session
    assert store.session(b"one", session.expires_at) is None
    assert store.session(b"two", NOW) is None


def test_a_purge_takes_only_sessions_that_are_over(store: Store) -> None:
    session = session_of(store)
    store.put_session(session)
    store.purge(NOW, session.expires_at - SECOND, 9)
    assert store.session(b"one", NOW) == session
    store.purge(NOW, session.expires_at, 9)
    assert store.session(b"one", NOW) is None


def test_the_same_session_put_twice_is_the_first_one(store: Store) -> None:
    first = session_of(store)
    store.put_session(first)
    store.put_session(replace(first, signed_in=not first.signed_in))
    assert store.session(b"one", NOW) == first


def test_a_session_that_replaces_another_ends_it(store: Store) -> None:
    store.put_session(session_of(store))
    fresh = session_of(store, b"two")
    store.put_session(fresh, replaces=b"one")
    assert store.session(b"one", NOW) is None
    assert store.session(b"two", NOW) == fresh


def test_an_ended_session_is_gone(store: Store) -> None:
    store.put_session(session_of(store))
    store.end_session(b"one")
    store.end_session(b"one")
    assert store.session(b"one", NOW) is None


def test_there_is_no_session_without_a_verification_of_its_client(store: Store) -> None:
    session = session_of(store)
    for stranger in (
        replace(session, verification_id=new(store).id),
        replace(session, verification_id="none"),
        replace(session, client_id="other"),
    ):
        with pytest.raises(NotFound):
            store.put_session(stranger)
    assert store.session(b"one", NOW) is None


def test_a_flag_is_a_word_until_it_is_taken_down(store: Store) -> None:
    assert store.flag("pause") is None
    store.put_flag("pause", "by hand")
    store.put_flag("pause", "budget")
    store.put_flag("other", "")
    assert (store.flag("pause"), store.flag("other")) == ("budget", "")
    store.put_flag("pause", None)
    store.put_flag("pause", None)
    assert (store.flag("pause"), store.flag("other")) == (None, "")


def test_tallies_are_the_sum_over_all_processes(store: Store) -> None:
    assert store.tallies() == {}
    store.tally("one", iter([("starts", 2), ("checks", 1)]))
    store.tally("one", [("starts", 3)])
    store.tally("two", [("starts", 5)])
    store.tally("two", [])
    assert store.tallies() == {"starts": 10, "checks": 1}


def test_folding_the_tallies_of_older_processes_changes_no_sum(store: Store) -> None:
    for process in ("08 one", "09 two", "10 three"):
        store.tally(process, [("starts", 2), ("checks", 1)])
    store.tally("08 one", [("sends", 7)])
    before = store.tallies()
    assert store.fold_tallies("08") == 0
    assert store.fold_tallies("10") == 5
    assert store.fold_tallies("10") == 0, "they are nobody's rows now, and are left alone"
    assert store.tallies() == before == {"starts": 6, "checks": 3, "sends": 7}
    store.tally("08 one", [("starts", 1)])  # it was not dead after all
    assert (store.fold_tallies("10"), store.fold_tallies("11")) == (1, 2)
    assert store.tallies() == {**before, "starts": 7}


def test_the_queue_is_as_deep_as_messages_wait_in_it(store: Store) -> None:
    assert store.queue_depth() == 0
    first = added(store)
    added(store, now=NOW + SECOND)
    assert store.queue_depth() == 2
    store.claim(token="sender", now=NOW, lease=SECOND, limit=1)
    assert store.queue_depth() == 2, "one that is being handed over is not out yet"
    store.swap(CLIENT, first.id, lambda v: v.cancel(NOW), now=NOW)
    assert store.queue_depth() == 1


def test_a_store_knows_the_number_of_its_schema(store: Store) -> None:
    assert store.schema >= 5


def test_a_store_that_works_answers_a_ping(store: Store) -> None:
    store.ping()


def test_a_closed_store_is_unavailable(store: Store) -> None:
    v = added(store)
    store.close()
    for act in (
        lambda: store.get(CLIENT, v.id),
        lambda: store.add(new(store), now=NOW),
        lambda: store.swap(CLIENT, v.id, lambda v: v.cancel(NOW), now=NOW),
        lambda: store.take([Quota("client", "acme", 1, SECOND)], NOW),
        store.next_due,
        store.queue_depth,
        store.tallies,
        lambda: store.fold_tallies("9"),
        store.ping,
    ):
        with pytest.raises(Unavailable):
            act()
    store.close()


def test_a_breaker_is_kept_whole_until_it_closes(store: Store) -> None:
    opened = Breaker(
        failures=5,
        trips=2,
        reason="timeout",
        refused=True,
        open_until=NOW + SECOND,
        tried_until=NOW + 3 * SECOND,
    )
    assert store.breakers() == {}
    assert store.turn("main", lambda found: opened if found == CLOSED else found) == (
        CLOSED,
        opened,
    )
    assert store.breakers() == {"main": opened}
    assert store.turn("main", lambda found: found.worked(NOW)) == (opened, CLOSED)
    assert store.breakers() == {}


def test_a_breaker_whose_change_fails_stays_as_it_was(store: Store) -> None:
    before, after = store.turn("main", lambda found: found.failed("timeout", NOW))
    assert (before.failures, after.failures) == (0, 1)

    def fails(_: Breaker) -> Breaker:
        raise NotFound

    with pytest.raises(NotFound):
        store.turn("main", fails)
    assert store.breakers() == {"main": after}
