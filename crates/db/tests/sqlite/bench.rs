//! A SQLite file with a receipt table, and guarded writes on its table `t`, whose key is `id` and tenant `tenant`.

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::json;
use synapsor_core::contract::{EngineKind, Pool, Receipts, Session, Source, Target, TenantRule, Tls};
use synapsor_core::id::{EnvName, Ident};
use synapsor_core::scope::Scope;
use synapsor_core::sql::filter::NoFilter;
use synapsor_core::sql::receipts::{self, Identity, Place, ReceiptKeys};
use synapsor_core::sql::write::{Change, GuardedWrite, Version, VersionMove, guarded_write};
use synapsor_core::sql::{Filter, Sql, read};
use synapsor_core::value::{Cell, Column, Kind, Table};
use synapsor_core::writeback::Effect;
use synapsor_db::engine::{Access, Ask, Ending, Engine, ReceiptsState, Role};
use synapsor_db::fault::Fault;
use synapsor_testkit::database::{self, Database};

pub(crate) const RECEIPTS_ID: &str = "00112233445566778899";

/// A write for real, whose lease never ends.
pub(crate) const FOR_REAL: Ending<'static> = Ending::Commit(&|| true);

/// A claim on the receipt table, whichever server it is on.
pub(crate) static CLAIMED: LazyLock<Identity> =
    LazyLock::new(|| Identity { receipts_id: RECEIPTS_ID.to_owned(), server_id: None });

/// A claim on another receipt table.
pub(crate) static ANOTHER: LazyLock<Identity> =
    LazyLock::new(|| Identity { receipts_id: "ffffffffffffffffffff".to_owned(), server_id: None });

/// Whether a receipt table is the migrated one, and may be used.
pub(crate) fn is_ready(state: &ReceiptsState) -> bool {
    matches!(state, ReceiptsState::Ready(found) if found.receipts_id == RECEIPTS_ID)
}

/// Limits that keep tests of waiting short.
pub(crate) const LOCK: Duration = Duration::from_millis(150);
pub(crate) const STATEMENT: Duration = Duration::from_millis(400);

pub(crate) struct Bench {
    pub(crate) db: Database,
    pub(crate) reader: Engine,
    pub(crate) writer: Engine,
}

pub(crate) fn ident(text: &str) -> Ident {
    Ident::parse(text).unwrap()
}

pub(crate) fn place() -> Place {
    Place { schema: ident("main"), table: ident("receipts") }
}

pub(crate) fn integer(number: i64) -> Cell {
    Cell::new(Kind::Integer, Some(number.to_string()))
}

pub(crate) fn text(text: &str) -> Cell {
    Cell::new(Kind::Text, Some(text.to_owned()))
}

pub(crate) fn open(url: &str, role: Role, statement_timeout: Duration) -> Result<Engine, Fault> {
    let source = Source {
        name: ident("app"),
        engine: EngineKind::Sqlite,
        read_url_env: EnvName::parse("APP_READ_URL").unwrap(),
        write_url_env: None,
        read_only: false,
        connect_timeout: LOCK,
        lock_timeout: LOCK,
        statement_timeout,
        pool: Pool { max_connections: 1, acquire_timeout: Duration::from_secs(5) },
        tls: Tls::default(),
        receipts: Receipts { schema: None, table: ident("receipts") },
        session: Session::default(),
    };
    Engine::open(Access { url: url.to_owned(), source, role, base: std::env::temp_dir() })
}

/// The change of one row. The version is `version`, an integer, where the table has one.
pub(crate) struct Update<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) id: &'a str,
    pub(crate) guards: Vec<(&'a str, Cell)>,
    pub(crate) patch: Vec<(&'a str, Cell)>,
    pub(crate) version: Option<i64>,
}

/// One row of tenant `acme` gets a new `fee`, under the version that `Bench::billing` starts with.
pub(crate) fn new_fee(fee: i64) -> Update<'static> {
    Update { tenant: "acme", id: "1", guards: Vec::new(), patch: vec![("fee", integer(fee))], version: Some(7) }
}

impl Bench {
    /// A file with these tables and a receipt table.
    pub(crate) async fn new(schema: &str) -> Bench {
        let db = database::sqlite();
        db.execute(schema).await;
        let reader = open(&db.reader_url(), Role::Reader, STATEMENT).unwrap();
        let writer = open(&db.writer_url(), Role::Writer, STATEMENT).unwrap();
        writer.migrate(&receipts::migration(EngineKind::Sqlite, &place(), RECEIPTS_ID)).await.unwrap();
        Bench { db, reader, writer }
    }

