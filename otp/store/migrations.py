"""Brings the schema of a SQLite database up to date: numbered files, applied forward only."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlite_utils import Database

_SCHEMA: Final = Path(__file__).with_name("schema")
_APPLIED: Final = "schema_version"


def migrate(database: Database) -> int:
    """Apply each file that is missing, whole or not at all; the number of the newest.

    The caller sees to it that nobody else does this. Raises ValueError, and changes nothing, if
    the database is newer than this code.
    """
    files = {int(path.name[:4]): path for path in _SCHEMA.glob("[0-9]*.sql")}
    newest, current = max(files), _current(database)
    if current > newest:
        raise ValueError(
            f"the database has schema {current}, but this version of the service knows only"
            f" {newest}: run the version that brought it there, or a newer one"
        )
    for number in sorted(number for number in files if number > current):
        with database.atomic():
            database.executescript(files[number].read_text(encoding="utf-8"))
            applied = {"number": number, "name": files[number].stem}
            database.table(_APPLIED).insert(applied, pk="number")
    return newest


def _current(database: Database) -> int:
    if _APPLIED not in database.table_names():
        return 0
    return max((row["number"] for row in database.table(_APPLIED).rows), default=0)
