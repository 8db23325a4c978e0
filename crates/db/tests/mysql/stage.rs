//! A database with a receipt table, and short ways to read from it and write to it.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::json;
use synapsor_core::caller::Caller;
use synapsor_core::contract::{EngineKind, Pool, Receipts, Session, Source, Target, TenantRule, Tls, TrustRule};
use synapsor_core::id::{EnvName, Ident};
use synapsor_core::scope::Scope;
use synapsor_core::sql::Filter;
use synapsor_core::sql::read::select;
use synapsor_core::sql::receipts::{Identity, Place, ReceiptKeys, migration};
use synapsor_core::sql::write::{Change, Version, VersionMove, guarded_write};
use synapsor_core::value::{Cell, Column, Table};
use synapsor_core::writeback::Effect;
use synapsor_db::engine::{Access, Ask, Ending, Engine, ReceiptsState, Role};
use synapsor_db::fault::Fault;
use synapsor_testkit::database::{self, Database};

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

pub fn ident(name: &str) -> Ident {
    Ident::parse(name).unwrap()
}

pub fn source() -> Source {
    Source {
        name: ident("app"),
        engine: EngineKind::Mysql,
        read_url_env: EnvName::parse("APP_READ_URL").unwrap(),
        write_url_env: None,
        read_only: false,
        connect_timeout: Duration::from_secs(3),
        lock_timeout: Duration::from_secs(1),
        statement_timeout: Duration::from_secs(2),
        pool: Pool { max_connections: 4, acquire_timeout: Duration::from_millis(300) },
        tls: Tls::default(),
        receipts: Receipts { schema: None, table: ident("receipts") },
        session: Session::default(),
    }
}

pub fn open(url: &str, role: Role, source: Source) -> Engine {
    Engine::open(Access { url: url.to_owned(), source, role, base: PathBuf::new() }).unwrap()
}

/// A fresh database with a receipt table. Both engines use the administrator's account.
pub struct Stage {
    /// Whether the run's server is MariaDB. On MySQL the tests pass too, but for the name in a certificate that it made itself.
    pub maria: bool,
    pub db: Database,
    pub reader: Engine,
    pub writer: Engine,
}

impl Stage {
    pub async fn new() -> Self {
        Self::in_db(database::mysql().await).await
    }

    pub async fn in_db(db: Database) -> Self {
        let reader = open(&db.admin_url(), Role::Reader, source());
        let writer = open(&db.admin_url(), Role::Writer, source());
        let maria = db.query_text("SELECT VERSION()").await[0][0].as_ref().is_some_and(|text| text.contains("MariaDB"));
        let stage = Self { maria, db, reader, writer };
        stage.writer.migrate(&migration(EngineKind::Mysql, &stage.place(), RECEIPTS_ID)).await.unwrap();
        stage
    }

    /// With a table made by this statement.
    pub async fn with(sql: &str) -> Self {
        let stage = Self::new().await;
        stage.db.execute(sql).await;
        stage
    }

    pub fn place(&self) -> Place {
        Place { schema: ident(self.db.schema()), table: ident("receipts") }
    }

    pub fn target(&self, table: &str) -> Target {
        Target {
            schema: ident(self.db.schema()),
            table: ident(table),
            primary_key: ident("id"),
            tenant: TenantRule::Column(ident("tenant")),
            principal: None,
        }
    }

    pub async fn table(&self, table: &str, columns: &[&str]) -> Table {
        let columns = columns.iter().map(|name| ident(name)).collect();
        let ask = Ask { schema: ident(self.db.schema()), table: ident(table), columns };
        self.reader.describe(&ask).await.unwrap().unwrap()
    }

    pub fn filter(&self, table: &Table, id: &str, tenant: &str) -> Filter {
        Filter::scoped(&self.target(table.name.as_str()), table, &scope(tenant), &json!(id)).unwrap()
    }

    /// Reads these columns of a row.
    pub async fn read(&self, table: &Table, columns: &[&str], filter: &Filter) -> Result<Vec<Vec<Cell>>, Fault> {
        let columns: Vec<Column> = columns.iter().map(|name| column(table, name)).collect();
        self.reader.read(&select(EngineKind::Mysql, table, &columns, filter)).await
    }

    pub async fn apply(&self, change: &Change, key: &str) -> Result<Effect, Fault> {
        self.transact(change, key, FOR_REAL).await
    }

    pub async fn transact(&self, change: &Change, key: &str, ending: Ending<'_>) -> Result<Effect, Fault> {
        let write = guarded_write(EngineKind::Mysql, change, &self.place(), &keys(key));
        self.writer.transact(&write, &CLAIMED, ending).await
    }
}

pub fn scope(tenant: &str) -> Scope {
    let rule = TrustRule::StaticDev {
        tenant_env: None,
        tenant: Some(tenant.to_owned()),
        principal_env: None,
        principal: Some("support.agent".to_owned()),
    };
    Scope::bind(&Caller::Process, &rule, |_| None).unwrap()
}

pub fn column(table: &Table, name: &str) -> Column {
    table.column(&ident(name)).unwrap_or_else(|| panic!("no column {name}")).clone()
}

pub fn keys(key: &str) -> ReceiptKeys {
    ReceiptKeys {
        idempotency_key: format!("wrp_{key}:1"),
        job_id: format!("job_{key}"),
        proposal_id: format!("wrp_{key}"),
        proposal_hash: format!("sha256:{key}"),
        ledger_id: "ledger".to_owned(),
        ledger_head: "1:abc".to_owned(),
        server_id: None,
    }
}

/// Sets columns of the filtered row; a version column moves by one, or by the clock in its own steps.
pub fn change(table: &Table, filter: Filter, patch: &[(&str, Cell)], version: Option<(&str, Cell)>) -> Change {
    let version = version.map(|(name, expected)| {
        let column = column(table, name);
        let advance = match column.limits.fraction {
            Some(digits) => VersionMove::Clock { unit_micros: 10_u64.pow(6 - u32::from(digits)) },
            None => VersionMove::Increment,
        };
        Version { column, expected, advance }
    });
    let patch = patch.iter().map(|(name, cell)| (column(table, name), cell.clone())).collect();
    Change { table: table.clone(), filter, patch, version }
}

pub fn text(cells: &[Cell]) -> Vec<Option<&str>> {
    cells.iter().map(Cell::text).collect()
}
