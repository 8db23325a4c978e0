//! Everything through PgBouncer in transaction mode, where one connection to the server is shared by all.

use std::time::Duration;

use serde_json::json;
use synapsor_core::sql::write::{Change, VersionMove};
use synapsor_core::value::{Cell, Table};
use synapsor_core::writeback::{Effect, Fenced, Violation};
use synapsor_db::engine::{Ask, Ending, Engine, Role};
use synapsor_db::fault::Class;
use synapsor_testkit::database::Session;
use synapsor_testkit::servers::Pooler;

use crate::site::{
    CLAIMED, FOR_REAL, Site, cell, change, column, fence_of, filter, ident, is_ready, keys, open, place, site, source,
    sql, statements, until, versioned,
};

const INVOICES: &str = "
CREATE TABLE invoices (id text PRIMARY KEY, tenant_id text NOT NULL, fee numeric(10,2), status text,
  version int NOT NULL DEFAULT 1, seen timestamptz DEFAULT '2026-01-02 03:04:05.6+00');
INSERT INTO invoices VALUES ('1', 'acme', 10.50, 'open'), ('2', 'globex', 7, 'open');
CREATE TABLE others (n int, zone text DEFAULT current_setting('TimeZone'));
GRANT INSERT ON others TO {writer}";

/// What a client could have left behind, in the server's own words.
const SETTINGS: &str = "SELECT concat_ws('|', current_setting('TimeZone'), current_setting('DateStyle'),
  current_setting('IntervalStyle'), current_setting('extra_float_digits'), current_setting('bytea_output'),
  current_setting('array_nulls'), current_setting('statement_timeout'), current_setting('lock_timeout'),
  current_setting('idle_in_transaction_session_timeout'), current_setting('synchronous_commit'),
  current_setting('default_transaction_read_only'), current_setting('transaction_read_only'),
  current_setting('transaction_isolation'), current_setting('search_path'),
  (SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_cursors))";

/// A site whose engines go through a pooler, and another client of the writer's account that comes the same way.
struct Pooled {
    site: Site,
    pooler: Pooler,
    table: Table,
    stranger: Session,
}

async fn pooled() -> Pooled {
    let mut site = site(INVOICES).await;
    let pooler = site.db.pooler();
    site.reader = open(&pooler.through(&site.db.reader_url()), Role::Reader, &source());
    site.writer = open(&pooler.through(&site.db.writer_url()), Role::Writer, &source());
    let stranger = Session::open(&pooler.through(&site.db.writer_url())).await;
    let table = site.table("invoices").await;
    Pooled { site, pooler, table, stranger }
}

async fn one(session: &Session, query: &str) -> String {
    session.query_text(query).await.unwrap()[0][0].clone().unwrap()
}

async fn backend(engine: &Engine) -> String {
    engine.read(&sql("SELECT pg_backend_pid()::text", 1)).await.unwrap()[0][0].text().unwrap().to_owned()
}

impl Pooled {
    fn raised(&self, version: &str) -> Change {
        versioned(change(&self.table, "fee", "25.00"), "version", version, VersionMove::Increment)
    }

    /// The other client works on the very connection that the writer used, and finds it as the server gives it out.
    async fn strangers_find_nothing(&self, after: &str) {
        let direct = Session::open(&self.site.db.writer_url()).await;
        let expect = one(&direct, SETTINGS).await;
        assert_eq!(one(&self.stranger, SETTINGS).await, expect, "after {after}");
        let shared = one(&self.stranger, "SELECT pg_backend_pid()").await;
        assert_eq!(backend(&self.site.writer).await, shared, "after {after}");
        self.stranger.execute("INSERT INTO others (n) VALUES (1)").await.unwrap();
        assert_eq!(one(&self.stranger, SETTINGS).await, expect, "after {after}");
        let zones = "SELECT string_agg(DISTINCT zone, ' ') FROM others";
        assert_eq!(self.site.value(zones).await.as_deref(), Some("<+05:45>-05:45"), "after {after}");
    }
}

#[tokio::test]
async fn a_guarded_write_does_through_a_pooler_what_it_does_without() {
    let pooled = pooled().await;
    let site = &pooled.site;
    let ask = Ask { schema: ident("public"), table: ident("invoices"), columns: vec![ident("id")] };
    assert!(site.writer.describe(&ask).await.unwrap().is_some());
    pooled.strangers_find_nothing("describing").await;

    let rows = site.read(&pooled.table, &json!("1"), "acme").await;
    let shown: Vec<_> = rows[0].iter().map(Cell::json).collect();
    assert_eq!(
        shown,
        [json!("1"), json!("acme"), json!("10.50"), json!("open"), json!(1), json!("2026-01-02T03:04:05.6Z")]
    );
    site.writer.read(&sql("SELECT 1::text", 1)).await.unwrap();
    pooled.strangers_find_nothing("reading").await;

    assert!(is_ready(&site.writer.receipts(&place()).await.unwrap()));
    pooled.strangers_find_nothing("looking at the receipts").await;

    let keys = keys();
    let write = statements(&pooled.raised("1"), &keys);
    let rehearsed = site.writer.transact(&write, &CLAIMED, Ending::Rollback).await.unwrap();
    assert_eq!(rehearsed, Effect::Rehearsed);
    assert_eq!(site.value("SELECT fee FROM invoices WHERE id = '1'").await.as_deref(), Some("10.50"));
    pooled.strangers_find_nothing("a dry run").await;

    let effect = site.writer.transact(&write, &CLAIMED, FOR_REAL).await.unwrap();
    assert_eq!(effect, Effect::Committed { new_version: Some("2".to_owned()) });
    pooled.strangers_find_nothing("a write").await;

    let again = site.writer.transact(&write, &CLAIMED, FOR_REAL).await.unwrap();
    assert!(matches!(again, Effect::Duplicate { by_key: Some(_), by_job: Some(_) }), "{again:?}");
    pooled.strangers_find_nothing("a duplicate").await;

    let stale = site.transact(&pooled.raised("1")).await;
    assert_eq!(stale, Effect::Missed { affected: 0, look: vec![vec![false]] });
    pooled.strangers_find_nothing("a conflict and its look").await;

    let fenced = site.writer.fence(&fence_of(&keys), &CLAIMED).await.unwrap();
    assert!(matches!(fenced, Fenced::Found(_)), "{fenced:?}");
    assert_eq!(site.writer.fence(&fence_of(&crate::site::keys()), &CLAIMED).await.unwrap(), Fenced::Won);
    pooled.strangers_find_nothing("fences").await;

    let mut misfit = pooled.raised("2");
    misfit.patch = vec![(column(&pooled.table, "fee"), cell(&column(&pooled.table, "fee"), "123456789.00"))];
    let effect = site.transact(&misfit).await;
    assert_eq!(effect, Effect::Rejected { violation: Violation::Value, step: "update" });
    pooled.strangers_find_nothing("a refused value").await;
    assert_eq!(site.value("SELECT count(*) FROM synapsor_writeback_receipts").await.as_deref(), Some("2"));
}

