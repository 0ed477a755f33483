"""What may be wrong with an installation, found out without sending anything.

Each check yields findings: what is so, how bad it is, and the repair in one sentence. A check never
raises; what it cannot find out is a finding too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final

from otp import phone
from otp.breaker import State
from otp.errors import OtpError, ProviderError, QuotaExceeded, Unreachable
from otp.handover import ceiling
from otp.providers import Provider
from otp.routes import Routes
from otp.settings import Settings
from otp.settings.routes import MOBTEXTING
from otp.store import Store
from otp.store.flags import PAUSED, PROXY_SEEN, SENDER_SEEN, key_seen_flag
from otp.watch import LONGEST_QUEUED

_INDIAN_SENDER: Final = re.compile(r"[A-Z]{6}")
_SKEW: Final = timedelta(seconds=5)
_BAD_SKEW: Final = timedelta(seconds=30)
_SENDER_LATE: Final = timedelta(minutes=1)
_PROXY_RECENT: Final = timedelta(days=1)
_OLD_KEY: Final = timedelta(days=365)
_OLD_NUMBERS: Final = timedelta(days=180)

Knock = Callable[[str, str | None], int]
"""Posts an empty delivery report to a URL, with a bearer secret or without; the HTTP status.

Raises `ProviderError` where there is no answer."""


class Level(IntEnum):
    """How bad it is; the worst is the command's exit code."""

    OK = 0
    WARNING = 1
    ERROR = 2


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    level: Level
    says: str
    repair: str = ""


def _ok(check: str, says: str) -> Finding:
    return Finding(check, Level.OK, says)


def _warning(check: str, says: str, repair: str) -> Finding:
    return Finding(check, Level.WARNING, says, repair)


