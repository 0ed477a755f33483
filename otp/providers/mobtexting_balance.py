"""What is left in an account of MOBtexting, under both names the question has had."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from otp.errors import Unknown
from otp.providers import Balance
from otp.providers.mobtexting_answers import told
from otp.providers.mobtexting_status import Get
from otp.providers.reading import gateway_time

_PATHS: Final = ("finance/balance", "account/balance")
_CREDITS: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,8})?")


def balance(service: str, get: Get) -> Balance:
    """The credits for *service*; None of an account that pays afterwards, or where no row is
    that service's. Raises `Unreachable`, or `Unknown` where the gateway does not say."""
    for path in _PATHS:
        answer = get(path)
        if answer.status != 404:
            content = told(answer)
            if content is not None:
                return Balance(_credits(content, service), gateway_time(answer.headers))
    raise Unknown("not_told", "The gateway knows no question for the balance: check its address.")


def _credits(content: Mapping[str, Any], service: str) -> Decimal | None:
    data = content.get("data")
    entries = data if isinstance(data, list) else [data]
    rows = [entry for entry in entries if isinstance(entry, dict)]
    of_service = [row for row in rows if str(row.get("service", "")).upper() == service.upper()]
    for row in of_service or (rows if len(rows) == 1 else []):
        text = str(row.get("credits", ""))
        if not _is_postpaid(row) and _CREDITS.fullmatch(text):
            return Decimal(text)
    return None


def _is_postpaid(row: Mapping[str, Any]) -> bool:
    return str(row.get("postpaid", 0)).lower() in ("1", "true")
