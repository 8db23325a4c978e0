"""PostgreSQL, through psycopg 3."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..errors import Busy, Misconfigured, NotFound, Transient

_PLACE = re.compile(r"\?")


class Postgres:
    name = "postgres"
    for_update = " FOR UPDATE"
    default_schema: str | None = None

    def __init__(self, url: str, lock_timeout: float) -> None:
        try:
            import psycopg
        except ImportError:
            raise Misconfigured("PostgreSQL needs psycopg: pip install 'synapsor-handler[postgres]'") from None
        self._psycopg = psycopg
        self._url = url
        self._milliseconds = max(1, int(lock_timeout * 1000))

    def connect(self) -> _Session:
        connection = self._psycopg.connect(
            self._url, autocommit=True, row_factory=self._psycopg.rows.dict_row, prepare_threshold=None, connect_timeout=5
        )
        return _Session(connection, self._milliseconds)

    def quote(self, name: str) -> str:
        return f'"{name}"'

    def text(self, column: str) -> str:
        return f"{column}::text"

    def sort(self, error: BaseException) -> type[BaseException] | None:
        if not isinstance(error, self._psycopg.Error):
            return None
        state = error.sqlstate or ""
        if state in ("55P03", "57014"):
            return Busy
        if state[:2] in ("08", "40", "53", "57", "25") or (not state and isinstance(error, self._psycopg.OperationalError)):
            return Transient
        return NotFound if state[:2] == "22" else None

    def is_duplicate(self, error: BaseException) -> bool:
        return isinstance(error, self._psycopg.errors.UniqueViolation)

    def is_missing(self, error: BaseException) -> bool:
        return isinstance(error, self._psycopg.Error) and error.sqlstate in ("42P01", "3F000")

    def advance(self, session: Any, table: str, schema: str | None, column: str) -> str | None:
        kind, digits = self._kind(session, table, schema, column)
        if kind in ("smallint", "integer", "bigint", "numeric"):
            return f"{column} + 1"
        if kind.startswith("timestamp"):
            unit = f"interval '{10 ** (6 - digits)} microseconds'"
            return f"greatest(clock_timestamp()::{kind.replace(' ', f'({digits}) ', 1)}, {column} + {unit})"
        return None

    def shown(self, session: Any, table: str, schema: str | None, column: str, text: str) -> Any:
        kind, _ = self._kind(session, table, schema, column)
        if kind in ("smallint", "integer", "bigint") and abs(int(text)) < 2**53:
            return int(text)
        return text.replace(" ", "T").removesuffix("+00") + "Z" if kind.endswith("with time zone") else text

    def _kind(self, session: Any, table: str, schema: str | None, column: str) -> tuple[str, int]:
        found = session.rows(
            "SELECT c.data_type AS kind, c.datetime_precision AS digits FROM information_schema.columns c"
            " WHERE c.table_name = ? AND c.column_name = ? AND c.table_schema = coalesce(?, current_schema())",
            (table, column.strip('"'), schema),
        )
        return (found[0]["kind"], found[0]["digits"] if found[0]["digits"] is not None else 6) if found else ("", 6)


class _Session:
    def __init__(self, connection: Any, milliseconds: int) -> None:
        self.connection = connection
        self._milliseconds = milliseconds

    def _execute(self, sql: str, values: Sequence[Any]) -> Any:
        if not values:
            return self.connection.execute(sql)
        return self.connection.execute(_PLACE.sub("%s", sql.replace("%", "%%")), [_bound(value) for value in values])

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        return max(int(self._execute(sql, values).rowcount), 0)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        return list(self._execute(sql, values).fetchall())

    def native(self, sql: str, values: Sequence[Any]) -> list[dict[str, Any]]:
        cursor = self.connection.execute(sql, values or None)
        return cursor.fetchall() if cursor.description else []

    def begin(self) -> None:
        self.connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
        self.connection.execute(
            f"SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL lock_timeout = {self._milliseconds}"
        )

    def commit(self) -> None:
        self.connection.execute("COMMIT")

    def rollback(self) -> None:
        self.connection.execute("ROLLBACK")

    def close(self) -> None:
        self.connection.close()


def _bound(value: Any) -> Any:
    """Numbers go as text too, so that the column, and not the driver, says what they are."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    return value