def _error(check: str, says: str, repair: str) -> Finding:
    return Finding(check, Level.ERROR, says, repair)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doctor:
    settings: Settings
    store: Store
    routes: Routes
    route: Sequence[Provider]
    clock: Callable[[], datetime]
    knock: Knock

    def examine(self) -> Iterator[Finding]:
        """Every finding, the good ones too. Sends nothing to anybody's phone."""
        checks: tuple[Callable[[], Iterable[Finding]], ...] = (
            self._settings,
            self._store,
            self._sending,
            self._sender_ids,
            self._accounts,
            self._webhooks,
            self._keys,
            self._numbers,
        )
        for check in checks:
            try:
                yield from check()
            except OtpError as error:
                name = check.__name__.removeprefix("_")
                yield _error(name, f"It could not be found out: {error}.", "See to the database.")

    def _settings(self) -> Iterator[Finding]:
        if self.settings.demo:
            yield _warning(
                "settings",
                "Demo mode shows every code.",
                "Leave out OTP_DEMO and run `flask init` before real people sign in.",
            )
        for warning in self.settings.warnings:
            yield _warning("settings", warning, "See docs/settings.md.")
        seen = self.store.flag(PROXY_SEEN)
        if seen and self.clock() - datetime.fromisoformat(seen) < _PROXY_RECENT:
            yield _error(
                "proxies",
                "Requests are forwarded by a machine of this network, but no proxy is trusted.",
                "Set OTP_TRUSTED_PROXIES to how many proxies are in front, or every person counts "
                "as one address.",
            )
        elif self.settings.secure and not self.settings.trusted_proxies:
            yield _warning(
                "proxies",
                "The public URL is https, but no proxy is trusted.",
                "Set OTP_TRUSTED_PROXIES to how many proxies are in front, or every person counts "
                "as one address.",
            )
        if not self.settings.warnings:
            yield _ok("settings", "They make sense.")

    def _store(self) -> Iterator[Finding]:
        self.store.ping()
        yield _ok("store", "It can be written, and its schema is the newest.")

    def _sending(self) -> Iterator[Finding]:
        now = self.clock()
        if self.store.flag(PAUSED):
            yield _warning("sending", "All sending is paused.", "`flask pause off` lets it go on.")
        seen = self.store.flag(SENDER_SEEN)
        if seen is None or now - datetime.fromisoformat(seen) > _SENDER_LATE:
            yield _error(
                "sender",
                "No sender ever ran." if seen is None else f"The last ran at {seen[:19]} UTC.",
                "Start the service, with OTP_SENDER=1 or with `flask send` beside it.",
            )
        else:
            yield _ok("sender", "One is running.")
        oldest = self.store.oldest_queued()
        if oldest and now - oldest > LONGEST_QUEUED:
            waits = int((now - oldest) / timedelta(seconds=1))
            yield _error(
                "queue",
                f"The oldest message has waited for {waits} s.",
                "See the routes and the sender above and below.",
            )
        for name, breaker in self.routes.breakers().items():
            if breaker.state(now) is not State.CLOSED and breaker.trips:
                yield _error(
                    "route",
                    f"Route {name} takes no messages: {breaker.reason}.",
                    "See to the gateway or the account; it is tried again by itself.",
                )

    def _sender_ids(self) -> Iterator[Finding]:
        """Whether they can be what India's operators approve; what was approved only they know."""
        if not self.settings.countries & {"IN", phone.ANY}:
            return
        for route in self.settings.routes:
            if route.provider != MOBTEXTING:
                continue
            if _INDIAN_SENDER.fullmatch(route.sender):
                yield _ok("sender id", f"{route.sender} of route {route.name} has the right form.")
            else:
                yield _warning(
                    "sender id",
                    f"{route.sender} of route {route.name} is not six capital letters, as India's "
                    "operators ask of a sender of codes.",
                    f"Set OTP_{route.name.upper()}_SENDER to the header as it was approved.",
                )

    def _accounts(self) -> Iterator[Finding]:
        """Credentials, credit and clock of each route."""
        for provider in self.route:
            name, before = provider.name, self.clock()
            try:
                self.store.take(ceiling(provider) * 2, before)
                balance = provider.balance()
            except QuotaExceeded:
                yield _warning("account", f"Route {name} has no call left.", "Try again later.")
                continue
            except ProviderError as error:
                says = f"Route {name}: {error.detail or error.reason}"
                if isinstance(error, Unreachable) and error.account:
                    yield _error("account", says, f"Correct the OTP_{name.upper()}_… settings.")
                else:
                    yield _error(
                        "account", says, "Check its address, the network, its status page."
                    )
                continue
            if balance.credits is None:
                yield _ok("account", f"Route {name} does not tell its balance.")
            elif balance.credits < self.settings.alert_balance:
                yield _warning(
                    "account", f"Route {name} has {balance.credits} credits left.", "Buy some."
                )
            else:
                yield _ok("account", f"Route {name} has {balance.credits} credits left.")
            if balance.gateway_time is not None:
                middle = before + (self.clock() - before) / 2
                yield _of_clock(name, middle - balance.gateway_time)

    def _webhooks(self) -> Iterator[Finding]:
        for route in self.settings.routes:
            if not route.webhook_secrets:
                continue
            url = f"{self.settings.public_url}/receipts/{route.name}"
            try:
                without, with_secret = (
                    self.knock(url, None),
                    self.knock(url, route.webhook_secrets[0]),
                )
            except ProviderError as error:
                yield _error(
                    "webhook",
                    f"{url} cannot be reached from here ({error.reason}).",
                    "Check DNS, the proxy and the certificate, and that the service runs.",
                )
                continue
            if (without, with_secret) == (401, 200):
                yield _ok("webhook", f"{url} takes reports of who knows the secret, and no others.")
            else:
                yield _error(
                    "webhook",
                    f"{url} answers {with_secret} with the secret and {without} without it.",
                    "It should be 200 and 401: is something else behind this address, or does "
                    "the service still run with an older secret?",
                )

    def _keys(self) -> Iterator[Finding]:
        newest = self.settings.secret_keys[0]
        seen = self.store.flag(key_seen_flag(newest.id))
        age = self.clock() - datetime.fromisoformat(seen) if seen else timedelta()
        says = f"The newest secret key ({newest.id}) has been in use for {age.days} days."
        if age > _OLD_KEY:
            yield _warning("keys", says, "Put a new one first in OTP_SECRET_KEYS, keep the old.")
        else:
            yield _ok("keys", says)

    def _numbers(self) -> Iterator[Finding]:
        age = self.clock().date() - phone.NUMBERS_OF
        says = f"The number metadata is of {phone.NUMBERS_OF}."
        if age > _OLD_NUMBERS:
            yield _warning(
                "numbers", says, "Update the service; until then OTP_PHONE_ALLOW lets new ones in."
            )
        else:
            yield _ok("numbers", says)


def _of_clock(name: str, skew: timedelta) -> Finding:
    seconds = round(skew / timedelta(seconds=1))
    if abs(skew) <= _SKEW:
        return _ok("clock", f"It agrees with the one of route {name}.")
    level = Level.ERROR if abs(skew) > _BAD_SKEW else Level.WARNING
    ahead = f"{abs(seconds)} s {'ahead of' if seconds > 0 else 'behind'}"
    return Finding(
        "clock",
        level,
        f"This machine's clock is {ahead} the one of route {name}.",
        "Run a time service (NTP): codes live and limits count by this clock.",
    )


def remember_keys(store: Store, settings: Settings, now: datetime) -> None:
    """Note when each secret key was first in use, so that its age can be told."""
    for key in settings.secret_keys:
        name = key_seen_flag(key.id)
        if store.flag(name) is None:
            store.put_flag(name, now.isoformat())
