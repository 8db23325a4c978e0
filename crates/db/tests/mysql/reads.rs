//! Reading under limits, under cancellation, and what a refusal is called.

use std::time::{Duration, Instant};

use synapsor_core::sql::{Bind, Sql};
use synapsor_db::engine::Role;
use synapsor_db::fault::{Class, Fault};
use tokio::time::{sleep, timeout};

use crate::stage::{Stage, open, source};

fn sleeping(token: &str, seconds: f64) -> Sql {
    Sql::fixed("SELECT ?, CAST(SLEEP(?) AS CHAR)", vec![Bind::Text(token.to_owned()), Bind::Real(seconds)], 2)
}

fn chain(fault: &Fault) -> String {
    let mut text = fault.to_string();
    let mut source = std::error::Error::source(fault);
    while let Some(inner) = source {
        text.push_str(&format!(": {inner}"));
        source = inner.source();
    }
    text
}

/// Statements that sleep in this database right now.
async fn sleepers(stage: &Stage) -> usize {
    let sql = "SELECT id FROM information_schema.PROCESSLIST WHERE DB = '{schema}' AND INFO LIKE 'SELECT ?, CAST(SLEEP%' \
               OR DB = '{schema}' AND INFO LIKE 'SELECT \\'%SLEEP%'";
    stage.db.query_text(sql).await.len()
}

#[tokio::test]
async fn refusals_are_told_apart_and_hold_no_secret() {
    let stage = Stage::new().await;
    let url = stage.db.admin_url();
    let (_, rest) = url.split_once('@').unwrap();
    let password = url.split_once("admin:").unwrap().1.split_once('@').unwrap().0;
    let (place, schema) = rest.split_once('/').unwrap();
    let check = async |url: String, class: Class| {
        let engine = open(&url, Role::Reader, source());
        let fault = engine.read(&Sql::fixed("SELECT '1'", vec![], 1)).await.unwrap_err();
        assert_eq!(fault.class(), class, "{}", chain(&fault));
        assert!(!chain(&fault).contains(password) && !chain(&fault).contains("wrong-secret"), "{}", chain(&fault));
    };
    check(format!("mysql://admin:wrong-secret@{rest}"), Class::Credential).await;
    check(format!("mysql://admin:{password}@127.0.0.1:1/{schema}"), Class::Unreachable).await;
    check(format!("mysql://admin:{password}@{place}/no_such_database"), Class::Missing).await;
    check(stage.db.reader_url(), Class::Permission).await;
    stage
        .db
        .execute(
            "CREATE TABLE t (a int, b int); GRANT SELECT (a) ON t TO {reader}; \
         CREATE TABLE open (a int); GRANT SELECT ON open TO {reader}",
        )
        .await;
    let reader = open(&stage.db.reader_url(), Role::Reader, source());
    let class = async |sql: &'static str| reader.read(&Sql::fixed(sql, vec![], 1)).await.unwrap_err().class();
    assert_eq!(class("SELECT b FROM t").await, Class::Permission);
    assert_eq!(class("SELECT z FROM open").await, Class::Missing);
    assert_eq!(class("SELECT 1 FROM mysql.user").await, Class::Permission);
}

#[tokio::test]
async fn nothing_can_be_written() {
    let stage = Stage::with(
        "CREATE TABLE t (a int); \
         CREATE FUNCTION sneak() RETURNS int MODIFIES SQL DATA BEGIN INSERT INTO t VALUES (1); RETURN 1; END",
    )
    .await;
    for sql in ["INSERT INTO t VALUES (1)", "SELECT sneak()", "CREATE TABLE other (a int)"] {
        assert!(stage.reader.read(&Sql::fixed(sql, vec![], 1)).await.is_err(), "{sql}");
    }
    assert!(stage.db.query_text("SELECT * FROM t").await.is_empty());
    assert!(stage.db.query_text("SHOW TABLES LIKE 'other'").await.is_empty());
}

#[tokio::test]
async fn a_long_statement_times_out() {
    let digits = "SELECT 0 AS d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5";
    let stage =
        Stage::with(&format!("CREATE TABLE n AS SELECT a.d FROM ({digits}) a, ({digits}) b, ({digits}) c")).await;
    let started = Instant::now();
    let counting = Sql::fixed("SELECT CAST(SUM(a.d + b.d + c.d + d.d) AS CHAR) FROM n a, n b, n c, n d", vec![], 1);
    let fault = stage.reader.read(&counting).await.unwrap_err();
    assert_eq!(fault.class(), Class::Timeout);
    assert!(started.elapsed() < Duration::from_secs(5));
    let running =
        "SELECT id FROM information_schema.PROCESSLIST WHERE DB = '{schema}' AND INFO LIKE 'SELECT CAST(SUM%'";
    assert!(stage.db.query_text(running).await.is_empty());
}

