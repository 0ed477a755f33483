"""The registered text of a message, as an Indian operator's portal shows it, and what it lets pass.

Operators compare each message with its registered text (DLT): the words letter by letter, and in
place of each variable a few characters. What differs is not delivered, after it was paid for.
Typed variables (`{#numeric#}`) are what TRAI asks of texts registered since 2026.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_TAG: Final = re.compile(r"\{#\s*([^{}#]*?)\s*#\}")
_SHOWN: Final = 24


@dataclass(frozen=True, slots=True)
class Variable:
    """A place of a registered text where a message may have its own characters."""

    kind: str
    longest: int
    takes: Callable[[str], bool]

    @property
    def tag(self) -> str:
        return f"{{#{self.kind}#}}"


# The older limit is 30, whatever stands there; no source says that a variable may break a line.
_KINDS: Final = {
    "var": Variable("var", 30, lambda char: char != "\n"),
    "alphanumeric": Variable("alphanumeric", 40, lambda char: char.isalnum() or char == " "),
    "numeric": Variable("numeric", 30, lambda char: char.isascii() and char.isdigit()),
}
_KINDS["number"] = _KINDS["numeric"]

Piece = str | Variable


@dataclass(frozen=True, slots=True)
class Pattern:
    """A registered text: words and variables in turn."""

    pieces: tuple[Piece, ...]

    @staticmethod
    def parse(text: str) -> Pattern:
        r"""The pattern as it was copied from a portal; `\n` is a line break too.

        Raises ValueError for a variable that no message of ours can fill, and for none at all.
        """
        words = _TAG.split(lines(text).strip("\n"))
        pieces: list[Piece] = []
        for place, word in enumerate(words):
            if place % 2 == 0:
                if "{#" in word or "#}" in word:
                    raise ValueError("a variable of the registered text must read {#var#}")
                pieces += [word] if word else []
            elif (kind := _KINDS.get(word.lower())) is None:
                raise ValueError(
                    "a message with a code fills the variables {#var#}, {#numeric#} and"
                    " {#alphanumeric#} only"
                )
            else:
                pieces.append(kind)
        if len(words) == 1:
            raise ValueError(
                "the registered text has no variable: copy it from the portal with its {#var#}"
            )
        return Pattern(tuple(pieces))

    def passes(self, text: str) -> bool:
        """Whether *text* is the registered one outside of its variables, none of them too long."""
        return self._reached(text, bounded=True).values is not None

    def difference(self, text: str) -> str | None:
        """What an operator would not let pass in *text*, as a sentence without its full stop."""
        if self.passes(text):
            return None
        reached = self._reached(text, bounded=False)
        if reached.values is None:
            return reached.difference(text)
        for piece, value in zip(self.pieces, reached.values, strict=True):
            if isinstance(piece, Variable) and len(value) > piece.longest:
                return (
                    f"a variable {piece.tag} would hold {len(value)} characters"
                    f" ({_quoted(value)}), and may hold {piece.longest}"
                )
        raise AssertionError("only the bounds can make the difference")

    def _reached(self, text: str, *, bounded: bool) -> _Reached:
        """How far the pieces go into *text*: not by one guess, but by every way to read it."""
        layers: list[dict[int, int]] = [{0: 0}]
        for piece in self.pieces:
            layer: dict[int, int] = {}  # where the piece may end, and where it then began
            for start in layers[-1]:
                if isinstance(piece, str):
                    if text.startswith(piece, start):
                        layer[start + len(piece)] = start
                    continue
                stop = min(len(text), start + piece.longest) if bounded else len(text)
                for end in range(start, stop):
                    if not piece.takes(text[end]):
                        break
                    layer[end + 1] = start
            if not layer:
                return _Reached(None, piece, tuple(layers[-1]))
            layers.append(layer)
        if len(text) not in layers[-1]:
            return _Reached(None, "", tuple(layers[-1]))
        ends, end = [], len(text)
        for layer in reversed(layers[1:]):
            ends.append((layer[end], end))
            end = layer[end]
        return _Reached([text[start:end] for start, end in reversed(ends)], "", ())


@dataclass(frozen=True, slots=True)
class _Reached:
    """What each piece holds; or None, and the piece that held nothing at any of *starts*."""

    values: list[str] | None
    piece: Piece
    starts: tuple[int, ...]

    def difference(self, text: str) -> str:
        if isinstance(self.piece, Variable):
            return (
                f"where {self.piece.tag} is registered, the message has"
                f" {_quoted(text[max(self.starts) :])}"
            )
        if not self.piece:
            end = max(self.starts)
            return f"the registered text ends before {_quoted(text[end:])}"
        words = self.piece
        alike, start = max(
            ((_alike(words, text[start:]), start) for start in self.starts),
            key=lambda found: (found[0], -found[1]),
        )
        if alike < min(len(words), len(text) - start):  # told from the beginning of a word
            alike = 1 + max(words.rfind(" ", 0, alike), words.rfind("\n", 0, alike))
        at = start + alike
        return (
            f"after {_quoted(text[:at], last=True)} the registered text goes on with"
            f" {_quoted(words[alike:])}, the message with {_quoted(text[at:])}"
        )


def lines(text: str) -> str:
    r"""*text* with `\n` and the line ends of other systems as line breaks."""
    return text.replace("\r\n", "\n").replace("\\n", "\n")


def _alike(one: str, other: str) -> int:
    """How many characters are the same from the beginning."""
    count = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        count += 1
    return count


def _quoted(text: str, *, last: bool = False) -> str:
    if not text:
        return "its beginning" if last else "nothing"
    if len(text) > _SHOWN:
        text = "…" + text[-_SHOWN:] if last else text[:_SHOWN] + "…"
    return '"' + text.replace("\n", "\\n") + '"'
