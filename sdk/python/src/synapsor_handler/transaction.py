"""The one transaction: receipt, guards, effect, version, receipt."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from .ddl import RECEIPTS, ddl
from .engines import Engine, Pool, Session
from .errors import Busy, KeyReused, NotFound, Transient, WritebackFailed
from .request import Job
from .tx import Tx, checked
from .verify import PROTOCOL_VERSION
from .version import as_text, same_version

log = logging.getLogger("synapsor_handler")

Effect = Callable[[Job, Tx], Mapping[str, Any] | None]
MAX_DETAILS = 16 * 1024
ATTEMPTS = 3


class Store:
    """A database with a receipt table."""

    def __init__(self, engine: Engine, schema: str | None = None, table: str = RECEIPTS) -> None:
        self.engine = engine
        self._schema, self._name = schema, checked(table)
        quoted = engine.quote(self._name)
        self._table = f"{engine.quote(checked(schema))}.{quoted}" if schema else quoted
        self._pool = Pool(engine.connect)

    def close(self) -> None:
        """Closes idle connections."""
        self._pool.close()

    def apply(self, request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        """Makes the change once; the receipt."""
        dry_run = request.get("dry_run", False)
        key = f"rehearsal:{request['writeback_job_id']}" if dry_run else request["idempotency_key"]

        def work(session: Session) -> tuple[dict[str, Any], bool]:
            if not self._insert(session, key, request, "in_progress"):
                stored = self._stored(session, key, request)
                if stored["status"] == "applied":
                    stored["status"] = "already_applied"
                return stored, False
            receipt = self._attempt(session, request, effect)
            if dry_run:
                return {**receipt, "dry_run": True, "source_database_mutated": False}, False
            receipt["receipt_id"] = f"hr_{secrets.token_hex(10)}"
            self._complete(session, key, receipt)
            return receipt, True

        return self._transact(work)

    def status(self, request: dict[str, Any]) -> dict[str, Any]:
        """The stored receipt as it is, or status ``unknown``."""

        def work(session: Session) -> tuple[dict[str, Any], bool]:
            found = self._find(session, request["idempotency_key"])
            if found is None or found["receipt_json"] is None:
                return self._receipt(request, "unknown"), False
            return self._stored(session, request["idempotency_key"], request), False

        return self._transact(work)

    def fence(self, request: dict[str, Any]) -> dict[str, Any]:
        """Ends the key for good, unless it has a receipt."""
        key = request["idempotency_key"]

        def work(session: Session) -> tuple[dict[str, Any], bool]:
            if not self._insert(session, key, {**request, "change_set": {"action": "fence"}}, "in_progress"):
                return self._stored(session, key, request), False
            receipt = self._receipt(request, "canceled") | {"receipt_id": f"hr_{secrets.token_hex(10)}"}
            self._complete(session, key, receipt)
            return receipt, True

        return self._transact(work)

    def _transact(self, work: Callable[[Session], tuple[dict[str, Any], bool]]) -> dict[str, Any]:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._pool.session() as session:
                    session.begin()
                    result, keep = work(session)
                    if keep:
                        session.commit()
                    else:
                        session.rollback()
                    return result
            except (KeyReused, Busy, Transient):
                raise
            except Exception as error:  # noqa: BLE001 - sorted by what it means
                meaning = self.engine.sort(error)
                if self.engine.is_missing(error):
                    log.error("the receipt table is missing; have an administrator run:\n%s", self._ddl())
                    raise Transient from error
                if meaning is Busy:
                    raise Busy from error
                if meaning is not Transient:
                    raise
                if attempt == ATTEMPTS:
                    log.error("the database is not available (%s)", type(error).__name__)
                    raise Transient from error
        raise Transient

    def _ddl(self) -> str:
        return ddl(self.engine.name, self._schema, self._name)

    def _insert(self, session: Session, key: str, request: dict[str, Any], status: str) -> bool:
        """Whether the key was free. Waits for whoever holds it."""
        values = [key, request["proposal_id"], request["proposal_hash"], request["writeback_job_id"]]
        conflict = " ON CONFLICT (idempotency_key) DO NOTHING" if self.engine.name != "mysql" else ""
        try:
            changed = session.run(
                f"INSERT INTO {self._table} (idempotency_key, proposal_id, proposal_hash, writeback_job_id, action, status)"
                f" VALUES (?, ?, ?, ?, ?, ?){conflict}",
                [*values, request["change_set"]["action"], status],
            )
        except Exception as error:
            if self.engine.name == "mysql" and self.engine.is_duplicate(error):
                return False
            raise
        return changed == 1

    def _find(self, session: Session, key: str) -> dict[str, Any] | None:
        found = session.rows(f"SELECT proposal_hash, receipt_json FROM {self._table} WHERE idempotency_key = ?", [key])
        return found[0] if found else None

    def _stored(self, session: Session, key: str, request: dict[str, Any]) -> dict[str, Any]:
        found = self._find(session, key)
        if found is None or found["receipt_json"] is None:
            raise Busy
        if found["proposal_hash"] != request["proposal_hash"]:
            raise KeyReused
        receipt: dict[str, Any] = json.loads(found["receipt_json"])
        return receipt

    def _complete(self, session: Session, key: str, receipt: dict[str, Any]) -> None:
        now = {"sqlite": "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')", "mysql": "SYSDATE(6)"}.get(self.engine.name, "now()")
        session.run(
            f"UPDATE {self._table} SET status = ?, receipt_json = ?, completed_at = {now} WHERE idempotency_key = ?",
            [receipt["status"], json.dumps(receipt), key],
        )

    def _receipt(self, request: dict[str, Any], status: str, code: str | None = None) -> dict[str, Any]:
        return {
            "protocol_version": PROTOCOL_VERSION,
            "proposal_id": request["proposal_id"],
            "idempotency_key": request["idempotency_key"],
            "status": status,
            "rows_affected": 0,
            "source_database_mutated": False,
            "previous_version": None,
            "new_version": None,
            "safe_error_code": code,
        }

    def _attempt(self, session: Session, request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        change = request["change_set"]
        target, guards = change["target"], change["guards"]
        schema = target.get("schema") if self.engine.name != "sqlite" else None
        quote, text = self.engine.quote, self.engine.text
        key, tenant = quote(checked(target["primary_key"]["column"])), quote(checked(guards["tenant"]["column"]))
        version = quote(checked(guards["expected_version"]["column"]))
        place = f"{quote(checked(schema))}." if schema else ""
        table = place + quote(checked(target["table"]))
        expected = guards["expected_version"]["value"]
        key_text = as_text(target["primary_key"]["value"])

        def ended(status: str, code: str) -> dict[str, Any]:
            return self._receipt(request, status, code) | {"previous_version": expected}

        session.run("SAVEPOINT guarded")
        try:
            rows = session.rows(
                f"SELECT t.*, {text('t.' + key)} AS synapsor_key, {text('t.' + tenant)} AS synapsor_tenant,"
                f" {text('t.' + version)} AS synapsor_version FROM {table} t"
                f" WHERE t.{key} = ? AND t.{tenant} = ?{self.engine.for_update}",
                [key_text, change["scope"]["tenant_id"]],
            )
        except Exception as error:
            if self.engine.sort(error) is not NotFound:
                raise
            session.run("ROLLBACK TO SAVEPOINT guarded")
            rows = []
        # A collation may take for the same what is not.
        rows = [
            row for row in rows if row["synapsor_key"] == key_text and row["synapsor_tenant"] == change["scope"]["tenant_id"]
        ]
        if not rows:
            return ended("conflict", "ROW_NOT_FOUND_OR_WRONG_TENANT")
        if len(rows) > 1:
            return ended("failed", "MULTI_ROW_WRITE_BLOCKED")
        row = rows[0]
        held = row.pop("synapsor_version")
        del row["synapsor_key"], row["synapsor_tenant"]
        if not same_version(held, expected):
            return ended("conflict", "ROW_CHANGED_AFTER_PROPOSAL")

        session.run("SAVEPOINT effect")
        job = Job.of(request, row)
        tx = Tx(self.engine, session, job, schema)
        try:
            told = dict(effect(job, tx) or {})
        except WritebackFailed as failed:
            session.run("ROLLBACK TO SAVEPOINT effect")
            return ended("failed", failed.code)
        except Exception as error:  # noqa: BLE001 - whatever the author's code raises
            if self.engine.sort(error) in (Busy, Transient):
                raise
            log.exception("the effect of %s failed and was undone", job.action)
            session.run("ROLLBACK TO SAVEPOINT effect")
            return ended("failed", "HANDLER_BUSINESS_ERROR")
        now = self._move(session, (table, schema, version), (key, tenant), job, held)
        if now is None:
            session.run("ROLLBACK TO SAVEPOINT effect")
            return ended("failed", "VERSION_NOT_ADVANCED")
        return self._receipt(request, "applied") | {
            "rows_affected": max(1, tx.rows_affected + (0 if tx.touched_target else 1)),
            "source_database_mutated": True,
            "previous_version": expected,
            "new_version": self.engine.shown(session, target["table"], schema, version, now),
            "details": _details(told),
        }

    def _move(
        self, session: Session, place: tuple[str, str | None, str], scope: tuple[str, str], job: Job, held: str | None
    ) -> str | None:
        """The version after the effect, which moved it or is helped; ``None`` if it cannot be moved."""
        table, schema, version = place
        key, tenant = scope
        where, values = f" WHERE {key} = ? AND {tenant} = ?", [as_text(job.key), job.tenant_id]

        def read() -> str | None:
            found = session.rows(f"SELECT {self.engine.text(version)} AS held FROM {table}{where}", values)
            return found[0]["held"] if len(found) == 1 else held

        now = read()
        if now != held:
            return now
        step = self.engine.advance(session, job.table, schema, version)
        if step is None or held is None:
            return None
        session.run(f"UPDATE {table} SET {version} = {step}{where}", values)
        now = read()
        return now if now != held else None


def _details(told: dict[str, Any]) -> dict[str, Any]:
    details = dict(told.get("details") or {})
    if told.get("effects"):
        details["effects"] = told["effects"]
    text = json.dumps(details, default=str)
    return json.loads(text) if len(text.encode()) <= MAX_DETAILS else {"truncated": True}
