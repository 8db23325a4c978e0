//! The guarded write and the fence on a real server.

use std::time::{Duration, Instant};

use synapsor_core::contract::EngineKind;
use synapsor_core::sql::receipts::Elsewhere;
use synapsor_core::sql::receipts::{by_job, fence, identity};
use synapsor_core::sql::write::guarded_write;
use synapsor_core::value::{Cell, Kind, Table};
use synapsor_core::writeback::{Effect, Fenced, FoundReceipt, Violation};
use synapsor_db::engine::{Ending, Fence, Role};
use synapsor_db::fault::Class;
use tokio::time::{sleep, timeout};

use crate::stage::{ANOTHER, CLAIMED, FOR_REAL, Stage, change, column, keys, open, source};

const COLUMNS: [&str; 5] = ["id", "tenant", "fee", "note", "version"];

/// A table `t` with one row, versioned as said.
async fn stage(version: &str) -> (Stage, Table) {
    let stage = Stage::with(&format!(
        "SET sql_mode = ''; CREATE TABLE t (id varchar(20) PRIMARY KEY, tenant varchar(20) NOT NULL, fee int NOT NULL CHECK (fee >= 0), \
         note varchar(10) CHARACTER SET latin1, version {version}, touched datetime); \
         INSERT INTO t (id, tenant, fee) VALUES ('1', 'acme', 10), ('2', 'acme', 20)"
    ))
    .await;
    let table = stage.table("t", &COLUMNS).await;
    (stage, table)
}

fn int(number: i64) -> Cell {
    Cell::new(Kind::Integer, Some(number.to_string()))
}

fn text(text: &str) -> Cell {
    Cell::new(Kind::Text, Some(text.to_owned()))
}

fn rejected(violation: Violation, step: &'static str) -> Effect {
    Effect::Rejected { violation, step }
}

async fn version(stage: &Stage, table: &Table) -> Cell {
    let filter = stage.filter(table, "1", "acme");
    stage.read(table, &["version"], &filter).await.unwrap()[0][0].clone()
}

async fn one(stage: &Stage, sql: &str) -> Option<String> {
    stage.db.query_text(sql).await[0][0].clone()
}

#[tokio::test]
async fn a_write_leaves_a_receipt_and_happens_once() {
    let (stage, table) = stage("int NOT NULL DEFAULT 1").await;
    let filter = stage.filter(&table, "1", "acme").and(column(&table, "fee"), int(10));
    let change = change(&table, filter, &[("fee", int(0)), ("note", text("goodwill"))], Some(("version", int(1))));
    let rehearsed = stage.transact(&change, "a", Ending::Rollback).await.unwrap();
    assert_eq!(rehearsed, Effect::Rehearsed);
    assert!(stage.db.query_text("SELECT * FROM receipts").await.is_empty());
    assert_eq!(one(&stage, "SELECT fee FROM t WHERE id = '1'").await.as_deref(), Some("10"));

    let effect = stage.apply(&change, "a").await.unwrap();
    assert_eq!(effect, Effect::Committed { new_version: Some("2".to_owned()) });
    let row = stage.db.query_text("SELECT fee, note, version FROM t WHERE id = '1'").await.remove(0);
    assert_eq!(row, ["0", "goodwill", "2"].map(|text| Some(text.to_owned())));
    let receipt = "SELECT idempotency_key, job_id, proposal_hash, status, new_version, result_hash, completed_at IS NOT NULL FROM receipts";
    let row = stage.db.query_text(receipt).await.remove(0);
    assert_eq!(
        row,
        ["wrp_a:1", "job_a", "sha256:a", "applied", "2", "sha256:a", "1"].map(|text| Some(text.to_owned()))
    );

    let found = FoundReceipt {
        job_id: "job_a".to_owned(),
        proposal_hash: Some("sha256:a".to_owned()),
        status: "applied".to_owned(),
        new_version: Some("2".to_owned()),
    };
    let again = stage.apply(&change, "a").await.unwrap();
    assert_eq!(again, Effect::Duplicate { by_key: Some(found.clone()), by_job: Some(found) });
    let stale = stage.apply(&change, "b").await.unwrap();
    assert_eq!(stale, Effect::Missed { affected: 0, look: vec![vec![false, false]] });
    assert_eq!(one(&stage, "SELECT count(*) FROM receipts").await.as_deref(), Some("1"));
}

