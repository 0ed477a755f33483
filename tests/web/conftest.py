from __future__ import annotations

import pytest

from tests.web.browser import address, chromium, look
from tests.web.person import Person
from tests.world import ServiceWorld

__all__ = ["address", "chromium", "look"]


@pytest.fixture
def person(world: ServiceWorld) -> Person:
    return Person(world.client())
