//! The guarded write: locks, constraints, races.

use std::time::{Duration, Instant};

use synapsor_core::contract::EngineKind;
use synapsor_core::sql::receipts;
use synapsor_core::sql::receipts::Elsewhere;
use synapsor_core::writeback::{Effect, Fenced, Violation};
use synapsor_db::engine::{Fence, Role};
use synapsor_db::fault::Class;

use crate::bench::{
    ANOTHER, Bench, CLAIMED, FOR_REAL, LOCK, STATEMENT, fixed, integer, keys, new_fee, open, place, text,
};

#[tokio::test]
async fn a_change_is_written_once_with_its_receipt() {
    let bench = Bench::billing("").await;
    assert_eq!(bench.rehearse(new_fee(0)).await, Effect::Rehearsed);
    assert!(bench.is_untouched().await);
    assert_eq!(bench.apply(new_fee(0)).await, Effect::Committed { new_version: Some("8".to_owned()) });
    assert_eq!(
        bench.query("SELECT fee, version FROM t ORDER BY id").await,
        [["0", "8"], ["100", "7"], ["100", "7"]].map(|row| row.map(|text| Some(text.to_owned())))
    );
    assert_eq!(
        bench.query("SELECT idempotency_key, job_id, status, new_version, result_hash FROM receipts").await,
        [["wrp_1:1", "job-1", "applied", "8", "sha256:1"].map(|text| Some(text.to_owned()))]
    );
    let Effect::Duplicate { by_key: Some(found), by_job: Some(_) } = bench.apply(new_fee(0)).await else {
        panic!("a second write must meet the first one's receipt");
    };
    assert_eq!((found.status.as_str(), found.new_version.as_deref()), ("applied", Some("8")));
}

#[tokio::test]
async fn twenty_writers_at_once_leave_one_winner() {
    let bench = Bench::billing("").await;
    let write = bench.write(new_fee(0)).await;
    let engines: Vec<_> = (0..20).map(|_| open(&bench.db.writer_url(), Role::Writer, STATEMENT).unwrap()).collect();
    let racing = engines.iter().map(|engine| async {
        // A busy file is a reason to come back, not an answer.
        loop {
            match engine.transact(&write, &CLAIMED, FOR_REAL).await {
                Err(fault) if fault.class() == Class::Busy => {}
                other => return other.unwrap(),
            }
        }
    });
    let effects = futures_util::future::join_all(racing).await;
    let committed = effects.iter().filter(|effect| matches!(effect, Effect::Committed { .. })).count();
    let duplicates = effects.iter().filter(|effect| matches!(effect, Effect::Duplicate { .. })).count();
    assert_eq!((committed, duplicates), (1, 19));
    assert_eq!(bench.one("SELECT version FROM t WHERE id = '1'").await.as_deref(), Some("8"));
}

#[tokio::test]
async fn a_missed_write_says_which_guard_differs_and_leaves_nothing() {
    let bench = Bench::billing("").await;
    let missed = |look: &[&[bool]]| Effect::Missed { affected: 0, look: look.iter().map(|row| row.to_vec()).collect() };
    let mut stale = new_fee(0);
    stale.version = Some(6);
    stale.guards = vec![("fee", integer(100)), ("note", text(""))];
    assert_eq!(bench.apply(stale).await, missed(&[&[true, false, false]]));
    let mut foreign = new_fee(0);
    foreign.id = "3";
    assert_eq!(bench.apply(foreign).await, missed(&[]));
    assert!(bench.is_untouched().await);
}

