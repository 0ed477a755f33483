"""Which limits guard a send and a guess, and what an approval gives back.

Everything is counted on the normalised number and over all clients and doors, under keyed names
that cannot be read back. Verifications of test mode count for themselves, under their client. How
counts are kept is the store's; floods of requests are counted elsewhere.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Final

from otp.errors import QuotaExceeded, TooManyFailures, Unavailable, Wait
from otp.keys import Lookup
from otp.network import Network
from otp.phone import Phone
from otp.settings import Rate, Settings
from otp.store import FREE, Gap, Price, Quota, Taken
from otp.store.flags import PAUSED, blocked_flag
from otp.verification import Verification

FAILURES: Final = "failures"
BUDGET: Final = "budget"

_FIRST_WAIT: Final = timedelta(seconds=30)
"""Where no resend is allowed, and so no wait is set."""

_V4: Final = "address:"
_V6: Final = "address6:"
_LINE_DIGITS: Final = 4
"""A prefix is a number without so many of its last digits."""

_OWN: Final = ("address", "client")
"""Limits on the caller, who is told its wait exactly. What others did to a number is told coarsely,
so that nobody can read from it when they did it."""


class Quotas:
    def __init__(self, settings: Settings, lookup: Lookup) -> None:
        self._settings = settings
        self._lookup = lookup

    @property
    def first_wait(self) -> timedelta:
        """The wait between two accepted messages to one number."""
        return next(iter(self._settings.resend_waits), _FIRST_WAIT)

    def source(self, network: Network | None) -> str | None:
        """The keyed name under which sends are counted that *network* asks for."""
        if network is None:
            return None
        name = self._lookup.mac("address", network.text)[:16].hex()
        return (_V6 if network.is_v6 else _V4) + name

    def of_send(self, v: Verification, *, source: str | None, parts: int) -> Price:
        """What one more message of *v*, of so many SMS *parts*, costs, asked for by *source*."""
        number = self._number(v)
        gap = Gap(bucket=f"{number}:last", wait=self.first_wait)
        room, total = self._wrong(number), self._total(number)
        if v.is_test:
            take = (*self._unapproved(v, None), *total)
            return Price(unless=(PAUSED,), room=room, gap=gap, take=take)
        return Price(
            unless=(PAUSED, blocked_flag(self._lookup, v.phone)),
            room=room,
            gap=gap,
            take=(*self._unapproved(v, source), *total, *self.budget() * parts),
        )

    def of_check(self, before: Verification, after: Verification) -> Price:
        """What a check costs that made *after* of *before*.

        A wrong code is counted against the number, and while those are used up the right one is
        refused as well, with the same words. An approval gives back the sends of its own
        verification and forgives its own wrong codes.
        """
        if after.attempts == before.attempts:
            return FREE  # an approval that is only told again
        wrong = self._wrong(self._number(before))
        if after.approved_by is None:
            return Price(room=wrong, take=wrong)
        sends = [
            Taken(quota, challenge.queued_at)
            for challenge in after.challenges
            for quota in self._unapproved(after, challenge.source)
        ]
        forgiven = [Taken(quota, at) for at in after.wrong_at for quota in wrong]
        return Price(room=wrong, give_back=(*sends, *forgiven))

    def of_number(self, phone: Phone, client_id: str, *, sends: bool) -> tuple[Quota, ...]:
        """The wrong codes of a number, and with *sends* its messages too.

        With a *client_id*, those of this client's tests; with none, those of people.
        """
        index = self._lookup.index(phone).hex()
        number = f"{client_id}:{index}" if client_id else index
        if not sends:
            return self._wrong(number)
        return (*self._wrong(number), *self._sends(number), *self._total(number))

    def budget(self) -> tuple[Quota, ...]:
        """The SMS parts of the whole service."""
        return tuple(_quotas(BUDGET, BUDGET, self._settings.send_budget))

    def _number(self, v: Verification) -> str:
        index = self._lookup.index(v.phone).hex()
        return f"{v.client_id}:{index}" if v.is_test else index

    def _wrong(self, number: str) -> tuple[Quota, ...]:
        """How many wrong codes a number may have over all its verifications."""
        return tuple(_quotas(FAILURES, f"{number}:wrong", self._settings.phone_failures))

    def _sends(self, number: str) -> list[Quota]:
        return _quotas("phone_number", f"{number}:sends", self._settings.phone_sends)

    def _total(self, number: str) -> list[Quota]:
        return _quotas("phone_number", f"{number}:total", self._settings.phone_sends_total)

    def _unapproved(self, v: Verification, source: str | None) -> list[Quota]:
        """What counts one send until an approval gives it back."""
        settings = self._settings
        found = self._sends(self._number(v))
        if v.is_test:
            return found
        prefix = self._lookup.mac("prefix", v.phone.e164[:-_LINE_DIGITS])[:16].hex()
        found += _quotas("prefix", f"prefix:{prefix}", settings.prefix_sends)
        if settings.country_sends:
            found += _quotas("country", f"country:{v.phone.region}", settings.country_sends)
        if settings.client_sends:
            found += _quotas("client", f"client:{v.client_id}", settings.client_sends)
        if source is not None:
            is_v6 = source.startswith(_V6)
            rates = settings.address6_sends if is_v6 else settings.address_sends
            found += _quotas("address", source, rates)
        return found


def refusal(error: QuotaExceeded, v: Verification | None = None) -> Wait | Unavailable:
    """What a caller is told of a full quota; *v* is its own verification, if there is one."""
    if error.quota == BUDGET:
        return Unavailable("budget", error.retry_in)
    told = error.retry_in if error.quota in _OWN else _coarse(error.retry_in)
    if error.quota == FAILURES:
        return TooManyFailures(told, v)
    return QuotaExceeded(error.quota, told, error.verification or v)


def _coarse(wait: timedelta) -> timedelta:
    """Rounded up to minutes, five minutes or hours."""
    minute = timedelta(minutes=1)
    step = minute if wait <= 5 * minute else 5 * minute if wait <= 60 * minute else 60 * minute
    return math.ceil(wait / step) * step


def _quotas(name: str, bucket: str, rates: tuple[Rate, ...]) -> list[Quota]:
    return [Quota(name, bucket, rate.limit, rate.window) for rate in rates]
