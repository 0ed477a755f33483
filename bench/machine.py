"""The machine's own figures: which core runs what, and what a process has used of it.

Read from /proc; where there is none, figures are `nan` and the report says so.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SERVER, LOAD = 0, 1
"""Places in the list of cores that this process may use."""

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
TICK = 1 / _TICKS
"""Seconds: the kernel's clock of CPU time tells no less."""


def cores() -> list[int]:
    """The cores this process may run on; empty where that cannot be said."""
    if not hasattr(os, "sched_getaffinity"):
        return []
    return sorted(os.sched_getaffinity(0))


_CORES = cores()  # before anything was pinned


def is_split() -> bool:
    """Whether server and load have a core each."""
    return len(_CORES) >= 2


@contextmanager
def pinned(place: int) -> Iterator[None]:
    """This thread, and the processes it starts meanwhile, on one core."""
    if not is_split():
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {_CORES[place]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def pace() -> float:
    """CPU seconds of a fixed piece of work on the server's core, just now.

    A virtual core does the same work in up to twice the CPU time, depending on its neighbours.
    """
    kept: dict[int, int] = {}
    with pinned(SERVER):
        began = time.thread_time()
        for n in range(100_000):
            kept[n & 1023] = n
        return time.thread_time() - began


def family(pid: int) -> list[int]:
    """The process and all below it."""
    parents: dict[int, list[int]] = {}
    for path in _PROC.glob("[0-9]*/stat"):
        try:
            parents.setdefault(int(_fields(path)[1]), []).append(int(path.parent.name))
        except OSError:  # it ended meanwhile
            continue
    found = [pid]
    for each in found:
        found += parents.get(each, [])
    return found


def cpu_seconds(pids: list[int]) -> float:
    """User and system time of these processes so far."""
    try:
        fields = [_fields(_PROC / str(pid) / "stat") for pid in pids]
    except OSError:
        return math.nan
    return sum(int(f[11]) + int(f[12]) for f in fields) / _TICKS


def resident_mb(pids: list[int]) -> float:
    """Resident memory of the largest of these processes."""
    sizes = []
    for pid in pids:
        try:
            pages = int((_PROC / str(pid) / "statm").read_text().split()[1])
        except OSError:
            return math.nan
        sizes.append(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)
    return max(sizes)


def busy_seconds(place: int) -> float:
    """How long that core has done anything, for whomever."""
    if not is_split():
        return math.nan
    try:
        lines = (_PROC / "stat").read_text().splitlines()
    except OSError:
        return math.nan
    for line in lines:
        name, *values = line.split()
        if name == f"cpu{_CORES[place]}":
            user, nice, system, _idle, _wait, irq, soft, steal = map(int, values[:8])
            return (user + nice + system + irq + soft + steal) / _TICKS
    return math.nan


def _fields(path: Path) -> list[str]:
    """Of a `stat`, what comes behind the name, which may hold anything."""
    return path.read_text().rpartition(")")[2].split()
