"""A small JSON object to an address of the operator's: for alarms, not for messages."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final

import requests

from otp.errors import Unknown
from otp.providers.transport import Timeouts, exchange

_TIMEOUTS: Final = Timeouts(connect=3, read=5)


def poster(session: requests.Session, url: str) -> Callable[[Mapping[str, object]], None]:
    """What posts an object to *url*; raises `ProviderError` unless it is answered with 2xx."""
    headers = {"Content-Type": "application/json", "User-Agent": "otp-service"}

    def post(content: Mapping[str, object]) -> None:
        body = json.dumps(content).encode()
        request = requests.Request("POST", url, headers=headers, data=body).prepare()
        status = exchange(session, request, _TIMEOUTS).status
        if not 200 <= status < 300:
            raise Unknown("refused", f"The address for alarms answers {status}.")

    return post
