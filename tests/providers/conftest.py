from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateway import Gateway


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """A gateway that takes every message, until it is told otherwise."""
    with Gateway() as running:
        yield running
