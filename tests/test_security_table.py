"""docs/security.md says which test holds which requirement; this holds that it is true."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "security.md"
ALL = range(1, 130)
LATER = {7, 15, 21, 22, 23, 26, 32, 33, 35, 43, 44, 50, 63, 98, 117, 118, 126, 128, 129}


@dataclass(frozen=True)
class Row:
    number: int
    holds: str
    tests: tuple[str, ...]


def rows(text: str, heading: str) -> list[Row]:
    """The rows of the tables below `## heading`, up to the next heading of that rank."""
    found = re.search(
        rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL
    )
    assert found, heading
    out = []
    for line in found[1].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if number := re.fullmatch(r"R([0-9]+)", cells[0]):
            named = re.findall(r"`(tests/[^`]+)`", line)
            out.append(Row(int(number[1]), cells[1], tuple(named)))
    return out


def complaints(text: str, root: Path = ROOT) -> list[str]:
    """Everything about the page that is not true."""
    held, later = rows(text, "What is held"), rows(text, "What is open")
    out = []
    for number, count in Counter(row.number for row in held + later).items():
        if count > 1:
            out.append(f"R{number} stands {count} times")
        if number not in ALL:
            out.append(f"there is no R{number}")
    missing = set(ALL) - {row.number for row in held + later}
    out += [f"R{number} is missing" for number in sorted(missing)]
    out += [f"R{n} is to be held" for n in sorted({row.number for row in later} - LATER)]
    for row in held + later:
        if len(row.holds) < 10:
            out.append(f"R{row.number} says nothing")
    for row in held:
        if not row.tests:
            out.append(f"R{row.number} has no test")
        out += [
            f"R{row.number}: {test} {why}" for test in row.tests if (why := wrong_with(test, root))
        ]
    return out


# -- is there such a test? ------------------------------------------------------------------------


def wrong_with(test: str, root: Path) -> str:
    """Why pytest would not run *test*, or nothing."""
    name, *parts = test.split("::")
    path = root / name
    if not path.name.startswith("test_") or not path.is_file():
        return "is in no test file"
    tree = parsed(path)
    found = method(tree, *parts, root=root) if len(parts) == 2 else function(tree, parts[-1])
    if found is None or not found.name.startswith("test_"):
        return "is no test"
    if any(is_put_off(node) for node in marks(tree, parts, found)):
        return "is put off"
    return ""


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def function(tree: ast.Module | ast.ClassDef, name: str) -> ast.FunctionDef | None:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return node
    return None


def method(tree: ast.Module, owner: str, name: str, root: Path) -> ast.FunctionDef | None:
    """A method of a class of *tree*, its own or one of a class it is made from."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == owner:
            if found := function(node, name):
                return found
            for base in map(ast.unparse, node.bases):
                for origin in origins(tree, base, root):
                    if found := method(origin, base, name, root):
                        return found
    return None


def origins(tree: ast.Module, name: str, root: Path) -> Iterator[ast.Module]:
    """Where *name* comes from: this file, or one of ours that it is imported from."""
    yield tree
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and name in [alias.name for alias in node.names]:
            path = root.joinpath(*str(node.module).split(".")).with_suffix(".py")
            if path.is_file():
                yield parsed(path)


def marks(tree: ast.Module, parts: list[str], found: ast.FunctionDef) -> Iterator[ast.AST]:
    """Whatever might put the test off: its marks, its class's, its file's, and its own words."""
    yield from found.decorator_list
    yield from found.body
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            yield node
        if isinstance(node, ast.ClassDef) and node.name == parts[0]:
            yield from node.decorator_list


def is_put_off(node: ast.AST) -> bool:
    return any(
        isinstance(inner, ast.Attribute)
        and inner.attr in ("skip", "skipif", "xfail", "importorskip")
        for inner in ast.walk(node)
    )


# -- the page -------------------------------------------------------------------------------------


def test_the_page_is_true() -> None:
    assert complaints(PAGE.read_text()) == []


def test_what_was_written_for_a_requirement_is_named_on_the_page() -> None:
    named = {test for row in rows(PAGE.read_text(), "What is held") for test in row.tests}
    for path in sorted((ROOT / "tests" / "requirements").glob("test_*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                assert f"tests/requirements/{path.name}::{node.name}" in named


# -- this test ------------------------------------------------------------------------------------

GOOD = """
import pytest
from tests.base import Cases

def test_one(): ...
def helper(): ...

@pytest.mark.skip
def test_off(): ...

@pytest.mark.xfail(reason="x")
def test_hoped(): ...

def test_gives_up():
    pytest.skip("not here")

class TestAll(Cases):
    def test_own(self): ...
"""
BASE = "class Cases:\n    def test_inherited(self): ...\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text(GOOD)
    (tmp_path / "tests" / "test_off.py").write_text("pytestmark = pytest.mark.skip\n" + GOOD)
    (tmp_path / "tests" / "base.py").write_text(BASE)
    return tmp_path


@pytest.mark.parametrize(
    ("test", "why"),
    [
        ("tests/test_a.py::test_one", ""),
        ("tests/test_a.py::TestAll::test_own", ""),
        ("tests/test_a.py::TestAll::test_inherited", ""),
        ("tests/test_a.py::test_renamed", "is no test"),
        ("tests/test_a.py::helper", "is no test"),
        ("tests/test_a.py::TestAll::test_one", "is no test"),
        ("tests/test_a.py::TestNone::test_own", "is no test"),
        ("tests/test_a.py::test_off", "is put off"),
        ("tests/test_a.py::test_hoped", "is put off"),
        ("tests/test_a.py::test_gives_up", "is put off"),
        ("tests/test_off.py::test_one", "is put off"),
        ("tests/test_b.py::test_one", "is in no test file"),
        ("tests/base.py::Cases::test_inherited", "is in no test file"),
    ],
)
def test_a_name_that_pytest_would_not_run_is_noticed(tree: Path, test: str, why: str) -> None:
    assert wrong_with(test, tree) == why


def page(held: dict[int, str], later: set[int]) -> str:
    lines = [f"| R{n} | something is so | `{test}` | |" for n, test in held.items()]
    put_off = [f"| R{n} | it comes later |" for n in later]
    return "\n".join(["## What is held", *lines, "", "## What is open", *put_off, "", "## End"])


def test_what_is_missing_twice_or_too_much_is_noticed(tree: Path) -> None:
    one = "tests/test_a.py::test_one"
    good = {n: one for n in ALL if n not in LATER}
    assert complaints(page(good, LATER), tree) == []
    without = {n: test for n, test in good.items() if n != 42}
    assert complaints(page(without, LATER), tree) == ["R42 is missing"]
    assert complaints(page(without, LATER | {42}), tree) == ["R42 is to be held"]
    assert complaints(page(good | {42: "nothing"}, LATER), tree) == ["R42 has no test"]
    assert complaints(page(good, LATER | {42}), tree) == [
        "R42 stands 2 times",
        "R42 is to be held",
    ]
    assert complaints(page(good | {130: one}, LATER), tree) == ["there is no R130"]
    renamed = complaints(page(good | {42: "tests/test_a.py::test_renamed"}, LATER), tree)
    assert renamed == ["R42: tests/test_a.py::test_renamed is no test"]


def test_a_requirement_of_later_may_be_held_already(tree: Path) -> None:
    one = "tests/test_a.py::test_one"
    held = {n: one for n in ALL if n not in LATER - {7}}
    assert complaints(page(held, LATER - {7}), tree) == []
