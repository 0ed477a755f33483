"""The main run: ours beside the ceiling, in turns, and whether the bars are met."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench.gateway import Gateway
from bench.load import Loop
from bench.pairs import CALM, Bench, Figures, calmest, hello, plain, sending
from bench.report import median, ratios, table, tail, work_ratios
from bench.servers import Server, environment
from bench.site import site

BARS = {16: (0.45, 0.55), 64: (0.60, 0.70)}
"""By connections: what `plain` must reach of `hello`, and what is aimed at."""

_WARM = 400
_HEAD = (
    "what",
    "conns",
    "pairs/s",
    "of hello",
    "(min-max)",
    "by CPU",
    "(min-max)",
    "start p50/p99 ms",
    "check p50/p99 ms",
    "CPU us/pair",
    "RSS MB",
    "server core",
    "load core",
    "others",
)

Measure = Callable[[], Figures]


def run(
    folder: Path, *, pairs: int, rounds: int, markdown: bool, say: Callable[[str], None]
) -> None:
    with ExitStack() as stack:
        loop = Loop()
        stack.callback(loop.close)
        gateway = Gateway(loop)
        stack.callback(gateway.close)
        quiet = stack.enter_context(
            site(environment(folder / "plain", gateway.url, OTP_SENDER="0"))
        )
        loud = stack.enter_context(site(environment(folder / "sending", gateway.url)))
        servers = {
            "hello": Server(quiet.env, folder, "bench.hello:serve"),
            "plain": Server(quiet.env, folder),
            "sending": Server(loud.env, folder),
        }
        for server in servers.values():
            stack.enter_context(server)
        cells: dict[tuple[str, int], Callable[[int], Figures]] = {}
        for connections in BARS:
            on = {name: Bench(server, loop, connections) for name, server in servers.items()}
            cells["hello", connections] = partial(hello, on["hello"], quiet)
            cells["plain", connections] = partial(plain, on["plain"], quiet)
            cells["sending", connections] = partial(sending, on["sending"], loud, gateway)

        found: dict[tuple[str, int], list[Figures]] = {cell: [] for cell in cells}
        for measure in cells.values():
            measure(min(_WARM, pairs))
        for number in range(1, rounds + 1):
            for cell, measure in cells.items():
                found[cell].append(calmest(measure, pairs))
            say(f"round {number} of {rounds}: " + _brief(found))
        rows = [_row(cell, found, servers[cell[0]].resident_mb) for cell in cells]
        say("\n" + table(_HEAD, rows, markdown=markdown) + "\n")
        for connections, (bar, aim) in BARS.items():
            mine, base = found["plain", connections], found["hello", connections]
            reached, by_cpu = median(ratios(mine, base)), median(work_ratios(mine, base))
            verdict = "met" if reached >= bar else "NOT met"
            if any(median(f.disturbance for f in of) > CALM for of in (mine, base)):
                verdict += " (others used the server's core: only the figure by CPU counts)"
            say(
                f"{connections} connections: {reached:.2f} of hello, {by_cpu:.2f} by CPU;"
                f" at least {bar:.2f}: {verdict}; aim {aim:.2f}"
            )
        for connections in BARS:
            way = tail([f.code_out for f in found["sending", connections]])
            say(
                f"{connections} connections: the code is at the gateway {way} ms (p50 / p99)"
                " after its start was sent"
            )


def _brief(found: dict[tuple[str, int], list[Figures]]) -> str:
    return ", ".join(f"{name}@{n} {f[-1].per_second:.0f}" for (name, n), f in found.items())


def _row(
    cell: tuple[str, int], found: dict[tuple[str, int], list[Figures]], resident: float
) -> list[str]:
    name, connections = cell
    mine, base = found[cell], found["hello", connections]
    of_hello, by_cpu = ratios(mine, base), work_ratios(mine, base)
    return [
        name,
        str(connections),
        f"{median(f.per_second for f in mine):.0f}",
        f"{median(of_hello):.2f}",
        f"{min(of_hello):.2f}-{max(of_hello):.2f}",
        f"{median(by_cpu):.2f}",
        f"{min(by_cpu):.2f}-{max(by_cpu):.2f}",
        tail([f.starts for f in mine]),
        tail([f.checks for f in mine]),
        f"{median(f.cpu_us for f in mine):.0f}",
        f"{resident:.0f}",
        f"{median(f.meter.server_cpu / f.meter.seconds for f in mine):.0%}",
        f"{median(f.meter.load_cpu / f.meter.seconds for f in mine):.0%}",
        f"{median(f.disturbance for f in mine):.0%}",
    ]
