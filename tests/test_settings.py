"""The settings: what is refused and how it is said, and what the defaults are."""

from __future__ import annotations

import base64
import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest

from otp.phone import ANY
from otp.settings import Rate, Settings, SettingsError, settings_table

ROOT = Path(__file__).parent.parent
TOKEN = "f3Gq8Zr1Lw0Xy7Vb"
WEBHOOK_SECRET = "Kp2mN9sT4cR6dJ8h"
METRICS_TOKEN = "wE5uA1oI7yH3gQ0z"
DATABASE_PASSWORD = "hV4xB6nM2kL8"
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


def key(name: str = "k1", seed: int = 1) -> str:
    raw = bytes((i * 73 + seed * 41) % 256 for i in range(32))
    return f"{name}:{base64.b64encode(raw).decode()}"


PRODUCTION = {
    "OTP_PUBLIC_URL": "https://verify.example.com",
    "OTP_SECRET_KEYS": key(),
    "OTP_SERVICE_NAME": "Acme",
    "OTP_ROUTE": "mobtexting",
    "OTP_MOBTEXTING_TOKEN": TOKEN,
    "OTP_MOBTEXTING_SENDER": "ACMEIN",
    "OTP_MOBTEXTING_WEBHOOK_ID": "hook",
    "OTP_MOBTEXTING_WEBHOOK_SECRET": WEBHOOK_SECRET,
    "OTP_SEND_BUDGET": "500/hour",
    "OTP_TRUSTED_PROXIES": "1",
    "OTP_METRICS_TOKEN": METRICS_TOKEN,
    "OTP_DATABASE_URL": f"postgresql://otp:{DATABASE_PASSWORD}@db.example.com/otp",
}
SECRETS = [TOKEN, WEBHOOK_SECRET, METRICS_TOKEN, DATABASE_PASSWORD, key().partition(":")[2]]
DEMO = {"OTP_DEMO": "1", "OTP_SECRET_KEYS": key()}


def production(**changes: str) -> Settings:
    return Settings.from_env(PRODUCTION | changes)


def demo(**changes: str) -> Settings:
    return Settings.from_env(DEMO | changes)


def problems(environ: dict[str, str]) -> dict[str, str]:
    with pytest.raises(SettingsError) as refused:
        Settings.from_env(environ)
    for name, sentence in refused.value.problems.items():
        assert f"\n  {name}: {sentence}" in str(refused.value)
    return refused.value.problems


# -- what is there when little is said --------------------------------------------------------


def test_production_asks_for_what_nobody_can_guess() -> None:
    needed = (
        "OTP_PUBLIC_URL",
        "OTP_SECRET_KEYS",
        "OTP_SERVICE_NAME",
        "OTP_ROUTE",
        "OTP_SEND_BUDGET",
    )
    assert problems({}) == dict.fromkeys(needed, "is required")


def test_an_https_service_must_say_how_many_proxies_are_in_front() -> None:
    asked = {k: v for k, v in PRODUCTION.items() if k != "OTP_TRUSTED_PROXIES"}
    assert problems(asked) == {
        "OTP_TRUSTED_PROXIES": "is required when the public URL is https; 0 if no proxy is in front"
    }
    assert Settings.from_env(asked | {"OTP_PUBLIC_URL": "http://localhost"}).trusted_proxies == 0


def test_a_mobtexting_route_needs_its_token_and_sender() -> None:
    asked = {k: v for k, v in PRODUCTION.items() if not k.startswith("OTP_MOBTEXTING_")}
    assert problems(asked) == {
        "OTP_MOBTEXTING_TOKEN": "is required",
        "OTP_MOBTEXTING_SENDER": "is required",
    }


