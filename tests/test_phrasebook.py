"""The text in force: which one a message takes, what it costs, and how soon a change is seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from otp.errors import Unavailable
from otp.phrasebook import FRESH, Phrasebook
from otp.service import Caller
from otp.store import Store
from otp.wording import Phrase, Wording
from tests.store.material import opened
from tests.world import NUMBER, OTHER_NUMBER, ROOMY, ServiceWorld

OWN = "{code} is the {service} code. Do not share it."
GERMAN = "{code} ist dein Code für {service}. Gib ihn niemandem."
LONG = "{code} " + "a" * 200
SOON = FRESH.total_seconds()


class Counting:
    """A store that counts how often its texts are read, and may be away."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.reads = 0
        self.away = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def messages(self) -> list[Wording]:
        self.reads += 1
        if self.away:
            raise Unavailable("store")
        return self._store.messages()


@pytest.fixture
def counting(world: ServiceWorld) -> Counting:
    return Counting(world.store)


@pytest.fixture
def book(world: ServiceWorld, counting: Counting) -> Phrasebook:
    return Phrasebook(store=cast(Store, counting), settings=world.settings, clock=world.clock)


def phrase(book: Phrasebook, client_id: str, purpose: str | None, locale: str | None) -> Phrase:
    book.look()
    return book.phrase(client_id, purpose, locale)


def text(book: Phrasebook, client_id: str, purpose: str | None, locale: str | None) -> str:
    return phrase(book, client_id, purpose, locale).template.text


def start(world: ServiceWorld, number: str = NUMBER, **asked: str) -> str:
    caller = Caller(client_id=world.client_id, credential="key")
    return world.service.start(caller, number, **asked).verification.id


# -- how it is read -------------------------------------------------------------------------------


def test_without_a_stored_text_every_message_is_the_settings_own(
    world: ServiceWorld, book: Phrasebook
) -> None:
    assert phrase(book, "acme", "pay", "hi-IN") == Phrase(world.settings.template)
    assert phrase(book, "acme", None, None) == Phrase(world.settings.template)


def test_a_thousand_messages_at_once_cost_one_look(
    world: ServiceWorld, book: Phrasebook, counting: Counting
) -> None:
    for _ in range(1000):
        phrase(book, "acme", None, None)
    assert counting.reads == 1
    world.clock.turn(seconds=SOON - 0.001)
    phrase(book, "acme", None, None)
    assert counting.reads == 1
    world.clock.turn(seconds=0.001)
    phrase(book, "acme", None, None)
    assert counting.reads == 2


def test_a_change_of_another_process_is_seen_within_seconds(
    tmp_path: Path, world: ServiceWorld, book: Phrasebook
) -> None:
    assert text(book, "acme", None, "de") == world.settings.message
    world.store.put_message(Wording(locale="de", text=GERMAN, template_id="1107"))
    world.clock.turn(seconds=SOON)
    assert text(book, "acme", None, "de-AT") == GERMAN
    assert phrase(book, "acme", None, "de").template_id == "1107"
    world.store.put_message(Wording(locale="de", text=OWN))
    world.clock.turn(seconds=SOON)
    assert text(book, "acme", None, "de") == OWN
    world.store.remove_message(("", "", "de"))
    world.clock.turn(seconds=SOON)
    assert text(book, "acme", None, "de") == world.settings.message


def test_a_clock_that_is_set_back_keeps_no_old_text(world: ServiceWorld, book: Phrasebook) -> None:
    phrase(book, "acme", None, "de")
    world.store.put_message(Wording(locale="de", text=GERMAN))
    world.clock.turn(hours=-1)
    assert text(book, "acme", None, "de") == GERMAN


def test_while_the_store_is_away_the_last_texts_stay(
    world: ServiceWorld, book: Phrasebook, counting: Counting
) -> None:
    world.store.put_message(Wording(locale="de", text=GERMAN))
    phrase(book, "acme", None, "de")
    counting.away = True
    for _ in range(3):
        world.clock.turn(seconds=SOON)
        assert text(book, "acme", None, "de") == GERMAN
    assert counting.reads == 4
    phrase(book, "acme", None, "de")
    assert counting.reads == 4, "it is not asked again at once"