#[tokio::test]
async fn a_write_that_changes_nothing_still_matches_its_row() {
    let (stage, table) = stage("int NOT NULL DEFAULT 1").await;
    let filter = stage.filter(&table, "1", "acme");
    let effect = stage.apply(&change(&table, filter, &[("fee", int(10))], None), "a").await.unwrap();
    assert_eq!(effect, Effect::Committed { new_version: None });
    let other = stage.filter(&table, "1", "other");
    let effect = stage.apply(&change(&table, other, &[("fee", int(1))], None), "b").await.unwrap();
    assert_eq!(effect, Effect::Missed { affected: 0, look: vec![] });
}

#[tokio::test]
async fn clocks_move_within_their_own_second() {
    for kind in ["timestamp", "timestamp(3)", "datetime", "datetime(6)"] {
        let precision = kind.split_once('(').map_or(String::new(), |(_, digits)| format!("({digits}"));
        let (stage, table) = stage(&format!("{kind} NOT NULL DEFAULT CURRENT_TIMESTAMP{precision}")).await;
        let filter = || stage.filter(&table, "1", "acme");
        let first = version(&stage, &table).await;
        let mut seen = vec![first.clone()];
        for round in 0..4 {
            let expected = seen.last().unwrap().clone();
            let write = change(&table, filter(), &[("fee", int(round))], Some(("version", expected)));
            let effect = stage.apply(&write, &format!("r{round}")).await.unwrap();
            let next = version(&stage, &table).await;
            assert_eq!(effect, Effect::Committed { new_version: next.text().map(str::to_owned) }, "{kind}");
            assert!(next.text() > seen.last().unwrap().text(), "{kind} {:?}", (next.text(), first.text()));
            seen.push(next);
        }
        // Within the same second, an older version is still told from the newest.
        let write = change(&table, filter(), &[("fee", int(99))], Some(("version", seen[3].clone())));
        let effect = stage.apply(&write, "stale").await.unwrap();
        assert_eq!(effect, Effect::Missed { affected: 0, look: vec![vec![false]] }, "{kind}");
    }
}

#[tokio::test]
async fn a_zero_date_is_a_version_too() {
    let (stage, table) = stage("timestamp NOT NULL DEFAULT '0000-00-00 00:00:00', dated datetime(3) DEFAULT 0").await;
    let filter = stage.filter(&table, "1", "acme");
    let expected = version(&stage, &table).await;
    assert_eq!(expected.text(), Some("0000-00-00 00:00:00"));
    let write = change(&table, filter.clone(), &[("fee", int(1))], Some(("version", expected)));
    let effect = stage.apply(&write, "a").await.unwrap();
    assert!(matches!(effect, Effect::Committed { .. }), "{effect:?}");
    let table = stage.table("t", &["id", "tenant", "fee", "dated"]).await;
    let zero = Cell::new(Kind::DateTime, Some("0000-00-00 00:00:00.000".to_owned()));
    let write = change(&table, filter, &[("fee", int(2))], Some(("dated", zero)));
    let effect = stage.apply(&write, "b").await.unwrap();
    assert!(matches!(effect, Effect::Committed { .. }), "{effect:?}");
}

