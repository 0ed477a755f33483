from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.twin.callers import Caller, running


@pytest.fixture
def caller() -> Iterator[Caller]:
    """Somebody who knows the token of a twin with the usual rules."""
    with running() as made:
        yield made