def test_the_defaults_of_production_are_the_documented_ones() -> None:
    s = production()
    assert not s.demo
    assert (s.sign_in, s.countries, s.default_region) == ("clients", frozenset({"IN"}), "IN")
    assert (s.policy.code_length, s.policy.max_attempts, s.policy.live_codes) == (6, 5, 2)
    assert (s.policy.code_life, s.policy.life) == (10 * MINUTE, 20 * MINUTE)
    assert s.policy.resend_waits == tuple(timedelta(seconds=n) for n in (30, 60, 120))
    assert s.phone_sends == (Rate(6, HOUR), Rate(12, DAY))
    assert s.phone_sends_total == (Rate(30, DAY),)
    assert s.phone_failures == (Rate(10, DAY),)
    assert s.address_sends == (Rate(60, HOUR), Rate(300, DAY))
    assert s.address6_sends == (Rate(20, HOUR), Rate(100, DAY))
    assert s.prefix_sends == (Rate(20, HOUR),)
    assert (s.flood_limit, s.client_flood_limit) == ((Rate(600, MINUTE),), (Rate(60000, MINUTE),))
    assert (s.retention, s.sender, s.sender_threads) == (30 * DAY, True, 32)
    assert s.limits_url is None
    assert s.warnings == ()


def test_a_demo_needs_nothing_but_the_word() -> None:
    s = demo()
    assert s.demo
    assert (s.service_name, s.sign_in, s.trusted_proxies) == ("Demo", "open", 0)
    assert (s.public_url, s.host, s.secure) == ("http://127.0.0.1:8000", "127.0.0.1:8000", False)
    assert [(route.name, route.provider) for route in s.routes] == [("console", "console")]
    assert s.send_budget == (Rate(500, HOUR), Rate(2000, DAY))
    assert s.database_url == "sqlite:///data/otp.db"


def test_a_demo_without_keys_has_them_made_once_all_else_is_right() -> None:
    asked: list[Path] = []

    def make(folder: Path) -> str:
        asked.append(folder)
        return key("made")

    with pytest.raises(SettingsError):
        Settings.from_env({"OTP_DEMO": "1", "OTP_CODE_LENGTH": "5"}, make)
    assert asked == []
    made = Settings.from_env({"OTP_DEMO": "1", "OTP_DATA_DIR": "/var/demo"}, make)
    assert asked == [Path("/var/demo")]
    assert [k.id for k in made.secret_keys] == ["made"]


def test_a_demo_without_keys_or_a_place_for_them_does_not_start() -> None:
    def fail(_: Path) -> str:
        raise PermissionError(13, "Permission denied")

    assert problems({"OTP_DEMO": "1"}) == {"OTP_SECRET_KEYS": "is required"}
    with pytest.raises(SettingsError, match=r"OTP_DATA_DIR: .*Permission denied"):
        Settings.from_env({"OTP_DEMO": "1"}, fail)


def test_production_never_has_keys_made() -> None:
    asked = {k: v for k, v in PRODUCTION.items() if k != "OTP_SECRET_KEYS"}
    with pytest.raises(SettingsError, match="OTP_SECRET_KEYS: is required"):
        Settings.from_env(asked, lambda _: key())


@pytest.mark.parametrize(
    ("folder", "url"),
    [("data", "sqlite:///data/otp.db"), ("/var/lib/otp", "sqlite:////var/lib/otp/otp.db")],
)
def test_the_database_lives_in_the_data_folder_unless_told(folder: str, url: str) -> None:
    assert demo(OTP_DATA_DIR=folder).database_url == url
    assert demo(OTP_DATA_DIR=folder, OTP_DATABASE_URL="sqlite:///x.db").database_url == (
        "sqlite:///x.db"
    )


# -- bounds -----------------------------------------------------------------------------------

RATES = [
    f"OTP_{name}"
    for name in (
        "PHONE_SENDS",
        "PHONE_SENDS_TOTAL",
        "PHONE_FAILURES",
        "ADDRESS_SENDS",
        "ADDRESS6_SENDS",
        "PREFIX_SENDS",
        "SEND_BUDGET",
        "FLOOD_LIMIT",
        "CLIENT_FLOOD_LIMIT",
    )
]

