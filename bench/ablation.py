"""What each promise costs: the service whole, and with one thing taken out, in turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench.load import Loop, Wrong
from bench.pairs import Bench, Figures, hello, plain
from bench.report import median, table
from bench.servers import Server, environment
from bench.site import site
from bench.without import CODE, CODE_KNOWN, VARIABLE, VARIANTS

_CONNECTIONS = 16
_WARM = 200
_WHOLE, _HELLO = "(nothing)", "(bare hello)"


def run(
    folder: Path,
    names: Sequence[str],
    *,
    pairs: int,
    rounds: int,
    markdown: bool,
    say: Callable[[str], None],
) -> None:
    with ExitStack() as stack:
        loop = Loop()
        stack.callback(loop.close)
        cells: dict[str, Callable[[int], Figures]] = {}
        for place, name in enumerate((_WHOLE, _HELLO, *(names or VARIANTS))):
            env = environment(folder / str(place), "http://127.0.0.1:9/", OTP_SENDER="0")
            env[VARIABLE] = "" if name == _WHOLE else name
            with ExitStack() as trial:
                own = trial.enter_context(site(env, CODE if name in CODE_KNOWN else None))
                target = "bench.hello:serve" if name == _HELLO else "bench.without:serve"
                try:
                    server = trial.enter_context(Server(env, folder, target))
                    bench = Bench(server, loop, _CONNECTIONS)
                    measure: Callable[[int], Figures]
                    measure = partial(hello if name == _HELLO else plain, bench, own)
                    measure(_WARM)
                except Wrong as error:
                    say(f"cannot be taken out: {name}: {str(error)[-600:]}")
                    continue
                cells[name] = measure
                stack.push(trial.pop_all())
        found: dict[str, list[float]] = {name: [] for name in cells}
        saved: dict[str, list[float]] = {name: [] for name in cells}
        for number in range(1, rounds + 1):
            whole = cells[_WHOLE](pairs).cpu_us
            for name, measure in cells.items():
                if name == _WHOLE:
                    continue
                cpu = measure(pairs).cpu_us
                after = cells[_WHOLE](pairs).cpu_us
                found[name].append(cpu)
                found[_WHOLE].append(after)
                # Against its two neighbours in time: the machine has slower and faster spells.
                saved[name].append(1 - cpu / ((whole + after) / 2))
                whole = after
            say(f"round {number} of {rounds}")
        full = median(found[_WHOLE])
        rows = [
            [
                name,
                f"{median(found[name]):.0f}",
                f"{median(saved[name]):.1%}" if saved[name] else "",
                f"{min(saved[name]):.1%} to {max(saved[name]):.1%}" if saved[name] else "",
                f"{median(saved[name]) * full:.0f}" if saved[name] else "",
            ]
            for name in cells
        ]
        head = ("without", "CPU us/pair", "saved", "(min to max)", "saved us")
        say("\n" + table(head, rows, markdown=markdown))