#[tokio::test]
async fn readers_that_share_one_connection_get_their_own_rows() {
    let pooled = pooled().await;
    let through = pooled.pooler.through(&pooled.site.db.reader_url());
    let engines: Vec<Engine> = (0..4).map(|_| open(&through, Role::Reader, &source())).collect();
    let reads = (0..40).map(|index| {
        let (id, tenant) = if index % 2 == 0 { ("1", "acme") } else { ("2", "globex") };
        let filter = filter(&pooled.table, &json!(id), tenant).unwrap();
        let columns = &pooled.table.columns;
        let kind = synapsor_core::contract::EngineKind::Postgres;
        let select = synapsor_core::sql::read::select(kind, &pooled.table, columns, &filter);
        let engine = &engines[index % engines.len()];
        async move {
            let rows = engine.read(&select).await.unwrap();
            assert_eq!((rows.len(), rows[0][0].text(), rows[0][1].text()), (1, Some(id), Some(tenant)));
        }
    });
    futures_util::future::join_all(reads).await;
    let pids: std::collections::BTreeSet<String> =
        futures_util::future::join_all(engines.iter().map(backend)).await.into_iter().collect();
    assert_eq!(pids.len(), 1);
}

/// Our statements that run at this moment.
const BUSY: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle' \
     AND query LIKE '%pg_sleep(61)%' AND pid <> pg_backend_pid()";

#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended_and_the_next_gets_its_own_rows() {
    let pooled = pooled().await;
    let mut quick = source();
    quick.statement_timeout = Duration::from_millis(400);
    let reader = open(&pooled.pooler.through(&pooled.site.db.reader_url()), Role::Reader, &quick);
    let sleep = sql("SELECT pg_sleep(61)::text", 1);
    assert_eq!(reader.read(&sleep).await.unwrap_err().class(), Class::Timeout);
    until(&pooled.site.db, BUSY, "0").await;
    assert_eq!(reader.read(&sql("SELECT 'mine'::text", 1)).await.unwrap()[0][0].text(), Some("mine"));
}
#[tokio::test]
async fn a_reader_that_leaves_takes_its_statement_along_and_nobody_elses() {
    let pooled = pooled().await;
    let mut patient = source();
    patient.statement_timeout = Duration::from_secs(60);
    patient.pool.max_connections = 1;
    let reader = open(&pooled.pooler.through(&pooled.site.db.reader_url()), Role::Reader, &patient);
    let sleep = sql("SELECT pg_sleep(61)::text", 1);
    tokio::select! {
        _ = reader.read(&sleep) => panic!("it cannot be over"),
        () = until(&pooled.site.db, BUSY, "1") => {}
    }
    until(&pooled.site.db, BUSY, "0").await;
    // Neither a late cancellation nor rows of the one who left reach those who come after on the same connection.
    for number in 0..20 {
        let text = number.to_string();
        let rows = pooled.site.read(&pooled.table, &json!("1"), "acme").await;
        assert_eq!(rows[0][0].text(), Some("1"), "{text}");
    }
}

#[tokio::test]
async fn a_writer_that_leaves_is_undone_behind_a_pooler_too() {
    let pooled = pooled().await;
    let site = &pooled.site;
    let mut patient = source();
    patient.statement_timeout = Duration::from_secs(60);
    patient.lock_timeout = Duration::from_secs(60);
    let writer = open(&pooled.pooler.through(&site.db.writer_url()), Role::Writer, &patient);
    let holder = site.db.session().await;
    holder.execute("BEGIN; SELECT FROM invoices FOR UPDATE").await.unwrap();
    let write = statements(&pooled.raised("1"), &keys());
    tokio::select! {
        _ = writer.transact(&write, &CLAIMED, FOR_REAL) => panic!("it cannot be over"),
        () = until(&site.db, "SELECT count(*) FROM pg_locks WHERE NOT granted", "1") => {}
    }
    until(&site.db, "SELECT count(*) FROM pg_locks WHERE NOT granted", "0").await;
    holder.execute("ROLLBACK").await.unwrap();
    assert_eq!(site.value("SELECT count(*) FROM synapsor_writeback_receipts").await.as_deref(), Some("0"));
    let effect = writer.transact(&write, &CLAIMED, FOR_REAL).await.unwrap();
    assert_eq!(effect, Effect::Committed { new_version: Some("2".to_owned()) });
    pooled.strangers_find_nothing("a write that was left").await;
}
