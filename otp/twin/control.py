"""The door by which a test or a person rules the twin: `/twin/…`, in JSON, without a token.

It tells the texts of messages. It answers to addresses only, not to host names, so that no web
page that gave itself a name for this address can read it; and takes JSON only, so that no form on
such a page can write to it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from otp.twin import bodies
from otp.twin.oddities import ANSWERS, Chaos, Oddity
from otp.twin.receipts import RECEIPTS
from otp.twin.state import State
from otp.twin.wire import Answer, Request
from otp.twin.words import WORDS

BASE: Final = "/twin/"
_NUMBER: Final = (int, float)
_ODDITY: Final = {
    "answer": str,
    "receipt": str,
    "outcome": str,
    "sent": bool,
    "seconds": _NUMBER,
    "receipt_seconds": _NUMBER,
    "visible_after": _NUMBER,
    "path": str,
    "times": int,
}
_CHAOS: Final = {
    "seed": str,
    "answers": dict,
    "pulls": dict,
    "receipts": dict,
    "outcomes": dict,
    "seconds": _NUMBER,
    "receipt_seconds": _NUMBER,
    "visible_after": _NUMBER,
}
_LONGEST_TURN: Final = 400 * 24 * 3600.0  # seconds


class Control:
    def __init__(self, state: State) -> None:
        self._state = state

    def answer(self, request: Request) -> Answer:
        asks: dict[str, Callable[[Request], object]] = {
            "ledger": self._ledger,
            "counts": lambda _: self._state.counts(),
            "receipts": lambda _: [a.entry() for a in self._state.pusher.attempts],
            "oddities": lambda _: oddities(),
        }
        tells: dict[str, Callable[[Any], object]] = {
            "behave": self._behave,
            "chaos": self._unleash,
            "clock": self._turn,
            "reset": self._reset,
        }
        name = request.path.removeprefix(BASE)
        if request.method == "GET" and name in asks:
            return bodies.answer(asks[name](request))
        if request.method != "POST" or name not in tells:
            return bodies.error(404, "There is nothing here.")
        if request.headers.get_content_type() != "application/json":
            return bodies.error(415, "Only JSON is read here.")
        try:
            return bodies.answer(tells[name](json.loads(request.body or b"{}")))
        except (ValueError, RecursionError) as error:
            return bodies.error(422, str(error))

    def _ledger(self, request: Request) -> object:
        state = self._state
        wanted = {
            name: request.query[name][0].removeprefix("+")
            for name in ("to", "custom", "id")
            if request.query.get(name)
        }
        since = request.query.get("since", ["0"])[0]
        first = int(since) if since.isascii() and since.isdigit() else 0
        with state.lock:
            found = state.account.ledger.matching(**wanted)
        messages = [message.entry() for message in found if message.number >= first]
        return {"messages": messages, "counts": state.counts()}

    def _behave(self, content: Any) -> object:
        told = content if isinstance(content, list) else [content]
        self._state.behave([Oddity(**_members(members, _ODDITY)) for members in told])
        return {"coming": len(told)}

    def _unleash(self, content: Any) -> object:
        self._state.unleash(chaos_of(content))
        return {}

    def _turn(self, content: Any) -> object:
        """Raises ValueError."""
        seconds = _members(content, {"advance": _NUMBER}).get("advance", 0)
        if not -_LONGEST_TURN <= seconds <= _LONGEST_TURN:
            raise ValueError("advance: so many seconds are too many")
        self._state.turn(timedelta(seconds=seconds))
        return {"now": self._state.now().isoformat()}

    def _reset(self, _: Any) -> object:
        self._state.reset()
        return {}


def oddities() -> dict[str, dict[str, str]]:
    """All there are, by kind and name, and what each is."""
    return {
        "answers": {name: kind.says for name, kind in ANSWERS.items()},
        "receipts": {name: row.says for name, row in RECEIPTS.items()},
        "outcomes": dict(WORDS),
    }


def chaos_of(content: object) -> Chaos:
    """Raises ValueError."""
    return Chaos(**_members(content, _CHAOS))


def _members(content: object, known: dict[str, Any]) -> dict[str, Any]:
    """The members of an object; raises ValueError for unknown ones and wrong kinds of value."""
    if not isinstance(content, dict):
        raise ValueError("a JSON object is wanted")
    for name, value in content.items():
        if name not in known:
            raise ValueError(f"{name}: no such member; there are {', '.join(known)}")
        if not isinstance(value, known[name]) or (known[name] is not bool and value is True):
            raise ValueError(f"{name}: wrong kind of value")
    return content
