//! Time limits, cancellation and the pool.

use std::time::{Duration, Instant};

use synapsor_core::contract::Source;
use synapsor_core::writeback::{Effect, Violation};
use synapsor_db::engine::{Engine, Role};
use synapsor_db::fault::Class;
use synapsor_testkit::link::{Fault, Link};

use crate::site::{CLAIMED, FOR_REAL, change, keys, open, site, source, sql, statements, until};

const T: &str = "CREATE TABLE t (id text PRIMARY KEY, tenant_id text, fee int); INSERT INTO t VALUES ('1', 'acme', 1)";
const PID: &str = "SELECT pg_backend_pid()::text";
/// Our statements that run at this moment.
const BUSY: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle' \
     AND application_name = 'synapsor-runner'";

fn quick() -> Source {
    let mut source = source();
    source.statement_timeout = Duration::from_millis(400);
    source.lock_timeout = Duration::from_millis(200);
    source.pool.max_connections = 1;
    source.pool.acquire_timeout = Duration::from_millis(300);
    source
}

async fn pid(engine: &Engine) -> String {
    engine.read(&sql(PID, 1)).await.unwrap()[0][0].text().unwrap().to_owned()
}

#[tokio::test]
async fn a_long_read_times_out_and_leaves_its_connection_fit() {
    let site = site(T).await;
    let reader = open(&site.db.reader_url(), Role::Reader, &quick());
    let before = pid(&reader).await;
    let started = Instant::now();
    let fault = reader.read(&sql("SELECT pg_sleep(20)::text", 1)).await.unwrap_err();
    assert_eq!(fault.class(), Class::Timeout);
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert_eq!(pid(&reader).await, before);
}

#[tokio::test]
async fn a_read_writes_nothing() {
    let site = site(T).await;
    for text in ["INSERT INTO t VALUES ('2', 'acme', 1)", "CREATE TABLE u ()", "SELECT nextval('s')::text"] {
        site.db.execute("CREATE SEQUENCE IF NOT EXISTS s; GRANT ALL ON s, t TO {writer}; GRANT CREATE ON SCHEMA public TO {writer}").await;
        let fault = site.writer.read(&sql(text, 0)).await.unwrap_err();
        assert!(format!("{fault:?}").contains("25006"), "{fault:?}");
    }
    assert_eq!(site.value("SELECT count(*) FROM t").await.as_deref(), Some("1"));
}

#[tokio::test]
async fn a_dropped_read_is_cancelled_on_the_server() {
    let site = site(T).await;
    let mut source = quick();
    source.statement_timeout = Duration::from_secs(60);
    let reader = open(&site.db.reader_url(), Role::Reader, &source);
    let before = pid(&reader).await;
    let sleep = sql("SELECT pg_sleep(60)::text", 1);
    {
        let read = reader.read(&sleep);
        let seen = until(&site.db, BUSY, "1");
        tokio::select! {
            _ = read => panic!("it cannot be over"),
            () = seen => {}
        }
    }
    let started = Instant::now();
    until(&site.db, BUSY, "0").await;
    assert!(started.elapsed() < Duration::from_secs(2));
    // The one connection of the pool was drained, not thrown away.
    until_free(&reader).await;
    assert_eq!(pid(&reader).await, before);
}

async fn until_free(engine: &Engine) {
    for _ in 0..50 {
        if engine.read(&sql(PID, 1)).await.is_ok() {
            return;
        }
    }
    panic!("the pool is never free");
}

#[tokio::test]
async fn a_locked_row_is_transient_and_writes_nothing() {
    let site = site(T).await;
    let table = site.table("t").await;
    let writer = open(&site.db.writer_url(), Role::Writer, &quick());
    let holder = site.db.session().await;
    holder.execute("BEGIN; SELECT FROM t FOR UPDATE").await.unwrap();
    let write = statements(&change(&table, "fee", "2"), &keys());
    let transient = Effect::Rejected { violation: Violation::Transient, step: "update" };
    assert_eq!(writer.transact(&write, &CLAIMED, FOR_REAL).await.unwrap(), transient);
    holder.execute("ROLLBACK").await.unwrap();
    let effect = writer.transact(&write, &CLAIMED, FOR_REAL).await.unwrap();
    assert_eq!(effect, Effect::Committed { new_version: None });
}