BAD = {
    "OTP_DEMO": ["", "yes", "true", "2"],
    "OTP_DEMO_HOSTS": ["a b", "http://x", "a,,b"],
    "OTP_DATA_DIR": ["", " ", "a\nb"],
    "OTP_DATABASE_URL": ["mysql://x/y", "sqlite://x.db", "sqlite:///", "otp.db"],
    "OTP_LIMITS_URL": ["memory://", "localhost:6379"],
    "OTP_PUBLIC_URL": [
        "",
        "verify.example.com",
        "http://verify.example.com",
        "ftp://verify.example.com",
        "https://",
        "https://user@verify.example.com",
        "https://verify.example.com/path",
        "https://verify.example.com?",
        "https://verify.example.com/#x",
        "https://verify.example.com:port",
        "https://verify example.com",
        "https://verify.example.com\n",
        "http://10.0.0.1",
        "http://127.0.0.1.example.com",
    ],
    "OTP_SECRET_KEYS": ["", "k1:", "k1:c2hvcnQ=", f"{key()},{key()}", "changeme"],
    "OTP_SERVICE_NAME": ["", "  ", "A\nB", "x" * 41],
    "OTP_SIGN_IN": ["", "everybody"],
    "OTP_ROUTE": ["", "console", "Main:mobtexting", "main", "a:mobtexting,a:mobtexting", "x:", ","],
    "OTP_MESSAGE": ["", "no code", "{code} {code}", "{code", "{code} {phone}", "{code}\x1b[0m"],
    "OTP_MESSAGE_ORIGIN": ["", "no"],
    "OTP_MESSAGE_REGISTERED": ["Your code is secret.", "{#var} is", "{#url#}", "{#cbn#} {#var#}"],
    "OTP_COUNTRIES": ["", "India", "IN,ALL", "IN,XX", "*"],
    "OTP_DEFAULT_REGION": ["", "India", "ALL"],
    "OTP_PHONE_ALLOW": ["917000", "+", "+0", "+9170000000000000"],
    "OTP_CODE_LENGTH": ["5", "11", "six", "", "6.0", "٦", "-6", "0", "off"],
    "OTP_CODE_LIFE": ["0", "601", "10m", "off"],
    "OTP_VERIFICATION_LIFE": ["599", "1801", "0"],
    "OTP_MAX_ATTEMPTS": ["2", "11", "0", "off"],
    "OTP_MAX_SENDS": ["0", "off"],
    "OTP_RESEND_WAITS": ["30,60", "30,60,120,240", "0,60,120", "", "a,b,c"],
    "OTP_LIVE_CODES": ["0", "3"],
    "OTP_TRUSTED_PROXIES": ["-1", "11", "all"],
    "OTP_RETENTION": ["", "30", "0d", "forever", "off"],
    "OTP_SENDER": ["", "on"],
    "OTP_SENDER_THREADS": ["0", "257"],
    "OTP_ALERT_URL": [
        "hooks.example.com",
        "http://hooks.example.com",
        "https://a/#b",
        "https://a/?b c",
    ],
    "OTP_ALERT_BALANCE": ["", "-1", "1.5", "low"],
    "OTP_METRICS_TOKEN": ["fifteen-letters", "with a blank in it", "changeme", "xxxxxxxxxxxxxxxxx"],
    "OTP_MOBTEXTING_URL": ["http://portal.example.com/", "portal.example.com", "https://u:p@x/"],
    "OTP_MOBTEXTING_TOKEN": ["", "changeme", "secret", "your-token", "Example", "xxx", "a b"],
    "OTP_MOBTEXTING_SENDER": ["", "x" * 21],
    "OTP_MOBTEXTING_AUTH": ["", "body"],
    "OTP_MOBTEXTING_SERVICE": [""],
    "OTP_MOBTEXTING_ENTITY_ID": ["a b"],
    "OTP_MOBTEXTING_TEMPLATE_ID": ["a\n"],
    "OTP_MOBTEXTING_WEBHOOK_ID": ["a b"],
    "OTP_MOBTEXTING_WEBHOOK_SECRET": ["password", "one1,two2,three3", "one1,,two2"],
    "OTP_MOBTEXTING_WEBHOOK_TOKEN": ["a b", "changeme"],
    "OTP_MOBTEXTING_SECRET": [WEBHOOK_SECRET],
    "OTP_MOBTEXTING_STATUS_URL": ["http://portal.example.com/", "portal", "https://x/?a=b"],
    "OTP_MOBTEXTING_PER_MINUTE": ["0", "off", ""],
}
for rate in RATES:
    BAD[rate] = ["", "0", "off", "0/hour", "6", "6/week", "6/hour,", "6/hour,7/hour"]
for rate in ("OTP_COUNTRY_SENDS", "OTP_CLIENT_SENDS"):
    BAD[rate] = ["0", "off", "0/hour", "6", "6/week", "6/hour,", "6/hour,7/hour"]


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in BAD.items() for value in values]
)
def test_a_value_out_of_bounds_stops_the_start_by_its_name_alone(name: str, value: str) -> None:
    assert set(problems(PRODUCTION | {name: value})) == {name}


