"""`python -m tests.soak --sends 10000 --seed 1`: the long form, with a report."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.soak.drain import ENOUGH, drain
from tests.soak.run import soak


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    options.add_argument("--sends", type=int, default=10_000, help="how many starts (10000)")
    options.add_argument("--per-second", type=float, default=50, help="their pace (50)")
    options.add_argument("--seed", default="1", help="draws every fault")
    options.add_argument("--drain", type=int, metavar="MINUTES", help="a full queue, instead")
    options.add_argument("--ceiling", type=int, default=1000, help="calls a minute then (1000)")
    options.add_argument("--pause", type=float, default=3, help="seconds between faults (3)")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="otp-soak-") as folder:
        if chosen.drain:
            drained = drain(Path(folder), ceiling=chosen.ceiling, minutes=chosen.drain)
            print(drained)
            return 0 if drained.reached >= ENOUGH and not drained.refused else 1
        report = soak(
            Path(folder),
            sends=chosen.sends,
            per_second=chosen.per_second,
            seed=chosen.seed,
            pause=chosen.pause,
        )
    print(report)
    return 1 if report.verdict.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
