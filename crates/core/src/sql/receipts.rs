//! The receipt table in the source database: what it is, and every statement on it.

use super::{Bind, Sql, Writer, mysql};
use crate::contract::{EngineKind, Source, Target};
use crate::id::Ident;
use crate::value::{Cell, Kind};

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
    /// The server that was claimed on, where the engine tells servers apart.
    pub server_id: Option<String>,
}

/// Which receipt table on which server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The table's random identity, made by the migration.
    pub receipts_id: String,
    /// The server, where the engine tells servers apart: it differs after a failover and after a restore elsewhere.
    pub server_id: Option<String>,
}

/// How the receipt table that was found is not the one that was claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elsewhere {
    /// Another table: another database.
    Receipts,
    /// The same table, or a copy of it, on another server.
    Server,
}

impl Identity {
    /// From a row of [`identity`].
    #[must_use]
    pub fn of_row(row: &[Cell]) -> Option<Self> {
        let text = |index: usize| row.get(index).and_then(Cell::text).map(str::to_owned);
        Some(Self { receipts_id: text(0)?, server_id: text(1) })
    }

    /// Whether what was found is what this names. A claim that names no server accepts any.
    pub fn admits(&self, found: Option<&Self>) -> Result<(), Elsewhere> {
        match found {
            Some(found) if found.receipts_id == self.receipts_id => match (&self.server_id, &found.server_id) {
                (Some(claimed), Some(found)) if claimed != found => Err(Elsewhere::Server),
                _ => Ok(()),
            },
            _ => Err(Elsewhere::Receipts),
        }
    }
}

/// A receipt row as found: job, proposal hash, status, new version, in [`by_key`]'s output order.
pub const FOUND_COLUMNS: [&str; 4] = ["job_id", "proposal_hash", "status", "new_version"];
/// The columns that find a receipt.
pub const KEY_COLUMNS: [&str; 2] = ["idempotency_key", "job_id"];
/// The columns of a new receipt, in [`insert`]'s order.
pub const INSERTED_COLUMNS: [&str; 8] =
    ["idempotency_key", "job_id", "proposal_id", "proposal_hash", "ledger_id", "ledger_head", "server_id", "status"];
/// The columns of a listed receipt, in [`by_ledger`]'s output order.
pub const LISTED_COLUMNS: [&str; 5] = ["idempotency_key", "job_id", "proposal_id", "proposal_hash", "status"];
/// The column that tells whose receipts are listed.
pub const LEDGER_COLUMN: &str = "ledger_id";
/// The columns that completing a receipt sets.
pub const FINISHED_COLUMNS: [&str; 3] = ["new_version", "result_hash", "completed_at"];
/// The column of the identity table.
pub const IDENTITY_COLUMN: &str = "receipts_id";

/// Distinguishes a PostgreSQL server from its copies: a restored dump has another system, a promoted standby another
/// timeline. The checkpoint learns of a new timeline late, the recovery part at once.
const POSTGRES_SERVER: &str = "(SELECT s.system_identifier::text || '/' || \
    greatest(c.timeline_id, r.min_recovery_end_timeline)::text \
    FROM pg_catalog.pg_control_system() s, pg_catalog.pg_control_checkpoint() c, pg_catalog.pg_control_recovery() r)";

/// Distinguishes a MySQL or MariaDB server from its replicas. Each reads its own part: MySQL has an identity that outlives
/// a change of its host's name, MariaDB has none.
const MYSQL_SERVER: &str =
    "CONCAT(@@server_id, '/', /*!50700 @@server_uuid */ /*M! CONCAT(@@hostname, ':', @@port) */)";

/// Reads the table's own identity.
#[must_use]
pub fn receipts_id(engine: EngineKind, place: &Place) -> Sql {
    identity_with(engine, place, None)
}

/// Reads the table's own identity and, where servers can be told apart, the server's.
#[must_use]
pub fn identity(engine: EngineKind, place: &Place) -> Sql {
    let server = match engine {
        EngineKind::Postgres => Some(POSTGRES_SERVER),
        EngineKind::Mysql => Some(MYSQL_SERVER),
        EngineKind::Sqlite => None,
    };
    identity_with(engine, place, server)
}

fn identity_with(engine: EngineKind, place: &Place, server: Option<&'static str>) -> Sql {
    let mut out = Writer::new(engine);
    out.raw("SELECT receipts_id").output(Kind::Text);
    if let Some(server) = server {
        out.raw(", ").raw(server).output(Kind::Text);
    }
    out.raw(" FROM ");
    match place.identity_table() {
        Some(table) => out.table(&place.schema, &table),
        None => out.table(&place.schema, &place.table),
    };
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
    out.bind(keys.server_id.clone().map_or(Bind::Null, Bind::Text)).raw(", ");
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

/// Lists what one ledger wrote, in the order of the keys, from the one after `after`.
#[must_use]
pub fn by_ledger(engine: EngineKind, place: &Place, ledger_id: &str, after: &str, limit: u64) -> Sql {
    let mut out = Writer::new(engine);
    for (index, column) in LISTED_COLUMNS.into_iter().enumerate() {
        out.raw(if index == 0 { "SELECT " } else { ", " }).raw(column).output(Kind::Text);
    }
    out.raw(" FROM ").table(&place.schema, &place.table);
    out.raw(" WHERE ").raw(LEDGER_COLUMN).raw(" = ").bind(Bind::Text(ledger_id.to_owned()));
    out.raw(" AND idempotency_key > ").bind(Bind::Text(after.to_owned()));
    out.raw(" ORDER BY idempotency_key LIMIT ").number(limit);
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
