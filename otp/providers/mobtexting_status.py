"""What became of one message, asked of MOBtexting: `GET sms/status`.

That the gateway knows nothing of a message lets it be sent again, so it must say so plainly. Its
documentation leaves open whether the filter `cid` finds what was sent as `custom`, and whether a
filter it does not know is passed over; so no row is taken for ours that does not name our message,
and an answer that may hide ours is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from otp.challenge import Delivery
from otp.errors import Unknown
from otp.providers import Asked, DeliveryReceipt
from otp.providers.mobtexting_answers import told
from otp.providers.mobtexting_receipts import ECHOES, receipt_of
from otp.providers.reading import message_id
from otp.providers.transport import Answer

_PATH: Final = "sms/status"
_LEAST_FIRST: Final = [Delivery.UNDELIVERED, None, Delivery.UNKNOWN, Delivery.SENT]

Row = Mapping[str, Any]


class Get(Protocol):
    def __call__(self, path: str, **query: str) -> Answer: ...


def ask(asked: Asked, get: Get) -> DeliveryReceipt | None:
    """What the gateway says of it; None: it plainly knows no such message.

    Raises `Unreachable`, or `Unknown` where it says neither.
    """
    if asked.provider_id:
        found = _page(get(_PATH, id=asked.provider_id))
        return _settled(found.receipt_for(asked), is_plain=not found.rows)
    found = _by_reference(asked, get)
    receipt = found.receipt_for(asked)
    if receipt or found.has_nameless:
        return _settled(receipt, is_plain=False)
    found = _page(get(_PATH, mobile=_digits(asked)))
    return _settled(found.receipt_for(asked), is_plain=found.is_all_of_others(asked))


def _settled(receipt: DeliveryReceipt | None, *, is_plain: bool) -> DeliveryReceipt | None:
    if receipt is None and not is_plain:
        raise Unknown("not_told", "The gateway does not plainly say whether it knows the message.")
    return receipt


@dataclass(frozen=True, slots=True)
class _Page:
    """The rows that answer a question; *is_whole* if there is no further page of them."""

    rows: tuple[Row, ...] = ()
    is_whole: bool = True

    @property
    def has_nameless(self) -> bool:
        return any(_is_nameless(row) for row in self.rows)

    def receipt_for(self, asked: Asked) -> DeliveryReceipt | None:
        """More than one row can be ours if the message was sent again after it was not known;
        the one that went furthest counts."""
        found = [
            receipt_of(
                row,
                reference=asked.reference,
                provider_id=message_id(row.get("id")) or asked.provider_id,
            )
            for row in self.rows
            if _is_ours(row, asked)
        ]
        return max(found, key=_how_far, default=None)

    def is_all_of_others(self, asked: Asked) -> bool:
        """Whether, asked for our number, the gateway named other messages to it and no more."""
        numbers = {str(row.get("mobile", "")).removeprefix("+") for row in self.rows}
        return self.is_whole and not self.has_nameless and numbers <= {_digits(asked)}


def _by_reference(asked: Asked, get: Get) -> _Page:
    try:
        return _page(get(_PATH, cid=asked.reference))
    except Unknown as error:
        if error.reason != "not_understood":
            raise
    return _Page()  # it does not know that filter: the next question decides


def _page(answer: Answer) -> _Page:
    """Rows come as a list beside `links` and `meta`, or inside of a paginator, or not at all."""
    content = told(answer)
    if content is None:
        return _Page()
    data, links, meta = (content.get(name) for name in ("data", "links", "meta"))
    paginator = data if isinstance(data, dict) else {}
    rows = paginator.get("data") if paginator else data
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Unknown("garbled", "The gateway's answer cannot be understood.")
    further = [paginator.get("next_page_url"), links.get("next") if isinstance(links, dict) else ""]
    counts = [paginator, meta if isinstance(meta, dict) else {}]
    is_last = all(str(c.get("current_page")) == str(c.get("last_page")) for c in counts)
    return _Page(tuple(rows), is_whole=is_last and not any(further))


def _how_far(receipt: DeliveryReceipt) -> int:
    if receipt.delivery in _LEAST_FIRST:
        return _LEAST_FIRST.index(receipt.delivery)
    return len(_LEAST_FIRST)


def _is_ours(row: Row, asked: Asked) -> bool:
    if asked.provider_id and row.get("id") == asked.provider_id:
        return True
    return any(row.get(name) == asked.reference for name in ECHOES)


def _is_nameless(row: Row) -> bool:
    """It carries nobody's reference, so it might be ours after all."""
    return not any(row.get(name) for name in ECHOES)


def _digits(asked: Asked) -> str:
    return asked.to.e164.removeprefix("+")
