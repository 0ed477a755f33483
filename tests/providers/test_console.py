"""The console: shows messages, and keeps the newest for the demo's handset."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from otp.errors import Unreachable
from otp.phone import Phone
from otp.providers import Provider, Sms
from otp.providers.console import MOST_KEPT, Console, DemoMessage, DemoMessages
from tests.providers.cases import NUMBER, SMS, TEXT, ProviderCases, assert_no_secret

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def console(messages: DemoMessages, shown: list[str]) -> Console:
    return Console("main", show=shown.append, keep=messages, clock=lambda: NOON)


@pytest.fixture
def messages(tmp_path: Path) -> DemoMessages:
    return DemoMessages(tmp_path / "messages.json")


class TestAsAProvider(ProviderCases):
    @pytest.fixture
    def provider(self, messages: DemoMessages) -> Provider:
        return console(messages, [])


def test_a_message_is_shown_with_a_masked_number(messages: DemoMessages) -> None:
    shown: list[str] = []
    assert console(messages, shown).send(SMS) == "console-ref-0001"
    assert shown == [f"SMS to +91••••••3210: {TEXT}"]


def test_a_message_is_kept_for_the_handset_without_the_number(
    messages: DemoMessages, tmp_path: Path
) -> None:
    console(messages, []).send(SMS)
    assert messages.newest() == [DemoMessage("+91••••••3210", TEXT, NOON)]
    assert NUMBER[1:] not in (tmp_path / "messages.json").read_text()


def test_the_newest_come_first_and_the_oldest_are_forgotten(messages: DemoMessages) -> None:
    messages.add(Sms(SMS.to, "a long one " * 100, "ref"), NOON)
    for n in range(MOST_KEPT + 5):
        messages.add(Sms(SMS.to, f"text {n}", f"ref-{n}"), NOON + timedelta(seconds=n))
    kept = messages.newest()
    assert [message.text for message in kept] == [f"text {n}" for n in range(54, 4, -1)]
    assert kept[0].sent_at == NOON + timedelta(seconds=54)


def test_the_file_is_for_its_owner_only(messages: DemoMessages, tmp_path: Path) -> None:
    messages.add(SMS, NOON)
    assert stat.S_IMODE((tmp_path / "messages.json").stat().st_mode) == 0o600


def test_before_the_first_message_there_is_none(messages: DemoMessages) -> None:
    assert messages.newest() == []


def test_a_file_that_was_torn_is_begun_anew(messages: DemoMessages, tmp_path: Path) -> None:
    messages.add(SMS, NOON)
    whole = (tmp_path / "messages.json").read_text()
    (tmp_path / "messages.json").write_text(whole[: len(whole) // 2])
    assert messages.newest() == []
    messages.add(SMS, NOON)
    assert len(messages.newest()) == 1


def test_writers_at_once_lose_none_of_each_others_messages(tmp_path: Path) -> None:
    def write(writer: int) -> None:
        own = DemoMessages(tmp_path / "messages.json")  # as each process has its own
        for n in range(10):
            own.add(Sms(Phone.of(NUMBER), f"{writer}.{n}", "ref"), NOON)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    texts = {message.text for message in DemoMessages(tmp_path / "messages.json").newest()}
    assert texts == {f"{writer}.{n}" for writer in range(4) for n in range(10)}


def test_a_file_that_cannot_be_written_is_no_reason_to_fall_over(tmp_path: Path) -> None:
    shown: list[str] = []
    provider = console(DemoMessages(tmp_path / "no such folder" / "messages.json"), shown)
    with pytest.raises(Unreachable) as refusal:
        provider.send(SMS)
    assert shown == []
    assert_no_secret(refusal.value)
