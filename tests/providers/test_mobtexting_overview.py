"""The errors of MOBtexting's own overview: every HTTP status, however it is written, and what each
means to a message and to a question. One table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from otp.errors import ProviderError, Rejected, Unknown, Unreachable
from tests.gateway import Behaviour, Gateway
from tests.providers.asking import mobtexting
from tests.providers.cases import NUMBER, SMS, TEXT, TOKEN, assert_no_secret
from tests.providers.question_cases import LOST, TAKEN


@dataclass(frozen=True)
class Meaning:
    """*tells* is what the operator must read in the sentence."""

    kind: type[ProviderError]
    reason: str
    tells: str
    account: bool = False
    for_all: bool = False


TO_A_MESSAGE = {
    400: Meaning(Rejected, "refused", "malformed"),
    401: Meaning(Unreachable, "account_refused", "list of addresses", account=True),
    402: Meaning(Unreachable, "account_refused", "credit", account=True),
    403: Meaning(Unreachable, "account_refused", "list of addresses", account=True),
    404: Meaning(Rejected, "refused", "does not find"),
    409: Meaning(Unreachable, "busy", "asks to wait"),
    422: Meaning(Rejected, "refused", "invalid"),
    429: Meaning(Unreachable, "busy", "PER_MINUTE", for_all=True),
    **dict.fromkeys((500, 502, 503, 504), Meaning(Unknown, "gateway_error", "of its own")),
}
NOT_UNDERSTOOD = Meaning(Unknown, "not_understood", "question")
TO_A_QUESTION = TO_A_MESSAGE | {400: NOT_UNDERSTOOD, 404: None, 422: NOT_UNDERSTOOD}


def written(code: int) -> list[Behaviour]:
    """All ways in which an answer may say *code*: `code` is optional, and either may be a word."""
    message = f"{NUMBER} {TEXT} {TOKEN} from 192.0.2.7"
    wait = {"Retry-After": "7"}
    bodies: list[dict[str, object]] = [
        {"status": "ERROR", "code": code, "message": message},
        {"status": "error", "code": str(code), "message": message, "errors": {}},
        {"status": code, "message": message},
        {"status": str(code), "message": message, "data": []},
        {"status": "ERROR", "code": code, "errors": {"to": [message], message: [message]}},
    ]
    with_body = [Behaviour(status=code, headers=wait, body=body) for body in bodies]
    with_200 = [Behaviour(status=200, headers=wait, body=body) for body in bodies]
    no_code = {"status": "ERROR", "message": message}
    return [*with_body, *with_200, Behaviour(status=code, headers=wait, body=no_code)]


CASES = [(code, answer) for code in TO_A_MESSAGE for answer in written(code)]


def outcome(call: Callable[[], object]) -> ProviderError | None:
    try:
        call()
    except ProviderError as error:
        found = error
    else:
        return None
    assert_no_secret(found)
    assert "192.0.2.7" not in str(found)
    return found


def holds(error: ProviderError | None, meaning: Meaning) -> None:
    assert type(error) is meaning.kind
    assert error.reason == meaning.reason
    assert meaning.tells in error.detail
    if isinstance(error, Unreachable):
        assert (error.account, error.for_all) == (meaning.account, meaning.for_all)
        assert error.retry_in == (timedelta(seconds=7) if meaning.reason == "busy" else None)


@pytest.mark.parametrize(("code", "answer"), CASES, ids=str)
def test_each_error_has_its_outcome_and_its_sentence(
    gateway: Gateway, code: int, answer: Behaviour
) -> None:
    gateway.answer_with(answer)
    provider = mobtexting(gateway.url)
    holds(outcome(lambda: provider.send(SMS)), TO_A_MESSAGE[code])
    meaning = TO_A_QUESTION[code]
    for asked in (LOST, TAKEN):
        if meaning:
            holds(outcome(lambda asked=asked: provider.ask(asked)), meaning)  # type: ignore[misc]
        else:
            assert provider.ask(asked) is None
    holds(
        outcome(provider.balance),
        meaning or Meaning(Unknown, "not_told", "balance"),
    )


@pytest.mark.parametrize("status", [200, 202])
def test_a_failure_without_any_code_is_one_all_the_same(gateway: Gateway, status: int) -> None:
    gateway.answer_with(Behaviour(status=status, body={"status": "ERROR", "message": TEXT}))
    provider = mobtexting(gateway.url)
    holds(outcome(lambda: provider.send(SMS)), Meaning(Rejected, "refused", "no code"))
    for call in (provider.balance, lambda: provider.ask(LOST), lambda: provider.ask(TAKEN)):
        assert isinstance(outcome(call), Unknown)


@pytest.mark.parametrize(
    "page",
    [
        Behaviour(status=302, headers={"Location": "/login"}, body=""),
        Behaviour(status=401, body="<html>log in</html>"),
        Behaviour(body="<!DOCTYPE html><form action='https://portal.mobtexting.com/login'>"),
        Behaviour(status=404, body="<html>"),
    ],
    ids=str,
)
def test_a_question_answered_with_a_page_is_about_the_token(
    gateway: Gateway, page: Behaviour
) -> None:
    gateway.answer_with(page)
    provider = mobtexting(gateway.url)
    for asked in (LOST, TAKEN):
        error = outcome(lambda asked=asked: provider.ask(asked))  # type: ignore[misc]
        holds(error, Meaning(Unreachable, "account_refused", "token", account=True))
    if page.status != 404:
        error = outcome(provider.balance)
        holds(error, Meaning(Unreachable, "account_refused", "token", account=True))
