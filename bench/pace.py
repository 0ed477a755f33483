"""Starts at a steady pace, as people come: how soon is each message at the gateway?

An open loop: the next start is sent when its time has come, whatever became of the last one. The
gateway answers at once, so all that is measured is ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from bench.gateway import Gateway
from bench.load import Line, Loop, Wrong, post
from bench.report import ms, percentile
from bench.servers import Server, environment
from bench.site import site

PER_SECOND = 50
BARS = {50: 0.010, 99: 0.050}
"""By percentile, in seconds."""

_LINES = 16
_WARM = 100
_LAST = 5.0
"""Seconds that the last messages may take."""


def run(folder: Path, *, count: int, say: Callable[[str], None]) -> None:
    with ExitStack() as stack:
        loop = Loop()
        stack.callback(loop.close)
        gateway = Gateway(loop)
        stack.callback(gateway.close)
        site_ = stack.enter_context(site(environment(folder / "pace", gateway.url)))
        server = stack.enter_context(Server(site_.env, folder))
        lines = [Line(loop, server.port) for _ in range(_LINES)]
        for line in lines:
            stack.callback(line.close)
        asked: dict[str, float] = {}
        took: dict[str, float] = {}

        def taken(number: str, _: str) -> None:
            took[number] = time.perf_counter() - asked[number]

        gateway.took = taken
        began = time.perf_counter() + 0.1
        for place in range(_WARM + count):
            loop.turn_until(began + place / PER_SECOND)
            if not lines:
                raise Wrong("the server does not keep up with the pace")
            line, number = lines.pop(0), site_.number()  # in turns: the server closes idle ones
            asked[number.removeprefix("+")] = time.perf_counter()
            request = post("/v1/verifications", site_.start_body(number), site_.key)
            line.ask(request, 201, lambda _, __, line=line: lines.append(line))  # type: ignore[misc]
        loop.turn_until(time.perf_counter() + _LAST)
        if len(took) < len(asked):
            raise Wrong(f"{len(asked) - len(took)} messages never came")
        measured = list(took.values())[_WARM:]
        for percent, bar in BARS.items():
            found = percentile(measured, percent)
            verdict = "met" if found < bar else "NOT met"
            say(
                f"{PER_SECOND} starts a second: p{percent} of the way out {ms(found)} ms;"
                f" under {ms(bar)}: {verdict}"
            )
