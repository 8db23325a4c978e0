"""The tables that a handler needs, as an administrator makes them once."""

from __future__ import annotations

RECEIPTS = "synapsor_handler_receipts"
OUTBOX = "synapsor_handler_outbox"


def ddl(engine: str, schema: str | None = None, table: str = RECEIPTS) -> str:
    """The statements that make the receipt table and the outbox in PostgreSQL, MySQL/MariaDB or SQLite."""
    if engine not in ("postgres", "mysql", "sqlite"):
        raise ValueError("the engine is postgres, mysql or sqlite")
    quote = "`" if engine == "mysql" else '"'
    place = f"{quote}{schema}{quote}." if schema else ""
    receipts, outbox = f"{place}{quote}{table}{quote}", f"{place}{quote}{OUTBOX}{quote}"
    key, text, end = "text", "text", ""
    serial, moment = "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "timestamptz"
    now = "now()"
    if engine == "mysql":
        key, text = "varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "longtext"
        serial, moment, now = "bigint AUTO_INCREMENT PRIMARY KEY", "datetime(6)", "CURRENT_TIMESTAMP(6)"
        end = " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
    elif engine == "sqlite":
        serial, moment, now = "integer PRIMARY KEY AUTOINCREMENT", "text", "(strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))"
    short = "varchar(255)" if engine == "mysql" else "text"
    return f"""CREATE TABLE IF NOT EXISTS {receipts} (
  idempotency_key {key} NOT NULL PRIMARY KEY,
  proposal_id {short} NOT NULL,
  proposal_hash {short} NOT NULL,
  writeback_job_id {short} NOT NULL,
  action {short} NOT NULL,
  status {short} NOT NULL,
  receipt_json {text},
  created_at {moment} NOT NULL DEFAULT {now},
  completed_at {moment}
){end};
CREATE TABLE IF NOT EXISTS {outbox} (
  id {serial},
  idempotency_key {key} NOT NULL,
  tenant_id {short} NOT NULL,
  type {short} NOT NULL,
  payload {text} NOT NULL,
  created_at {moment} NOT NULL DEFAULT {now},
  published_at {moment}
){end};
"""
