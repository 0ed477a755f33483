"""How slow the slowest of many starts is under a crowd of writers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from bench import machine
from bench.load import Line, Loop, drive, post
from bench.report import ms, percentile
from bench.servers import Server, environment
from bench.site import Site, site
from otp.service import Caller

WRITERS = 32
BAR = 0.050


def run(folder: Path, *, count: int, say: Callable[[str], None]) -> None:
    env = environment(folder / "writers", "http://127.0.0.1:9/", OTP_SENDER="0")
    with site(env) as own:
        with machine.pinned(machine.SERVER):
            threads = _by_threads(own, count)
        over_http = _over_http(own, folder, count)
    for how, took in (("threads on the service", threads), ("connections", over_http)):
        slowest = max(took)
        verdict = "met" if slowest <= BAR else "NOT met"
        say(
            f"{len(took)} starts by {WRITERS} {how}: p50 {ms(percentile(took, 50))},"
            f" p99 {ms(percentile(took, 99))}, slowest {ms(slowest)} ms;"
            f" at most {ms(BAR)} ms: {verdict}"
        )


def _by_threads(own: Site, count: int) -> list[float]:
    service = own.parts.world.service
    caller = Caller(client_id=own.client_id, credential="key:bench", is_secret=True)
    numbers = iter([own.number() for _ in range(count)])
    for _ in range(WRITERS):
        service.start(caller, own.number())  # the first one loads what the others find
    took: list[float] = []
    failed: list[BaseException] = []
    lock = threading.Lock()

    def write() -> None:
        try:
            while not failed:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                began = time.perf_counter()
                service.start(caller, number)
                took.append(time.perf_counter() - began)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return took


def _over_http(own: Site, folder: Path, count: int) -> list[float]:
    loop = Loop()
    lines: list[Line] = []
    asked = [
        post("/v1/verifications", own.start_body(own.number()), own.key)
        for _ in range(count + WRITERS)
    ]
    with Server(own.env, folder) as server:
        try:
            for _ in range(WRITERS):
                lines.append(Line(loop, server.port))
            drive(loop, lines, asked[:WRITERS], 201)
            return drive(loop, lines, asked[WRITERS:], 201)
        finally:
            for line in lines:
                line.close()
            loop.close()
