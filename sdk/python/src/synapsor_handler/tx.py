"""What the author of an effect may do, within the handler's transaction."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .ddl import OUTBOX
from .engines import Engine, Session
from .request import Job

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}", re.ASCII)


def checked(name: str) -> str:
    """A name that may be quoted into a statement."""
    if not _NAME.fullmatch(name):
        raise ValueError("a table or column name is not made of letters, digits and underscores")
    return name


class Tx:
    """One transaction. Nothing of it lasts unless the effect returns and the row's version can be moved."""

    def __init__(self, engine: Engine, session: Session, job: Job, schema: str | None) -> None:
        self._engine, self._session, self._job, self._schema = engine, session, job, schema
        self.rows_affected = 0
        """Rows that inserts and updates changed so far."""
        self.touched_target = False

    def insert(self, table: str, values: Mapping[str, Any] | None = None, /, **columns: Any) -> None:
        """Inserts one row. In the target's table, the row gets the job's tenant."""
        given = {**(values or {}), **columns}
        if table == self._job.table:
            tenant = given.setdefault(self._job.tenant_column, self._job.tenant_id)
            if tenant != self._job.tenant_id:
                raise ValueError("a row of the target's table belongs to the job's tenant")
        if not given:
            raise ValueError("there is nothing to insert")
        names = ", ".join(self._quoted(name) for name in given)
        places = ", ".join("?" for _ in given)
        self._run(table, f"INSERT INTO {self._place(table)} ({names}) VALUES ({places})", list(given.values()))

    def update(
        self, table: str, id_or_where: Any, values: Mapping[str, Any] | None = None, /, **columns: Any
    ) -> int:
        """Updates rows by key, or by a mapping of columns; how many. In the target's table: rows of the job's tenant."""
        given = {**(values or {}), **columns}
        target = table == self._job.table
        key = self._job.key_column if target else "id"
        where = dict(id_or_where) if isinstance(id_or_where, Mapping) else {key: id_or_where}
        if not given or not where:
            raise ValueError("there is nothing to update, or no row is named")
        if target:
            if given.keys() & {self._job.tenant_column, self._job.key_column}:
                raise ValueError("the key and the tenant of a row never change")
            if where.setdefault(self._job.tenant_column, self._job.tenant_id) != self._job.tenant_id:
                raise ValueError("only rows of the job's tenant can be updated")
        sets = ", ".join(f"{self._quoted(name)} = ?" for name in given)
        tests = " AND ".join(
            f"{self._quoted(name)} IS NULL" if value is None else f"{self._quoted(name)} = ?"
            for name, value in where.items()
        )
        bound = [*given.values(), *(value for value in where.values() if value is not None)]
        return self._run(table, f"UPDATE {self._place(table)} SET {sets} WHERE {tests}", bound)

    def query(self, sql: str, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Runs a statement of your own, with your driver's placeholders (``%s``, or ``?`` on SQLite)."""
        return self._session.native(sql, params)

    def emit(self, type: str, payload: Mapping[str, Any]) -> None:
        """Writes an event into the outbox, in this transaction; your own publisher takes it from there."""
        table = self._place(OUTBOX)
        self._session.run(
            f"INSERT INTO {table} (idempotency_key, tenant_id, type, payload) VALUES (?, ?, ?, ?)",
            [self._job.idempotency_key, self._job.tenant_id, type, json.dumps(payload, default=str)],
        )

    def _run(self, table: str, sql: str, values: list[Any]) -> int:
        bound = [json.dumps(value, default=str) if isinstance(value, dict | list) else value for value in values]
        changed = self._session.run(sql, bound)
        self.rows_affected += changed
        self.touched_target = self.touched_target or table == self._job.table
        return changed

    def _quoted(self, name: str) -> str:
        return self._engine.quote(checked(name))

    def _place(self, table: str) -> str:
        return f"{self._quoted(self._schema)}.{self._quoted(table)}" if self._schema else self._quoted(table)
