"""What the tests of test numbers share: numbers, and short words for what is asked and answered."""

from __future__ import annotations

from typing import Any

import joserfc.jwt
from werkzeug.test import TestResponse

from otp.rehearsal import RESERVED, Outcome
from tests.world import Api, ServiceWorld

OPENLY = {"OTP_COUNTRIES": "ALL"}


def number(outcome: Outcome, free: int = 0) -> str:
    return f"{RESERVED}{outcome.digit}{free}"


def code_of(text: str, digits: int = 6) -> str:
    return text[-digits:]


def problem(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.json["error"]


def started(api: Api, text: str, **members: Any) -> str:
    answer = api.start(text, **members)
    assert answer.status_code == 201, answer.json
    return str(answer.json["id"])


def claims(world: ServiceWorld, answer: TestResponse) -> dict[str, Any]:
    keys = joserfc.jwk.KeySet.import_key_set(world.parts.world.prover.jwks())  # type: ignore[arg-type]
    return dict(joserfc.jwt.decode(answer.json["proof"], keys, algorithms=["ES256"]).claims)


def nothing_left(world: ServiceWorld) -> bool:
    """Whether no provider sees a message, however long the sender runs."""
    world.sender.run_once()
    return world.provider.sent == []


def guessed_out(world: ServiceWorld, api: Api, text: str, code: str) -> str:
    """Spend wrong codes until the number is locked for who asks; the last one is still pending."""
    for _ in range(4):
        id = started(api, text)
        for _ in range(3):
            if problem(api.check(id, code)) == (429, "too_many_failures"):
                return id
        api.cancel(id)
        world.clock.turn(seconds=30)
    raise AssertionError("never locked")