#[tokio::test]
async fn triggers_that_interfere_are_noticed() {
    let (stage, table) = stage("int NOT NULL DEFAULT 1").await;
    let write = |fee: i64| {
        let filter = stage.filter(&table, "1", "acme");
        change(&table, filter, &[("fee", int(fee))], Some(("version", int(1))))
    };
    let trigger = async |body: &str| {
        let sql = format!("DROP TRIGGER IF EXISTS g; CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW {body}");
        stage.db.execute(&sql).await;
    };
    trigger("SET NEW.fee = NEW.fee + 1").await;
    assert_eq!(stage.apply(&write(3), "a").await.unwrap(), Effect::NotAsApproved { rows: vec![vec![false, true]] });
    trigger("SET NEW.version = OLD.version").await;
    assert_eq!(stage.apply(&write(3), "b").await.unwrap(), Effect::NotAsApproved { rows: vec![vec![true, false]] });
    trigger("SET NEW.tenant = 'other'").await;
    assert_eq!(stage.apply(&write(3), "c").await.unwrap(), Effect::NotAsApproved { rows: vec![] });
    trigger("SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'").await;
    assert_eq!(stage.apply(&write(3), "d").await.unwrap(), rejected(Violation::Constraint, "update"));
    let row = stage.db.query_text("SELECT fee, version, tenant FROM t WHERE id = '1'").await.remove(0);
    assert_eq!(row, ["10", "1", "acme"].map(|text| Some(text.to_owned())));
    assert!(stage.db.query_text("SELECT * FROM receipts").await.is_empty());
    // What a trigger writes is what the application's own writes would leave: the server's zone, not UTC.
    trigger("SET NEW.touched = NOW()").await;
    let effect = stage.apply(&write(3), "e").await.unwrap();
    assert_eq!(effect, Effect::Committed { new_version: Some("2".to_owned()) });
    let near = "SELECT ABS(TIMESTAMPDIFF(SECOND, touched, NOW())) < 60 FROM t WHERE id = '1'";
    assert_eq!(one(&stage, near).await.as_deref(), Some("1"));
}

#[tokio::test]
async fn the_tables_own_rules_refuse_by_class() {
    let (stage, table) = stage("int NOT NULL DEFAULT 1").await;
    stage.db.execute("CREATE UNIQUE INDEX u ON t (fee)").await;
    let check = async |patch: (&str, Cell), expect: Violation| {
        let filter = stage.filter(&table, "1", "acme");
        let effect = stage.apply(&change(&table, filter, std::slice::from_ref(&patch), None), patch.0).await.unwrap();
        assert_eq!(effect, rejected(expect, "update"), "{patch:?}");
    };
    check(("fee", Cell::null(Kind::Integer)), Violation::Constraint).await;
    check(("fee", int(-1)), Violation::Constraint).await;
    check(("fee", int(20)), Violation::Constraint).await;
    check(("fee", int(1 << 40)), Violation::Value).await;
    check(("note", text("far too long")), Violation::Value).await;
    check(("note", text("\u{1F600}")), Violation::Value).await;
    assert!(stage.db.query_text("SELECT * FROM receipts").await.is_empty());
}

#[tokio::test]
async fn a_writer_needs_only_what_is_granted_and_each_grant_is_missed() {
    let (stage, table) = stage("int NOT NULL DEFAULT 1").await;
    let grants = [
        "SELECT (id, tenant, fee, version), UPDATE (fee, version) ON t",
        "INSERT (idempotency_key, job_id, proposal_id, proposal_hash, ledger_id, ledger_head, server_id, status), \
         UPDATE (new_version, result_hash, completed_at), \
         SELECT (idempotency_key, job_id, proposal_hash, status, new_version) ON receipts",
        "SELECT ON receipts_id",
    ];
    let write = |key: &str, expected: i64| {
        let filter = stage.filter(&table, "1", "acme").and(column(&table, "version"), int(expected));
        let change = change(&table, filter, &[("fee", int(expected))], Some(("version", int(expected))));
        guarded_write(EngineKind::Mysql, &change, &stage.place(), &keys(key))
    };
    for grant in grants {
        stage.db.execute(&format!("GRANT {grant} TO {{writer}}")).await;
    }
    let writer = open(&stage.db.writer_url(), Role::Writer, source());
    let effect = writer.transact(&write("all", 1), &CLAIMED, FOR_REAL).await.unwrap();
    assert_eq!(effect, Effect::Committed { new_version: Some("2".to_owned()) });
    let missing = [
        ("UPDATE (fee) ON t", "update"),
        ("SELECT (tenant) ON t", "update"),
        ("INSERT (status) ON receipts", "receipt"),
        ("UPDATE (result_hash) ON receipts", "receipt"),
        ("SELECT (job_id) ON receipts", "receipt"),
        ("SELECT ON receipts_id", "receipt table"),
    ];
    for (grant, step) in missing {
        stage.db.execute(&format!("REVOKE {grant} FROM {{writer}}")).await;
        let effect = writer.transact(&write(step, 2), &CLAIMED, FOR_REAL).await.unwrap();
        assert_eq!(effect, rejected(Violation::Permission, step), "{grant}");
        stage.db.execute(&format!("GRANT {grant} TO {{writer}}")).await;
    }
    let effect = writer.transact(&write("again", 2), &CLAIMED, FOR_REAL).await.unwrap();
    assert_eq!(effect, Effect::Committed { new_version: Some("3".to_owned()) });
}

