from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.terminal import Terminal
from tests.twin.callers import Caller, running


@pytest.fixture
def caller() -> Iterator[Caller]:
    """Somebody who knows the token of a twin with the usual rules."""
    with running() as made:
        yield made


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)
