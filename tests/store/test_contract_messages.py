"""What every store promises of the texts an operator stored."""

from __future__ import annotations

from dataclasses import replace

from otp.store import Store
from otp.wording import LastLine, Wording
from tests.store.material import opened

TEXT = "{code} ist dein Code für {service}.\nGib ihn niemandem – auch uns nicht."
PLAIN = Wording(locale="de", text=TEXT)
FULL = Wording(
    client_id="acme",
    purpose="pay",
    locale="hi-IN",
    text="{code} आपका कोड है",
    last_line=LastLine.ANDROID,
    app_hash="FA+9qCX9VSu",
    template_id="0007161234567890123",
    registered="{#var#} आपका कोड है\n\nFA+9qCX9VSu",
)


def test_a_text_comes_back_as_it_was_put(store: Store, url: str) -> None:
    assert store.messages() == []
    store.put_message(FULL)
    store.put_message(PLAIN)
    assert store.messages() == [PLAIN, FULL]
    other = opened(url)
    assert other.messages() == [PLAIN, FULL]
    other.close()


def test_another_text_for_the_same_takes_its_place_and_touches_no_other(store: Store) -> None:
    store.put_message(PLAIN)
    store.put_message(FULL)
    plainer = Wording(
        client_id="acme", purpose="pay", locale="hi-IN", text="{code}", last_line=LastLine.NONE
    )
    store.put_message(plainer)
    assert store.messages() == [PLAIN, plainer]
    nearly = [
        replace(PLAIN, client_id="acme"),
        replace(PLAIN, purpose="pay"),
        replace(PLAIN, locale="de-AT"),
    ]
    for wording in nearly:
        store.put_message(wording)
    assert len(store.messages()) == 5
    assert {PLAIN, plainer, *nearly} == set(store.messages())


def test_only_the_text_for_just_these_is_removed(store: Store) -> None:
    store.put_message(PLAIN)
    store.put_message(FULL)
    for key in (("acme", "pay", "hi"), ("acme", "pay", ""), ("", "", "hi-IN"), ("", "", "")):
        assert not store.remove_message(key)
    assert store.messages() == [PLAIN, FULL]
    assert store.remove_message(FULL.key)
    assert not store.remove_message(FULL.key)
    assert store.messages() == [PLAIN]
