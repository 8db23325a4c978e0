//! Applies that nobody finished, and what is found out about them.

use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use synapsor_testkit::database::{self, Engine};
use synapsor_testkit::servers::OwnMariadb;

use crate::stage::{Stage, billing, billing_at};

/// An applier is killed after it claimed. Nobody else may touch the claim until its lease has passed; then a fence finds
/// out that nothing was written, and the change is applied once.
async fn dead_applier(engine: Engine) {
    let stage = billing(engine).await;
    stage.shorten_leases();
    let id = stage.approved("INV-3001");
    assert_eq!(stage.truth(&id), "no; nothing of this change was ever written");
    stage.leave_unfinished(&[&id]).await;
    assert!(stage.truth(&id).starts_with("not known yet; it may be written at this moment, until 20"));
    for command in ["apply", "reconcile"] {
        let early = stage.run([command, &id, if command == "apply" { "--dry-run" } else { "--json" }]);
        assert_eq!((early.status, early.stderr.contains("WRITEBACK_BUSY")), (5, true), "{command} {}", early.stderr);
    }

    let found = stage.reconciled(["reconcile", &id, "--json"]);
    assert_eq!(found.status, 0, "{}{}", found.stdout, found.stderr);
    assert_eq!(found.json()["error"]["code"], "WRITEBACK_FENCED", "{}", found.stdout);
    assert_eq!(stage.state(&id), "approved");
    stage.run(["apply", &id]).expect(0);
    assert!(stage.truth(&id).starts_with("yes, once; recorded at "));
    assert_eq!(stage.invoice("INV-3001").await[0].as_deref(), Some("0"));
    let statuses: Vec<_> = stage.receipts().await.into_iter().map(|row| row[1].clone().unwrap()).collect();
    assert_eq!(statuses.iter().filter(|status| *status == "applied").count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| *status == "canceled").count(), 1, "{statuses:?}");
}

#[tokio::test]
async fn a_dead_applier_is_fenced_on_postgres() {
    dead_applier(Engine::Postgres).await;
}

#[tokio::test]
async fn a_dead_applier_is_fenced_on_mariadb() {
    dead_applier(Engine::Mysql).await;
}

#[tokio::test]
async fn a_dead_applier_is_fenced_on_sqlite() {
    dead_applier(Engine::Sqlite).await;
}

/// Nobody has to reconcile first: the next apply waits for the lease, finds out, and applies.
#[tokio::test]
async fn the_next_apply_goes_on_by_itself() {
    let stage = billing(Engine::Sqlite).await;
    stage.shorten_leases();
    let id = stage.approved("INV-3001");
    stage.leave_unfinished(&[&id]).await;
    stage.run(["apply", &id]).expect(0);
    assert_eq!(stage.invoice("INV-3001").await[0].as_deref(), Some("0"));
    assert_eq!(stage.receipts().await.len(), 2, "a fence and a receipt");
}

#[tokio::test]
async fn every_unfinished_apply_is_found_without_being_named() {
    let stage = billing(Engine::Sqlite).await;
    stage.shorten_leases();
    let ids = [stage.approved("INV-3001"), stage.approved("INV-3002")];
    assert_eq!(stage.run(["reconcile"]).expect(0), "No unfinished applies.\n");
    stage.leave_unfinished(&[&ids[0], &ids[1]]).await;
    let early = stage.run(["reconcile", "--json"]);
    assert_eq!(early.status, 5, "{}", early.stdout);
    assert_eq!(early.json()["counts"]["being_applied"], 2, "{}", early.stdout);
    // What is approved waits for nobody: there is nothing of that kind now.
    assert_eq!(stage.run(["apply", "--approved"]).expect(0), "No approved proposals.\n");

    // The second lease may end while the first is looked into already.
    let started = Instant::now();
    let mut again = 0;
    while again < 2 {
        assert!(started.elapsed() < Duration::from_secs(60), "{again} found");
        let found = stage.run(["reconcile"]);
        assert!(matches!(found.status, 0 | 5), "{}{}", found.stdout, found.stderr);
        again += found.stdout.lines().filter(|line| line.contains("  approved again  ")).count();
        assert_eq!(found.status == 0, again == 2, "{}{}", found.stdout, found.stderr);
        assert_eq!(found.stdout.ends_with("Next: synapsor-runner apply --approved\n"), again == 2, "{}", found.stdout);
        thread::sleep(Duration::from_millis(250));
    }
    let applied = stage.run(["apply", "--approved"]).expect(0);
    assert_eq!(applied, "Applied 2 of 2: 2 applied.\n");
    assert_eq!(stage.run(["reconcile"]).expect(0), "No unfinished applies.\n");
}

