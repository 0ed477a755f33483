"""What is counted at the doors: requests by the class of their answer, refusals by their reason."""

from __future__ import annotations

from otp.errors import InvalidPhoneNumber, QuotaExceeded, Unavailable
from otp.metrics import REFUSALS, REQUESTS, Metrics
from otp.web.kinds import Kind

_DOORS = {
    "v1": "api",
    ".well-known": "api",
    "openapi.json": "api",
    "receipts": "receipts",
    "healthz": "probes",
    "readyz": "probes",
    "metrics": "probes",
}


def door_of(path: str) -> str:
    """Which door a path is at; what is nowhere is at the pages."""
    return _DOORS.get(path.lstrip("/").partition("/")[0], "pages")


def request(metrics: Metrics, path: str, status: str) -> None:
    """One request for *path* was answered; *status* begins with its three digits."""
    metrics.count(REQUESTS, door_of(path), f"{status[0]}xx")


def refusal(
    metrics: Metrics, path: str, kind: Kind, error: Exception, *, flood: bool = False
) -> None:
    """One was refused by *error*, which is of *kind*; *flood*: since there were too many."""
    metrics.count(REFUSALS, door_of(path), kind.word, "flood" if flood else _why(error))


def _why(error: Exception) -> str:
    """Which limit, or why, in a word of ours; empty where the error's own word says it all."""
    match error:
        case QuotaExceeded():
            return error.quota
        case Unavailable() | InvalidPhoneNumber():
            return error.reason
        case _:
            return ""
