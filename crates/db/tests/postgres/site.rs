//! A database with a receipt table and an engine for each of its accounts.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value as Json, json};
use synapsor_core::contract::{EngineKind, Pool, Receipts, Session, Source, Target, TenantRule, Tls};
use synapsor_core::id::{EnvName, Ident};
use synapsor_core::scope::Scope;
use synapsor_core::sql::receipts::{Identity, Place, ReceiptKeys, fence, migration};
use synapsor_core::sql::write::{Change, GuardedWrite, Version, VersionMove, guarded_write};
use synapsor_core::sql::{Filter, Sql, read};
use synapsor_core::value::{Cell, Column, Table};
use synapsor_core::writeback::Effect;
use synapsor_db::engine::{Access, Ask, Ending, Engine, Fence, ReceiptsState, Role};
use synapsor_testkit::database::{self, Database};

/// The identity that the migration gives the receipt table.
pub const RECEIPTS_ID: &str = "0123456789abcdef0123";

/// A write for real, whose lease never ends.
pub const FOR_REAL: Ending<'static> = Ending::Commit(&|| true);

/// A claim on the receipt table, whichever server it is on.
pub static CLAIMED: LazyLock<Identity> =
    LazyLock::new(|| Identity { receipts_id: RECEIPTS_ID.to_owned(), server_id: None });

/// A claim on another receipt table.
pub static ANOTHER: LazyLock<Identity> =
    LazyLock::new(|| Identity { receipts_id: "ffffffffffffffffffff".to_owned(), server_id: None });

/// Whether a receipt table is the migrated one, and may be used.
pub fn is_ready(state: &ReceiptsState) -> bool {
    matches!(state, ReceiptsState::Ready(found) if found.receipts_id == RECEIPTS_ID)
}

pub struct Site {
    pub db: Database,
    pub reader: Engine,
    pub writer: Engine,
}

/// Makes a site. Both accounts may read everything in `public`; the writer may also update it and insert receipts.
pub async fn site(schema: &str) -> Site {
    site_in(database::postgres().await, schema).await
}

/// Makes a site in this database.
pub async fn site_in(db: Database, schema: &str) -> Site {
    for statement in migration(EngineKind::Postgres, &place(), RECEIPTS_ID) {
        db.execute(&statement).await;
    }
    db.execute(schema).await;
    db.execute(
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}, {writer};
         GRANT UPDATE ON ALL TABLES IN SCHEMA public TO {writer};
         GRANT INSERT ON synapsor_writeback_receipts TO {writer}",
    )
    .await;
    let reader = open(&db.reader_url(), Role::Reader, &source());
    let writer = open(&db.writer_url(), Role::Writer, &source());
    Site { db, reader, writer }
}

pub fn ident(text: &str) -> Ident {
    Ident::parse(text).unwrap()
}

pub fn place() -> Place {
    Place { schema: ident("public"), table: ident("synapsor_writeback_receipts") }
}

pub fn source() -> Source {
    Source {
        name: ident("app"),
        engine: EngineKind::Postgres,
        read_url_env: EnvName::parse("APP_READ_URL").unwrap(),
        write_url_env: None,
        read_only: false,
        connect_timeout: Duration::from_secs(3),
        lock_timeout: Duration::from_secs(2),
        statement_timeout: Duration::from_secs(3),
        pool: Pool { max_connections: 4, acquire_timeout: Duration::from_secs(2) },
        tls: Tls::default(),
        receipts: Receipts { schema: None, table: place().table },
        session: Session::default(),
    }
}

pub fn open(url: &str, role: Role, source: &Source) -> Engine {
    let access = Access { url: url.to_owned(), source: source.clone(), role, base: PathBuf::from("/") };
    Engine::open(access).unwrap()
}

pub fn sql(text: &'static str, outputs: usize) -> Sql {
    Sql::fixed(text, Vec::new(), outputs)
}