/// A ledger that can be written to again only after the change was committed.
#[tokio::test]
async fn a_change_that_the_ledger_could_not_record_is_in_doubt_and_then_found() {
    let stage = billing(Engine::Sqlite).await;
    stage.shorten_leases();
    let id = stage.approved("INV-3001");
    let source = stage.db.session().await;
    source.execute("BEGIN IMMEDIATE").await.unwrap();
    let mut command = stage.env.command(["apply", &id, "--json"]);
    let applier = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while stage.state(&id) != "pending_worker" {}
    let ledger = ledger_session(&stage).await;
    ledger.execute("BEGIN IMMEDIATE").await.unwrap();
    source.execute("ROLLBACK").await.unwrap();
    let output = applier.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(6), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let result: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(result["error"]["message"], "the change was written, but the ledger could not record that");
    ledger.execute("ROLLBACK").await.unwrap();

    let found = stage.reconciled(["reconcile", &id, "--json"]);
    assert_eq!(found.json()["result"], "applied", "{}", found.stdout);
    assert_eq!(stage.invoice("INV-3001").await[0].as_deref(), Some("0"));
    assert_eq!(stage.receipts().await.len(), 1);
    stage.run(["reconcile", "--verify"]).expect(0);
}

async fn ledger_session(stage: &Stage) -> database::Session {
    let ledger = stage.env.work_dir().join(".synapsor/local.db");
    database::Session::open(&format!("sqlite:{}", ledger.display())).await
}

/// After a failover nobody can say from the new server what the old one committed, unless a person vouches for it.
#[tokio::test]
async fn another_server_proves_nothing_until_a_person_says_that_it_holds_everything() {
    let server = OwnMariadb::start(&[]).unwrap();
    let stage = billing_at(database::mysql_at(&server).await, |config| config).await;
    stage.shorten_leases();
    let id = stage.approved("INV-3001");
    stage.leave_unfinished(&[&id]).await;
    stage.db.execute("SET GLOBAL server_id = 4711").await;
    let unsure = stage.reconciled(["reconcile", &id, "--json"]);
    assert_eq!(unsure.status, 6, "{}{}", unsure.stdout, unsure.stderr);
    assert!(unsure.json()["error"]["message"].as_str().unwrap().contains("another server"), "{}", unsure.stdout);
    assert!(stage.truth(&id).contains("not known yet; it was written completely or not at all: another server"));
    assert_eq!(unsure.json()["source_database_changed"], Value::Null);
    // Nothing helps by itself: an apply does not write past it either, and says what a person must look at.
    let told = stage.run(["apply", &id]);
    assert_eq!(told.status, 6, "{}{}", told.stdout, told.stderr);
    assert!(told.stdout.contains("invoices` in source `app`, id = INV-3001\n"), "{}", told.stdout);
    assert!(told.stdout.contains(".synapsor_writeback_receipts` there, job_id = wbj_"), "{}", told.stdout);
    assert!(told.stdout.ends_with(&format!("reconcile {id} --accept-new-server\n")), "{}", told.stdout);
    assert!(stage.receipts().await.is_empty());

    stage.run(["reconcile", "--accept-new-server"]).expect(0);
    assert_eq!(stage.state(&id), "approved");
    stage.run(["apply", &id]).expect(0);
    assert_eq!(stage.invoice("INV-3001").await[0].as_deref(), Some("0"));
}

#[tokio::test]
async fn no_fence_is_put_into_a_receipt_table_that_shuts_nobody_out() {
    let stage = billing(Engine::Postgres).await;
    stage.shorten_leases();
    let id = stage.approved("INV-3001");
    stage.leave_unfinished(&[&id]).await;
    let key =
        "SELECT conname FROM pg_constraint WHERE conrelid = 'synapsor_writeback_receipts'::regclass AND contype = 'u'";
    let key = stage.db.query_text(key).await[0][0].clone().unwrap();
    stage.db.execute(&format!("ALTER TABLE synapsor_writeback_receipts DROP CONSTRAINT {key}")).await;
    let refused = stage.reconciled(["reconcile", &id]);
    assert_eq!((refused.status, refused.stderr.contains("RECEIPTS_UNSAFE")), (4, true), "{}", refused.stderr);
    assert_eq!(stage.state(&id), "pending_worker");
    stage.db.execute("ALTER TABLE synapsor_writeback_receipts RENAME TO away").await;
    let unsure = stage.run(["reconcile", &id]);
    assert_eq!((unsure.status, unsure.stdout.contains("is not there")), (6, true), "{}", unsure.stdout);
    stage.db.execute(&format!("ALTER TABLE away RENAME TO synapsor_writeback_receipts; ALTER TABLE synapsor_writeback_receipts ADD CONSTRAINT {key} UNIQUE (job_id)")).await;
    stage.run(["reconcile", &id]).expect(0);
    stage.run(["apply", &id]).expect(0);
}

