"""`developer/webhooks` and `developer/subscriptions`: where the account's receipts go."""

from __future__ import annotations

import hmac
from typing import Any

from otp.twin import bodies, chance
from otp.twin.calls import call
from otp.twin.state import State
from otp.twin.webhooks import EVENT, Webhook
from otp.twin.wire import Answer

Content = dict[str, Any]


class Developer:
    def __init__(self, state: State) -> None:
        self._state = state

    def answer(self, method: str, path: list[str], fields: Content) -> Answer:
        """*path*: `webhooks` or `subscriptions`, and perhaps an id."""
        match method, path:
            case "POST", ["webhooks"]:
                return self._add_webhook(fields)
            case "POST", ["subscriptions"]:
                return self._subscribe(fields)
        with self._state.lock:
            try:
                return self._answer(method, path, fields)
            except KeyError:
                return bodies.error(404, "No results found")

    def _answer(self, method: str, path: list[str], fields: Content) -> Answer:
        """Raises KeyError for what is not there."""
        webhooks = self._state.webhooks
        match method, path:
            case "GET", ["webhooks"]:
                return bodies.fine("OK", [webhook.shown() for webhook in webhooks.all()])
            case "GET", ["webhooks", id] if webhook := webhooks.get(id):
                return bodies.fine("OK", webhook.shown())
            case "PUT", ["webhooks", id]:
                if faults := webhooks.faults(fields, anew=False):
                    return bodies.invalid(faults)
                webhook = webhooks.change(id, fields, self._state.now())
                return bodies.fine("Webhook Updated Successfully", webhook.shown())
            case "DELETE", ["webhooks", id]:
                webhooks.remove(id)
                return bodies.fine("Webhook Deleted Successfully", [])
            case "GET", ["subscriptions"]:
                return bodies.fine("OK", webhooks.subscriptions())
            case "GET", ["subscriptions", id]:
                found = {str(one["id"]): one for one in webhooks.subscriptions()}
                return bodies.fine("OK", found[id])
            case "DELETE", ["subscriptions", id] if id.isascii() and id.isdigit():
                webhooks.unsubscribe(int(id))
                return bodies.fine("Subscription Deleted Successfully", [])
        raise KeyError

    def _add_webhook(self, fields: Content) -> Answer:
        state = self._state
        with state.lock:
            if faults := state.webhooks.faults(fields, anew=True):
                return bodies.invalid(faults)
            webhook = state.webhooks.drawn(fields, state.now())
        if not self._is_verified(webhook):  # without the lock: its server may ask us meanwhile
            return bodies.invalid({"uri": "The uri did not answer the challenge."})
        with state.lock:
            state.webhooks.keep(webhook)
        return bodies.fine("Webhook Saved Successfully", webhook.shown())

    def _is_verified(self, webhook: Webhook) -> bool:
        """Whether the webhook answers the challenge, as the rules want it answered."""
        form = self._state.rules.challenge
        if form == "off":
            return True
        challenge = chance.uuid(self._state.seed, "challenge", webhook.id)[:8]
        asked = None
        if form != "get":
            asked = {"validation_key": webhook.token, "challenge": challenge}
        called = call(
            webhook.challenge_uri,
            asked,
            secret=webhook.secret,
            method="GET" if form == "get" else "POST",
        )
        answered = bodies.object_of(called.body) or {}
        if form == "challenge":
            return called.status == 200 and answered.get("challenge") == challenge
        said = str(answered.get("validation_key"))
        return called.status == 200 and hmac.compare_digest(
            said.encode(errors="replace"), webhook.token.encode(errors="replace")
        )

    def _subscribe(self, fields: Content) -> Answer:
        state = self._state
        if fields.get("event") != EVENT:
            return bodies.invalid({"event": "The selected event is invalid."})
        with state.lock:
            try:
                made = state.webhooks.subscribe(
                    str(fields.get("webhook_id")), str(fields.get("identity", "all")), state.now()
                )
            except KeyError:
                return bodies.invalid({"webhook_id": "The selected webhook id is invalid."})
        return bodies.fine("Subscription Saved Successfully", made)
