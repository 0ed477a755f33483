"""The settings in force: one frozen `Settings`, read once.

Here are the names, their defaults and their bounds. How values are written is in `notation`, what
one setting asks of another in `checks`, the settings of a route in `routes`, and how all of them
are read from the environment in `reading`. What a client asks of its own verifications is data in
the store, not a setting; settings hold its bounds and defaults.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, PlainValidator

from otp.keys import SecretKey
from otp.message import Template
from otp.settings import checks, notation
from otp.settings.fields import Setting
from otp.settings.notation import Rate
from otp.settings.reading import SettingRow, SettingsError, read
from otp.settings.routes import RouteSettings
from otp.settings.table import markdown
from otp.verification import Policy

__all__ = ["Rate", "RouteSettings", "SettingRow", "Settings", "SettingsError", "settings_table"]

_Rates = Annotated[tuple[Rate, ...], PlainValidator(notation.rates)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything an operator decides. Its `repr` holds no secret."""

    demo: Annotated[
        bool,
        Setting(
            default="0",
            meaning="`1`: console route, `/demo/phone`, a demo client, keys made on first start "
            "under `OTP_DATA_DIR`; any Host on loopback, private ranges, `*.local` and "
            "`OTP_DEMO_HOSTS`. Never for real people.",
        ),
        PlainValidator(notation.flag),
    ]
    demo_hosts: Annotated[
        tuple[str, ...],
        Setting(default="", meaning="More hosts that demo mode answers for, comma separated."),
        PlainValidator(notation.hosts),
    ]
    data_dir: Annotated[
        Path,
        Setting(default="data", meaning="Where demo keys and the default database live."),
        PlainValidator(notation.path),
    ]
    database_url: Annotated[
        str,
        Setting(
            default="",
            shown="`sqlite:///<data dir>/otp.db`",
            mask=notation.without_credentials,
            meaning="`sqlite:///relative`, `sqlite:////absolute` or `postgresql://…`.",
        ),
        PlainValidator(notation.database),
        AfterValidator(checks.database_url),
    ] = field(repr=False)
    limits_url: Annotated[
        str | None,
        Setting(
            default="",
            shown="the database",
            mask=notation.without_credentials,
            meaning="Where the HTTP flood limits are counted: empty for the database (or memory, "
            "where one web process serves an SQLite file alone), or `redis://…`, which needs the "
            "Python package redis.",
        ),
        PlainValidator(notation.limits_storage),
    ] = field(repr=False)
    public_url: Annotated[
        str,
        Setting(
            demo="http://127.0.0.1:8000",
            meaning="How people reach the service: https, or http on a loopback host. Issuer, "
            "links, allowed Host, and the message's origin line (host without port).",
        ),
        PlainValidator(checks.public_url),
    ]
    secret_keys: Annotated[
        tuple[SecretKey, ...],
        Setting(
            demo="",
            shown="required outside of demo",
            mask=notation.hidden,
            meaning="`id:base64-of-32-bytes[,id:…]`, newest first. Every other key is derived "
            "from these or sealed under them.",
        ),
        PlainValidator(checks.secret_keys),
    ] = field(repr=False)
    service_name: Annotated[
        str,
        Setting(demo="Demo", meaning="The name in the message and on the pages."),
        PlainValidator(notation.line(40)),
    ]
    sign_in: Annotated[
        str,
        Setting(
            default="clients",
            demo="open",
            meaning="`open` serves `/sign-in` to anybody, `clients` only for a client's request.",
        ),
        PlainValidator(notation.word("open", "clients")),
    ]
    routes: Annotated[
        tuple[RouteSettings, ...],
        Setting(
            name="ROUTE",
            demo="console",
            meaning="`name[:provider]`, in the order to try: `mobtexting`, or "
            "`main:mobtexting,backup:http`. The variables of a route are `OTP_<NAME>_…`.",
        ),
    ]
    message_origin: Annotated[
        bool,
        Setting(default="1", meaning="`0` leaves out the last line, `@host #code`."),
        PlainValidator(notation.flag),
    ]
    message: Annotated[
        str,
        Setting(
            default="{code} is your {service} code. It is valid for {minutes} minutes. "
            "Do not share it.",
            meaning="The text; must equal the registered DLT template where one is needed. `\\n` "
            "is a line break.",
        ),
        PlainValidator(checks.message),
    ]
    message_registered: Annotated[
        str,
        Setting(
            default="",
            shown="compared with nothing",
            meaning="The registered DLT template of `OTP_MESSAGE`, as the portal shows it, with "
            "its `{#var#}`; what does not equal it does not start. [How](messages.md).",
        ),
        PlainValidator(checks.message_registered),
    ]
    countries: Annotated[
        frozenset[str],
        Setting(
            default="IN",
            meaning="ISO codes of the countries that may be texted, comma separated; every one "
            "only by the explicit word `ALL`.",
        ),
        PlainValidator(notation.countries),
    ]
    default_region: Annotated[
        str,
        Setting(default="IN", meaning="Country of a number written without its country code."),
        PlainValidator(notation.country),
    ]
    phone_allow: Annotated[
        tuple[str, ...],
        Setting(
            default="",
            meaning="Prefixes (`+917000,…`) that are served whatever the number metadata says.",
        ),
        PlainValidator(notation.prefixes),
    ]
    code_length: Annotated[
        int,
        Setting(default="6", meaning="Digits of a code, 6 to 10."),
        PlainValidator(notation.whole(6, 10)),
    ]
    code_life: Annotated[
        timedelta,
        Setting(default="600", meaning="Seconds a code lives, at most 600."),
        PlainValidator(notation.seconds(1, 600)),
    ]
    verification_life: Annotated[
        timedelta,
        Setting(
            default="1200",
            meaning="Seconds a verification lives, resends included: at least `OTP_CODE_LIFE`, "
            "at most 1800.",
        ),
        PlainValidator(notation.seconds(1, 1800)),
        AfterValidator(checks.verification_life),
    ]
    max_attempts: Annotated[
        int,
        Setting(default="5", meaning="Guesses per verification, 3 to 10."),
        PlainValidator(notation.whole(3, 10)),
    ]
    max_sends: Annotated[
        int,
        Setting(default="4", meaning="Messages per verification, the first one included."),
        PlainValidator(notation.whole(1)),
    ]
    resend_waits: Annotated[
        tuple[timedelta, ...],
        Setting(
            default="30,60,120",
            meaning="Seconds before the 1st, 2nd … resend, one fewer than `OTP_MAX_SENDS`, each "
            "at least 1; the first is also the wait between two starts for a number.",
        ),
        PlainValidator(notation.waits),
        AfterValidator(checks.resend_waits),
    ]
    live_codes: Annotated[
        int,
        Setting(default="2", meaning="How many of the newest codes are accepted, 1 or 2."),
        PlainValidator(notation.whole(1, 2)),
    ]
    phone_sends: Annotated[
        _Rates,
        Setting(
            default="6/hour,12/day",
            meaning="Per number, over all clients and doors: sends not followed by an approval.",
        ),
    ]
    phone_sends_total: Annotated[
        _Rates, Setting(default="30/day", meaning="Per number: all sends.")
    ]
    phone_failures: Annotated[
        _Rates,
        Setting(
            default="10/day",
            meaning="Wrong codes per number over all its verifications; a success forgives only "
            "those of its own verification.",
        ),
    ]
    address_sends: Annotated[
        _Rates,
        Setting(
            default="60/hour,300/day",
            meaning="Per IPv4 address of the person: sends not followed by an approval.",
        ),
    ]
    address6_sends: Annotated[
        _Rates, Setting(default="20/hour,100/day", meaning="Per IPv6 /64, likewise.")
    ]
    prefix_sends: Annotated[
        _Rates,
        Setting(
            default="20/hour",
            meaning="Per number without its last four digits: sends not followed by an approval.",
        ),
    ]
    country_sends: Annotated[
        tuple[Rate, ...],
        Setting(
            default="",
            shown="none: the budget alone",
            meaning="Per country of the number: sends not followed by an approval.",
        ),
        PlainValidator(notation.rates_if_any),
    ]
    client_sends: Annotated[
        tuple[Rate, ...],
        Setting(
            default="",
            shown="none: the budget alone",
            meaning="Per client, the pages being one: sends not followed by an approval.",
        ),
        PlainValidator(notation.rates_if_any),
    ]
    send_budget: Annotated[
        _Rates,
        Setting(
            demo="500/hour,2000/day",
            meaning="SMS parts of the whole service; a hard stop.",
        ),
    ]
    trusted_proxies: Annotated[
        int,
        Setting(
            default="",
            demo="0",
            shown="required when the public URL is https",
            meaning="How many proxies in front add to `X-Forwarded-For`; a person's address is "
            "the so-many-th from the right. Nobody may reach the port but through them, and one "
            "of them must drop header names with underscores, as nginx does.",
        ),
        PlainValidator(checks.trusted_proxies),
    ]
    retention: Annotated[
        timedelta,
        Setting(
            default="30d",
            meaning="How long a finished verification is kept: a number and `s`, `m`, `h` or `d`. "
            "A proof can be redeemed, and a request repeated, for no longer.",
        ),
        PlainValidator(notation.age),
    ]
    flood_limit: Annotated[
        _Rates,
        Setting(
            default="600/minute",
            meaning="Requests per IPv4 address or IPv6 /64: at the pages, and at the API but for "
            "secret keys, all together.",
        ),
    ]
    client_flood_limit: Annotated[
        _Rates,
        Setting(default="60000/minute", meaning="Requests per client with its secret keys."),
    ]
    sender: Annotated[
        bool,
        Setting(default="1", meaning="`0`: no sender thread in the web processes."),
        PlainValidator(notation.flag),
    ]
    sender_threads: Annotated[
        int,
        Setting(
            default="32", meaning="How many messages one process hands over at a time, 1 to 256."
        ),
        PlainValidator(notation.whole(1, 256)),
    ]
    alert_url: Annotated[
        str | None,
        Setting(
            default="",
            mask=notation.hidden,
            meaning="Where alarms are posted as small JSON objects: https, or http on a loopback "
            "host. Without it they are in the log only.",
        ),
        PlainValidator(checks.alert_url),
    ] = field(repr=False)
    alert_balance: Annotated[
        Decimal,
        Setting(default="500", meaning="An alarm tells of an account with fewer credits left."),
        PlainValidator(lambda text: Decimal(notation.whole(0)(text))),
    ]
    metrics_token: Annotated[
        str | None,
        Setting(
            default="",
            mask=notation.hidden,
            meaning="Opens `/metrics`, at least 16 characters; without it `/metrics` is 404.",
        ),
        PlainValidator(notation.token(16)),
    ] = field(repr=False)

    warnings: tuple[str, ...] = ()
    """What works, and is probably not meant. Sentences for the operator."""
    shown: tuple[SettingRow, ...] = field(default=(), repr=False)

    @classmethod
    def from_env(
        cls,
        environ: Mapping[str, str],
        demo_secret_keys: Callable[[Path], str] | None = None,
    ) -> Settings:
        """Read them all, or raise one `SettingsError` with everything that is wrong.

        In demo mode without `OTP_SECRET_KEYS`, *demo_secret_keys* is called with the data
        directory once everything else is right, and answers their text.
        """
        return read(cls, environ, demo_secret_keys)

    @property
    def policy(self) -> Policy:
        """What verifications keep to where their client asks for nothing else."""
        return Policy(
            code_length=self.code_length,
            code_life=self.code_life,
            life=self.verification_life,
            max_attempts=self.max_attempts,
            resend_waits=self.resend_waits,
            live_codes=self.live_codes,
        )

    @property
    def template(self) -> Template:
        return Template(
            self.message, self.service_name, self.hostname if self.message_origin else None
        )

    @property
    def secure(self) -> bool:
        """Whether people come by https."""
        return self.public_url.startswith("https://")

    @property
    def host(self) -> str:
        """`host[:port]`, as a browser sends it in the Host header."""
        return self.public_url.partition("://")[2]

    @property
    def hostname(self) -> str:
        """The host without its port."""
        return re.sub(r":[0-9]+$", "", self.host)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be written anywhere, as text."""
        found = [base64.b64encode(key.secret).decode() for key in self.secret_keys]
        for route in self.routes:
            found += route.confidential
        found += [self.metrics_token or "", self.alert_url or ""]
        found += [
            urlsplit(url).password or "" for url in (self.database_url, self.limits_url or "")
        ]
        return tuple(secret for secret in found if secret)

    def rows(self) -> list[SettingRow]:
        """Every setting as it is in force, those of the routes included; secrets are masked."""
        return list(self.shown)


def settings_table() -> str:
    """docs/settings.md: every setting with its default and meaning, as Markdown."""
    return markdown(Settings)
