"""What a store promises. It gives isolation; the rules are in `otp.verification`.

Every method is atomic and durable when it returns: it happened whole, or it raised and nothing
happened. Whatever several threads and processes do at once, the result is as if they had come one
after another. One honest exception: a connection lost during commit raises `Unavailable` without
knowing. Every method that touches a client's data names the client.

Time is an argument, so all stores agree on what a window is, and no test sleeps. The price: the
clocks of the machines that share a store must agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from otp.breaker import Breaker
from otp.challenge import Challenge
from otp.client import ApiKey, Client
from otp.errors import Unavailable
from otp.keys import Keyring, Lookup, TokenBytes
from otp.phone import Phone
from otp.verification import Verification
from otp.wording import Key, Wording

Change = Callable[[Verification], Verification]
"""Pure, and short: it runs while a row or the file is locked, and may run again."""


class Quota(NamedTuple):
    """At most *limit* in any *window*, counted under *bucket* (a keyed name, never a number).

    *name* is its public word. Counts are kept in sixtieths of the window and all that overlap it
    are summed: never over the limit, and at most one sixtieth too strict.
    """

    name: str
    bucket: str
    limit: int
    window: timedelta


@dataclass(frozen=True, slots=True)
class Used:
    """*taken* of a quota count now; the oldest of them no longer do after *frees_in*."""

    taken: int
    frees_in: timedelta


@dataclass(frozen=True, slots=True)
class Taken:
    """One count to give back to *quota*, as it was taken at *at*."""

    quota: Quota
    at: datetime


@dataclass(frozen=True, slots=True)
class Gap:
    """At least *wait* between two accepted sends under *bucket*, to the microsecond."""

    bucket: str
    wait: timedelta


@dataclass(frozen=True, slots=True)
class Price:
    """What a change costs, taken in its transaction or not at all.

    None of the flags named in *unless* may be set. Each quota of *room* must have room for one,
    and nothing is counted against it; each of *take* is counted as often as it is named. Looked at
    in the order unless, room, gap, take.
    """

    unless: tuple[str, ...] = ()
    room: tuple[Quota, ...] = ()
    gap: Gap | None = None
    take: tuple[Quota, ...] = ()
    give_back: tuple[Taken, ...] = ()


FREE = Price()


@dataclass(frozen=True, slots=True)
class Replay:
    """A request that may come again: *key* names it, *fingerprint* says what was asked.

    Both are keyed digests. *outcome* is remembered with it and is the caller's own word. With
    *only_if*, it is remembered only for a verification of which that is true.
    """

    key: bytes
    fingerprint: bytes
    outcome: str = ""
    only_if: Callable[[Verification], bool] | None = None


@dataclass(frozen=True, slots=True)
class Remembered:
    """The answer to a repeated request: the verification as it stands now."""

    verification: Verification
    outcome: str


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send one challenge until the lease runs out."""

    token: str
    verification: Verification
    number: int

    @property
    def challenge(self) -> Challenge:
        return self.verification.challenge(self.number)


class MessageName(NamedTuple):
    """One message: the challenge *number* of a client's verification."""

    client_id: str
    verification_id: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A browser's session, found by the digest of its token. *signed_in* once it was proven."""

    digest: bytes
    client_id: str
    verification_id: str
    signed_in: bool
    created_at: datetime
    expires_at: datetime


