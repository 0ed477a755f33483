"""What every provider with a webhook must do with what comes in there."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otp.challenge import Delivery
from otp.errors import Forged
from otp.providers import Inbound, Provider, Reply
from tests.providers.cases import SECRETS, assert_no_secret

REFERENCE = "0123456789abcdef0123456789abcdef-1"
PROOF = {"authorization", "webhook-id", "webhook-timestamp", "webhook-signature"}
FOREIGN = ["ref-0001", REFERENCE.upper(), REFERENCE[1:], f"{REFERENCE}x", "", " ", "\u0661" * 34]

_NAMES = (
    "id message_id status cid custom reference reason units challenge validation_key event payload"
)
_name = st.sampled_from([*_NAMES.split(" "), "x"])
_text = st.text("aZ9-: \u0661\n\0\ud800", max_size=60) | st.sampled_from([REFERENCE, "delivered"])
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_name, inner, max_size=6),
    max_leaves=20,
)


class ReceiptCases:
    old, new = "old-secret-1x7", "new-secret-2y8"
    delivered = "delivered"

    def opened_by(self, *secrets: str) -> Provider:
        """A provider whose webhook these secrets open."""
        raise NotImplementedError

    def pushed(self, secret: str, body: bytes) -> Inbound:
        """An authentic request."""
        raise NotImplementedError

    def report(self, *, reference: str | None, id: object, word: object) -> bytes:
        """The body of a receipt."""
        raise NotImplementedError

    def said(self, **told: object) -> Reply:
        told = {"reference": REFERENCE, "id": "x:1", "word": self.delivered} | told
        body = self.report(**told)  # type: ignore[arg-type]
        return self.opened_by(self.new).receive(self.pushed(self.new, body))

    # -- who may speak --------------------------------------------------------------------------

    def test_while_a_secret_is_changed_the_old_and_the_new_one_are_good(self) -> None:
        body = self.report(reference=REFERENCE, id="x:1", word=self.delivered)
        during = self.opened_by(self.new, self.old)
        for secret in (self.old, self.new):
            assert during.receive(self.pushed(secret, body)).receipts
        with pytest.raises(Forged):
            self.opened_by(self.new).receive(self.pushed(self.old, body))

    def test_a_request_that_was_altered_or_half_proven_is_forged(self) -> None:
        provider = self.opened_by(self.new)
        body = self.report(reference=REFERENCE, id="x:1", word=self.delivered)
        good = self.pushed(self.new, body)
        provider.receive(good)
        proof = {name: good.headers[name] for name in PROOF & good.headers.keys()}
        assert proof
        for name, value in proof.items():
            for wrong in (
                "",
                " ",
                value[:-1],
                value[:-2] + "\udcff",
                value + "x",
                "٣" * 9,
                "Bearer",
            ):
                headers = {**good.headers, name: wrong}
                with pytest.raises(Forged) as refusal:
                    provider.receive(dataclasses.replace(good, headers=headers))
                assert_no_secret(refusal.value)

    # -- what is said ---------------------------------------------------------------------------

    def test_a_receipt_names_the_message_by_both_names(self) -> None:
        (receipt,) = self.said().receipts
        assert (receipt.reference, receipt.provider_id) == (REFERENCE, "x:1")
        assert (receipt.word, receipt.delivery) == (self.delivered, Delivery.DELIVERED)

    @pytest.mark.parametrize("foreign", FOREIGN)
    def test_a_reference_that_is_not_ours_is_none(self, foreign: str) -> None:
        (receipt,) = self.said(reference=foreign).receipts
        assert (receipt.reference, receipt.provider_id) == (None, "x:1")

    @pytest.mark.parametrize("id", [None, "", " ", 7, [], "x" * 5000, "a\0b", "\ud800", "é"])
    def test_an_id_that_is_none_leaves_the_reference(self, id: object) -> None:
        (receipt,) = self.said(id=id).receipts
        assert (receipt.reference, receipt.provider_id) == (REFERENCE, None)

    def test_what_names_no_message_or_says_nothing_of_it_is_no_receipt(self) -> None:
        assert self.said(reference=None, id=None) == Reply()
        for word in (None, "", " ", [], {}, "\u0661"):
            assert self.said(word=word) == Reply()

    @pytest.mark.parametrize(
        ("word", "kept"),
        [
            ("NO-SUCH-WORD", "NO-SUCH-WORD"),
            ("x" * 5000, "x" * 40),
            ("a\r\nb\0c\u202ed", "abcd"),
            (200, "200"),
        ],
    )
    def test_a_word_nobody_knows_is_kept_and_decides_nothing(self, word: object, kept: str) -> None:
        (receipt,) = self.said(word=word).receipts
        assert (receipt.word, receipt.delivery) == (kept, None)
        assert receipt.reason == "unknown_word"

    @pytest.mark.parametrize(
        "body",
        [
            *(b"", b"\xff\xfe", b"null", b"[]", b"[7]", b'"x"', b"{", b"[" * 60_000),
            *(b"a=b&" * 5000, b'{"status": ' + b"9" * 6000 + b"}", b'{"id": "x:1",}', b"%ff=%ff"),
        ],
        ids=lambda body: str(body[:9]),
    )
    def test_what_cannot_be_understood_is_taken_and_says_nothing(self, body: bytes) -> None:
        assert self.opened_by(self.new).receive(self.pushed(self.new, body)) == Reply()

    def test_whatever_an_authentic_body_holds_nothing_falls_over(self) -> None:
        provider = self.opened_by(self.new)

        # A busy machine may take long over a draw; nothing here is about time.
        @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(_json)
        def holds(content: object) -> None:
            reply = provider.receive(self.pushed(self.new, json.dumps(content).encode()))
            for receipt in reply.receipts:
                assert receipt.reference or receipt.provider_id
                assert 0 < len(receipt.word) <= 40
                assert receipt.word.isascii()
                assert receipt.word.isprintable()

        holds()

    def test_a_request_shows_nothing_of_what_it_holds(self) -> None:
        inbound = self.pushed(self.new, SECRETS[0].encode())
        assert not any(secret in repr(inbound) for secret in (*SECRETS, self.new))
