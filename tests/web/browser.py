"""A real Chromium before the real pages: fixtures for the tests that need one."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import make_server

from tests.world import ServiceWorld

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ("chromium", "chromium-browser", "google-chrome")


@dataclass
class Watched:
    """A browser page, all that it asked for, and all that it complained about."""

    page: Page
    base: str
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._hear)

    def _hear(self, message: Any) -> None:
        # A page that comes again with 422 or 429 is an answer; the console calls it an error.
        is_answer = "status of 422" in message.text or "status of 429" in message.text
        if message.type in ("error", "warning") and not is_answer:
            self.complaints.append(message.text)


Look = Callable[..., Watched]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    found = os.environ.get("OTP_TEST_CHROMIUM") or next(
        filter(None, map(shutil.which, NAMES)), None
    )
    if not found:
        pytest.fail("no Chromium: install one, or name its binary in OTP_TEST_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def address(world: ServiceWorld) -> Iterator[str]:
    """The service on a port of its own."""
    server = make_server("127.0.0.1", 0, world.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def look(chromium: Browser, address: str, tmp_path: Path) -> Iterator[Look]:
    """Opens browser windows of one's own making; a window shares nothing with another one."""
    contexts = []

    def open_window(**options: Any) -> Watched:
        context = chromium.new_context(base_url=address, **options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        watched = Watched(context.new_page(), address)
        watched.watch()
        return watched

    yield open_window
    for context in contexts:
        context.close()
