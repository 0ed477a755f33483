"""What docs/twin.md promises is what there is."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import fields

import pytest

from otp.commands.twin import twin as command
from otp.twin.control import chaos_of
from otp.twin.oddities import ANSWERS, REJECTED, Oddity
from otp.twin.receipts import RECEIPTS
from tests.processes import ROOT
from tests.twin.callers import Caller

TEXT = (ROOT / "docs" / "twin.md").read_text()
TELLS = {"taken": "yes", "refused": "no", "error": "an error"}


@pytest.mark.parametrize("name", ANSWERS)
def test_every_answer_is_in_the_table(name: str) -> None:
    kind = ANSWERS[name]
    sent = "yes" if kind.sent and name != REJECTED else "no"
    told = TELLS.get(kind.tells, kind.tells)
    assert f"| `{name}` | {kind.says} | {sent} | {told} |" in TEXT


@pytest.mark.parametrize("name", RECEIPTS)
def test_every_receipt_is_in_the_table(name: str) -> None:
    assert f"| `{name}` | {RECEIPTS[name].says} |" in TEXT


def test_no_row_is_about_what_is_gone() -> None:
    rows = re.findall(r"^\| `([a-z_0-9]+)` \| .* \| (?:yes|no) \| .* \|$", TEXT, re.MULTILINE)
    assert rows == list(ANSWERS)


def test_every_member_and_every_option_is_told() -> None:
    for member in fields(Oddity):
        assert f"`{member.name}`" in TEXT
    for parameter in command.params:
        assert parameter.opts[0] in TEXT


def test_its_examples_work(caller: Caller) -> None:
    origin = "http://127.0.0.1:8025"
    calls = re.findall(r"^    curl ((?:.*\\\n)*.*)$", TEXT, re.MULTILINE)
    assert len(calls) == 3
    for call in calls:
        url, *words = shlex.split(call.replace("\\\n", ""))
        headers = dict(w.split(": ", 1) for w in words if ": " in w and w[0] not in "[{")
        body = next((word for word in words if word[0] in "[{"), None)
        answer = caller.ask(
            "POST" if body else "GET",
            url.removeprefix(origin),
            body,
            token=None,
            **{name.replace("-", "_"): value for name, value in headers.items()},
        )
        assert answer.status == 200, answer.body
        if "status?" in url:
            assert answer.json["data"][0]["custom"] == "our-1"


def test_its_chaos_is_one() -> None:
    [written] = re.findall(r'^    (\{"seed".*\n.*\})$', TEXT, re.MULTILINE)
    assert chaos_of(json.loads(written)).answers == {"cut_after": 0.02, "error_before": 0.02}