def test_every_setting_has_values_that_are_refused() -> None:
    assert set(BAD) == {row.name for row in production().rows()}


def test_everything_wrong_is_said_at_once() -> None:
    worst = {name: values[-1] for name, values in BAD.items() if name != "OTP_ROUTE"}
    assert set(problems(PRODUCTION | worst)) == set(worst)


def test_the_message_names_the_bound() -> None:
    said = problems(PRODUCTION | {"OTP_CODE_LENGTH": "5", "OTP_CODE_LIFE": "601"})
    assert said["OTP_CODE_LENGTH"] == "must be a whole number from 6 to 10"
    assert said["OTP_CODE_LIFE"] == "must be a whole number from 1 to 600 (seconds)"


def test_the_edges_of_the_bounds_are_inside() -> None:
    low = production(
        OTP_CODE_LENGTH="6",
        OTP_CODE_LIFE="1",
        OTP_VERIFICATION_LIFE="1",
        OTP_MAX_ATTEMPTS="3",
        OTP_MAX_SENDS="1",
        OTP_RESEND_WAITS="",
    )
    assert (low.policy.code_length, low.policy.max_sends) == (6, 1)
    assert low.policy.life == low.policy.code_life == timedelta(seconds=1)
    high = production(OTP_CODE_LENGTH="10", OTP_VERIFICATION_LIFE="1800", OTP_MAX_ATTEMPTS="10")
    assert (high.policy.code_length, high.policy.life) == (10, 30 * MINUTE)


def test_the_lives_and_waits_must_fit_each_other() -> None:
    said = problems(PRODUCTION | {"OTP_VERIFICATION_LIFE": "599", "OTP_MAX_SENDS": "3"})
    assert said == {
        "OTP_VERIFICATION_LIFE": "must not be shorter than OTP_CODE_LIFE",
        "OTP_RESEND_WAITS": "must be 2 waits, one fewer than OTP_MAX_SENDS",
    }


@pytest.mark.parametrize(
    ("written", "age"),
    [("30d", 30 * DAY), ("12h", 12 * HOUR), ("90m", 90 * MINUTE), ("5s", timedelta(seconds=5))],
)
def test_retention_is_a_number_and_a_unit(written: str, age: timedelta) -> None:
    assert production(OTP_RETENTION=written).retention == age


# -- addresses --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "url", "host", "hostname"),
    [
        ("https://Verify.Example.com/", "https://verify.example.com", "verify.example.com", None),
        ("https://a.example:443", "https://a.example", "a.example", None),
        ("https://a.example:8443", "https://a.example:8443", "a.example:8443", "a.example"),
        ("http://localhost:8000", "http://localhost:8000", "localhost:8000", "localhost"),
        ("http://127.0.0.9", "http://127.0.0.9", "127.0.0.9", None),
        ("http://[::1]:80", "http://[::1]", "[::1]", None),
        ("http://[::1]:8000", "http://[::1]:8000", "[::1]:8000", "[::1]"),
    ],
)
def test_the_public_url_is_kept_as_a_browser_would_say_it(
    written: str, url: str, host: str, hostname: str | None
) -> None:
    s = production(OTP_PUBLIC_URL=written)
    assert (s.public_url, s.host, s.hostname) == (url, host, hostname or host)
    assert s.secure == url.startswith("https:")


@pytest.mark.parametrize("host", ["192.168.1.7", "10.0.0.1:8000", "laptop.local", "pi"])
def test_only_a_demo_may_be_reached_by_http_in_its_own_network(host: str) -> None:
    assert demo(OTP_PUBLIC_URL=f"http://{host}", OTP_DEMO_HOSTS="pi").host == host
    assert "OTP_PUBLIC_URL" in problems(PRODUCTION | {"OTP_PUBLIC_URL": f"http://{host}"})


