//! Paths, missing and replaced files, and statements that take too long.

use std::time::{Duration, Instant};

use synapsor_core::value::Cell;
use synapsor_db::engine::Role;
use synapsor_db::fault::Class;

use crate::bench::{Bench, STATEMENT, fixed, open};

const ENDLESS: &str =
    "CREATE VIEW endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n;";

fn first(rows: &[Vec<Cell>]) -> &str {
    rows[0][0].text().unwrap()
}

#[tokio::test]
async fn a_missing_file_is_unreachable_and_never_made() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.db");
    for role in [Role::Reader, Role::Writer] {
        let engine = open(&format!("sqlite:{}", path.display()), role, STATEMENT).unwrap();
        assert_eq!(engine.read(&fixed("SELECT 1")).await.unwrap_err().class(), Class::Unreachable);
        if role == Role::Writer {
            let fault = engine.migrate(&["CREATE TABLE x (y);".to_owned()]).await.unwrap_err();
            assert_eq!(fault.class(), Class::Unreachable);
        }
    }
    assert!(!path.exists());
    let engine = open(&dir.path().display().to_string(), Role::Reader, STATEMENT).unwrap();
    assert_eq!(engine.read(&fixed("SELECT 1")).await.unwrap_err().class(), Class::Unreachable, "a folder");
    std::fs::write(&path, "this is no database, however long the text may be".repeat(100)).unwrap();
    let engine = open(&path.display().to_string(), Role::Reader, STATEMENT).unwrap();
    assert_eq!(engine.read(&fixed("SELECT * FROM x")).await.unwrap_err().class(), Class::Other);
}

#[tokio::test]
async fn a_replaced_file_is_read_anew() {
    let bench = Bench::billing("").await;
    let fee = fixed("SELECT fee FROM t WHERE id = '1'");
    assert_eq!(first(&bench.reader.read(&fee).await.unwrap()), "100");
    let path = bench.db.path().unwrap();
    let copy = path.with_extension("copy");
    std::fs::copy(&path, &copy).unwrap();
    bench.db.execute("UPDATE t SET fee = 5").await;
    assert_eq!(first(&bench.reader.read(&fee).await.unwrap()), "5");
    std::fs::rename(&copy, &path).unwrap();
    assert_eq!(first(&bench.reader.read(&fee).await.unwrap()), "100");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(bench.reader.read(&fee).await.unwrap_err().class(), Class::Unreachable);
    assert!(!path.exists());
}

#[tokio::test]
async fn what_is_missing_is_named_as_such() {
    let bench = Bench::billing("").await;
    for sql in [fixed("SELECT * FROM absent"), fixed("SELECT `absent` FROM t")] {
        let fault = bench.reader.read(&sql).await.unwrap_err();
        assert_eq!(fault.class(), Class::Missing, "{fault:?}");
    }
}

#[tokio::test]
async fn a_slow_read_is_stopped() {
    let bench = Bench::billing(ENDLESS).await;
    let started = Instant::now();
    let fault = bench.reader.read(&fixed("SELECT count(*) FROM endless")).await.unwrap_err();
    assert_eq!(fault.class(), Class::Timeout);
    assert!(started.elapsed() >= STATEMENT && started.elapsed() < STATEMENT * 10);
    assert_eq!(first(&bench.reader.read(&fixed("SELECT 1")).await.unwrap()), "1");
}

#[tokio::test]
async fn dropping_a_read_stops_it_and_frees_its_connection() {
    let bench = Bench::billing(ENDLESS).await;
    let patient = open(&bench.db.reader_url(), Role::Reader, Duration::from_secs(600)).unwrap();
    let endless = fixed("SELECT count(*) FROM endless");
    let waiting = tokio::time::timeout(Duration::from_millis(50), patient.read(&endless));
    assert!(waiting.await.is_err(), "it has no end");
    // The only connection is free again only once the statement has stopped.
    assert_eq!(first(&patient.read(&fixed("SELECT 1")).await.unwrap()), "1");
}
