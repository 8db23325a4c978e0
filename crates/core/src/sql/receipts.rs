//! The receipt table in the source database: what it is, and every statement on it.

use super::{Bind, Sql, Writer, mysql};
use crate::contract::{EngineKind, Source, Target};
use crate::id::Ident;
use crate::value::Kind;

/// Where the receipt table is, always qualified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Schema; on MySQL the database, on SQLite `main`.
    pub schema: Ident,
    /// Table.
    pub table: Ident,
}

impl Place {
    /// Where a source keeps the receipts of a target: the configured schema, else the target's.
    #[must_use]
    pub fn of(source: &Source, target: &Target) -> Self {
        let schema = source.receipts.schema.clone().unwrap_or_else(|| target.schema.clone());
        Self { schema, table: source.receipts.table.clone() }
    }

    /// The one-row table that holds the receipt table's own identity.
    #[must_use]
    pub fn identity_table(&self) -> Option<Ident> {
        Ident::parse(&format!("{}_id", self.table)).ok()
    }
}

/// What a receipt row is about. All are our own ids and digests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptKeys {
    /// One for a proposal, for ever.
    pub idempotency_key: String,
    /// One for a claim.
    pub job_id: String,
    /// The proposal.
    pub proposal_id: String,
    /// What exactly is changed.
    pub proposal_hash: String,
    /// The ledger that holds the decision.
    pub ledger_id: String,
    /// The newest batch of that ledger, `batch:digest`.
    pub ledger_head: String,
}

/// A receipt row as found: job, proposal hash, status, new version, in [`by_key`]'s output order.
pub const FOUND_COLUMNS: [&str; 4] = ["job_id", "proposal_hash", "status", "new_version"];
/// The columns that find a receipt.
pub const KEY_COLUMNS: [&str; 2] = ["idempotency_key", "job_id"];
/// The columns of a new receipt, in [`insert`]'s order.
pub const INSERTED_COLUMNS: [&str; 7] =
    ["idempotency_key", "job_id", "proposal_id", "proposal_hash", "ledger_id", "ledger_head", "status"];
/// The columns that completing a receipt sets.
pub const FINISHED_COLUMNS: [&str; 3] = ["new_version", "result_hash", "completed_at"];
/// The column of the identity table.
pub const IDENTITY_COLUMN: &str = "receipts_id";

/// Reads the table's identity.
#[must_use]
pub fn identity(engine: EngineKind, place: &Place) -> Sql {
    let mut out = Writer::new(engine);
    out.raw("SELECT receipts_id FROM ");
    match place.identity_table() {
        Some(table) => out.table(&place.schema, &table),
        None => out.table(&place.schema, &place.table),
    };
    out.output(Kind::Text);
    out.finish()
}

/// Inserts the receipt of an applied change.
#[must_use]
pub fn insert(engine: EngineKind, place: &Place, keys: &ReceiptKeys) -> Sql {
    insert_row(engine, place, keys, "applied")
}

/// Inserts the fence of a job: after it commits, a late applier of that job can never commit.
#[must_use]
pub fn fence(engine: EngineKind, place: &Place, keys: &ReceiptKeys) -> Sql {
    let keys = ReceiptKeys { idempotency_key: format!("fence:{}", keys.job_id), ..keys.clone() };
    insert_row(engine, place, &keys, "canceled")
}

fn insert_row(engine: EngineKind, place: &Place, keys: &ReceiptKeys, status: &str) -> Sql {
    let mut out = Writer::new(engine);
    out.raw(if engine == EngineKind::Sqlite { "INSERT OR ABORT INTO " } else { "INSERT INTO " });
    out.table(&place.schema, &place.table);
    for (index, column) in INSERTED_COLUMNS.into_iter().enumerate() {
        out.raw(if index == 0 { " (" } else { ", " }).raw(column);
    }
    out.raw(") VALUES (");
    let values = [
        &keys.idempotency_key,
        &keys.job_id,
        &keys.proposal_id,
        &keys.proposal_hash,
        &keys.ledger_id,
        &keys.ledger_head,
    ];
    for value in values {
        out.bind(Bind::Text(value.clone())).raw(", ");
    }
    out.bind(Bind::Text(status.to_owned())).raw(")");
    out.finish()
}

/// Completes the receipt; must touch one row.
#[must_use]
pub fn finish(engine: EngineKind, place: &Place, keys: &ReceiptKeys, new_version: Option<&str>) -> Sql {
    let mut out = Writer::new(engine);
    out.raw("UPDATE ").table(&place.schema, &place.table).raw(" SET new_version = ");
    out.bind(new_version.map_or(Bind::Null, |text| Bind::Text(text.to_owned())));
    out.raw(", result_hash = ").bind(Bind::Text(keys.proposal_hash.clone()));
    out.raw(match engine {
        EngineKind::Postgres => ", completed_at = clock_timestamp()",
        EngineKind::Mysql => ", completed_at = CURRENT_TIMESTAMP",
        EngineKind::Sqlite => ", completed_at = strftime('%Y-%m-%dT%H:%M:%fZ')",
    });
    out.raw(" WHERE idempotency_key = ").bind(Bind::Text(keys.idempotency_key.clone()));
    out.raw(" AND job_id = ").bind(Bind::Text(keys.job_id.clone()));
    out.finish()
}

