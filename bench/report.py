"""Tables, as plain text or Markdown, and what is made of many measurements of one thing."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence

from bench.pairs import Figures


def percentile(values: Iterable[float], percent: float) -> float:
    """The nearest rank: a value that was really measured."""
    ordered = sorted(values)
    return ordered[math.ceil(len(ordered) * percent / 100) - 1]


def ms(seconds: float) -> str:
    return f"{seconds * 1e3:.1f}"


def tail(rounds: Sequence[list[float]]) -> str:
    """`p50/p99` in milliseconds: the medians of the rounds' own."""
    halves = statistics.median(percentile(r, 50) for r in rounds)
    tails = statistics.median(percentile(r, 99) for r in rounds)
    return f"{ms(halves)} / {ms(tails)}"


def median(values: Iterable[float]) -> float:
    return statistics.median(list(values))


def ratios(ours: Sequence[Figures], base: Sequence[Figures]) -> list[float]:
    """Pairs per second against the base of the same round."""
    return [o.per_second / b.per_second for o, b in zip(ours, base, strict=True)]


def work_ratios(ours: Sequence[Figures], base: Sequence[Figures]) -> list[float]:
    """The base's CPU per pair against ours: what `ratios` would be if nobody else ran here."""
    return [b.work / o.work for o, b in zip(ours, base, strict=True)]


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, markdown: bool) -> str:
    if markdown:
        return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *rows])
    widths = [max(len(line[place]) for line in [head, *rows]) for place in range(len(head))]

    def padded(line: Sequence[str]) -> str:
        first, *others = zip(line, widths, strict=True)
        return "  ".join([first[0].ljust(first[1]), *(text.rjust(n) for text, n in others)])

    return "\n".join(padded(line) for line in [head, *rows])