/// A decision names a database, not just a name for one.
#[tokio::test]
async fn what_was_reviewed_in_one_database_is_not_applied_to_another() {
    for engine in Engine::ALL {
        let stage = billing(engine).await;
        let id = stage.approved("INV-3001");
        let shown = stage.run(["proposals", "show", &id, "--json"]).json();
        let own =
            stage.db.query_text("SELECT receipts_id FROM synapsor_writeback_receipts_id").await.remove(0).remove(0);
        assert_eq!(shown["proposal"]["change_set"]["source"]["receipts_id"].as_str(), own.as_deref(), "{engine:?}");
        let set = |id: &str| format!("UPDATE synapsor_writeback_receipts_id SET receipts_id = '{id}'");
        stage.db.execute(&set("00000000000000000000")).await;
        let refused = stage.run(["apply", &id]);
        assert_eq!((refused.status, refused.stderr.contains("SOURCE_CHANGED")), (4, true), "{}", refused.stderr);
        assert!(stage.receipts().await.is_empty());
        stage.db.execute(&set(&own.unwrap())).await;
        stage.run(["apply", &id]).expect(0);
    }
}

async fn verified(engine: Engine) {
    let stage = billing(engine).await;
    let [first, second] = [stage.approved("INV-3001"), stage.approved("INV-3002")];
    stage.run(["reconcile", "--verify"]).expect(0);
    stage.run(["apply", &first]).expect(0);
    let ledger = stage.env.work_dir().join(".synapsor/local.db");
    let backup = stage.env.work_dir().join("backup.db");
    stage.run(["store", "backup", "--output", "backup.db"]).expect(0);
    stage.run(["apply", &second]).expect(0);
    let clean = stage.run(["reconcile", "--verify", "--json"]);
    assert_eq!(clean.status, 0, "{}", clean.stdout);
    assert_eq!((&clean.json()["receipts_in_ledger"], &clean.json()["receipts_in_sources"]), (&2.into(), &2.into()));

    // A ledger from before the second apply does not know of it; applying again finds the receipt and writes nothing.
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", ledger.display()));
    }
    std::fs::copy(backup, ledger).unwrap();
    let unknown = stage.run(["reconcile", "--verify", "--json"]);
    assert_eq!(unknown.status, 1, "{}", unknown.stdout);
    let findings = &unknown.json()["findings"];
    assert_eq!(findings.as_array().unwrap().len(), 1, "{findings}");
    assert_eq!(
        (&findings[0]["code"], &findings[0]["proposal_id"]),
        (&"RECEIPT_WITHOUT_LEDGER".into(), &second.as_str().into())
    );
    let again = stage.run(["apply", &second, "--json"]);
    assert_eq!((again.status, &again.json()["result"]), (0, &"already_applied".into()), "{}", again.stdout);
    assert!(stage.truth(&second).starts_with("yes, once, by an earlier attempt; found at "));
    stage.run(["reconcile", "--verify"]).expect(0);

    // A source from before the first apply has lost it.
    let lose = format!("DELETE FROM synapsor_writeback_receipts WHERE proposal_id = '{first}'");
    stage.db.execute(&lose).await;
    let lost = stage.run(["reconcile", "--verify"]);
    assert_eq!(lost.status, 1, "{}", lost.stdout);
    assert!(lost.stdout.contains("LOST_AFTER_APPLY") && lost.stdout.contains(&first), "{}", lost.stdout);
    assert!(lost.stdout.contains("invoices INV-3001 of acme was changed at "), "{}", lost.stdout);

    stage.db.execute("ALTER TABLE synapsor_writeback_receipts RENAME TO away").await;
    let unchecked = stage.run(["reconcile", "--verify", "--json"]);
    assert_eq!(unchecked.json()["unchecked"][0]["code"], "RECEIPTS_MISSING", "{}", unchecked.stdout);
    assert_ne!(unchecked.status, 0, "what was not compared does not agree");
}

#[tokio::test]
async fn ledger_and_postgres_are_compared_both_ways() {
    verified(Engine::Postgres).await;
}

#[tokio::test]
async fn ledger_and_mariadb_are_compared_both_ways() {
    verified(Engine::Mysql).await;
}

#[tokio::test]
async fn ledger_and_sqlite_are_compared_both_ways() {
    verified(Engine::Sqlite).await;
}