#[tokio::test]
async fn a_replacing_constraint_deletes_no_other_row() {
    let bench = Bench::new(
        "CREATE TABLE t (id TEXT PRIMARY KEY, tenant TEXT, slot INTEGER UNIQUE ON CONFLICT REPLACE,
         name TEXT NOT NULL ON CONFLICT REPLACE DEFAULT 'none', version INTEGER);
         INSERT INTO t VALUES ('1', 'acme', 1, 'a', 7), ('2', 'globex', 2, 'b', 7);",
    )
    .await;
    let mut update = new_fee(0);
    update.patch = vec![("slot", integer(2))];
    assert_eq!(bench.apply(update).await, Effect::Rejected { violation: Violation::Constraint, step: "update" });
    let mut update = new_fee(0);
    update.patch = vec![("name", synapsor_core::value::Cell::null(synapsor_core::value::Kind::Text))];
    assert_eq!(bench.apply(update).await, Effect::Rejected { violation: Violation::Constraint, step: "update" });
    assert_eq!(
        bench.one("SELECT group_concat(id || tenant || slot || name || version, ' ') FROM t").await.as_deref(),
        Some("1acme1a7 2globex2b7")
    );
}

#[tokio::test]
async fn what_the_schema_refuses_is_named_by_class() {
    let check = async |schema: &str, patch: (&'static str, synapsor_core::value::Cell), expect: Effect| {
        let bench = Bench::new(&format!("{schema}; INSERT INTO t VALUES ('1', 'acme', 100, 7);")).await;
        let mut update = new_fee(0);
        update.patch = vec![patch];
        assert_eq!(bench.apply(update).await, expect, "{schema}");
        assert_eq!(bench.one("SELECT fee FROM t").await.as_deref(), Some("100"), "{schema}");
        assert_eq!(bench.one("SELECT count(*) FROM receipts").await.as_deref(), Some("0"), "{schema}");
    };
    let rejected = |violation, step| Effect::Rejected { violation, step };
    check(
        "CREATE TABLE t (id TEXT PRIMARY KEY, tenant TEXT, fee INTEGER CHECK (fee > 0), version INTEGER)",
        ("fee", integer(0)),
        rejected(Violation::Constraint, "update"),
    )
    .await;
    check(
        "CREATE TABLE t (id TEXT PRIMARY KEY, tenant TEXT, fee TEXT CHECK (length(fee) < 5), version INTEGER)",
        ("fee", text("far too long")),
        rejected(Violation::Constraint, "update"),
    )
    .await;
    check(
        "CREATE TABLE t (id TEXT PRIMARY KEY, tenant TEXT, fee INTEGER, version INTEGER) STRICT",
        ("fee", text("ten")),
        rejected(Violation::Value, "update"),
    )
    .await;
    check(
        "CREATE TABLE other (id INTEGER PRIMARY KEY); INSERT INTO other VALUES (100);
         CREATE TABLE t (id TEXT PRIMARY KEY, tenant TEXT, fee INTEGER REFERENCES other, version INTEGER)",
        ("fee", integer(101)),
        rejected(Violation::Constraint, "update"),
    )
    .await;
    // Only COMMIT looks at a deferred reference.
    check(
        "CREATE TABLE other (id INTEGER PRIMARY KEY); INSERT INTO other VALUES (100);
         CREATE TABLE t (id TEXT PRIMARY KEY, tenant TEXT, fee INTEGER REFERENCES other DEFERRABLE INITIALLY DEFERRED, version INTEGER)",
        ("fee", integer(101)),
        rejected(Violation::Constraint, "commit"),
    )
    .await;
}

#[tokio::test]
async fn a_busy_file_is_waited_for_and_then_reported() {
    let bench = Bench::billing("").await;
    let write = bench.write(new_fee(0)).await;
    let other = bench.db.session().await;
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let started = Instant::now();
    let fault = bench.writer.transact(&write, &CLAIMED, FOR_REAL).await.unwrap_err();
    assert_eq!(fault.class(), Class::Busy);
    assert!(started.elapsed() >= LOCK && started.elapsed() < LOCK * 10);
    let waiting = bench.writer.transact(&write, &CLAIMED, FOR_REAL);
    let letting_go = async {
        tokio::time::sleep(LOCK / 3).await;
        other.execute("ROLLBACK").await.unwrap();
    };
    let (effect, ()) = tokio::join!(waiting, letting_go);
    assert!(matches!(effect.unwrap(), Effect::Committed { .. }));
}

