"""What stands in the environment: the variable itself, or `NAME_FILE`, a file that holds it.

Nothing here knows what a setting means. The mapping is handed in by app.py.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Final

PREFIX: Final = "OTP_"
IN_FILE: Final = "_FILE"

_NEAR: Final = 0.85
"""One letter wrong in a short name is near; `OTP_SERVICE_HOST`, which orchestrators inject beside
our `OTP_SERVICE_NAME`, is not."""


class Environment:
    """The texts of settings, and what was wrong with finding them.

    *problems* are sentences by variable name. None repeats a value.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: dict[str, str] = {}

    def texts(self, names: Iterable[str]) -> dict[str, str]:
        """The text of each name that is set, from the variable or from its file."""
        found = {}
        for name in names:
            text = self._text(name)
            if text is not None:
                found[name] = text
        return found

    def _text(self, name: str) -> str | None:
        beside = name + IN_FILE
        if beside not in self._environ:
            return self._environ.get(name)
        if name in self._environ:
            self.problems[name] = f"is given twice: {beside} is set too"
            return None
        try:
            return Path(self._environ[beside]).read_text("utf-8").removesuffix("\n")
        except OSError as error:
            self.problems[beside] = f"the file cannot be read ({error.strerror})"
        except ValueError:
            self.problems[beside] = "the file cannot be read (it is not UTF-8 text)"
        return None

    def unknown(self, known: Collection[str]) -> list[str]:
        """Our names that are not among *known*. One that is nearly known becomes a problem."""
        strange = []
        for name in sorted(self._environ):
            stem = name.removesuffix(IN_FILE)
            if not name.startswith(PREFIX) or name in known or stem in known:
                continue
            near = difflib.get_close_matches(stem, known, n=1, cutoff=_NEAR)
            if near:
                meant = near[0] + name[len(stem) :]
                self.problems[name] = f"no such setting ({meant}?)"
            else:
                strange.append(name)
        return strange
