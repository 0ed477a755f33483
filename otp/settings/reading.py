"""From the environment to `Settings`: everything that is wrong is said at once.

No message repeats a value, whether it is a secret's or not: a secret may stand in the wrong place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from otp.keys import SecretKey, parse_secret_keys
from otp.message import size
from otp.phone import ANY
from otp.settings.environment import IN_FILE, PREFIX, Environment
from otp.settings.fields import Setting, build, settings_of
from otp.settings.notation import hidden, listed
from otp.settings.routes import MOBTEXTING, RouteSettings, prefix_of, route_names

if TYPE_CHECKING:
    from otp.settings import Settings

Variables = dict[str, Setting]


class SettingsError(Exception):
    """*problems* are sentences by variable name; the `str` holds all of them, a line each."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        lines = (f"\n  {name}: {sentence}" for name, sentence in problems.items())
        super().__init__("the settings do not make sense:" + "".join(lines))
        self.problems = dict(problems)


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting as an operator may see it: *value* is masked where it is secret."""

    name: str
    value: str
    default: str
    meaning: str


def read(
    kind: type[Settings],
    environ: Mapping[str, str],
    demo_secret_keys: Callable[[Path], str] | None,
) -> Settings:
    """The settings in *environ*. Raises `SettingsError`."""
    environment = Environment(environ)
    own = variables_of(kind, PREFIX)
    texts = environment.texts(own)
    demo = texts.get("OTP_DEMO") == "1"
    named, problems = _named_routes(texts, own, demo=demo)
    of_routes = {
        name: setting
        for route, _ in named
        for name, setting in variables_of(RouteSettings, prefix_of(route)).items()
    }
    texts |= environment.texts(of_routes)
    routes = []
    for route, provider in named:
        built, wrong = build(
            RouteSettings,
            texts,
            prefix=prefix_of(route),
            demo=demo,
            name=route,
            provider=provider,
        )
        problems |= wrong
        routes += [built] if built else []

    settings, wrong = build(kind, texts, prefix=PREFIX, demo=demo, routes=tuple(routes))
    problems |= wrong | _shared_secrets(texts, own | of_routes)
    usual = variables_of(RouteSettings, prefix_of(MOBTEXTING))
    strange = environment.unknown({**own, **of_routes, **usual})
    if settings and not settings.secret_keys and demo_secret_keys is None:
        problems["OTP_SECRET_KEYS"] = "is required"  # noqa: S105  a sentence, no key
    # What could not be read from its place is not missing as well.
    problems = {k: v for k, v in problems.items() if f"{k}{IN_FILE}" not in environment.problems}
    problems |= environment.problems
    if problems or settings is None:
        raise SettingsError(problems)
    if not settings.secret_keys and demo_secret_keys is not None:
        settings = replace(settings, secret_keys=_made(demo_secret_keys, settings.data_dir))
    return replace(
        settings,
        warnings=(*_doubts(settings), *(f"{name}: no such setting" for name in strange)),
        shown=tuple(_rows(own | of_routes, texts, demo=demo)),
    )


def variables_of(kind: type, prefix: str) -> Variables:
    """The settings of *kind* by the names of their variables."""
    return {prefix + name: setting for name, (_, setting) in settings_of(kind).items()}


def default_text(setting: Setting) -> str:
    """How the default is described, in demo mode and otherwise."""
    text = setting.shown
    if text is None:
        text = "required" if setting.default is None else setting.default
    if setting.demo:
        return f"{setting.demo} in demo, else {text}"
    return text


def _named_routes(
    texts: Mapping[str, str], own: Variables, *, demo: bool
) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """(name, provider) of each route, and what is wrong with them."""
    text = texts.get("OTP_ROUTE", own["OTP_ROUTE"].default_for(demo))
    try:
        if text is None:
            raise ValueError("is required")
        named = route_names(text, demo=demo)
        for route, _ in named:
            if not own.keys().isdisjoint(variables_of(RouteSettings, prefix_of(route))):
                raise ValueError(f"the name {route} makes variables that mean something else")
    except ValueError as problem:
        return [], {"OTP_ROUTE": str(problem)}
    return named, {}


def _shared_secrets(texts: Mapping[str, str], variables: Variables) -> dict[str, str]:
    """Secrets that do two things. Two routes may share an account, so like may equal like."""
    problems: dict[str, str] = {}
    seen: dict[str, tuple[str, Setting]] = {}
    for name, setting in variables.items():
        if setting.mask is not hidden:
            continue
        whole = set(listed(texts.get(name, "")))
        for secret in whole | {part.partition(":")[2] or part for part in whole}:
            first, what = seen.setdefault(secret, (name, setting))
            if what is not setting:
                problems[name] = f"is the same as {first}; every secret does one thing"
    return problems


def _made(make: Callable[[Path], str], data_dir: Path) -> tuple[SecretKey, ...]:
    try:
        return parse_secret_keys(make(data_dir))
    except OSError as error:
        raise SettingsError(
            {"OTP_DATA_DIR": f"demo keys cannot be kept there ({error.strerror})"}
        ) from None


def _doubts(settings: Settings) -> Iterator[str]:
    """What works, and is probably not meant."""
    if not settings.countries & {settings.default_region, ANY}:
        yield "OTP_DEFAULT_REGION: its numbers are not served (OTP_COUNTRIES)"
    for route in settings.routes:
        if route.webhook_id and not route.webhook_secrets:
            yield f"{prefix_of(route.name)}WEBHOOK_SECRET: all reports are refused without it"
    text = settings.template.render("0" * settings.code_length, settings.code_life)
    cost = size(text)
    if cost.parts > 1:
        yield f"OTP_MESSAGE: costs {cost.parts} SMS parts ({cost.units} units)"


def _rows(variables: Variables, texts: Mapping[str, str], *, demo: bool) -> Iterator[SettingRow]:
    for name, setting in variables.items():
        text = texts.get(name, setting.default_for(demo)) or ""
        yield SettingRow(name, setting.mask(text), default_text(setting), setting.meaning)