def test_not_even_a_demo_is_reached_by_http_from_the_world() -> None:
    assert "OTP_PUBLIC_URL" in problems(DEMO | {"OTP_PUBLIC_URL": "http://verify.example.com"})


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/api", "http://[::1]:9/api", "https://x.in/a"])
def test_the_base_of_a_route_ends_with_a_slash(url: str) -> None:
    assert production(OTP_MOBTEXTING_URL=url).routes[0].url == f"{url}/"
    assert production(OTP_MOBTEXTING_URL=f"{url}/").routes[0].url == f"{url}/"


# -- routes -----------------------------------------------------------------------------------


def test_routes_come_in_the_order_to_try_each_with_its_own_settings() -> None:
    s = production(
        OTP_ROUTE="main:mobtexting, mobtexting",
        OTP_MAIN_TOKEN="Zx9Yw8Vu7",
        OTP_MAIN_SENDER="MAININ",
        OTP_MAIN_WEBHOOK_SECRET="first1st,second2nd",
        OTP_MAIN_PER_MINUTE="60",
    )
    main, backup = s.routes
    assert (main.name, main.provider, main.token) == ("main", "mobtexting", "Zx9Yw8Vu7")
    assert (main.sender, main.webhook_secrets) == ("MAININ", ("first1st", "second2nd"))
    assert (main.per_minute, backup.per_minute) == (60, 1000)
    assert (backup.name, backup.token, backup.url) == (
        "mobtexting",
        TOKEN,
        "https://portal.mobtexting.com/api/v2/",
    )


def test_two_routes_of_one_account_may_share_its_token() -> None:
    s = production(
        OTP_ROUTE="mobtexting,other:mobtexting", OTP_OTHER_TOKEN=TOKEN, OTP_OTHER_SENDER="OTHER"
    )
    assert s.routes[0].token == s.routes[1].token


def test_the_console_prints_codes_so_production_refuses_it() -> None:
    for route in ("console", "mobtexting,console", "main:console"):
        assert "OTP_DEMO=1" in problems(PRODUCTION | {"OTP_ROUTE": route})["OTP_ROUTE"]


def test_a_route_must_not_take_the_variables_of_something_else() -> None:
    for name in ("public", "database", "metrics"):
        said = problems(PRODUCTION | {"OTP_ROUTE": f"{name}:mobtexting"})
        assert "something else" in said["OTP_ROUTE"]


def test_the_variables_of_a_route_that_is_not_in_use_may_stay() -> None:
    s = demo(OTP_MOBTEXTING_TOKEN=TOKEN, OTP_MOBTEXTING_SENDER="ACMEIN")
    assert s.warnings == ()


def signing(seed: int = 1, size: int = 32) -> str:
    raw = bytes((i * 37 + seed * 59) % 256 for i in range(size))
    return f"whsec_{base64.b64encode(raw).decode()}"


HTTP = {"OTP_ROUTE": "mobtexting,own:http", "OTP_OWN_URL": "https://bridge.example.com/send"}


def test_an_http_route_posts_to_the_very_address_it_was_given() -> None:
    s = production(
        **HTTP,
        OTP_OWN_SECRET=f"{signing(2)},{signing(1)}",
        OTP_OWN_STATUS_URL="https://bridge.example.com/status",
    )
    own = s.routes[1]
    assert (own.provider, own.token, own.sender) == ("http", "", "")
    assert own.url == "https://bridge.example.com/send"
    assert own.status_url == "https://bridge.example.com/status"
    assert own.secrets == (signing(2), signing(1))
    assert {signing(1), signing(2)} <= set(s.secrets)
    shown = repr(s) + str([dataclasses.astuple(row) for row in s.rows()])
    assert signing(1) not in shown


def test_an_http_route_needs_its_address_and_its_secret() -> None:
    assert problems(PRODUCTION | {"OTP_ROUTE": "own:http"}) == {
        "OTP_OWN_URL": "is required",
        "OTP_OWN_SECRET": "is required",
    }


@pytest.mark.parametrize(
    "secret",
    [
        *("changeme", "whsec_", "whsec_short", signing(1, 23), signing(1, 65), signing() + "?"),
        *(f"{signing(1)},", ",".join(signing(n) for n in (1, 2, 3)), f"k1:{signing()}", "whsec_é"),
    ],
)
def test_what_cannot_sign_is_no_secret_of_an_http_route(secret: str) -> None:
    assert set(problems(PRODUCTION | HTTP | {"OTP_OWN_SECRET": secret})) == {"OTP_OWN_SECRET"}


