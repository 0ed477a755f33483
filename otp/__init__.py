"""Proves that somebody holds a phone number.

Read `verification` first (the whole meaning of the product, pure), then `service` (the use
cases), `sender` (where a passcode is born), and the two interfaces, `store` and `providers`.
"""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"
"""As in pyproject.toml."""
