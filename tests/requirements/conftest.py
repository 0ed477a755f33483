"""The world with its limits out of the way, and one running service for the tests of races."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway import Behaviour, Gateway
from tests.processes import Server, add_client, environment
from tests.requirements.material import AMPLE
from tests.requirements.running import Running
from tests.web.browser import address, chromium, look
from tests.web.person import Person
from tests.world import ServiceWorld

__all__ = ["address", "chromium", "look"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ServiceWorld]:
    made = ServiceWorld(tmp_path, **AMPLE)
    yield made
    made.close()


@pytest.fixture
def person(world: ServiceWorld) -> Person:
    return Person(world.client())


@pytest.fixture(scope="session")
def service_with_two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("running")
    with Gateway() as gateway:
        env = environment(folder, gateway.url, **{**AMPLE, "OTP_RESEND_WAITS": "1,60,120"})
        key = add_client(env)["sk_live"]
        with Server(env, workers=2) as server:
            yield Running(server, gateway, key)


@pytest.fixture
def running(service_with_two_workers: Running) -> Running:
    service_with_two_workers.gateway.answer_with(Behaviour())
    return service_with_two_workers
