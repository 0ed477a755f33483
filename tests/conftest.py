from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world import ServiceWorld


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ServiceWorld]:
    made = ServiceWorld(tmp_path)
    yield made
    made.close()