#[tokio::test]
async fn a_dropped_read_ends_on_the_server() {
    let stage = Stage::new().await;
    let mut patient = source();
    patient.statement_timeout = Duration::from_secs(60);
    let reader = open(&stage.db.admin_url(), Role::Reader, patient);
    let reading = tokio::spawn(async move { reader.read(&sleeping("gone", 40.0)).await });
    timeout(Duration::from_secs(5), async {
        while sleepers(&stage).await == 0 {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
    reading.abort();
    timeout(Duration::from_secs(3), async {
        while sleepers(&stage).await > 0 {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_read_never_leaks_its_rows() {
    let stage = Stage::new().await;
    let mut few = source();
    few.pool.max_connections = 3;
    few.pool.acquire_timeout = Duration::from_secs(20);
    let reader = std::sync::Arc::new(open(&stage.db.admin_url(), Role::Reader, few));
    let mut tasks = Vec::new();
    for index in 0_u64..90 {
        let reader = std::sync::Arc::clone(&reader);
        tasks.push(tokio::spawn(async move {
            let token = format!("token-{index}");
            // A third is dropped while it sleeps, at different moments.
            let (seconds, patience) = if index % 3 == 0 { (0.05, 5 + index % 60) } else { (0.0, 30_000) };
            let sql = sleeping(&token, seconds);
            match timeout(Duration::from_millis(patience), reader.read(&sql)).await {
                Ok(rows) => {
                    assert_eq!(rows.unwrap()[0][0].text(), Some(token.as_str()));
                    true
                }
                Err(_) => false,
            }
        }));
    }
    let mut answered = 0;
    for task in tasks {
        answered += usize::from(task.await.unwrap());
    }
    assert!(answered >= 60, "{answered}");
}

#[tokio::test]
async fn a_full_pool_says_so_in_time() {
    let stage = Stage::new().await;
    let one = sleeping("busy", 1.0);
    let asks = [&one; 4].map(|sql| stage.reader.read(sql));
    let busy = async {
        sleep(Duration::from_millis(300)).await;
        let started = Instant::now();
        let fault = stage.reader.read(&one).await.unwrap_err();
        assert_eq!(fault.class(), Class::Busy);
        assert!(started.elapsed() < Duration::from_millis(700));
    };
    let [a, b, c, d] = asks;
    let (a, b, c, d, ()) = tokio::join!(a, b, c, d, busy);
    for rows in [a, b, c, d] {
        rows.unwrap();
    }
    stage.reader.read(&sleeping("free again", 0.0)).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_died_while_idle_is_replaced() {
    let stage = Stage::new().await;
    let me = Sql::fixed("SELECT CAST(CONNECTION_ID() AS CHAR)", vec![], 1);
    let first = stage.reader.read(&me).await.unwrap()[0][0].clone();
    sleep(Duration::from_millis(100)).await;
    let again = stage.reader.read(&me).await.unwrap()[0][0].clone();
    assert_eq!(first, again, "an idle connection is used again");
    sleep(Duration::from_millis(100)).await;
    stage.db.execute(&format!("KILL {}", again.text().unwrap())).await;
    let next = stage.reader.read(&me).await.unwrap()[0][0].clone();
    assert_ne!(next, again);
}

#[tokio::test]
async fn a_session_that_was_changed_is_not_used_again() {
    let stage =
        Stage::with("CREATE FUNCTION tamper() RETURNS int BEGIN SET SESSION time_zone = '+09:00'; RETURN 1; END").await;
    stage.reader.read(&Sql::fixed("SELECT tamper()", vec![], 1)).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    for _ in 0..4 {
        let rows = stage.reader.read(&Sql::fixed("SELECT @@time_zone", vec![], 1)).await.unwrap();
        assert_eq!(rows[0][0].text(), Some("+00:00"));
    }
}

#[tokio::test]
async fn a_table_may_change_its_shape_between_reads() {
    let stage =
        Stage::with("CREATE TABLE t (a int NOT NULL, b varchar(9) NOT NULL); INSERT INTO t VALUES (1, 'x')").await;
    let sql = Sql::fixed("SELECT a, b FROM t WHERE b = ?", vec![Bind::Text("x".to_owned())], 2);
    let read = async || {
        stage.reader.read(&sql).await.unwrap()[0].iter().map(|cell| cell.text().map(str::to_owned)).collect::<Vec<_>>()
    };
    let expect = [Some("1".to_owned()), Some("x".to_owned())];
    assert_eq!(read().await, expect);
    for change in ["ADD c int FIRST", "MODIFY a varchar(20)", "MODIFY b text", "DROP c"] {
        stage.db.execute(&format!("ALTER TABLE t {change}")).await;
        assert_eq!(read().await, expect, "{change}");
    }
}