/// Finds the receipt under an idempotency key.
#[must_use]
pub fn by_key(engine: EngineKind, place: &Place, idempotency_key: &str) -> Sql {
    find(engine, place, "idempotency_key", idempotency_key)
}

/// Finds the receipt under a job.
#[must_use]
pub fn by_job(engine: EngineKind, place: &Place, job_id: &str) -> Sql {
    find(engine, place, "job_id", job_id)
}

fn find(engine: EngineKind, place: &Place, by: &'static str, value: &str) -> Sql {
    let mut out = Writer::new(engine);
    out.raw("SELECT job_id, proposal_hash, status, new_version FROM ").table(&place.schema, &place.table);
    out.raw(" WHERE ").raw(by).raw(" = ").bind(Bind::Text(value.to_owned()));
    for _ in FOUND_COLUMNS {
        out.output(Kind::Text);
    }
    out.finish()
}

/// The statements that create the receipt table, each ending in `;`. `receipts_id` is 20 random hex digits.
#[must_use]
pub fn migration(engine: EngineKind, place: &Place, receipts_id: &str) -> Vec<String> {
    let quote = |name: &Ident| if engine == EngineKind::Mysql { format!("`{name}`") } else { format!("\"{name}\"") };
    let table = format!("{}.{}", quote(&place.schema), quote(&place.table));
    let id_name = place.identity_table().map_or_else(|| table.clone(), |name| quote(&name));
    let id_table = format!("{}.{id_name}", quote(&place.schema));
    match engine {
        EngineKind::Postgres => vec![
            format!("CREATE SCHEMA IF NOT EXISTS {};", quote(&place.schema)),
            format!(
                "CREATE TABLE IF NOT EXISTS {table} (\n  idempotency_key text COLLATE \"C\" PRIMARY KEY,\n  job_id text COLLATE \"C\" \
                 NOT NULL UNIQUE,\n  proposal_id text NOT NULL,\n  proposal_hash text,\n  ledger_id text,\n  ledger_head text,\n  server_id text,\n  status text \
                 NOT NULL CHECK (status IN ('applied', 'canceled')),\n  new_version text,\n  result_hash text,\n  created_at \
                 timestamptz NOT NULL DEFAULT now(),\n  completed_at timestamptz\n);"
            ),
            // For a table of the reference program, which lacks these.
            format!(
                "ALTER TABLE {table}\n  ADD COLUMN IF NOT EXISTS proposal_hash text,\n  ADD COLUMN IF NOT EXISTS ledger_id text,\n  \
                 ADD COLUMN IF NOT EXISTS ledger_head text,\n  ADD COLUMN IF NOT EXISTS server_id text,\n  \
                 ADD COLUMN IF NOT EXISTS new_version text;"
            ),
            format!("CREATE UNIQUE INDEX IF NOT EXISTS \"{}_job_id_key\" ON {table} (job_id);", place.table),
            format!(
                "CREATE TABLE IF NOT EXISTS {id_table} (\n  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),\n  receipts_id text NOT NULL\n);"
            ),
            format!("INSERT INTO {id_table} (receipts_id) VALUES ('{receipts_id}') ON CONFLICT DO NOTHING;"),
        ],
        EngineKind::Mysql => mysql::migration(place, &[table, id_table], receipts_id),
        EngineKind::Sqlite => vec![
            format!(
                "CREATE TABLE IF NOT EXISTS {table} (\n  idempotency_key TEXT NOT NULL PRIMARY KEY,\n  job_id TEXT NOT NULL UNIQUE,\n  \
                 proposal_id TEXT NOT NULL,\n  proposal_hash TEXT,\n  ledger_id TEXT,\n  ledger_head TEXT,\n  server_id TEXT,\n  status TEXT NOT NULL CHECK \
                 (status IN ('applied', 'canceled')),\n  new_version TEXT,\n  result_hash TEXT,\n  created_at TEXT NOT NULL \
                 DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')),\n  completed_at TEXT\n) STRICT;"
            ),
            format!(
                "CREATE TABLE IF NOT EXISTS {id_table} (\n  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),\n  receipts_id TEXT NOT \
                 NULL\n) STRICT;"
            ),
            format!("INSERT OR IGNORE INTO {id_table} (only_row, receipts_id) VALUES (1, '{receipts_id}');"),
        ],
    }
}
