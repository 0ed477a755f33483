"""Who may import whom, and where the world enters. Read it as the map of the rooms."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# A room imports only from rooms to its right (in a later row); rooms of one row are strangers.
ROWS = [
    {"app"},
    {"otp.commands"},
    {"otp.demo", "otp.doctor", "otp.serving", "otp.server", "otp.twin", "otp.web"},
    {"otp.asking", "otp.sender", "otp.watch"},
    {"otp.chores", "otp.handover", "otp.service", "otp.upkeep"},
    {"otp.budget", "otp.phrasebook", "otp.receipts", "otp.routes"},
    {"otp.floods", "otp.log", "otp.metrics", "otp.proof", "otp.quotas", "otp.rehearsal"},
    {"otp.providers", "otp.store"},
    {"otp.inspection", "otp.settings", "otp.transit"},
    {"otp.client", "otp.verification", "otp.wording"},
    {"otp.breaker", "otp.challenge", "otp.dlt", "otp.message", "otp.passcode"},
    {"otp.keys"},
    {"otp.network", "otp.phone"},
    {"otp.errors"},
]
ORDER = {room: row for row, rooms in enumerate(ROWS) for room in rooms}

ALLOWED_HERE_ONLY = {
    "flask": {"app", "otp.web"},
    "werkzeug": {"otp.web"},
    "requests": {"otp.providers"},
    "sqlite3": {"otp.store"},
    "sqlite_utils": {"otp.store"},
    "click": {"otp.commands"},
    "phonenumbers": {"otp.phone", "otp.settings", "otp.web"},
    "pydantic": {"otp.settings", "otp.web"},
    "joserfc": {"otp.proof"},
    "itsdangerous": {"otp.web"},
    "limits": {"otp.floods", "otp.store", "otp.web"},
    "flask_limiter": {"otp.web"},
    "prometheus_client": {"otp.web"},
}

SOURCES = [ROOT / "app.py", *sorted((ROOT / "otp").rglob("*.py"))]


def room_of(module: str) -> str:
    return ".".join(module.split(".")[:2]) if module.startswith("otp") else module


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports(path: Path) -> set[str]:
    """What a file imports when it runs; what only the type checker sees does not count."""
    tree = ast.parse(path.read_text())
    unseen = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if node in unseen:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module, "absolute imports only"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            rooms = {name for name in names if name in ORDER}
            found |= rooms or {node.module}
    return found


def test_every_room_has_its_place() -> None:
    rooms = {room_of(module_of(path)) for path in SOURCES} - {"otp"}
    assert rooms == set(ORDER)


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_a_room_imports_only_from_rooms_to_its_right(path: Path) -> None:
    here = room_of(module_of(path))
    for module in imports(path):
        there = room_of(module)
        if there in ORDER and there != here:
            assert ORDER[there] > ORDER[here], f"{here} imports {there}"


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_a_library_is_known_only_where_it_belongs(path: Path) -> None:
    here = room_of(module_of(path))
    for module in imports(path):
        allowed = ALLOWED_HERE_ONLY.get(module.split(".")[0])
        assert allowed is None or here in allowed, f"{here} imports {module}"


def test_only_one_file_of_the_store_knows_the_driver() -> None:
    knowing = [path.name for path in SOURCES if "sqlite3" in imports(path)]
    assert len(knowing) <= 2, knowing
    assert "sql.py" not in knowing


STORE_FILES = sorted(
    path for path in (ROOT / "otp" / "store").rglob("*.*") if path.suffix in (".py", ".sql")
)


@pytest.mark.parametrize("path", STORE_FILES, ids=lambda path: path.name)
def test_the_store_holds_no_status_words(path: Path) -> None:
    text = path.read_text()
    for word in ("'approved'", "'expired'", "'canceled'", "'failed'", "max_attempts_reached"):
        assert word not in text, f"{word} in {path.name}"


def test_the_promises_of_a_start_and_an_end_are_in_the_tree() -> None:
    for name in ("app.py", "templates", "static", "otp", "tests", "requirements.txt", "Procfile"):
        assert (ROOT / name).exists(), name