#[tokio::test]
async fn a_dropped_write_is_cancelled_and_undone() {
    let site = site(T).await;
    let table = site.table("t").await;
    let mut source = quick();
    source.statement_timeout = Duration::from_secs(60);
    source.lock_timeout = Duration::from_secs(60);
    let writer = open(&site.db.writer_url(), Role::Writer, &source);
    let holder = site.db.session().await;
    holder.execute("BEGIN; SELECT FROM t FOR UPDATE").await.unwrap();
    let write = statements(&change(&table, "fee", "2"), &keys());
    tokio::select! {
        _ = writer.transact(&write, &CLAIMED, FOR_REAL) => panic!("it cannot be over"),
        () = until(&site.db, "SELECT count(*) FROM pg_locks WHERE NOT granted", "1") => {}
    }
    until(&site.db, BUSY, "0").await;
    holder.execute("ROLLBACK").await.unwrap();
    let effect = writer.transact(&write, &CLAIMED, FOR_REAL).await.unwrap();
    assert_eq!(effect, Effect::Committed { new_version: None });
}

#[tokio::test]
async fn a_stalled_link_ends_at_the_clients_own_limit() {
    let site = site(T).await;
    let table = site.table("t").await;
    let link = Link::to(site.db.address().unwrap());
    let reader = open(&link.through(&site.db.reader_url()), Role::Reader, &quick());
    let writer = open(&link.through(&site.db.writer_url()), Role::Writer, &quick());
    pid(&reader).await;
    pid(&writer).await;
    link.fail(Fault::Stall);
    let started = Instant::now();
    assert_eq!(reader.read(&sql(PID, 1)).await.unwrap_err().class(), Class::Timeout);
    let write = statements(&change(&table, "fee", "2"), &keys());
    let fault = writer.transact(&write, &CLAIMED, FOR_REAL).await.unwrap_err();
    assert_eq!(fault.class(), Class::Timeout);
    assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
    assert_eq!(site.value("SELECT fee FROM t").await.as_deref(), Some("1"));
}

#[tokio::test]
async fn a_full_pool_is_busy_and_a_free_one_is_shared() {
    let site = site(T).await;
    let mut source = quick();
    source.statement_timeout = Duration::from_secs(5);
    let reader = open(&site.db.reader_url(), Role::Reader, &source);
    let sleep = sql("SELECT pg_sleep(1)::text", 1);
    let second = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        reader.read(&sql(PID, 1)).await
    };
    let (first, second) = tokio::join!(reader.read(&sleep), second);
    assert!(first.is_ok(), "{first:?}");
    assert_eq!(second.unwrap_err().class(), Class::Busy);

    source.pool.acquire_timeout = Duration::from_secs(10);
    let reader = open(&site.db.reader_url(), Role::Reader, &source);
    let pids = futures_util::future::join_all((0..20).map(|_| pid(&reader))).await;
    assert!(pids.iter().all(|pid| *pid == pids[0]));
}

#[tokio::test]
async fn a_killed_backend_is_replaced() {
    let site = site(T).await;
    let before = pid(&site.reader).await;
    site.db.query_text(&format!("SELECT pg_terminate_backend({before})")).await;
    until(&site.db, &format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {before}"), "0").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_ne!(pid(&site.reader).await, before);
}

#[tokio::test]
async fn a_slow_trigger_times_out_and_writes_nothing() {
    let site = site(&format!(
        "{T}; CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.fee := 2; PERFORM pg_sleep(20); RETURN NEW; END $$;
         CREATE TRIGGER f BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()"
    ))
    .await;
    let table = site.table("t").await;
    let writer = open(&site.db.writer_url(), Role::Writer, &quick());
    let write = statements(&change(&table, "fee", "2"), &keys());
    let started = Instant::now();
    let effect = writer.transact(&write, &CLAIMED, FOR_REAL).await.unwrap();
    assert_eq!(effect, Effect::Rejected { violation: Violation::Transient, step: "update" });
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_server_that_forgets_its_limit_is_cancelled_at_the_clients() {
    let site = site(&format!(
        "{T}; CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN PERFORM set_config('statement_timeout', '0', true); RETURN NEW; END $$;
         CREATE TRIGGER forget BEFORE INSERT ON synapsor_writeback_receipts FOR EACH ROW EXECUTE FUNCTION forget();
         CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(20); RETURN NEW; END $$;
         CREATE TRIGGER dawdle BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION dawdle()"
    ))
    .await;
    let table = site.table("t").await;
    let writer = open(&site.db.writer_url(), Role::Writer, &quick());
    let before = pid(&writer).await;
    let write = statements(&change(&table, "fee", "2"), &keys());
    let started = Instant::now();
    let effect = writer.transact(&write, &CLAIMED, FOR_REAL).await.unwrap();
    assert_eq!(effect, Effect::Rejected { violation: Violation::Transient, step: "update" });
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    assert_eq!(site.value(BUSY).await.as_deref(), Some("0"));
    // It answered the cancellation, so its connection was rolled back and kept.
    assert_eq!(pid(&writer).await, before);
}
