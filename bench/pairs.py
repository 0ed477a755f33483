"""Pairs of a start and its check, through HTTP: how many a second, how slow, and at what cost.

Three kinds. `hello`: two requests to the barest application. `plain`: starts, then, while the
server idles, a sender of ours draws the codes, then checks; only the requests are timed. `sending`:
the web process sends as well, and each connection checks as soon as its code has come.
"""

from __future__ import annotations

import gc
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench import machine
from bench.gateway import Gateway
from bench.load import Line, Loop, Wrong, drive, post
from bench.servers import Server
from bench.site import Site

_ID = re.compile(rb'"id": ?"(ver_[0-9a-f]{32})"')
_OK, _CREATED = 200, 201
CALM = 0.1


@dataclass(slots=True)
class Meter:
    """What the timed phases of one measurement took, of the clock and of the cores.

    *work* is the server's CPU in units of `machine.pace`: the same on a slow spell of the machine.
    """

    server: Server
    seconds: float = 0.0
    server_cpu: float = 0.0
    load_cpu: float = 0.0
    others_cpu: float = 0.0
    work: float = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Adds what happens within the block. No garbage is collected in it, on our side."""
        gc.collect()
        gc.disable()
        pace = machine.pace()
        busy, server = machine.busy_seconds(machine.SERVER), self.server.cpu_seconds
        load, began = time.process_time(), time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - began
            self.load_cpu += time.process_time() - load
            # Less than the kernel's clock can tell is not nothing.
            used = max(self.server.cpu_seconds - server, machine.TICK)
            self.server_cpu += used
            self.others_cpu += machine.busy_seconds(machine.SERVER) - busy - used
            self.work += used / ((pace + machine.pace()) / 2)
            gc.enable()


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One measurement. Latencies are seconds, in no order."""

    pairs: int
    meter: Meter
    starts: list[float]
    checks: list[float]
    code_out: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return self.pairs / self.meter.seconds

    @property
    def cpu_us(self) -> float:
        """CPU of the server's processes per pair."""
        return self.meter.server_cpu / self.pairs * 1e6

    @property
    def disturbance(self) -> float:
        """The share of the server's core that others used meanwhile."""
        return self.meter.others_cpu / self.meter.seconds

    @property
    def work(self) -> float:
        """The same, evened out over slower and faster spells of the machine; only for ratios."""
        return self.meter.work / self.pairs


@dataclass(frozen=True, slots=True)
class Bench:
    """A server, and how many connections to ask it over."""

    server: Server
    loop: Loop
    connections: int

    @contextmanager
    def lines(self) -> Iterator[list[Line]]:
        """Fresh connections: the server closes one on which nothing is asked for ten seconds."""
        opened: list[Line] = []
        try:
            for _ in range(self.connections):
                opened.append(Line(self.loop, self.server.port))
            yield opened
        finally:
            for line in opened:
                line.close()


def hello(bench: Bench, site: Site, pairs: int) -> Figures:
    """Two requests a pair, with the headers and the bodies of a start and of a check."""
    meter = Meter(bench.server)
    start = post("/hello", site.start_body("+919876500000"), site.key)
    check = post("/hello", _code_body("000000"), site.key)
    with bench.lines() as lines, meter.running():
        starts = drive(bench.loop, lines, [start] * pairs, _OK)
        checks = drive(bench.loop, lines, [check] * pairs, _OK)
    return Figures(pairs=pairs, meter=meter, starts=starts, checks=checks)


def plain(bench: Bench, site: Site, pairs: int) -> Figures:
    meter = Meter(bench.server)
    path = "/v1/verifications"
    asked = [post(path, site.start_body(site.number()), site.key) for _ in range(pairs)]
    ids: list[str] = []
    with bench.lines() as lines, meter.running():
        starts = drive(
            bench.loop, lines, asked, _CREATED, lambda _, answer: ids.append(_id(answer))
        )
    codes = site.codes_of(ids)
    asked = [post(f"{path}/{id}/check", _code_body(codes[id]), site.key) for id in ids]
    with bench.lines() as lines, meter.running():
        checks = drive(bench.loop, lines, asked, _OK, _must_be_approved)
    return Figures(pairs=pairs, meter=meter, starts=starts, checks=checks)


def sending(bench: Bench, site: Site, gateway: Gateway, pairs: int) -> Figures:
    """Each connection starts, waits until its code has come to the gateway, and checks."""
    crowd = _Crowd(bench, site, pairs)
    meter = Meter(bench.server)
    gateway.took = crowd.code_came
    with bench.lines() as lines, meter.running():
        crowd.run(lines)
    return Figures(
        pairs=pairs,
        meter=meter,
        starts=crowd.starts,
        checks=crowd.checks,
        code_out=crowd.code_out,
    )


class _Crowd:
    """As many people as connections, one after another on each."""

    def __init__(self, bench: Bench, site: Site, pairs: int) -> None:
        self.starts: list[float] = []
        self.checks: list[float] = []
        self.code_out: list[float] = []
        self._bench = bench
        self._key = site.key
        self._pairs = pairs
        self._left = iter(
            [
                (n, post("/v1/verifications", site.start_body(n), site.key))
                for n in (site.number() for _ in range(pairs))
            ]
        )
        self._people: dict[str, _Person] = {}

    def run(self, lines: Sequence[Line]) -> None:
        for line in lines:
            self._start(line)
        self._bench.loop.run()

    def _start(self, line: Line) -> None:
        number, request = next(self._left, (None, b""))
        if number is None:
            return
        person = self._people[number[1:]] = _Person(line, time.perf_counter())

        def then(answer: bytes, took: float) -> None:
            self.starts.append(took)
            person.id = _id(answer)
            self._check(person)

        line.ask(request, _CREATED, then)

    def code_came(self, number: str, code: str) -> None:
        person = self._people.pop(number, None)
        if person is None:
            raise Wrong("a message came that nobody waits for")
        self.code_out.append(time.perf_counter() - person.began)
        person.code = code
        self._check(person)

    def _check(self, person: _Person) -> None:
        """Once both are there: the answer to the start, and the code."""
        if not (person.id and person.code):
            return

        def then(answer: bytes, took: float) -> None:
            _must_be_approved(0, answer)
            self.checks.append(took)
            if len(self.checks) == self._pairs:
                self._bench.loop.done()
            else:
                self._start(person.line)

        path = f"/v1/verifications/{person.id}/check"
        person.line.ask(post(path, _code_body(person.code), self._key), _OK, then)


@dataclass(slots=True)
class _Person:
    line: Line
    began: float
    id: str = ""
    code: str = ""


def calmest(measure: Callable[[int], Figures], pairs: int) -> Figures:
    """Measured once more where others used more than a tenth of the server's core."""
    first = measure(pairs)
    if not first.disturbance > CALM:  # nor where that cannot be known
        return first
    return min(first, measure(pairs), key=lambda figures: figures.disturbance)


def _code_body(code: str) -> bytes:
    return json.dumps({"code": code}).encode()


def _id(answer: bytes) -> str:
    found = _ID.search(answer)
    if not found:
        raise Wrong(f"a start without an id: {answer[:800]!r}")
    return found[1].decode()


def _must_be_approved(_: int, answer: bytes) -> None:
    if b'"approved"' not in answer:
        raise Wrong(f"a right code was not approved: {answer[:800]!r}")
