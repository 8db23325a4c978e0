"""A shop in each database, and requests for it."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synapsor_handler import Handlers, Job, Tx, WritebackFailed, ddl, sign_reply, writeback_handler
from synapsor_handler.engines import open_engine
from synapsor_handler.verify import sign_request

TOKEN, SECRET, AUDIENCE = "a-token", "the-secret an-older-secret", "https://app.example.com/synapsor/writeback"
ACTION = "billing.propose_account_credit"

TIMES = {"postgres": "timestamptz", "mysql": "timestamp(6)", "sqlite": "text"}
FIRST = {"postgres": "2026-06-20 14:31:08.123456+00", "mysql": "2026-06-20 14:31:08.123456", "sqlite": "2026-06-20T14:31:08.123456Z"}
SEEN = "2026-06-20T14:31:08.123456Z"


@dataclass
class Shop:
    engine: str
    url: str
    schema: str | None
    session: Any
    handlers: Handlers

    def rows(self, sql: str) -> list[dict[str, Any]]:
        return self.session.rows(sql)

    def ask(self, request: dict[str, Any], **headers: str) -> tuple[int, dict[str, Any]]:
        body = json.dumps(request).encode()
        sent = {
            "authorization": f"Bearer {TOKEN}",
            "idempotency-key": request.get("idempotency_key", ""),
            "x-synapsor-proposal-id": request.get("proposal_id", ""),
            "x-synapsor-issued-at": request["issued_at"],
            "x-synapsor-signature": sign_request(SECRET.split()[0], body),
        } | headers
        reply = self.handlers.handle("POST", sent, body)
        signature = reply.headers.get("x-synapsor-receipt-signature")
        if reply.status != 401:
            assert signature == sign_reply(SECRET.split()[0], body, reply.body)
        return reply.status, json.loads(reply.body)

    def close(self) -> None:
        self.handlers.close()
        if self.engine == "postgres":
            self.session.run(f'DROP SCHEMA "{self.schema}" CASCADE')
        elif self.engine == "mysql":
            self.session.run(f"DROP DATABASE `{self.schema}`")
        self.session.close()


def engines() -> list[str]:
    found = ["sqlite"]
    if os.environ.get("SYNAPSOR_TEST_POSTGRES"):
        found.append("postgres")
    if os.environ.get("SYNAPSOR_TEST_MYSQL"):
        found.append("mysql")
    return found


def open_shop(engine: str, receipts: bool = True) -> Shop:
    name = f"handler_{secrets.token_hex(4)}"
    if engine == "sqlite":
        url, schema = f"sqlite:{Path(tempfile.mkdtemp()) / 'shop.db'}", None
    else:
        url, schema = os.environ[f"SYNAPSOR_TEST_{engine.upper()}"], name
    admin = open_engine(url, 4).connect()
    if engine == "postgres":
        admin.run(f'CREATE SCHEMA "{name}"')
        admin.run(f'SET search_path = "{name}"')
        admin.run("SET TimeZone = 'UTC'")
    elif engine == "mysql":
        admin.run(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
        admin.run(f"USE `{name}`")
    short = "varchar(100)" if engine == "mysql" else "text"
    admin.run(
        f"CREATE TABLE invoices (id {short} NOT NULL, tenant_id {short} NOT NULL, credited integer NOT NULL DEFAULT 0,"
        f" version bigint NOT NULL DEFAULT 1, note {short}, updated_at {TIMES[engine]} NOT NULL, maybe {short},"
        " PRIMARY KEY (tenant_id, id))"
    )
    admin.run(f"CREATE TABLE credits (id {short} PRIMARY KEY, tenant_id {short} NOT NULL, cents integer NOT NULL)")
    for tenant, key in (("acme", "INV-1"), ("acme", "INV-日本"), ("globex", "INV-9")):
        admin.run(
            "INSERT INTO invoices (id, tenant_id, updated_at) VALUES (?, ?, ?)", [key, tenant, FIRST[engine]]
        )
    if receipts:
        for statement in ddl(engine).split(";\n"):
            if statement.strip():
                admin.run(statement)
    if engine == "postgres":
        url += f"{'&' if '?' in url else '?'}options=-csearch_path%3D{name}"
    elif engine == "mysql":
        url = url.rsplit("/", 1)[0] + "/" + name
    env = {"T": TOKEN, "S": SECRET, "U": url, "SYNAPSOR_APP_WRITEBACK_URL": AUDIENCE}
    decorate = writeback_handler(token_env="T", signing_secret_env="S", write_url_env="U", env=env)
    return Shop(engine, url, schema, admin, Handlers(*map(decorate, (billing_propose_account_credit, billing_note, billing_mischief))))


def billing_propose_account_credit(job: Job, tx: Tx) -> dict[str, Any]:
    cents = job.patch["credit_cents"]
    tx.insert("credits", id=f"CR-{job.proposal_id}", tenant_id=job.tenant_id, cents=cents)
    tx.update("invoices", job.object_id, credited=job.row["credited"] + cents)
    tx.emit("credit.given", {"cents": cents})
    if cents == 13:
        raise RuntimeError("the connection string is secret")
    if cents == 14:
        raise WritebackFailed("CREDIT_LIMIT_REACHED")
    return {"effects": [{"type": "db.insert", "table": "credits", "id": f"CR-{job.proposal_id}"}]}


def billing_note(job: Job, tx: Tx) -> None:
    """Does not touch the target at all."""
    tx.insert("credits", id=f"N-{job.proposal_id}", tenant_id=job.tenant_id, cents=0)


def billing_mischief(job: Job, tx: Tx) -> None:
    what = job.patch["note"]
    if what == "other tenant's row":
        tx.update("invoices", {"id": "INV-9", "tenant_id": "globex"}, note="mine")
    if what == "another tenant's insert":
        tx.insert("invoices", id="X", tenant_id="globex", updated_at=job.row["updated_at"])
    if what == "tenant":
        tx.update("invoices", job.object_id, tenant_id="globex")
    if what == "a name":
        tx.update('invoices" SET note = 1 --', job.object_id, note="x")
    if what == "everything":
        tx.update("invoices", {}, note="x")


_count = 0


def request(shop: Shop, cents: Any = 500, **changes: Any) -> dict[str, Any]:
    """An apply; `changes` are set at their dotted paths."""
    global _count
    _count += 1
    from datetime import UTC, datetime

    made: dict[str, Any] = {
        "protocol_version": "1.0",
        "kind": "apply",
        "audience": AUDIENCE,
        "issued_at": datetime.now(UTC).isoformat(),
        "nonce": "0" * 32,
        "ledger_id": "led_1",
        "writeback_job_id": f"wbj_{_count}",
        "proposal_id": f"wrp_{_count}",
        "proposal_hash": f"sha256:{_count}",
        "idempotency_key": f"wrp_{_count}:INV-1",
        "dry_run": False,
        "change_set": {
            "action": ACTION,
            "scope": {"tenant_id": "acme", "object_id": "INV-1"},
            "principal": {"id": "support.agent"},
            "target": {"table": "invoices", "primary_key": {"column": "id", "value": "INV-1"}},
            "patch": {"credit_cents": cents},
            "guards": {
                "tenant": {"column": "tenant_id", "value": "acme"},
                "allowed_columns": ["credit_cents", "note"],
                "expected_version": {"column": "updated_at", "value": SEEN},
            },
        },
    }
    if shop.engine != "sqlite":
        made["change_set"]["target"]["schema"] = shop.schema
    for path, value in changes.items():
        at = made
        *parents, last = path.split("__")
        for part in parents:
            at = at[part]
        at[last] = value
    return made