/// Waits until a query of the administrator returns this text.
pub async fn until(db: &Database, query: &str, wanted: &str) {
    for _ in 0..200 {
        if db.query_text(query).await[0][0].as_deref() == Some(wanted) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never {wanted}: {query}");
}

impl Site {
    /// Looks a table up, with every column it has.
    pub async fn table(&self, name: &str) -> Table {
        let query = format!(
            "SELECT attname FROM pg_attribute WHERE attrelid = '{name}'::regclass AND attnum > 0 AND NOT attisdropped"
        );
        let names = self.db.query_text(&query).await;
        let columns = names.iter().map(|row| ident(row[0].as_deref().unwrap())).collect();
        let ask = Ask { schema: ident("public"), table: ident(name), columns };
        self.reader.describe(&ask).await.unwrap().unwrap()
    }

    /// Reads all columns of the row with this key and tenant.
    pub async fn read(&self, table: &Table, key: &Json, tenant: &str) -> Vec<Vec<Cell>> {
        match filter(table, key, tenant) {
            Some(filter) => {
                self.reader.read(&read::select(EngineKind::Postgres, table, &table.columns, &filter)).await.unwrap()
            }
            None => Vec::new(),
        }
    }

    pub async fn transact(&self, change: &Change) -> Effect {
        self.writer.transact(&statements(change, &keys()), &CLAIMED, FOR_REAL).await.unwrap()
    }

    /// The only value of a query by the administrator.
    pub async fn value(&self, query: &str) -> Option<String> {
        self.db.query_text(query).await[0][0].clone()
    }
}

/// The row with this key in column `id` and this tenant in column `tenant_id`; `None` if there can be none.
pub fn filter(table: &Table, key: &Json, tenant: &str) -> Option<Filter> {
    let target = Target {
        schema: table.schema.clone(),
        table: table.name.clone(),
        primary_key: ident("id"),
        tenant: TenantRule::Column(ident("tenant_id")),
        principal: None,
    };
    Filter::scoped(&target, table, &Scope::of_record(tenant, "support.agent"), key).ok()
}

pub fn column(table: &Table, name: &str) -> Column {
    table.column(&ident(name)).unwrap().clone()
}

pub fn cell(column: &Column, text: &str) -> Cell {
    Cell::new(column.kind.clone(), Some(text.to_owned()))
}

/// Sets a column of row `1` of tenant `acme`; no version.
pub fn change(table: &Table, name: &str, text: &str) -> Change {
    let column = column(table, name);
    let cell = cell(&column, text);
    Change {
        table: table.clone(),
        filter: filter(table, &json!("1"), "acme").unwrap(),
        patch: vec![(column, cell)],
        version: None,
    }
}

pub fn versioned(mut change: Change, name: &str, expected: &str, advance: VersionMove) -> Change {
    let column = column(&change.table, name);
    let expected = cell(&column, expected);
    change.version = Some(Version { column, expected, advance });
    change
}

/// Keys that no other call gets.
pub fn keys() -> ReceiptKeys {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    ReceiptKeys {
        idempotency_key: format!("wrp_{count}:1"),
        job_id: format!("wbj_{count}"),
        proposal_id: format!("wrp_{count}"),
        proposal_hash: format!("sha256:{count}"),
        ledger_id: "ledger".to_owned(),
        ledger_head: "1:abc".to_owned(),
        server_id: None,
    }
}

pub fn statements(change: &Change, keys: &ReceiptKeys) -> GuardedWrite {
    guarded_write(EngineKind::Postgres, change, &place(), keys)
}

pub fn fence_of(keys: &ReceiptKeys) -> Fence {
    let write = synapsor_core::sql::receipts::identity(EngineKind::Postgres, &place());
    Fence {
        identity: write,
        insert: fence(EngineKind::Postgres, &place(), keys),
        by_job: synapsor_core::sql::receipts::by_job(EngineKind::Postgres, &place(), &keys.job_id),
    }
}
