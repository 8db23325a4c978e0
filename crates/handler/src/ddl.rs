//! The tables that a handler needs, as an administrator makes them once.

use crate::engines::EngineName;

/// The receipt table's usual name.
pub(crate) const RECEIPTS: &str = "synapsor_handler_receipts";
/// The outbox's name.
pub(crate) const OUTBOX: &str = "synapsor_handler_outbox";

/// The statements that make the receipt table and the outbox.
#[must_use]
pub fn ddl(engine: EngineName, schema: Option<&str>) -> String {
    ddl_for(engine, schema, RECEIPTS)
}

pub(crate) fn ddl_for(engine: EngineName, schema: Option<&str>, table: &str) -> String {
    let quote = engine.quote();
    let place = schema.map(|schema| format!("{quote}{schema}{quote}.")).unwrap_or_default();
    let [key, short, long, moment, now, serial, end] = match engine {
        EngineName::Postgres => {
            let serial = "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY";
            ["text", "text", "text", "timestamptz", "now()", serial, ""]
        }
        EngineName::Mysql => [
            "varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
            "varchar(255)",
            "longtext",
            "datetime(6)",
            "CURRENT_TIMESTAMP(6)",
            "bigint AUTO_INCREMENT PRIMARY KEY",
            " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4",
        ],
        EngineName::Sqlite => {
            let now = "(strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))";
            ["text", "text", "text", "text", now, "integer PRIMARY KEY AUTOINCREMENT", ""]
        }
    };
    format!(
        "CREATE TABLE IF NOT EXISTS {place}{quote}{table}{quote} (
  idempotency_key {key} NOT NULL PRIMARY KEY,
  proposal_id {short} NOT NULL,
  proposal_hash {short} NOT NULL,
  writeback_job_id {short} NOT NULL,
  action {short} NOT NULL,
  status {short} NOT NULL,
  receipt_json {long},
  created_at {moment} NOT NULL DEFAULT {now},
  completed_at {moment}
){end};
CREATE TABLE IF NOT EXISTS {place}{quote}{OUTBOX}{quote} (
  id {serial},
  idempotency_key {key} NOT NULL,
  tenant_id {short} NOT NULL,
  type {short} NOT NULL,
  payload {long} NOT NULL,
  created_at {moment} NOT NULL DEFAULT {now},
  published_at {moment}
){end};
"
    )
}
