"""Chance that can be had again: every draw is a hash of a seed and of what is drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

_BITS = 56


def fraction(seed: str, *what: object) -> float:
    """From 0 up to, and without, 1."""
    drawn = int.from_bytes(_digest(seed, what)[: _BITS // 8], "big")
    return drawn / float(2**_BITS)


def uuid(seed: str, *what: object) -> str:
    """In the form of a random UUID."""
    digits = _digest(seed, what).hex()
    variant = "89ab"[int(digits[16], 16) % 4]
    return "-".join(
        (digits[:8], digits[8:12], f"4{digits[13:16]}", variant + digits[17:20], digits[20:32])
    )


def pick(weights: Mapping[str, float], drawn: float, *, otherwise: str) -> str:
    """The name whose share of 0..1 holds *drawn*."""
    for name, weight in weights.items():
        drawn -= weight
        if drawn < 0:
            return name
    return otherwise


def _digest(seed: str, what: tuple[object, ...]) -> bytes:
    return hashlib.sha256("/".join(map(str, (seed, *what))).encode()).digest()
