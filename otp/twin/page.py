"""The handset: what somebody with these numbers would read, and a form for the next oddity.

Works without JavaScript; looks like the service's own pages, whose style sheet it borrows.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from otp.twin.oddities import ANSWERS, NORMAL, Oddity
from otp.twin.receipts import RECEIPTS
from otp.twin.state import State
from otp.twin.wire import Answer, Request
from otp.twin.words import DELIVERED, WORDS

_ROOT: Final = Path(__file__).resolve().parents[2]
_MOST_SHOWN: Final = 50
_EVERY: Final = 5  # seconds
_SECURITY: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_STATIC: Final = {"otp.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}
_CHOICES: Final = (
    ("answer", "How its sender is answered", {name: row.says for name, row in ANSWERS.items()}),
    ("receipt", "What receipts follow", {name: row.says for name, row in RECEIPTS.items()}),
    ("outcome", "What becomes of it", WORDS),
)


class Handset:
    def __init__(self, state: State) -> None:
        self._state = state

    def answer(self, request: Request) -> Answer:
        match request.method, request.path:
            case "GET" | "HEAD", "/" | "/handset":
                return self._page(request)
            case "POST", "/handset":
                return self._choose(request)
            case "GET" | "HEAD", path if path.removeprefix("/static/") in _STATIC:
                return _file(path.removeprefix("/static/"))
        return _html("There is nothing here.", 404)

    def _page(self, request: Request, wrong: str = "") -> Answer:
        state = self._state
        with state.lock:
            messages, now = state.account.ledger.all(), state.now()
        arrived = [message for message in messages if message.on_handset and message.due <= now]
        following = request.query.get("follow", [""])[0] == "1"
        page = _template().render(
            messages=arrived[: -_MOST_SHOWN - 1 : -1],
            hidden=max(0, len(arrived) - _MOST_SHOWN),
            lost=sum(not message.on_handset for message in messages),
            every=_EVERY if following else None,
            coming=state.coming,
            choices=_CHOICES,
            usual={"answer": NORMAL, "receipt": NORMAL, "outcome": DELIVERED},
            wrong=wrong,
        )
        return _html(page, 422 if wrong else 200)

    def _choose(self, request: Request) -> Answer:
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            return _html("This form is sent from its own page only.", 403)
        form = parse_qs(request.body.decode(errors="replace"))
        try:
            oddity = Oddity(
                answer=form.get("answer", [NORMAL])[0],
                receipt=form.get("receipt", [NORMAL])[0],
                outcome=form.get("outcome", [DELIVERED])[0],
            )
        except ValueError as error:
            return self._page(request, wrong=str(error))
        self._state.behave([*self._state.coming, oddity])
        return Answer(status=303, headers={"Location": "/handset", **_SECURITY})


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_ROOT / "templates" / "twin"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("handset.html")


@cache
def _file(name: str) -> Answer:
    return Answer(
        headers={**_SECURITY, "Content-Type": _STATIC[name]},
        body=(_ROOT / "static" / name).read_bytes(),
    )


def _html(page: str, status: int = 200) -> Answer:
    headers = {**_SECURITY, "Content-Type": "text/html; charset=utf-8"}
    return Answer(status=status, headers=headers, body=page.encode(errors="replace"))
