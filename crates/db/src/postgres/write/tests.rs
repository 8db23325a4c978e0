//! What a failed or lost transaction still does, against a real server.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use synapsor_core::contract::{EngineKind, Pool as Bounds, Receipts, Session, Source, Tls};
use synapsor_core::id::{EnvName, Ident};
use synapsor_testkit::database;

use super::*;
use crate::postgres::pool::Pool;
use crate::postgres::tls::target;

fn pool(url: &str) -> (Arc<Pool>, Times) {
    let source = Source {
        name: Ident::parse("app").unwrap(),
        engine: EngineKind::Postgres,
        read_url_env: EnvName::parse("APP_READ_URL").unwrap(),
        write_url_env: None,
        read_only: false,
        connect_timeout: Duration::from_secs(3),
        lock_timeout: Duration::from_millis(200),
        statement_timeout: Duration::from_millis(300),
        pool: Bounds { max_connections: 1, acquire_timeout: Duration::from_secs(1) },
        tls: Tls::default(),
        receipts: Receipts { schema: None, table: Ident::parse("r").unwrap() },
        session: Session::default(),
    };
    let target = target(url, &source.tls, Path::new(".")).unwrap();
    (Pool::new(target, &source, None), Times::of(&source))
}

fn sql(text: &'static str) -> Sql {
    Sql::fixed(text, Vec::new(), 1)
}

#[tokio::test]
async fn a_commit_of_a_failed_transaction_is_undone_not_done() {
    let db = database::postgres().await;
    db.execute("CREATE TABLE t (n int)").await;
    let (pool, times) = pool(&db.admin_url());
    let mut tx = PostgresTx::begin(pool.lease().await.unwrap(), times, Session::default()).await.unwrap();
    assert_eq!(tx.execute(&sql("INSERT INTO t VALUES (1)")).await.unwrap(), 1);
    let Err(Reject::Refused(Violation::Value, _)) = tx.execute(&sql("SELECT (1 / 0)::text")).await else { panic!() };
    let Err(Reject::Refused(Violation::Other, _)) = tx.execute(&sql("INSERT INTO t VALUES (2)")).await else {
        panic!()
    };
    let Commit::Undone(Violation::Other) = tx.commit().await else { panic!() };
    assert_eq!(db.query_text("SELECT count(*) FROM t").await[0][0].as_deref(), Some("0"));
}

#[tokio::test]
async fn a_transaction_reads_after_its_rollback_but_not_after_its_link() {
    let db = database::postgres().await;
    db.execute("CREATE TABLE t (n int)").await;
    let (pool, times) = pool(&db.admin_url());
    let mut tx = PostgresTx::begin(pool.lease().await.unwrap(), times, Session::default()).await.unwrap();
    let pid = tx.fetch(&sql("SELECT pg_backend_pid()::text")).await.unwrap();
    assert!(tx.rollback().await);
    let rows =
        tx.fetch(&sql("SELECT count(*)::text || current_setting('transaction_read_only') FROM t")).await.unwrap();
    assert_eq!(rows[0][0].text(), Some("0on"));
    let Err(Reject::Refused(..)) = tx.execute(&sql("INSERT INTO t VALUES (1)")).await else { panic!() };
    let kill = "SELECT pg_terminate_backend(PID)".replace("PID", pid[0][0].text().unwrap());
    db.query_text(&kill).await;
    let Err(Reject::Refused(Violation::Transient, _)) = tx.fetch(&sql("SELECT 1::text")).await else { panic!() };
    assert!(!tx.rollback().await);
}

#[tokio::test]
async fn an_idle_transaction_is_ended_by_the_server_and_then_in_doubt() {
    let db = database::postgres().await;
    db.execute("CREATE TABLE t (n int)").await;
    let (pool, times) = pool(&db.admin_url());
    let mut tx = PostgresTx::begin(pool.lease().await.unwrap(), times, Session::default()).await.unwrap();
    tx.execute(&sql("INSERT INTO t VALUES (1)")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let Commit::Unknown(_) = tx.commit().await else { panic!() };
    assert_eq!(db.query_text("SELECT count(*) FROM t").await[0][0].as_deref(), Some("0"));
}

#[tokio::test]
async fn a_dropped_transaction_holds_nothing() {
    let db = database::postgres().await;
    db.execute("CREATE TABLE t (n int); INSERT INTO t VALUES (1)").await;
    let (pool, times) = pool(&db.admin_url());
    let mut tx = PostgresTx::begin(pool.lease().await.unwrap(), times, Session::default()).await.unwrap();
    tx.execute(&sql("UPDATE t SET n = 2")).await.unwrap();
    drop(tx);
    let mut tx = PostgresTx::begin(pool.lease().await.unwrap(), times, Session::default()).await.unwrap();
    assert_eq!(tx.execute(&sql("UPDATE t SET n = 3 WHERE n = 1")).await.unwrap(), 1);
    let Commit::Done = tx.commit().await else { panic!() };
}
