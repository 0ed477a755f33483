"""What schemathesis is told besides the document; `test_schemathesis.py` has it load this file."""

from __future__ import annotations

import itertools
import os
from typing import Any

import schemathesis

from otp.web.examples import IDEMPOTENCY_KEY
from otp.web.models import NUMBER

METRICS_TOKEN = "metrics-token-for-tests"
WEBHOOK_SECRET = "webhook-secret-for-tests"
REFUSALS = {"wrong_code", "invalid_phone_number", "idempotency_mismatch", "invalid_proof"}
FAULTS = {
    ("/code", "not_a_code"),
    ("/purpose", "mismatch"),
    ("/client_ip", "not_allowed"),
    ("/device", "not_allowed"),
}

_OPENS = {"/metrics": METRICS_TOKEN, "/receipts/{route}": WEBHOOK_SECRET}
_RUN = os.getpid()  # another one each time, so that no run meets what an earlier one left
_numbers = (f"+9198764{number % 100_000:05}" for number in itertools.count(_RUN * 997))
_names = (f"name-{_RUN}-{number}" for number in itertools.count())


@schemathesis.hook
def before_call(
    context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]
) -> None:
    """Puts a fresh number and a fresh name where the example's are.

    Else most requests would be refused for the wait of that number, or for that name, whatever
    else is wrong with them.
    """
    if opens := _OPENS.get(case.path):
        for headers in (case.headers, kwargs.get("headers") or {}):
            if "otp_" in headers.get("Authorization", ""):  # a key, where no key is of use
                headers["Authorization"] = f"Bearer {opens}"
    if case.headers.get("Idempotency-Key") == IDEMPOTENCY_KEY:
        case.headers["Idempotency-Key"] = next(_names)
    if isinstance(case.body, dict) and case.body.get("phone_number") == NUMBER:
        case.body = case.body | {"phone_number": next(_numbers)}


@schemathesis.check
def refused_for_its_meaning(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """What fits the document is refused for its meaning alone.

    The document cannot say which digits are a number somebody has, nor which code was sent. So a
    request that fits it may be answered 422, but only in one of these ways.
    """
    if response.status_code != 422 or not case.meta or not case.meta.generation.mode.is_positive:
        return
    problem: dict[str, Any] = response.json()
    if problem["error"] in REFUSALS:
        return
    assert problem["error"] == "invalid_input"
    faults = {(fault["pointer"], fault["code"]) for fault in problem["errors"]}
    assert faults <= FAULTS, f"fits the document, and is refused for its form: {faults - FAULTS}"
