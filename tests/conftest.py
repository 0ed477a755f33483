from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world import ROOMY, ServiceWorld


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ServiceWorld]:
    made = ServiceWorld(tmp_path)
    yield made
    made.close()


@pytest.fixture
def roomy(tmp_path: Path) -> Iterator[ServiceWorld]:
    """The same, with limits that many starts do not meet."""
    made = ServiceWorld(tmp_path, **ROOMY)
    yield made
    made.close()
