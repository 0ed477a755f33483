"""The flags that mean something to more than one room, by their names in the store."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from otp.keys import Lookup
from otp.phone import Phone

PAUSED: Final = "pause"
"""While it is set, nothing is sent and nothing is started."""


SENDER_SEEN: Final = "sender_seen"
"""When a sender was last at work, in ISO 8601."""


PROXY_SEEN: Final = "proxy_seen"
"""When a request was last forwarded by a private peer while no proxy is trusted, in ISO 8601."""


def budget_full_flag(window: timedelta) -> str:
    """When a start last did not fit into the budget of this window, in ISO 8601."""
    return f"budget_full:{window // timedelta(seconds=1)}"


def blocked_flag(lookup: Lookup, phone: Phone) -> str:
    """While this is set, the number is not texted."""
    return f"blocked:{lookup.index(phone).hex()}"


def key_seen_flag(key_id: str) -> str:
    """Since when a secret key has been in use, in ISO 8601."""
    return f"secret_key:{key_id}"


def finds_flag(route: str) -> str:
    """When a look-up by our reference alone last found a message that the route had taken; not set
    where none ever did, or the last did not."""
    return f"route:{route}:finds"
