"""Whether the texts in force fit: asked by `flask message` and before the service starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from otp import log
from otp.client import Client
from otp.inspection import Finding, Inspection, Severity, Use, inspect
from otp.message import Template
from otp.phone import ANY
from otp.settings import Settings, SettingsError
from otp.web import World
from otp.wording import Wording

DEFAULT: Final = "OTP_MESSAGE"
_log = log.get("otp.commands")


@dataclass(frozen=True, slots=True)
class Checked:
    """One text: *label* says which, as it is set or typed."""

    label: str
    template: Template
    use: Use
    inspection: Inspection


def check_all(world: World) -> list[Checked]:
    """The settings' own text, and every stored one."""
    clients = world.store.clients()
    stored = [check(world.settings, clients, wording) for wording in world.store.messages()]
    return [check(world.settings, clients), *stored]


def check(settings: Settings, clients: Iterable[Client], wording: Wording | None = None) -> Checked:
    """One text, with the longest code and life that any of those it is for may ask for."""
    clients = list(clients)
    concerned = [
        client for client in clients if not (wording and wording.client_id not in ("", client.id))
    ]
    everybody = not (wording and wording.client_id)
    use = _use(settings, concerned, everybody=everybody)
    if wording is None:
        use = replace(use, registered=settings.message_registered, switch="OTP_MESSAGE_ORIGIN=0")
        inspection = inspect(settings.template, use)
        return Checked(DEFAULT, settings.template, use, inspection)
    use = replace(
        use,
        names=(*use.names, *(client.name for client in concerned if wording.client_id)),
        locale=wording.locale,
        registered=wording.registered,
        template_id=wording.template_id or use.template_id,
    )
    template = wording.template(settings.service_name, settings.hostname)
    inspection = inspect(template, use)
    if use.template_id and not wording.template_id:
        borrowed = Finding(
            Severity.WARNING,
            "borrowed_id",
            f"goes out under its route's DLT id {use.template_id}, which stands for {DEFAULT}: give"
            " it its own (--template-id).",
        )
        inspection = replace(inspection, findings=(*inspection.findings, borrowed))
    return Checked(wording.options, template, use, inspection)


def must_fit(world: World) -> None:
    """Warn of what is doubtful. Raises `SettingsError` with every text that does not fit."""
    problems = {}
    for checked in check_all(world):
        for finding in checked.inspection.findings:
            if finding.severity is Severity.ERROR:
                problems[_named(checked)] = finding.sentence
            # What the settings' own text costs is among the warnings of the settings.
            elif finding.severity is Severity.WARNING and not (
                checked.label == DEFAULT and finding.kind == "parts"
            ):
                _log.warning("message", message=checked.label, warning=finding.sentence)
    if problems:
        raise SettingsError(problems)


def _named(checked: Checked) -> str:
    return DEFAULT if checked.label == DEFAULT else f"the message {checked.label}"


def _use(settings: Settings, clients: Iterable[Client], *, everybody: bool) -> Use:
    policies = [dict(client.policy) for client in clients]
    lengths = [policy.get("code_length", settings.code_length) for policy in policies]
    lives = [
        timedelta(seconds=policy["code_life"]) if "code_life" in policy else settings.code_life
        for policy in policies
    ]
    if everybody or not policies:
        lengths.append(settings.code_length)
        lives.append(settings.code_life)
    return Use(
        code_length=max(lengths),
        code_life=max(lives),
        names=(settings.service_name,),
        template_id=next(_template_ids(settings), ""),
        india=not settings.countries.isdisjoint({"IN", ANY}),
    )


def _template_ids(settings: Settings) -> Iterator[str]:
    return (route.template_id for route in settings.routes if route.template_id)