def test_the_secret_of_an_http_route_is_refused_where_it_would_open_nothing() -> None:
    said = problems(PRODUCTION | {"OTP_MOBTEXTING_SECRET": signing()})
    assert "WEBHOOK_SECRET" in said["OTP_MOBTEXTING_SECRET"]


def test_two_routes_that_share_a_variable_are_refused() -> None:
    for pair in ("own:http,own_webhook:http", "own:http,own_status:mobtexting"):
        assert "share a variable" in problems(PRODUCTION | {"OTP_ROUTE": pair})["OTP_ROUTE"]


# -- secrets ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BAD)
def test_a_secret_in_the_wrong_place_is_not_quoted_either(name: str) -> None:
    for secret in SECRETS:
        with pytest.raises(SettingsError) as refused:
            Settings.from_env(PRODUCTION | {name: f"{secret}\x1b"})
        assert secret not in str(refused.value)
        assert secret not in repr(refused.value)


def test_one_secret_does_one_thing() -> None:
    said = problems(
        PRODUCTION | {"OTP_MOBTEXTING_WEBHOOK_SECRET": TOKEN, "OTP_METRICS_TOKEN": TOKEN}
    )
    assert len(said) == 2
    assert all("is the same as" in sentence for sentence in said.values())
    assert TOKEN not in str(said)


def test_settings_can_be_shown_without_showing_a_secret() -> None:
    s = production(OTP_LIMITS_URL="redis://:rEd15pAss@redis.example.com/0")
    shown = repr(s) + str(s.routes) + str([dataclasses.astuple(row) for row in s.rows()])
    for secret in [*SECRETS, "rEd15pAss"]:
        assert secret not in shown
    values = {row.name: row.value for row in s.rows()}
    assert values["OTP_DATABASE_URL"] == "postgresql://••••••@db.example.com/otp"
    assert values["OTP_MOBTEXTING_SENDER"] == "ACMEIN"
    assert values["OTP_MOBTEXTING_TOKEN"] == "••••••"


def test_the_log_is_told_every_secret() -> None:
    s = production(OTP_LIMITS_URL="redis://:rEd15pAss@redis.example.com/0")
    assert {*SECRETS, "rEd15pAss"} <= set(s.secrets)
    assert all(s.secrets)


# -- files and names --------------------------------------------------------------------------


def test_a_file_may_hold_a_value_and_its_last_line_break_is_no_part_of_it(tmp_path: Path) -> None:
    asked = dict(PRODUCTION)
    for name in ("OTP_MOBTEXTING_TOKEN", "OTP_SECRET_KEYS", "OTP_ROUTE", "OTP_CODE_LENGTH"):
        file = tmp_path / name
        file.write_text(asked.pop(name, "8") + "\n")
        asked[f"{name}_FILE"] = str(file)
    s = Settings.from_env(asked)
    assert (s.routes[0].token, s.code_length) == (TOKEN, 8)
    assert s.secret_keys == production().secret_keys


def test_only_one_line_break_is_cut_off(tmp_path: Path) -> None:
    (tmp_path / "name").write_text("Acme\n\n")
    asked = {k: v for k, v in PRODUCTION.items() if k != "OTP_SERVICE_NAME"}
    assert set(problems(asked | {"OTP_SERVICE_NAME_FILE": str(tmp_path / "name")})) == {
        "OTP_SERVICE_NAME"
    }


def test_a_variable_and_its_file_together_are_a_problem(tmp_path: Path) -> None:
    (tmp_path / "name").write_text("Acme")
    said = problems(PRODUCTION | {"OTP_SERVICE_NAME_FILE": str(tmp_path / "name")})
    assert said == {"OTP_SERVICE_NAME": "is given twice: OTP_SERVICE_NAME_FILE is set too"}


