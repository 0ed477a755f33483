"""What can go wrong with an answer, by name.

Each row says whether the message is sent all the same: that is what its caller cannot know. What
can go wrong with a receipt is in `otp.twin.receipts`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from otp.twin import bodies
from otp.twin.chance import fraction, pick
from otp.twin.receipts import RECEIPTS
from otp.twin.wire import Answer, Manner
from otp.twin.words import DELIVERED

Content = dict[str, Any]

SEND: Final = "sms/send"
STATUS: Final = "sms/status"
ANY: Final = "*"
NORMAL: Final = "normal"
CUT_UNREAD: Final = "cut_unread"
REJECTED: Final = "rejected"
_LONG: Final = 1_000_000
_MANY: Final = 1_000_000
_LONGEST: Final = 24 * 3600.0


def _manner(seconds: float) -> Manner:
    return Manner()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """*says* is for people. *sent*: the message goes out. *tells*: what the caller then knows.

    *instead* answers without looking at the request; *bends* changes what would be said.
    """

    says: str
    sent: bool
    tells: str
    instead: Callable[[float, str], Answer] | None = None
    bends: Callable[[Content], Content] | None = None
    manner: Callable[[float], Manner] = _manner
    status: int = 200


def _taken(says: str, bends: Callable[[Content], Content] | None = None, **more: Any) -> Kind:
    return Kind(says=says, sent=True, tells="taken", bends=bends, **more)


def _refused(says: str, instead: Callable[[float, str], Answer]) -> Kind:
    return Kind(says=says, sent=False, tells="refused", instead=instead)


def _broken(says: str, instead: Callable[[float, str], Answer], *, sent: bool) -> Kind:
    return Kind(says=says, sent=sent, tells="error", instead=instead)


def _lost(says: str, manner: Callable[[float], Manner], *, sent: bool) -> Kind:
    return Kind(says=says, sent=sent, tells="nothing", manner=manner)


def _unclear(says: str, bends: Callable[[Content], Content], *, sent: bool) -> Kind:
    return Kind(says=says, sent=sent, tells="unclear", bends=bends)


def _each(content: Content, **changes: object) -> Content:
    return content | {"data": [entry | changes for entry in content["data"]]}


def _string_charges(content: Content) -> Content:
    return content | {
        "data": [entry | {"charges": f"{entry['charges']}.0000"} for entry in content["data"]]
    }


def _old_pull(content: Content) -> Content:
    """As until July 2024: no code, sizes as strings, the pages' list inside of `data`."""
    entries = [
        entry | {"units": str(entry["units"]), "length": str(entry["length"])}
        for entry in content["data"]
    ]
    meta = content.get("meta")
    return {
        "status": 200,
        "message": "OK",
        "data": {**meta, "data": entries} if meta else entries,
    }


