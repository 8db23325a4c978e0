//! What is kept on connections where nothing stands before the server, and only there.

use synapsor_db::engine::{Engine, Role};
use synapsor_testkit::link::Link;

use crate::site::{open, site, source, sql};

const T: &str = "
CREATE TABLE t (id text PRIMARY KEY, tenant_id text, fee int);
INSERT INTO t VALUES ('1', 'acme', 1);
GRANT ALL ON t TO {reader}";
const FEE: &str = "SELECT fee::text FROM t";
/// What the session of a read is, and how many statements it keeps.
const SESSION: &str = "SELECT concat_ws('|', current_setting('TimeZone'), current_setting('bytea_output'), \
    current_setting('statement_timeout'), current_setting('lock_timeout'), current_setting('transaction_read_only'), \
    current_setting('default_transaction_read_only'), (SELECT count(*) FROM pg_prepared_statements))";

async fn one(engine: &Engine, text: &'static str) -> String {
    engine.read(&sql(text, 1)).await.unwrap()[0][0].text().unwrap().to_owned()
}

#[tokio::test]
async fn a_direct_reader_keeps_its_session_and_its_statements() {
    let site = site(T).await;
    let mut source = source();
    source.pool.max_connections = 1;
    let reader = open(&site.db.reader_url(), Role::Reader, &source);
    assert_eq!(one(&reader, SESSION).await, "UTC|hex|3s|2s|on|on|1");
    assert_eq!(one(&reader, FEE).await, "1");
    assert_eq!(one(&reader, SESSION).await, "UTC|hex|3s|2s|on|on|2");
    let fault = reader.read(&sql("INSERT INTO t VALUES ('2', 'acme', 1)", 0)).await.unwrap_err();
    assert!(format!("{fault:?}").contains("25006"), "{fault:?}");
}

#[tokio::test]
async fn a_function_that_a_read_calls_changes_nothing_for_the_next_read() {
    const DAY: &str =
        "SELECT concat(current_setting('DateStyle'), ' ', date '2026-02-01', ' ', 0.1::float8 + 0.2::float8)";
    let site = site(&format!(
        "{T}; CREATE FUNCTION unlock() RETURNS text LANGUAGE sql AS $$
           SELECT concat(set_config('default_transaction_read_only', 'off', false), set_config('TimeZone', 'Asia/Tokyo', false),
             set_config('DateStyle', 'German', false), set_config('extra_float_digits', '-3', false),
             set_config('statement_timeout', '0', false)) $$;
         CREATE FUNCTION spend() RETURNS text LANGUAGE sql VOLATILE AS $$
           INSERT INTO t VALUES ('2', 'acme', 2) RETURNING id $$"
    ))
    .await;
    let mut source = source();
    source.pool.max_connections = 1;
    let reader = open(&site.db.reader_url(), Role::Reader, &source);
    let backend = one(&reader, "SELECT pg_backend_pid()::text").await;
    for _ in 0..2 {
        assert!(one(&reader, "SELECT unlock()").await.starts_with("off"));
        let fault = reader.read(&sql("SELECT spend()", 1)).await.unwrap_err();
        assert!(format!("{fault:?}").contains("25006"), "{fault:?}");
        assert!(one(&reader, SESSION).await.starts_with("UTC|hex|3s|2s|on|on|"));
        assert_eq!(one(&reader, DAY).await, "ISO, YMD 2026-02-01 0.30000000000000004");
    }
    assert_eq!(one(&reader, "SELECT pg_backend_pid()::text").await, backend, "all on one connection");
}

#[tokio::test]
async fn a_prepared_statement_follows_its_table() {
    let site = site(T).await;
    let mut source = source();
    source.pool.max_connections = 1;
    let reader = open(&site.db.reader_url(), Role::Reader, &source);
    let backend = one(&reader, "SELECT pg_backend_pid()::text").await;
    for (change, expected) in [
        ("SELECT 1", "1"),
        ("ALTER TABLE t ALTER fee TYPE numeric(10,2)", "1.00"),
        ("ALTER TABLE t ADD more int DEFAULT 7; UPDATE t SET fee = 2", "2.00"),
        ("DROP TABLE t; CREATE TABLE t AS SELECT 3 AS fee; GRANT SELECT ON t TO {reader}", "3"),
    ] {
        site.db.execute(change).await;
        assert_eq!(one(&reader, FEE).await, expected, "{change}");
    }
    site.db.execute("ALTER TABLE t RENAME fee TO old_fee").await;
    let fault = reader.read(&sql(FEE, 1)).await.unwrap_err();
    assert!(format!("{fault:?}").contains("42703"), "{fault:?}");
    site.db.execute("ALTER TABLE t RENAME old_fee TO fee").await;
    assert_eq!(one(&reader, FEE).await, "3");
    assert_eq!(one(&reader, "SELECT pg_backend_pid()::text").await, backend, "all on one connection");
}

#[tokio::test]
async fn behind_anything_nothing_is_kept() {
    let site = site(T).await;
    let link = Link::to(site.db.address().unwrap());
    let reader = open(&link.through(&site.db.reader_url()), Role::Reader, &source());
    for _ in 0..3 {
        assert_eq!(one(&reader, FEE).await, "1");
        assert_eq!(one(&reader, SESSION).await, "UTC|hex|3s|2s|on|off|0");
    }
}

#[tokio::test]
async fn a_direct_writer_keeps_the_statements_of_its_reads_and_the_servers_own_session() {
    let site = site(T).await;
    let mut source = source();
    source.pool.max_connections = 1;
    let writer = open(&site.db.writer_url(), Role::Writer, &source);
    for _ in 0..3 {
        assert_eq!(one(&writer, FEE).await, "1");
        assert_eq!(one(&writer, SESSION).await, "UTC|hex|3s|2s|on|off|2");
    }
    let fault = writer.read(&sql("INSERT INTO t VALUES ('2', 'acme', 1)", 0)).await.unwrap_err();
    assert!(format!("{fault:?}").contains("25006"), "{fault:?}");
}