def test_nothing_is_guessed_before_the_store_was_read_once(
    book: Phrasebook, counting: Counting
) -> None:
    counting.away = True
    with pytest.raises(Unavailable):
        phrase(book, "acme", None, None)
    counting.away = False
    phrase(book, "acme", None, None)


# -- what is sent, and what it costs --------------------------------------------------------------


def test_a_message_is_sent_by_the_text_for_its_client_purpose_and_language(
    roomy: ServiceWorld,
) -> None:
    for wording in (
        Wording(client_id=roomy.client_id, text="1 {code}", template_id="0001"),
        Wording(client_id=roomy.client_id, purpose="pay", text="2 {code}"),
        Wording(purpose="pay", locale="hi", text="3 {code}"),
        Wording(locale="hi", text="4 {code} कोड"),
        Wording(client_id=f"{roomy.client_id}x", text="5 {code}"),
    ):
        roomy.store.put_message(wording)
    other, keys = roomy.add_client("Other")
    assert other
    for number, (key, members, begins, template_id) in enumerate(
        [
            ("sk_live", {}, "1 ", "0001"),
            ("sk_live", {"purpose": "log-in", "locale": "hi"}, "1 ", "0001"),
            ("sk_live", {"purpose": "pay", "locale": "hi"}, "2 ", None),
            ("other", {"purpose": "pay", "locale": "hi-IN"}, "3 ", None),
            ("other", {"locale": "hi"}, "4 ", None),
            ("other", {"purpose": "pay"}, "", None),
            ("other", {}, "", None),
        ]
    ):
        token = keys["sk_live"] if key == "other" else roomy.keys[key]
        assert roomy.api(token).start(f"+9198765{number:05}", **members).status_code == 201
        code = roomy.deliver()
        sms = roomy.provider.sent[-1]
        assert sms.text.startswith(f"{begins}{code}")
        assert sms.template_id == template_id
        assert sms.unicode is ("कोड" in sms.text)


def test_a_start_is_priced_by_the_text_that_will_be_sent(tmp_path: Path) -> None:
    world = ServiceWorld(tmp_path, **{**ROOMY, "OTP_SEND_BUDGET": "3/hour"})
    world.store.put_message(Wording(locale="de", text=LONG))
    start(world, locale="de")  # two parts of three
    with pytest.raises(Unavailable, match="budget"):
        start(world, OTHER_NUMBER, locale="de")
    start(world, OTHER_NUMBER)
    with pytest.raises(Unavailable, match="budget"):
        start(world, "+919876543212")
    world.close()


def test_a_text_that_became_longer_costs_more_at_the_next_message(tmp_path: Path) -> None:
    world = ServiceWorld(tmp_path, **{**ROOMY, "OTP_SEND_BUDGET": "3/hour"})
    id = start(world, locale="de")
    world.store.put_message(Wording(locale="de", text=LONG))
    world.clock.turn(seconds=30)
    caller = Caller(client_id=world.client_id, credential="key")
    world.service.resend(caller, id)
    with pytest.raises(Unavailable, match="budget"):
        start(world, OTHER_NUMBER)
    world.close()


def test_what_was_queued_before_a_change_is_sent_by_the_new_text(world: ServiceWorld) -> None:
    start(world, locale="de")
    world.store.put_message(Wording(locale="de", text=GERMAN))
    world.clock.turn(seconds=SOON)
    world.deliver()
    assert "ist dein Code" in world.provider.sent[0].text


def test_test_mode_has_the_texts_of_its_client(world: ServiceWorld, book: Phrasebook) -> None:
    world.store.put_message(Wording(client_id="acme", text=OWN))
    assert text(book, "acme/test", None, None) == OWN


def test_two_stores_on_one_file_tell_the_same_texts(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/otp.db"
    one, two = opened(url), opened(url)
    one.put_message(Wording(locale="de", text=GERMAN))
    assert two.messages() == one.messages()
    one.close()
    two.close()