ANSWERS: Final[Mapping[str, Kind]] = {
    NORMAL: _taken("As documented."),
    # -- a yes in other words
    "status_ok": _taken('`status` is `"OK"`.', lambda said: said | {"status": "OK"}),
    "status_text": _taken('`status` is `"200"`, a string.', lambda said: said | {"status": "200"}),
    "accepted_202": _taken("HTTP 202.", status=202),
    "string_charges": _taken('`charges` is a string, `"1.0000"`.', _string_charges),
    "null_customid": _taken("`customid` is null.", lambda said: _each(said, customid=None)),
    "more_fields": _taken(
        "`customid1`, `iso_code` and a `code` of 200 beside the rest.",
        lambda said: _each(said, customid1="", iso_code="IN") | {"code": 200},
    ),
    "bare_id": _taken("The `id` has no `:1`."),
    "slow": _taken(
        "Answered after *seconds* (5).", manner=lambda seconds: Manner(delay=seconds or 5)
    ),
    "trickle": _taken(
        "One byte every *seconds* (0.05).", manner=lambda seconds: Manner(trickle=seconds or 0.05)
    ),
    "closes_idle": _taken(
        "The connection ends after the answer, which did not say so.",
        manner=lambda _: Manner(closes="idle"),
    ),
    "old_pull": _taken(
        "`sms/status` only: without `code`, sizes as strings, pages nested in `data`.", _old_pull
    ),
    # -- a no
    REJECTED: Kind(
        says="HTTP 200; `data[0].status` is *outcome* (DNDNUMB).", sent=True, tells="refused"
    ),
    "failed_200": _refused(
        "HTTP 200 with a body that says ERROR and has no `code`.",
        lambda *_: bodies.answer({"status": "ERROR", "message": "The message was not accepted."}),
    ),
    "bad_request": _refused("400.", lambda *_: bodies.error(400, "Malformed request")),
    "unauthorized": _refused(
        "401, as since 2023.", lambda *_: bodies.error(401, "Token not found")
    ),
    "unauthorized_old": _refused(
        "401, as before: `status` is 401.", lambda *_: bodies.unauthenticated_of_old()
    ),
    "address_refused": _refused(
        "403: the token may not be used from this address.",
        lambda _, address: bodies.error(403, f"Token not allowed from {address}"),
    ),
    "address_refused_401": _refused(
        "The same as a 401.",
        lambda _, address: bodies.error(401, f"Token not allowed from {address}"),
    ),
    "forbidden": _refused("403.", lambda *_: bodies.error(403, "Forbidden")),
    "login_page": _refused("The log-in page, with 200.", lambda *_: bodies.login_page()),
    "redirect": _refused("302 to `/login`.", lambda *_: bodies.redirect("/login")),
    "not_found": _refused("404.", lambda *_: bodies.error(404, "No results found")),
    "conflict": _refused("409.", lambda *_: bodies.error(409, "Conflict")),
    "unprocessable": _refused(
        "422 that names the field `to`.",
        lambda *_: bodies.invalid({"to": "The to field format is invalid."}),
    ),
    "unprocessable_sender": _refused(
        "422 that names the field `sender`.",
        lambda *_: bodies.invalid({"sender": "The selected sender is invalid."}),
    ),
    "no_credits": _refused(
        "422 without a field: no balance. The code is a guess.",
        lambda *_: bodies.error(422, "Insufficient balance."),
    ),
    "too_many": _refused(
        "429, `Retry-After` is *seconds* (2).",
        lambda seconds, _: bodies.throttled(math.ceil(seconds or 2), 1000),
    ),
    # -- failures of its own
    "error_before": _broken(
        "500, and nothing was sent.", lambda *_: bodies.error(500, "Server Error"), sent=False
    ),
    "error_after": _broken(
        "500, but the message was sent.", lambda *_: bodies.error(500, "Server Error"), sent=True
    ),
    "bad_gateway": _broken(
        "502, a web page; nothing was sent.",
        lambda *_: bodies.server_page(502, "Bad Gateway"),
        sent=False,
    ),
    "unavailable": _broken(
        "503, a web page with `Retry-After`; nothing was sent.",
        lambda seconds, _: bodies.server_page(
            503, "Service Unavailable", Retry_After=str(math.ceil(seconds or 2))
        ),
        sent=False,
    ),
    "gateway_timeout": _broken(
        "504, a web page; the message was sent.",
        lambda *_: bodies.server_page(504, "Gateway Time-out"),
        sent=True,
    ),
    # -- no answer
    CUT_UNREAD: _lost(
        "The connection is reset before the request is read.",
        lambda _: Manner(cut="unanswered"),
        sent=False,
    ),
    "cut_before": _lost(
        "Reset after the request was read; nothing was sent.",
        lambda _: Manner(cut="unanswered"),
        sent=False,
    ),
    "cut_after": _lost(
        "Reset after the message was sent.", lambda _: Manner(cut="unanswered"), sent=True
    ),
    "cut_halfway": _lost(
        "The message was sent; reset in the middle of the answer.",
        lambda _: Manner(cut="halfway"),
        sent=True,
    ),
    "silent": _lost("Never answered; nothing was sent.", lambda _: Manner(stall=True), sent=False),
    "silent_after": _lost(
        "Never answered, but the message was sent.", lambda _: Manner(stall=True), sent=True
    ),
    # -- an answer that says nothing
    "empty_data": _unclear(
        "HTTP 200, `data` is `[]`; nothing was sent.", lambda said: said | {"data": []}, sent=False
    ),
    "empty_data_after": _unclear(
        "The same, but the message was sent.", lambda said: said | {"data": []}, sent=True
    ),
    "unknown_status": _unclear(
        "HTTP 200; `data[0].status` is a word nobody knows; the message was sent.",
        lambda said: _each(said, status="SOMETHING-NEW"),
        sent=True,
    ),
    "garbage": Kind(
        says="HTTP 200 with a body that is no JSON; the message was sent.",
        sent=True,
        tells="unclear",
        instead=lambda *_: Answer(body=b'{"status":200,"message":"1 numb\x00\xff\xfe'),
    ),
    "no_http": Kind(
        says="Bytes that are no HTTP; the message was sent.",
        sent=True,
        tells="unclear",
        manner=lambda _: Manner(raw=b"\x16\x03\x01\x02\x00 not HTTP at all\r\n\r\n"),
    ),
    "too_long": _unclear(
        "An answer of a megabyte; the message was sent.",
        lambda said: {"padding": "x" * _LONG} | said,
        sent=True,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Oddity:
    """How one request is answered, and what becomes of its message.

    *sent* overrides what the row of *answer* says. *path*: which requests of the API it waits for,
    `*` any. *times*: how many of them; 0 until told otherwise. *visible_after*: seconds until
    `sms/status` knows the message; None: as the rules have it. *seconds*: see the row.
    """

    answer: str = NORMAL
    receipt: str = NORMAL
    outcome: str = DELIVERED
    sent: bool | None = None
    seconds: float = 0
    receipt_seconds: float = 0
    visible_after: float | None = None
    path: str = SEND
    times: int = 1

    def __post_init__(self) -> None:
        """Raises ValueError for what is not known or does not go together."""
        if self.answer not in ANSWERS:
            raise ValueError("answer: no such oddity")
        if self.receipt not in RECEIPTS:
            raise ValueError("receipt: no such oddity")
        for span in (self.seconds, self.receipt_seconds, self.visible_after or 0):
            if isinstance(span, bool) or not 0 <= span <= _LONGEST:
                raise ValueError("seconds must be from 0 to a day")
        if isinstance(self.times, bool) or not 0 <= self.times <= _MANY:
            raise ValueError("times must be 0 (always) or more")
        if not self.outcome or len(self.outcome) > 40 or not self.outcome.isprintable():
            raise ValueError("outcome must be a word")
        if self.sent and self.kind.tells == "refused" and self.answer != REJECTED:
            raise ValueError("sent: a message that is refused is not sent")
        if self.sent and self.answer == CUT_UNREAD:
            raise ValueError("sent: what is not read is not sent")

    @property
    def kind(self) -> Kind:
        return ANSWERS[self.answer]

    @property
    def sends(self) -> bool:
        return self.kind.sent if self.sent is None else self.sent

    def fits(self, path: str) -> bool:
        return self.path in (path, ANY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chaos:
    """Oddities drawn for every request by a seed, each with its share of 0..1.

    *answers*, *receipts* and *outcomes* are for sends, *pulls* for `sms/status`.
    """

    seed: str = ""
    answers: Mapping[str, float] = field(default_factory=dict)
    pulls: Mapping[str, float] = field(default_factory=dict)
    receipts: Mapping[str, float] = field(default_factory=dict)
    outcomes: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0
    receipt_seconds: float = 0
    visible_after: float | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for unknown names, and for shares that are none."""
        for weights in (self.answers, self.pulls, self.receipts, self.outcomes):
            shares = weights.values()
            if not all(isinstance(s, float | int) and 0 <= s <= 1 for s in shares):
                raise ValueError("a share is a number from 0 to 1")
            if sum(shares) > 1 + 1e-9:
                raise ValueError("the shares of one kind are at most 1 together")
        for names in (self.answers, self.pulls):
            for answer in names:
                Oddity(answer=answer)
        for receipt in self.receipts:
            Oddity(receipt=receipt)
        for outcome in self.outcomes:
            Oddity(outcome=outcome)
        Oddity(seconds=self.seconds, receipt_seconds=self.receipt_seconds)
        Oddity(visible_after=self.visible_after)

    def draw(self, number: int, path: str) -> Oddity:
        """What happens to the request of this number; the same for the same seed."""

        def drawn(what: str, weights: Mapping[str, float], otherwise: str) -> str:
            return pick(weights, fraction(self.seed, what, number), otherwise=otherwise)

        if path == STATUS:
            return Oddity(answer=drawn("pull", self.pulls, NORMAL), seconds=self.seconds)
        if path != SEND:
            return Oddity()
        return Oddity(
            answer=drawn("answer", self.answers, NORMAL),
            receipt=drawn("receipt", self.receipts, NORMAL),
            outcome=drawn("outcome", self.outcomes, DELIVERED),
            seconds=self.seconds,
            receipt_seconds=self.receipt_seconds,
            visible_after=self.visible_after,
        )