#[tokio::test]
async fn a_reader_in_the_way_of_commit_undoes_the_write_for_sure() {
    // A file without a write-ahead log: a commit has to wait until nobody reads.
    let bench = Bench::billing("PRAGMA journal_mode = DELETE;").await;
    let write = bench.write(new_fee(0)).await;
    let other = bench.db.session().await;
    other.execute("BEGIN; SELECT * FROM t;").await.unwrap();
    let effect = bench.writer.transact(&write, &CLAIMED, FOR_REAL).await.unwrap();
    assert_eq!(effect, Effect::Rejected { violation: Violation::Transient, step: "commit" });
    other.execute("ROLLBACK").await.unwrap();
    assert!(bench.is_untouched().await);
    other.execute("BEGIN; SELECT * FROM t;").await.unwrap();
    let waiting = bench.writer.transact(&write, &CLAIMED, FOR_REAL);
    let letting_go = async {
        tokio::time::sleep(LOCK / 3).await;
        other.execute("ROLLBACK").await.unwrap();
    };
    let (effect, ()) = tokio::join!(waiting, letting_go);
    assert!(matches!(effect.unwrap(), Effect::Committed { .. }));
}

#[tokio::test]
async fn a_file_with_a_write_ahead_log_is_read_while_it_is_written() {
    let bench = Bench::billing("PRAGMA journal_mode = WAL;").await;
    let write = bench.write(new_fee(0)).await;
    let other = bench.db.session().await;
    other.execute("BEGIN; SELECT * FROM t;").await.unwrap();
    let effect = bench.writer.transact(&write, &CLAIMED, FOR_REAL).await.unwrap();
    assert!(matches!(effect, Effect::Committed { .. }));
    // The other still sees what it saw when it began; our next read sees the change.
    let fee = "SELECT fee FROM t WHERE id = '1'";
    assert_eq!(other.query_text(fee).await.unwrap(), [[Some("100".to_owned())]]);
    let found = bench.read(&["fee"], "acme", "1").await;
    assert_eq!(found, [[integer(0)]]);
}

#[tokio::test]
async fn a_reader_does_not_write() {
    let bench = Bench::billing("").await;
    let write = bench.write(new_fee(0)).await;
    let fault = bench.reader.transact(&write, &CLAIMED, FOR_REAL).await.unwrap_err();
    assert_eq!(fault.class(), Class::Permission);
    for statement in ["UPDATE t SET fee = 0", "DELETE FROM t", "CREATE TABLE x (y)", "PRAGMA user_version = 3"] {
        let sql = match statement {
            "UPDATE t SET fee = 0" => fixed("UPDATE t SET fee = 0 RETURNING fee"),
            "DELETE FROM t" => fixed("DELETE FROM t RETURNING fee"),
            "CREATE TABLE x (y)" => fixed("CREATE TABLE x (y)"),
            _ => fixed("PRAGMA user_version = 3"),
        };
        for engine in [&bench.reader, &bench.writer] {
            assert_eq!(engine.read(&sql).await.unwrap_err().class(), Class::Permission, "{statement}");
        }
    }
    assert!(bench.is_untouched().await);
}

#[tokio::test]
async fn another_receipt_table_stops_the_write() {
    let bench = Bench::billing("").await;
    let write = bench.write(new_fee(0)).await;
    let effect = bench.writer.transact(&write, &ANOTHER, FOR_REAL).await.unwrap();
    assert_eq!(effect, Effect::Elsewhere(Elsewhere::Receipts));
    bench.db.execute("DROP TABLE receipts_id").await;
    let effect = bench.writer.transact(&write, &CLAIMED, FOR_REAL).await.unwrap();
    assert_eq!(effect, Effect::Rejected { violation: Violation::Missing, step: "receipt table" });
    assert!(bench.is_untouched().await);
}

