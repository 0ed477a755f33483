"""Every message that was sent through the twin, and how it is found again."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable

from otp.twin.message import Message


class Ledger:
    """Not safe between threads."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._found: dict[tuple[str, str], list[int]] = defaultdict(list)

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, message: Message) -> None:
        """Raises ValueError unless its number is the next."""
        if message.number != len(self._messages):
            raise ValueError("the messages of a ledger are numbered in order")
        self._messages.append(message)
        for name in ("id", "group", "to", "custom", "cid"):
            self._found[name, getattr(message, name)].append(message.number)

    def amend(self, message: Message, *, told: str) -> None:
        """Write down what its caller was told; nothing if the ledger does not hold it."""
        held = self._messages[message.number : message.number + 1]
        if held and held[0].id == message.id:
            self._messages[message.number] = dataclasses.replace(held[0], told=told)

    def all(self) -> list[Message]:
        """Oldest first."""
        return list(self._messages)

    def matching(self, **wanted: str) -> list[Message]:
        """Those that have all the values, by id, group, to, custom or cid; oldest first."""
        numbers: Iterable[int] = range(len(self._messages))
        for name, value in wanted.items():
            found = self._found.get((name, value), [])
            numbers = found if isinstance(numbers, range) else sorted({*numbers} & {*found})
        return [self._messages[number] for number in numbers]
