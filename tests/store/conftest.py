"""Each test that asks for a store runs once against every kind of store there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from otp.store import Store
from tests.store.material import opened


def sqlite(folder: Path) -> str:
    return f"sqlite:///{folder}/data/otp.db"


@pytest.fixture(params=[sqlite], ids=lambda kind: kind.__name__)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty store may be."""
    kind: Callable[[Path], str] = request.param
    return kind(tmp_path)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    made = opened(url)
    yield made
    made.close()
