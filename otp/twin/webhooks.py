"""Where receipts go: the account's webhooks, and its subscriptions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from otp.twin import chance

EVENT: Final = "sms:message:status"
_FIELDS: Final = ("name", "uri", "secret", "token", "status")


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """*token* is the validation key that the challenge carries."""

    id: str
    name: str
    uri: str
    secret: str = ""
    token: str
    status: str = "1"
    created_at: str
    updated_at: str

    def shown(self) -> dict[str, str]:
        """As the gateway shows it."""
        return {
            "id": self.id,
            "name": self.name,
            "uri": self.uri,
            "secret": self.secret,
            "verification_code": self.token,
            "status": self.status,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }

    @property
    def challenge_uri(self) -> str:
        joint = "&" if urlsplit(self.uri).query else "?"
        return self.uri + joint + urlencode({"token": self.token})


class Webhooks:
    """Not safe between threads."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._made = 0
        self._webhooks: dict[str, Webhook] = {}
        self._subscriptions: dict[int, dict[str, Any]] = {}

    def faults(self, content: dict[str, Any], *, anew: bool) -> dict[str, str]:
        """What is wrong with the fields of a webhook, by name."""
        faults = {}
        uri = content.get("uri")
        if uri is None and anew:
            faults["uri"] = "The uri field is required."
        elif uri is not None and not _is_web_address(uri):
            faults["uri"] = "The uri format is invalid."
        for name in _FIELDS:
            if not isinstance(content.get(name, ""), str | int):
                faults[name] = f"The {name} must be a string."
        return faults

    def drawn(self, content: dict[str, Any], now: datetime) -> Webhook:
        """A webhook with these fields; not kept yet."""
        self._made += 1
        time = now.isoformat()
        return Webhook(
            id=chance.uuid(self._seed, "webhook", self._made),
            name=str(content.get("name", "")),
            uri=str(content["uri"]),
            secret=str(content.get("secret", "")),
            token=str(content.get("token") or chance.uuid(self._seed, "token", self._made)[:8]),
            status=str(content.get("status", "1")),
            created_at=time,
            updated_at=time,
        )

    def keep(self, webhook: Webhook) -> None:
        self._webhooks[webhook.id] = webhook

    def change(self, id: str, content: dict[str, Any], now: datetime) -> Webhook:
        """Raises KeyError where there is none."""
        given = {name: str(content[name]) for name in _FIELDS if name in content}
        changed = replace(self._webhooks[id], updated_at=now.isoformat(), **given)
        self.keep(changed)
        return changed

    def remove(self, id: str) -> None:
        """Raises KeyError where there is none."""
        del self._webhooks[id]

    def get(self, id: str) -> Webhook | None:
        return self._webhooks.get(id)

    def all(self) -> list[Webhook]:
        return list(self._webhooks.values())

    def subscribe(self, webhook_id: str, identity: str, now: datetime) -> dict[str, Any]:
        """Raises KeyError where there is no such webhook."""
        self._made += 1
        self._subscriptions[self._made] = subscription = {
            "id": self._made,
            "event": EVENT,
            "identity": identity,
            "payload": [],
            "webhook_id": self._webhooks[webhook_id].id,
            "created_at": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        return subscription

    def unsubscribe(self, id: int) -> None:
        """Raises KeyError where there is none."""
        del self._subscriptions[id]

    def subscriptions(self) -> list[dict[str, Any]]:
        return list(self._subscriptions.values())

    def for_message(self, webhook_id: str) -> Webhook | None:
        """Where the receipts of a message go: to the webhook it names, else to the subscribed."""
        ids = [webhook_id] if webhook_id else [s["webhook_id"] for s in self.subscriptions()]
        found = (self._webhooks.get(id) for id in ids)
        return next((webhook for webhook in found if webhook and webhook.status == "1"), None)


def _is_web_address(uri: object) -> bool:
    if not isinstance(uri, str) or not uri.isascii() or not uri.isprintable() or " " in uri:
        return False
    try:
        split = urlsplit(uri)
        _ = split.port
    except ValueError:
        return False
    return split.scheme in ("http", "https") and bool(split.hostname)
