"""The documented API: which request asks for what, and what it is told.

Oddities come first: one that answers instead of the gateway is not held up by a bad request.
"""

from __future__ import annotations

import dataclasses
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

from otp.twin import bodies
from otp.twin.account import Asked, Invalid
from otp.twin.developer import Developer
from otp.twin.message import Message, accepted, local, pulled
from otp.twin.oddities import SEND, STATUS, Oddity
from otp.twin.receipts import RECEIPTS
from otp.twin.state import State
from otp.twin.wire import Answer, Manner, Reply, Request

BASE: Final = "/api/v2/"
PER_PAGE: Final = 100
_EARLY: Final = 0.3
"""Seconds that an answer waits for a receipt to overtake it."""

_FILTERS: Final = {"id": "id", "mobile": "to", "cid": "cid", "group_id": "group"}

Content = dict[str, Any]


class Refused(Exception):
    """The answer is *answer*, and nothing was done."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Api:
    def __init__(self, state: State) -> None:
        self._state = state
        self._developer = Developer(state)

    def reply(self, request: Request) -> Reply:
        path = request.path.removeprefix(BASE)
        oddity = self._state.next_oddity(path)
        kind = oddity.kind
        manner = kind.manner(oddity.seconds)
        messages: list[Message] = []
        if not oddity.sends and kind.tells != "unclear":
            answer = kind.instead(oddity.seconds, request.address) if kind.instead else Answer()
            with self._state.lock:
                self._state.account.call(path, self._state.now())
        else:
            try:
                content, messages = self._content(request, path, oddity)
            except Refused as refused:
                answer = refused.answer
            else:
                answer = _said(content, path, oddity, request)
        if answer.status >= 300:
            with self._state.lock:
                self._state.refused[answer.status] += 1
        return self._finished(answer, manner, messages, oddity)

    def _finished(
        self, answer: Answer, manner: Manner, messages: list[Message], oddity: Oddity
    ) -> Reply:
        if not messages:
            return Reply(answer=answer, manner=manner)
        state = self._state

        def told(whole: bool) -> None:
            state.told(messages, oddity.kind.tells, whole=whole)

        def report() -> None:
            state.report(messages, oddity)

        early = RECEIPTS[oddity.receipt].early
        if early or manner.delay or manner.trickle or messages[0].due > messages[0].at:
            report()
            if early:
                manner = dataclasses.replace(manner, delay=max(manner.delay, _EARLY))
            return Reply(answer=answer, manner=manner, told=told)
        return Reply(answer=answer, manner=manner, told=told, done=report)

    def _content(
        self, request: Request, path: str, oddity: Oddity
    ) -> tuple[Content, list[Message]]:
        """What is said to a request that is granted, and the messages it sent.

        Raises `Refused`.
        """
        state = self._state
        fields = _fields(request)
        with state.lock:
            now = state.now()
            if denied := self._denied(request, fields or {}):
                raise Refused(denied)
            wait = state.account.call(path, now)
            if wait is not None:
                raise Refused(bodies.throttled(wait, state.rules.per_minute or 0))
        if path.endswith("/"):
            # A client that follows this makes a GET of its POST.
            slashless = (BASE + path).rstrip("/")
            raise Refused(Answer(status=301, headers={"Location": slashless, **bodies.HTML}))
        if fields is None:
            raise Refused(bodies.error(400, "Malformed request"))
        method = request.query.get("_method", [request.method])[0].upper()
        if path == SEND and method == "POST":
            return self._send(fields, oddity)
        calls: dict[str, Callable[[], Content]] = {
            STATUS: lambda: self._status(request),
            "finance/balance": self._balance,
            "account/balance": self._balance,
            "auth/me": lambda: {
                "status": "OK",
                "code": 200,
                "message": "OK",
                "data": {"id": 1, "name": "Twin", "email": "twin@example.com"},
            },
        }
        if path == SEND or (path in calls and method not in ("GET", "HEAD")):
            raise Refused(bodies.error(405, f"The {method} method is not supported."))
        if path in calls:
            return calls[path](), []
        if path.startswith("developer/"):
            answer = self._developer.answer(method, path.split("/")[1:], fields)
            if answer.status != 200:
                raise Refused(answer)
            return json.loads(answer.body), []
        raise Refused(bodies.error(404, "No results found"))

    def _denied(self, request: Request, fields: Mapping[str, object]) -> Answer | None:
        rules = self._state.rules
        header = request.headers.get("Authorization", "")
        scheme, _, token = header.partition(" ")
        given: object = token.strip() if scheme.lower() == "bearer" else ""
        given = given or request.query.get("access_token", [""])[0] or fields.get("access_token")
        if hmac.compare_digest(str(given).encode(errors="replace"), rules.token.encode()):
            if rules.addresses and request.address not in rules.addresses:
                return bodies.error(403, f"Token not allowed from {request.address}")
            return None
        if "json" not in request.headers.get("Accept", ""):
            return bodies.redirect(f"http://{request.headers.get('Host', '')}/login")
        return bodies.error(401, "Token not found" if given else "Missing authorization")

    # -- what is asked for ----------------------------------------------------------------------

    def _send(self, fields: Content, oddity: Oddity) -> tuple[Content, list[Message]]:
        state = self._state
        try:
            asked = Asked.read(fields)
            with state.lock:
                now = state.now()
                messages = state.account.compose(asked, oddity, now)
                if oddity.sends:
                    state.account.take(messages, now)
                    state.changed.notify_all()
        except Invalid as invalid:
            errors = {name: says for name, says in invalid.errors.items() if name}
            raise Refused(
                bodies.invalid(errors) if errors else bodies.error(422, str(invalid))
            ) from None
        return accepted(messages), messages if oddity.sends else []

    def _status(self, request: Request) -> Content:
        state = self._state
        wanted = {
            name: request.query[asked][0].removeprefix("+" if asked == "mobile" else "")
            for asked, name in _FILTERS.items()
            if request.query.get(asked, [""])[0]
        }
        date = request.query.get("date", [""])[0]
        if not wanted and not date:
            says = "One of id, mobile, cid, date or group_id is required."
            raise Refused(bodies.invalid({"id": says}))
        with state.lock:
            now = state.now()
            found = [
                pulled(message, now)
                for message in reversed(state.account.ledger.matching(**wanted))
                if message.visible_at <= now and (not date or local(message.at)[:10] == date)
            ]
        content: Content = {"status": "OK", "code": 200, "message": "OK", "data": found}
        if date or "group" in wanted:
            return content | _page(found, request)
        if not found and state.rules.unknown == "404":
            raise Refused(bodies.error(404, "No results found"))
        return content

    def _balance(self) -> Content:
        with self._state.lock:
            credits = self._state.account.credits
        services = {"T": "Transactional SMS", "P": "Promotional SMS", "G": "Global SMS"}
        return {
            "status": 200,
            "message": "OK",
            "data": [
                {"service": service, "name": name, "postpaid": 0, "credits": credits, "charges": 1}
                for service, name in services.items()
            ],
        }


def _said(content: Content, path: str, oddity: Oddity, request: Request) -> Answer:
    kind = oddity.kind
    if kind.instead:
        return kind.instead(oddity.seconds, request.address)
    if kind.bends and path in (SEND, STATUS):
        content = kind.bends(content)
    return bodies.answer(content, kind.status)


def _fields(request: Request) -> Content | None:
    """The members of the body: a JSON object or a form; None where it is neither."""
    if not request.body:
        return {}
    type = request.headers.get_content_type()
    if type == "application/x-www-form-urlencoded":
        try:
            form = parse_qs(request.body.decode(), keep_blank_values=True)
        except ValueError:
            return None
        return {name: values[-1] for name, values in form.items()}
    return bodies.object_of(request.body)


def _page(found: list[Content], request: Request) -> Content:
    """One page of *found*, with the members that lead to the others."""
    asked = request.query.get("page", ["1"])[0]
    page = max(1, int(asked)) if asked.isascii() and asked.isdigit() and len(asked) < 9 else 1
    last = max(1, -(-len(found) // PER_PAGE))
    path = f"http://{request.headers.get('Host', '')}{request.path}"
    hidden = ("page", "access_token")
    query = {name: value[0] for name, value in request.query.items() if name not in hidden}

    def link(to: int) -> str | None:
        return f"{path}?{urlencode({**query, 'page': to})}" if 1 <= to <= last else None

    shown = found[(page - 1) * PER_PAGE : page * PER_PAGE]
    first = (page - 1) * PER_PAGE + 1
    return {
        "data": shown,
        "links": {
            "first": link(1),
            "last": link(last),
            "prev": link(page - 1),
            "next": link(page + 1),
        },
        "meta": {
            "current_page": page,
            "from": first if shown else None,
            "last_page": last,
            "links": [],
            "path": path,
            "per_page": PER_PAGE,
            "to": first + len(shown) - 1 if shown else None,
            "total": len(found),
        },
    }
