from __future__ import annotations

import pytest

from otp.web.rendering import span


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "1 second"),
        (90, "90 seconds"),
        (91, "2 minutes"),
        (600, "10 minutes"),
        (5400, "90 minutes"),
        (5401, "2 hours"),
        (86400 * 2, "2 days"),
    ],
)
def test_spans_are_rounded_up_into_words(seconds: int, words: str) -> None:
    assert span(seconds) == words
