"""`python -m bench`: the options, and what is run."""

from __future__ import annotations

import argparse
import logging
import platform
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import ablation, machine, pace, through_http, writers
from bench.load import Wrong
from bench.without import VARIANTS


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    options.add_argument("--quick", action="store_true", help="short rounds, and three of them")
    options.add_argument("--rounds", type=int, help="how often everything is measured (5)")
    options.add_argument("--pairs", type=int, help="pairs per measurement (2000)")
    options.add_argument("--markdown", action="store_true", help="tables as Markdown")
    options.add_argument(
        "--ablate",
        nargs="*",
        metavar="PROMISE",
        help="what each promise costs, or these few: " + "; ".join(VARIANTS),
    )
    chosen = options.parse_args()
    rounds = chosen.rounds or (3 if chosen.quick else 5)
    pairs = chosen.pairs or (500 if chosen.quick else 2000)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is put away
    logging.disable(logging.INFO)  # of our own sender, which draws the codes; not of the servers
    say(f"Python {platform.python_version()}, {len(machine.cores())} cores")
    if not machine.is_split():
        say("Server and load share a core here: the ratios say little.")
    with (
        tempfile.TemporaryDirectory(prefix="otp-bench-") as name,
        machine.pinned(machine.LOAD),
    ):
        try:
            common: Any = {"rounds": rounds, "markdown": chosen.markdown, "say": say}
            if chosen.ablate is None:
                through_http.run(Path(name), pairs=pairs, **common)
                pace.run(Path(name), count=500 if chosen.quick else 2000, say=say)
                writers.run(Path(name), count=1000 if chosen.quick else 4000, say=say)
            else:
                ablation.run(Path(name), chosen.ablate, pairs=pairs // 5, **common)
        except Wrong as error:
            say(f"Wrong: {error}")
            return 1
    return 0


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
