"""MySQL and MariaDB, through PyMySQL."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from ..errors import Busy, Misconfigured, Transient

_PLACE = re.compile(r"\?")


class Mysql:
    name = "mysql"
    for_update = " FOR UPDATE"

    def __init__(self, url: str, lock_timeout: float) -> None:
        try:
            import pymysql
        except ImportError:
            raise Misconfigured("MySQL needs PyMySQL: pip install 'synapsor-handler[mysql]'") from None
        self._driver = pymysql
        parts = urlsplit(url)
        database = parts.path.lstrip("/")
        if not parts.hostname or not database:
            raise Misconfigured("the write URL names no host or no database")
        self.default_schema: str | None = unquote(database)
        self._seconds = max(1, round(lock_timeout))
        self._settings: dict[str, Any] = {
            "host": parts.hostname,
            "port": parts.port or 3306,
            "user": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "database": self.default_schema,
            "charset": "utf8mb4",
            "connect_timeout": 5,
            "autocommit": True,
            "cursorclass": pymysql.cursors.DictCursor,
            "client_flag": pymysql.constants.CLIENT.FOUND_ROWS,
        }
        socket = parse_qs(parts.query).get("socket")
        if socket:
            self._settings["unix_socket"] = socket[0]

    def connect(self) -> _Session:
        session = _Session(self._driver.connect(**self._settings))
        session.run(
            "SET time_zone = '+00:00', sql_mode = CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES'),"
            f" innodb_lock_wait_timeout = {self._seconds}"
        )
        return session

    def quote(self, name: str) -> str:
        return f"`{name}`"

    def text(self, column: str) -> str:
        return f"CAST({column} AS CHAR)"

    def sort(self, error: BaseException) -> type[BaseException] | None:
        if not isinstance(error, self._driver.MySQLError):
            return None
        number = error.args[0] if error.args else 0
        if number == 1205:
            return Busy
        lost = isinstance(error, self._driver.InterfaceError)
        return Transient if lost or number in (1040, 1053, 1213, 2002, 2003, 2006, 2013) else None

    def is_duplicate(self, error: BaseException) -> bool:
        return isinstance(error, self._driver.IntegrityError) and error.args[0] == 1062

    def is_missing(self, error: BaseException) -> bool:
        return isinstance(error, self._driver.MySQLError) and error.args[:1] in ((1146,), (1049,))

    def advance(self, session: Any, table: str, schema: str | None, column: str) -> str | None:
        kind, digits = self._kind(session, table, schema, column)
        if kind in ("tinyint", "smallint", "mediumint", "int", "bigint", "decimal"):
            return f"{column} + 1"
        if kind in ("datetime", "timestamp"):
            now = f"CAST(SYSDATE(6) AS DATETIME({digits}))"
            return f"GREATEST({now}, {column} + INTERVAL {10 ** (6 - digits)} MICROSECOND)"
        return None

    def shown(self, session: Any, table: str, schema: str | None, column: str, text: str) -> Any:
        kind, _ = self._kind(session, table, schema, column)
        if kind.endswith("int") and abs(int(text)) < 2**53:
            return int(text)
        return text.replace(" ", "T") + "Z" if kind == "timestamp" else text

    def _kind(self, session: Any, table: str, schema: str | None, column: str) -> tuple[str, int]:
        found = session.rows(
            "SELECT data_type AS kind, datetime_precision AS digits FROM information_schema.columns"
            " WHERE table_name = ? AND column_name = ? AND table_schema = COALESCE(?, DATABASE())",
            (table, column.strip("`"), schema),
        )
        return (str(found[0]["kind"]).lower(), int(found[0]["digits"] or 0)) if found else ("", 0)


class _Session:
    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def _cursor(self, sql: str, values: Sequence[Any]) -> Any:
        cursor = self.connection.cursor()
        if values:
            cursor.execute(_PLACE.sub("%s", sql.replace("%", "%%")), [_bound(value) for value in values])
        else:
            cursor.execute(sql)
        return cursor

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        with self._cursor(sql, values) as cursor:
            return max(int(cursor.rowcount), 0)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        with self._cursor(sql, values) as cursor:
            return list(cursor.fetchall())

    def native(self, sql: str, values: Sequence[Any]) -> list[dict[str, Any]]:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, values or None)
            return list(cursor.fetchall()) if cursor.description else []

    def begin(self) -> None:
        self.run("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        self.run("START TRANSACTION READ WRITE")

    def commit(self) -> None:
        self.run("COMMIT")

    def rollback(self) -> None:
        self.run("ROLLBACK")

    def close(self) -> None:
        try:
            self.connection.close()
        except Exception:  # noqa: BLE001 - a link that is gone cannot say goodbye
            pass


def _bound(value: Any) -> Any:
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return value.astimezone(dt.UTC).replace(tzinfo=None)
    return value