class Store(Protocol):
    lookup: Lookup

    @property
    def schema(self) -> int:
        """The number of the newest migration, which is also the database's."""

    def add(
        self,
        verification: Verification,
        *,
        now: datetime,
        price: Price = FREE,
        replay: Replay | None = None,
        resumes: bool = False,
    ) -> Verification:
        """Take *price* and insert the verification with its challenges, or raise and do neither.

        If *replay* was used before, changes nothing and returns the verification it made; of
        racing twins exactly one is added and all callers get it. With *resumes*, if one of the
        same client, number, purpose and `is_test` is pending at *now*, changes nothing and returns
        that one; of the price, *unless* and *room* are looked at before. Raises `Flagged`,
        `QuotaExceeded`, `TooSoon` (for the gap) or `ReplayMismatch`.
        """

    def replayed(self, client_id: str, replay: Replay) -> Remembered | None:
        """Looks only. Raises `ReplayMismatch` for the same key with another fingerprint."""

    def get(self, client_id: str, id: str) -> Verification:
        """Or `NotFound`; another client's is not found."""

    def swap(
        self,
        client_id: str,
        id: str,
        change: Change,
        *,
        now: datetime,
        price: Callable[[Verification, Verification], Price] | Price = FREE,
        replay: Replay | None = None,
    ) -> Verification:
        """Write `change(v)` for the newest v; no other swap of it runs between.

        *price*, or what it answers for (before, after), is taken with the change. If *replay* was
        used before, changes nothing and returns the verification as it stands; if not, it is
        remembered, also where *change* changed nothing. Raises `NotFound`, whatever *change*
        raised, then `Flagged`, `QuotaExceeded`, `TooSoon`, `ReplayMismatch`.
        """

    def by_reference(self, client_id: str, reference: str, limit: int) -> list[Verification]:
        """Those a client gave this reference, newest first."""

    def of_number(self, phone: Phone, limit: int) -> list[Verification]:
        """What happened to a number over all clients, newest first. For operators; may be slow."""

    def forget_number(self, phone: Phone) -> int:
        """Erase every verification of a number, pending or not, and its sessions; say how many."""

    def claim(self, *, token: str, now: datetime, lease: timedelta, limit: int) -> list[Claim]:
        """Give up to *limit* due, queued challenges, oldest first, to this caller alone.

        Nobody else gets them until the lease has passed or `swap` takes the claim off. It writes
        even where nothing is due: look at `next_due` first.
        """

    def next_due(self) -> datetime | None:
        """When the next claim may succeed: a challenge is due then, or its lease has run out."""

    def oldest_queued(self) -> datetime | None:
        """When the challenge was queued that has waited longest to be handed over."""

    def due_asks(self, route: str, now: datetime, limit: int, *, lost: bool) -> list[MessageName]:
        """Messages that left over *route* and are to be asked about now, longest due first: those
        of which it is not known whether they were taken (*lost*), or the others.

        Looks only; who asks takes its turn by a swap (`transit.asking`).
        """

    def awaited(self, route: str, provider_id: str) -> MessageName | None:
        """The message that a gateway knows by this id, as long as it may be asked about."""

    def taken_over(self, route: str, before: datetime) -> MessageName | None:
        """A message queued before *before* of which the gateway of *route* told its own id.

        Only the last few are looked through, so there may be one without its being found.
        """

    def owner(self, id: str) -> str | None:
        """Whose verification it is, for those who know only its id; None if there is none."""

    def queue_depth(self) -> int:
        """How many challenges wait to be handed over, those included that are being."""

    def take(self, quotas: Sequence[Quota], now: datetime) -> None:
        """Count one against every quota, or raise `QuotaExceeded` and count none.

        Of several that are full, the one is named that is full for longest.
        """

    def forget_counts(self, quotas: Sequence[Quota]) -> None:
        """Set the counts of these quotas back to nothing; for operators."""

    def used(self, quota: Quota, now: datetime) -> Used:
        """How much of *quota* is taken. Looks only."""

    def overdue(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        """(client id, verification id) of those that `at(now)` would change."""

    def purge(self, before: datetime, now: datetime, limit: int) -> int:
        """Forget up to *limit* verifications ended before *before*; say how many.

        Also forgets replay records, sessions and counters that are over at *now*.
        """

    def put_client(self, client: Client) -> None: ...

    def client(self, client_id: str) -> Client:
        """Or `NotFound`."""

    def clients(self) -> list[Client]: ...

    def put_key(self, key: ApiKey) -> None: ...

    def key(self, key_id: str) -> ApiKey | None: ...

    def key_and_client(self, key_id: str) -> tuple[ApiKey, Client] | None:
        """A key and whose it is, in one look."""

    def keys(self, client_id: str) -> list[ApiKey]: ...

    def put_session(self, session: Session, replaces: bytes | None = None) -> None:
        """Insert it, unless it is there; the one under *replaces* ends in the same transaction.

        Raises `NotFound` without its verification.
        """

    def session(self, digest: bytes, now: datetime) -> Session | None: ...

    def end_session(self, digest: bytes) -> None: ...

    def put_flag(self, name: str, value: str | None) -> None:
        """Remember a word under *name* (pause, blocked numbers), or forget it."""

    def flag(self, name: str) -> str | None: ...

    def breakers(self) -> dict[str, Breaker]:
        """Those of the routes that are not simply closed."""

    def turn(self, route: str, change: Callable[[Breaker], Breaker]) -> tuple[Breaker, Breaker]:
        """Write `change(breaker)` for the route's newest; return what was and what is."""

    def put_message(self, wording: Wording) -> None:
        """Keep a text in place of the one for the same client, purpose and locale."""

    def messages(self) -> list[Wording]:
        """All of them, by client, purpose and locale."""

    def remove_message(self, key: Key) -> bool:
        """Forget the text for just this client, purpose and locale; say if there was one."""

    def tally(self, process: str, counts: Iterable[tuple[str, int]]) -> None:
        """Add to this process's own metric rows: a shared row would serialise every change."""

    def tallies(self) -> dict[str, int]:
        """The sum over all processes, by the names of the rows."""

    def fold_tallies(self, before: str) -> int:
        """Add up the rows of all processes whose names sort before *before* into one set of rows,
        that of no process; say how many rows went. Every sum stays as it is, whoever counts
        meanwhile and under whatever name."""

    def ping(self) -> None:
        """Raises `Unavailable` unless a write would work and the schema is the newest."""

    def close(self) -> None: ...


def open_store(url: str, keyring: Keyring, token_bytes: TokenBytes) -> Store:
    """The store behind *url*, its schema brought up to date under a lock.

    `sqlite:///relative`, `sqlite:////absolute`. Raises `Unavailable` if it cannot be opened, and
    `ValueError` for a URL no store answers to.
    """
    scheme, _, path = url.partition("://")
    if scheme == "sqlite":
        from otp.store.sqlite import SqliteStore

        return SqliteStore(path.removeprefix("/"), keyring, token_bytes)
    raise ValueError(f"no store for {scheme!r} URLs")


__all__ = [
    "FREE",
    "Change",
    "Claim",
    "Gap",
    "MessageName",
    "Price",
    "Quota",
    "Remembered",
    "Replay",
    "Session",
    "Store",
    "Taken",
    "Unavailable",
    "Used",
    "open_store",
]
