//! What only the inside can bring about: a file replaced halfway, a full disk, a transaction closed behind our back.

use std::path::Path;

use synapsor_core::contract::{EngineKind, Pool, Receipts, Session, Tls};
use synapsor_core::id::{EnvName, Ident};
use tokio::sync::Semaphore;

use super::*;

async fn begin(path: &Path) -> SqliteTx {
    let source = Source {
        name: Ident::parse("app").unwrap(),
        engine: EngineKind::Sqlite,
        read_url_env: EnvName::parse("APP_READ_URL").unwrap(),
        write_url_env: None,
        read_only: false,
        connect_timeout: Duration::from_secs(1),
        lock_timeout: Duration::from_secs(1),
        statement_timeout: Duration::from_secs(5),
        pool: Pool { max_connections: 1, acquire_timeout: Duration::from_secs(1) },
        tls: Tls::default(),
        receipts: Receipts { schema: None, table: Ident::parse("receipts").unwrap() },
        session: Session::default(),
    };
    let turn = std::sync::Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap();
    SqliteTx::begin(path.to_owned(), &source, turn).await.unwrap()
}

fn database(path: &Path) -> rusqlite::Connection {
    let sqlite = rusqlite::Connection::open(path).unwrap();
    sqlite.execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1);").unwrap();
    sqlite
}

fn stored(path: &Path) -> i64 {
    let sqlite = rusqlite::Connection::open(path).unwrap();
    sqlite.query_row("SELECT a FROM t", [], |row| row.get(0)).unwrap()
}

fn set(text: &'static str) -> Sql {
    Sql::fixed(text, Vec::new(), 0)
}

#[tokio::test]
async fn a_file_replaced_halfway_takes_no_commit() {
    let dir = tempfile::tempdir().unwrap();
    let [path, kept, other] = ["app.db", "kept.db", "other.db"].map(|name| dir.path().join(name));
    drop(database(&path));
    drop(database(&other));
    std::fs::hard_link(&path, &kept).unwrap();
    let mut tx = begin(&path).await;
    assert_eq!(tx.execute(&set("UPDATE t SET a = 2")).await.unwrap(), 1);
    std::fs::rename(&other, &path).unwrap();
    assert!(matches!(tx.commit().await, Commit::Undone(Violation::Transient)));
    assert_eq!((stored(&path), stored(&kept)), (1, 1));
}

#[tokio::test]
async fn a_file_deleted_halfway_takes_no_commit() {
    let dir = tempfile::tempdir().unwrap();
    let [path, kept] = ["app.db", "kept.db"].map(|name| dir.path().join(name));
    drop(database(&path));
    std::fs::hard_link(&path, &kept).unwrap();
    let mut tx = begin(&path).await;
    assert_eq!(tx.execute(&set("UPDATE t SET a = 2")).await.unwrap(), 1);
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(tx.commit().await, Commit::Undone(Violation::Transient)));
    assert_eq!((stored(&kept), path.exists()), (1, false));
}

#[tokio::test]
async fn no_step_runs_outside_its_transaction() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.db");
    drop(database(&path));
    let mut tx = begin(&path).await;
    tx.connection.as_ref().unwrap().run("ROLLBACK").unwrap();
    let step = tx.execute(&set("UPDATE t SET a = 2")).await;
    assert!(matches!(step, Err(Reject::Refused(Violation::Other, _))), "{step:?}");
    assert!(matches!(tx.commit().await, Commit::Undone(Violation::Other)));
    assert_eq!(stored(&path), 1);
}

#[tokio::test]
async fn a_full_disk_undoes_the_write() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.db");
    drop(database(&path));
    let mut tx = begin(&path).await;
    tx.connection.as_ref().unwrap().run("PRAGMA max_page_count = 3").unwrap();
    assert_eq!(tx.execute(&set("UPDATE t SET a = 2")).await.unwrap(), 1);
    let step = tx.execute(&set("INSERT INTO t VALUES (zeroblob(1000000))")).await;
    assert!(matches!(step, Err(Reject::Refused(Violation::Other, _))), "{step:?}");
    assert!(tx.rollback().await);
    // The connection may still be used to look.
    let rows = tx.fetch(&Sql::fixed("SELECT a FROM t", Vec::new(), 1)).await.unwrap();
    assert_eq!(rows[0][0].text(), Some("1"));
    drop(tx);
    assert_eq!(stored(&path), 1);
}

#[tokio::test]
async fn dropping_it_undoes_it_and_gives_the_turn_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.db");
    drop(database(&path));
    let mut tx = begin(&path).await;
    assert_eq!(tx.execute(&set("UPDATE t SET a = 2")).await.unwrap(), 1);
    drop(tx);
    // The file's lock is free again: a second one does not wait for ever.
    let tx = begin(&path).await;
    drop(tx);
    assert_eq!(stored(&path), 1);
}

#[tokio::test]
async fn a_disk_that_fills_up_at_any_statement_leaves_nothing_of_the_write() {
    const STEPS: [&str; 3] = [
        "INSERT INTO r VALUES (1, zeroblob(9000))",
        "UPDATE t SET a = zeroblob(9000)",
        "UPDATE r SET b = zeroblob(30000) WHERE a = 1",
    ];
    let mut reached = std::collections::BTreeSet::new();
    for spare in 0..16 {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.db");
        let sqlite = database(&path);
        sqlite.execute_batch("CREATE TABLE r (a, b)").unwrap();
        let pages: i64 = sqlite.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        drop(sqlite);
        let mut tx = begin(&path).await;
        let limit = format!("PRAGMA max_page_count = {}", pages + spare);
        tx.connection.as_ref().unwrap().run(&limit).unwrap();
        let mut done = 0;
        for step in STEPS {
            match tx.execute(&set(step)).await {
                Ok(1) => done += 1,
                Err(Reject::Refused(Violation::Other, _)) => break,
                other => panic!("{step}: {other:?}"),
            }
        }
        reached.insert(done);
        if done == STEPS.len() {
            assert!(matches!(tx.commit().await, Commit::Done));
            continue;
        }
        assert!(tx.rollback().await);
        // What is tried next does not become a transaction of its own.
        assert!(tx.execute(&set("DELETE FROM t")).await.is_err());
        drop(tx);
        let sqlite = rusqlite::Connection::open(&path).unwrap();
        let left: String =
            sqlite.query_row("SELECT a || ' ' || (SELECT count(*) FROM r) FROM t", [], |row| row.get(0)).unwrap();
        assert_eq!(left, "1 0", "{spare} pages to spare");
    }
    assert_eq!(reached.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
}
