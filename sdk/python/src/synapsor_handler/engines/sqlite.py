"""SQLite, through the standard library."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Sequence
from typing import Any

from ..errors import Busy, Misconfigured
from ..version import advance_text


class Sqlite:
    name = "sqlite"
    for_update = ""
    default_schema: str | None = None

    def __init__(self, url: str, lock_timeout: float) -> None:
        self._path = url.removeprefix("sqlite:").removeprefix("//") if url.startswith("sqlite:") else url
        if self._path in ("", ":memory:"):
            raise Misconfigured("the write URL names no database file")
        self._timeout = lock_timeout

    def connect(self) -> _Session:
        uri = self._path.startswith("file:")
        connection = sqlite3.connect(
            self._path, timeout=self._timeout, isolation_level=None, check_same_thread=False, uri=uri
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        return _Session(connection)

    def quote(self, name: str) -> str:
        return f'"{name}"'

    def text(self, column: str) -> str:
        return f"CAST({column} AS TEXT)"

    def sort(self, error: BaseException) -> type[BaseException] | None:
        busy = isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF in (
            sqlite3.SQLITE_BUSY,
            sqlite3.SQLITE_LOCKED,
        )
        return Busy if busy else None

    def is_duplicate(self, error: BaseException) -> bool:
        return isinstance(error, sqlite3.IntegrityError)

    def is_missing(self, error: BaseException) -> bool:
        return isinstance(error, sqlite3.OperationalError) and "no such table" in str(error)

    def advance(self, session: Any, table: str, schema: str | None, column: str) -> str | None:
        # A version is whatever the row holds: a column has no type of its own.
        session.connection.create_function("synapsor_next_version", 1, _next)
        return f"synapsor_next_version({column})"

    def shown(self, session: Any, table: str, schema: str | None, column: str, text: str) -> Any:
        digits = text.lstrip("-")
        return int(text) if digits.isdigit() and len(digits) < 16 and str(int(text)) == text else text


def _next(value: Any) -> Any:
    if isinstance(value, int):
        return value + 1 if value < 2**63 - 1 else value
    return (advance_text(value, dt.datetime.now(dt.UTC)) if isinstance(value, str) else None) or value


class _Session:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        return max(self.connection.execute(sql, tuple(map(_bound, values))).rowcount, 0)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        return [dict(row) for row in self.connection.execute(sql, tuple(map(_bound, values))).fetchall()]

    def native(self, sql: str, values: Sequence[Any]) -> list[dict[str, Any]]:
        return [dict(row) for row in self.connection.execute(sql, tuple(values)).fetchall()]

    def begin(self) -> None:
        self.connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self.connection.execute("COMMIT")

    def rollback(self) -> None:
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def close(self) -> None:
        self.connection.close()


def _bound(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return value
    return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)
