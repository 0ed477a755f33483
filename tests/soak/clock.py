"""A clock that can be put forward and back for processes that run.

They share its offset in a file.
"""

from __future__ import annotations

import mmap
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

_OFFSET = struct.Struct("d")


class Clock:
    """The time of day, and the offset that stands in *path*. Any process may move it."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(_OFFSET.pack(0))
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _OFFSET.size)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.offset)

    @property
    def offset(self) -> float:
        seconds: float = _OFFSET.unpack_from(self._shared)[0]
        return seconds

    def jump(self, seconds: float) -> None:
        _OFFSET.pack_into(self._shared, 0, self.offset + seconds)
