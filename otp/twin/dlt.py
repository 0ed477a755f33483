"""India's registered templates: what the operators hold a text against.

The gateway takes the message first; what is wrong comes afterwards, as its delivery status.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

COUNTRY: Final = "91"
LONGEST_VARIABLE: Final = 30
_VARIABLE: Final = "{#var#}"


@dataclass(frozen=True, slots=True)
class Registry:
    """*templates*: pattern by id, with `{#var#}` where a text may vary. None: nothing is held
    against anything. *entity_id* None: any will do."""

    templates: Mapping[str, str]
    entity_id: str | None = None

    def refusal(self, text: str, *, template_id: str, entity_id: str) -> str | None:
        """The word for what is wrong with *text*, or None."""
        if not self.templates:
            return None
        if not template_id:
            return "TEMPLATE-NOT-FOUND"
        if template_id not in self.templates:
            return "DLT-INV-TM-ID"
        if self.entity_id and entity_id != self.entity_id:
            return "DLT-INV-ENTITY"
        pattern = self.templates[template_id]
        if _matches(pattern, text, longest=LONGEST_VARIABLE):
            return None
        return "DLT-TM-VAR-EXECEED" if _matches(pattern, text) else "INV-TEMPLATE"


def _matches(pattern: str, text: str, *, longest: int | None = None) -> bool:
    return bool(_compiled(pattern, longest).fullmatch(text))


@cache
def _compiled(pattern: str, longest: int | None) -> re.Pattern[str]:
    variable = f".{{1,{longest}}}" if longest else ".+"
    return re.compile(variable.join(map(re.escape, pattern.split(_VARIABLE))), re.DOTALL)