#[tokio::test]
async fn a_fence_shuts_a_late_writer_out() {
    let fence = Fence {
        identity: receipts::identity(EngineKind::Sqlite, &place()),
        insert: receipts::fence(EngineKind::Sqlite, &place(), &keys("job-1")),
        by_job: receipts::by_job(EngineKind::Sqlite, &place(), "job-1"),
    };
    let bench = Bench::billing("").await;
    assert_eq!(bench.writer.fence(&fence, &CLAIMED).await.unwrap(), Fenced::Won);
    let Effect::Duplicate { by_key: None, by_job: Some(found) } = bench.apply(new_fee(0)).await else {
        panic!("the fence must be in the way");
    };
    assert_eq!(found.status, "canceled");
    assert_eq!(bench.one("SELECT fee FROM t WHERE id = '1'").await.as_deref(), Some("100"));
    let Fenced::Found(found) = bench.writer.fence(&fence, &CLAIMED).await.unwrap() else {
        panic!("a second fence must meet the first");
    };
    assert_eq!(found.status, "canceled");

    let bench = Bench::billing("").await;
    assert!(matches!(bench.apply(new_fee(0)).await, Effect::Committed { .. }));
    let Fenced::Found(found) = bench.writer.fence(&fence, &CLAIMED).await.unwrap() else {
        panic!("a fence must meet the receipt");
    };
    assert_eq!((found.status.as_str(), found.new_version.as_deref()), ("applied", Some("8")));
}

#[tokio::test]
async fn an_abandoned_write_lets_go_of_the_file() {
    let bench = Bench::billing(
        "CREATE TRIGGER slow BEFORE UPDATE ON t BEGIN
           SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n);
         END;",
    )
    .await;
    let write = bench.write(new_fee(0)).await;
    let patient = open(&bench.db.writer_url(), Role::Writer, Duration::from_secs(600)).unwrap();
    let running = patient.transact(&write, &CLAIMED, FOR_REAL);
    assert!(tokio::time::timeout(LOCK, running).await.is_err(), "the trigger never ends");
    bench.db.execute("DROP TRIGGER slow").await;
    assert!(bench.is_untouched().await);
    assert!(matches!(bench.apply(new_fee(0)).await, Effect::Committed { .. }));
}

#[tokio::test]
async fn a_slow_step_is_stopped_and_undone() {
    let bench = Bench::billing(
        "CREATE TRIGGER slow BEFORE UPDATE ON t BEGIN
           SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n);
         END;",
    )
    .await;
    assert_eq!(bench.apply(new_fee(0)).await, Effect::Rejected { violation: Violation::Transient, step: "update" });
    assert!(bench.is_untouched().await);
}

#[tokio::test]
async fn a_fence_waits_for_an_open_transaction_and_does_not_win_over_it() {
    let bench = Bench::billing("").await;
    let fence = Fence {
        identity: receipts::identity(EngineKind::Sqlite, &place()),
        insert: receipts::fence(EngineKind::Sqlite, &place(), &keys("job-1")),
        by_job: receipts::by_job(EngineKind::Sqlite, &place(), "job-1"),
    };
    let zombie = bench.db.session().await;
    let insert = "BEGIN IMMEDIATE; INSERT INTO receipts (idempotency_key, job_id, proposal_id, status) VALUES ('k', 'job-1', 'p', 'applied')";
    zombie.execute(insert).await.unwrap();
    let fault = bench.writer.fence(&fence, &CLAIMED).await.unwrap_err();
    assert_eq!(fault.class(), Class::Busy);
    zombie.execute("COMMIT").await.unwrap();
    let Fenced::Found(found) = bench.writer.fence(&fence, &CLAIMED).await.unwrap() else {
        panic!("a fence must meet the receipt");
    };
    assert_eq!(found.status, "applied");
}
