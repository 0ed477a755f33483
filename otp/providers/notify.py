"""Small requests that carry no message: alarms to the operator, and a knock at our own webhook."""

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


def knocker(session: requests.Session) -> Callable[[str, str | None], int]:
    """What posts a delivery report about no message to a URL, with a bearer secret or without, and
    returns the HTTP status; raises `ProviderError` where there is no answer."""

    def knock(url: str, secret: str | None) -> int:
        headers = {"Content-Type": "application/json", "User-Agent": "otp-service"}
        if secret:
            headers["Authorization"] = f"Bearer {secret}"
        body = b'{"id": "doctor", "status": "AWAITING-DLR"}'
        request = requests.Request("POST", url, headers=headers, data=body).prepare()
        return exchange(session, request, _TIMEOUTS).status

    return knock