    /// `t` with rows `1` and `2` of `acme` and `3` of `globex`, fee 100, version 7; `extra` comes after.
    pub(crate) async fn billing(extra: &str) -> Bench {
        Bench::new(&format!(
            "CREATE TABLE t (id TEXT PRIMARY KEY, tenant TEXT NOT NULL, fee INTEGER, note TEXT, version INTEGER NOT NULL);
             INSERT INTO t VALUES ('1', 'acme', 100, NULL, 7), ('2', 'acme', 100, 'x', 7), ('3', 'globex', 100, 'x', 7);
             {extra}"
        ))
        .await
    }

    pub(crate) async fn table(&self, columns: &[&str]) -> Table {
        let columns = columns.iter().map(|name| ident(name)).collect();
        let ask = Ask { schema: ident("main"), table: ident("t"), columns };
        self.reader.describe(&ask).await.unwrap().unwrap()
    }

    pub(crate) async fn query(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        self.db.query_text(sql).await
    }

    /// The first value of a query's only row.
    pub(crate) async fn one(&self, sql: &str) -> Option<String> {
        let rows = self.query(sql).await;
        assert_eq!(rows.len(), 1, "{sql}");
        rows[0][0].clone()
    }

    pub(crate) async fn write(&self, update: Update<'_>) -> GuardedWrite {
        let mut names = vec!["id", "tenant", "version"];
        names.extend(update.guards.iter().map(|(name, _)| *name));
        names.extend(update.patch.iter().map(|(name, _)| *name));
        let table = self.table(&names).await;
        let column = |name: &str| table.column(&ident(name)).unwrap().clone();
        let mut filter = filter(&table, update.tenant, update.id);
        for (name, cell) in update.guards {
            filter = filter.and(column(name), cell);
        }
        let patch = update.patch.into_iter().map(|(name, cell)| (column(name), cell)).collect();
        let version = update.version.map(|expected| Version {
            column: column("version"),
            expected: integer(expected),
            advance: VersionMove::Increment,
        });
        guarded_write(EngineKind::Sqlite, &Change { table, filter, patch, version }, &place(), &keys("job-1"))
    }

    pub(crate) async fn apply(&self, update: Update<'_>) -> Effect {
        let write = self.write(update).await;
        self.writer.transact(&write, &CLAIMED, FOR_REAL).await.unwrap()
    }

    pub(crate) async fn rehearse(&self, update: Update<'_>) -> Effect {
        let write = self.write(update).await;
        self.writer.transact(&write, &CLAIMED, Ending::Rollback).await.unwrap()
    }

    pub(crate) async fn read(&self, columns: &[&str], tenant: &str, id: &str) -> Vec<Vec<Cell>> {
        let mut names = vec!["id", "tenant"];
        names.extend(columns);
        let table = self.table(&names).await;
        let wanted: Vec<Column> = columns.iter().map(|name| table.column(&ident(name)).unwrap().clone()).collect();
        let sql = read::select(EngineKind::Sqlite, &table, &wanted, &filter(&table, tenant, id));
        self.reader.read(&sql).await.unwrap()
    }

    /// Whether the row of tenant `acme` is found under a guard.
    pub(crate) async fn holds(&self, table: &Table, id: &str, (name, cell): (&str, Cell)) -> bool {
        let column = table.column(&ident(name)).unwrap().clone();
        let guarded = filter(table, "acme", id).and(column.clone(), cell);
        let sql = read::select(EngineKind::Sqlite, table, &[column], &guarded);
        !self.reader.read(&sql).await.unwrap().is_empty()
    }

    /// Nothing was written: neither to `t` nor to the receipts.
    pub(crate) async fn is_untouched(&self) -> bool {
        let fees = self.query("SELECT DISTINCT fee, version FROM t").await;
        fees == [[Some("100".to_owned()), Some("7".to_owned())]]
            && self.one("SELECT count(*) FROM receipts").await.as_deref() == Some("0")
    }
}

pub(crate) fn fixed(text: &'static str) -> Sql {
    Sql::fixed(text, Vec::new(), 1)
}

pub(crate) fn keys(job: &str) -> ReceiptKeys {
    ReceiptKeys {
        idempotency_key: "wrp_1:1".to_owned(),
        job_id: job.to_owned(),
        proposal_id: "wrp_1".to_owned(),
        proposal_hash: "sha256:1".to_owned(),
        ledger_id: "led_1".to_owned(),
        ledger_head: "1:sha256:1".to_owned(),
        server_id: None,
    }
}

fn filter(table: &Table, tenant: &str, id: &str) -> Filter {
    scoped(table, tenant, id).unwrap()
}

pub(crate) fn scoped(table: &Table, tenant: &str, id: &str) -> Result<Filter, NoFilter> {
    let target = Target {
        schema: ident("main"),
        table: ident("t"),
        primary_key: ident("id"),
        tenant: TenantRule::Column(ident("tenant")),
        principal: None,
    };
    Filter::scoped(&target, table, &Scope::of_record(tenant, "support.agent"), &json!(id))
}
