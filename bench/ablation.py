"""What each promise costs: the service whole, and with one thing taken out, in turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench.load import Loop, Wrong
from bench.pairs import Bench, Figures, calmest, hello, plain
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
        whole: list[Figures] = []
        found: dict[str, list[Figures]] = {name: [] for name in cells if name != _WHOLE}
        saved: dict[str, list[float]] = {name: [] for name in found}
        for number in range(1, rounds + 1):
            whole.append(calmest(cells[_WHOLE], pairs))
            for name, figures in found.items():
                figures.append(calmest(cells[name], pairs))
                whole.append(calmest(cells[_WHOLE], pairs))
                # Against its two neighbours in time, evened out: the machine has slow spells.
                beside = (whole[-2].work + whole[-1].work) / 2
                saved[name].append(1 - figures[-1].work / beside)
            say(f"round {number} of {rounds}")
        fastest = min(figures.cpu_us for figures in whole)
        rows = [[_WHOLE, f"{median(f.cpu_us for f in whole):.0f}", "", "", f"{fastest:.0f}"]]
        rows += [
            [
                name,
                f"{median(f.cpu_us for f in found[name]):.0f}",
                f"{median(shares):.1%}",
                f"{min(shares):.1%} to {max(shares):.1%}",
                f"{median(shares) * fastest:.0f}",
            ]
            for name, shares in sorted(saved.items(), key=lambda item: -median(item[1]))
        ]
        head = ("without", "CPU us/pair", "saved", "(min to max)", "of the fastest, us")
        say("\n" + table(head, rows, markdown=markdown))