#[tokio::test]
async fn a_locked_row_is_waited_for_and_given_up() {
    let (stage, table) = stage("int NOT NULL DEFAULT 1").await;
    let holder = stage.db.session().await;
    holder.execute("BEGIN; UPDATE t SET fee = 11 WHERE id = '1'").await.unwrap();
    let write = || {
        let filter = stage.filter(&table, "1", "acme");
        change(&table, filter, &[("fee", int(5))], Some(("version", int(1))))
    };
    let started = Instant::now();
    assert_eq!(stage.apply(&write(), "a").await.unwrap(), rejected(Violation::Transient, "update"));
    assert!((Duration::from_millis(900)..Duration::from_secs(4)).contains(&started.elapsed()));
    assert!(stage.db.query_text("SELECT * FROM receipts").await.is_empty());
    // A caller that leaves takes its statement and its transaction along.
    let gone = timeout(Duration::from_millis(200), stage.apply(&write(), "b")).await;
    assert!(gone.is_err());
    let running = "SELECT id FROM information_schema.PROCESSLIST WHERE DB = '{schema}' AND INFO LIKE 'UPDATE%'";
    timeout(Duration::from_secs(3), async {
        while !stage.db.query_text(running).await.is_empty() {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
    holder.execute("ROLLBACK").await.unwrap();
    // The same key and job are free again.
    let effect = stage.apply(&write(), "b").await.unwrap();
    assert_eq!(effect, Effect::Committed { new_version: Some("2".to_owned()) });
}

#[tokio::test]
async fn the_loser_of_a_deadlock_is_run_again() {
    let (stage, table) = stage("int NOT NULL DEFAULT 1").await;
    let mut rows = String::from("INSERT INTO t (id, tenant, fee) VALUES ('x', 'x', 100)");
    (0..50).for_each(|row| rows.push_str(&format!(", ('x{row}', 'x', {row})")));
    stage.db.execute(&rows).await;
    let holder = stage.db.session().await;
    // Much done: the server undoes the other transaction.
    holder
        .execute("BEGIN; UPDATE t SET fee = fee + 1 WHERE tenant = 'x'; UPDATE t SET fee = 11 WHERE id = '1'")
        .await
        .unwrap();
    let filter = stage.filter(&table, "1", "acme");
    let write = change(&table, filter, &[("fee", int(5))], Some(("version", int(1))));
    let theirs = async {
        sleep(Duration::from_millis(300)).await;
        // Waits for our receipt while we wait for its row.
        let sql = "INSERT INTO receipts (idempotency_key, job_id, proposal_id, status) VALUES ('wrp_a:1', 'other', 'p', 'applied')";
        holder.execute(sql).await.unwrap();
        holder.execute("ROLLBACK").await.unwrap();
    };
    let (effect, ()) = tokio::join!(stage.apply(&write, "a"), theirs);
    assert_eq!(effect.unwrap(), Effect::Committed { new_version: Some("2".to_owned()) });
}

#[tokio::test]
async fn a_fence_ends_a_job_for_good() {
    let (stage, table) = stage("int NOT NULL DEFAULT 1").await;
    let fence_of = |key: &str| Fence {
        identity: identity(EngineKind::Mysql, &stage.place()),
        insert: fence(EngineKind::Mysql, &stage.place(), &keys(key)),
        by_job: by_job(EngineKind::Mysql, &stage.place(), &keys(key).job_id),
    };
    let write = |expected: i64| {
        let filter = stage.filter(&table, "1", "acme");
        change(&table, filter, &[("fee", int(5))], Some(("version", int(expected))))
    };
    // Free: the fence wins, and the late applier finds it.
    assert_eq!(stage.writer.fence(&fence_of("a"), &CLAIMED).await.unwrap(), Fenced::Won);
    match stage.apply(&write(1), "a").await.unwrap() {
        Effect::Duplicate { by_key: None, by_job: Some(found) } => assert_eq!(found.status, "canceled"),
        other => panic!("{other:?}"),
    }
    match stage.writer.fence(&fence_of("a"), &CLAIMED).await.unwrap() {
        Fenced::Found(found) => assert_eq!(found.status, "canceled"),
        other => panic!("{other:?}"),
    }
    // Applied: the fence finds it.
    stage.apply(&write(1), "b").await.unwrap();
    match stage.writer.fence(&fence_of("b"), &CLAIMED).await.unwrap() {
        Fenced::Found(found) => {
            assert_eq!((found.status.as_str(), found.new_version.as_deref()), ("applied", Some("2")))
        }
        other => panic!("{other:?}"),
    }
    // Still open: nobody knows.
    let zombie = stage.db.session().await;
    let insert = "INSERT INTO receipts (idempotency_key, job_id, proposal_id, status) VALUES ('wrp_c:1', 'job_c', 'p', 'applied')";
    zombie.execute(&format!("BEGIN; {insert}")).await.unwrap();
    let unsure = stage.writer.fence(&fence_of("c"), &CLAIMED).await.unwrap();
    assert!(matches!(unsure, Fenced::Unsure { .. }), "{unsure:?}");
    zombie.execute("ROLLBACK").await.unwrap();
    assert_eq!(stage.writer.fence(&fence_of("c"), &CLAIMED).await.unwrap(), Fenced::Won);
    // Another table: nothing is concluded from it.
    let unsure = stage.writer.fence(&fence_of("d"), &ANOTHER).await.unwrap();
    assert!(matches!(unsure, Fenced::Unsure { .. }), "{unsure:?}");
    let write = guarded_write(EngineKind::Mysql, &write(2), &stage.place(), &keys("d"));
    let effect = stage.writer.transact(&write, &ANOTHER, FOR_REAL).await.unwrap();
    assert_eq!(effect, Effect::Elsewhere(Elsewhere::Receipts));
}

#[tokio::test]
async fn a_deadlocks_victim_is_run_again_up_to_three_times() {
    for (when, attempts, expect) in [
        (4, "4", Effect::Committed { new_version: Some("2".to_owned()) }),
        (9, "4", rejected(Violation::Deadlock, "update")),
    ] {
        let (stage, table) = stage("int NOT NULL DEFAULT 1").await;
        // A table without transactions counts attempts that are undone too.
        stage.db.execute("CREATE TABLE attempts (at int AUTO_INCREMENT PRIMARY KEY) ENGINE = MyISAM").await;
        let collide = format!(
            "CREATE TRIGGER collide BEFORE UPDATE ON t FOR EACH ROW BEGIN
               INSERT INTO attempts VALUES (NULL);
               IF LAST_INSERT_ID() < {when} THEN SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213; END IF;
             END"
        );
        stage.db.session().await.execute(&collide).await.unwrap();
        let change = change(&table, stage.filter(&table, "1", "acme"), &[("fee", int(5))], Some(("version", int(1))));
        assert_eq!(stage.apply(&change, "a").await.unwrap(), expect);
        assert_eq!(one(&stage, "SELECT count(*) FROM attempts").await.as_deref(), Some(attempts));
    }
}

#[tokio::test]
async fn a_missing_table_or_server_is_named() {
    let (stage, table) = stage("int NOT NULL DEFAULT 1").await;
    let write = change(&table, stage.filter(&table, "1", "acme"), &[("fee", int(5))], None);
    stage.db.execute("DROP TABLE t").await;
    assert_eq!(stage.apply(&write, "a").await.unwrap(), rejected(Violation::Missing, "update"));
    stage.db.execute("DROP TABLE receipts").await;
    assert_eq!(stage.apply(&write, "a").await.unwrap(), rejected(Violation::Missing, "receipt"));
    let nowhere = open("mysql://app:secret@127.0.0.1:1/app", Role::Writer, source());
    let write = guarded_write(EngineKind::Mysql, &write, &stage.place(), &keys("a"));
    let fault = nowhere.transact(&write, &CLAIMED, FOR_REAL).await.unwrap_err();
    assert_eq!(fault.class(), Class::Unreachable);
}