def test_a_file_that_cannot_be_read_is_one_problem_not_two(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    asked = {k: v for k, v in PRODUCTION.items() if k != "OTP_SERVICE_NAME"}
    for path, why in ((tmp_path / "gone", "No such file"), (tmp_path / "binary", "not UTF-8")):
        said = problems(asked | {"OTP_SERVICE_NAME_FILE": str(path)})
        assert list(said) == ["OTP_SERVICE_NAME_FILE"]
        assert why in said["OTP_SERVICE_NAME_FILE"]
        assert str(path) not in str(said)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("OTP_CODE_LENGHT", "OTP_CODE_LENGTH"),
        ("OTP_SECRET_KEY", "OTP_SECRET_KEYS"),
        ("OTP_DEM0", "OTP_DEMO"),
        ("OTP_SIGNIN", "OTP_SIGN_IN"),
        ("OTP_MOBTEXTING_TOKN", "OTP_MOBTEXTING_TOKEN"),
        ("OTP_MOBTEXTING_TOKN_FILE", "OTP_MOBTEXTING_TOKEN_FILE"),
        ("OTP_MAIN_WEBHOOK_SECRETS", "OTP_MAIN_WEBHOOK_SECRET"),
    ],
)
def test_a_name_that_is_nearly_a_setting_is_a_typing_error(typed: str, meant: str) -> None:
    asked = PRODUCTION | {
        "OTP_ROUTE": "mobtexting,main:mobtexting",
        "OTP_MAIN_TOKEN": "Zx9Yw8Vu7",
        "OTP_MAIN_SENDER": "MAININ",
        typed: "value-of-it",
    }
    assert problems(asked) == {typed: f"no such setting ({meant}?)"}


@pytest.mark.parametrize(
    "name",
    ["OTP_SERVICE_HOST", "OTP_SERVICE_PORT", "OTP_PORT_8000_TCP", "OTP_PORT", "OTP_SENDER_PORT"],
)
def test_a_name_an_orchestrator_injects_is_only_a_warning(name: str) -> None:
    assert production(**{name: "10.0.0.1"}).warnings == (f"{name}: no such setting",)


def test_names_that_are_not_ours_are_not_our_business() -> None:
    assert production(PATH="/bin", OPT_DEMO="1").warnings == ()


# -- the message ------------------------------------------------------------------------------


def test_the_message_ends_with_the_host_it_is_for() -> None:
    s = production(OTP_PUBLIC_URL="https://verify.example.com:8443")
    text = s.template.render("482913", s.code_life)
    assert text.startswith("482913 is your Acme code. It is valid for 10 minutes.")
    assert text.endswith("\n\n@verify.example.com #482913")
    plain = production(OTP_MESSAGE_ORIGIN="0")
    assert "@" not in plain.template.render("482913", plain.code_life)


def test_a_message_of_several_parts_is_told_with_its_cost() -> None:
    (warning,) = production(OTP_MESSAGE="{code} ist dein Code für {service} – " + "ж" * 60).warnings
    assert warning == "OTP_MESSAGE: costs 2 SMS parts (121 units)"


def test_a_default_region_that_is_not_served_is_doubtful() -> None:
    assert "OTP_DEFAULT_REGION" in production(OTP_COUNTRIES="US").warnings[0]
    assert production(OTP_COUNTRIES="us,in").countries == {"US", "IN"}
    assert production(OTP_COUNTRIES="ALL").countries == {ANY}
    assert production(OTP_COUNTRIES="ALL").warnings == ()


def test_reports_that_nobody_could_authenticate_are_doubtful() -> None:
    asked = {k: v for k, v in PRODUCTION.items() if k != "OTP_MOBTEXTING_WEBHOOK_SECRET"}
    (warning,) = Settings.from_env(asked).warnings
    assert warning.startswith("OTP_MOBTEXTING_WEBHOOK_SECRET")


# -- what an operator sees --------------------------------------------------------------------


def test_settings_are_read_once_and_never_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        production().code_length = 4  # type: ignore[misc]


def test_the_reference_page_says_what_the_settings_say_of_themselves() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == settings_table()


def test_the_reference_page_holds_every_setting() -> None:
    page = settings_table()
    for row in production().rows():
        name = row.name.replace("OTP_MOBTEXTING_", "OTP_<NAME>_")
        assert f"| `{name}` | " in page
        assert row.meaning in page


def test_the_address_for_alarms_may_have_a_query_and_is_a_secret() -> None:
    url = "https://rooms.example.com/v1/messages?key=iK4oP9sD2fG6"
    settings = production(OTP_ALERT_URL=url)
    assert settings.alert_url == url
    assert url in settings.secrets
    assert url not in repr(settings)
    assert url not in str(settings.rows())
    assert production().alert_url is None
