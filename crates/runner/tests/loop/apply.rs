//! Applying under races, against changed rows, changed configurations and edited files.

use std::process::Stdio;

use serde_json::Value;
use synapsor_testkit::database::Engine;

use crate::stage::{Stage, billing, id_of};

/// Sixteen processes apply one proposal: one writes, all report it applied.
async fn race(engine: Engine) {
    let stage = billing(engine).await;
    let id = stage.approved("INV-3001");
    let racers: Vec<_> = (0..16)
        .map(|_| {
            stage.env.command(["apply", &id, "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let mut applied = 0;
    for racer in racers {
        let output = racer.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        let result: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(result["state"], "applied", "{result}");
        applied += usize::from(result["source_database_changed"] == Value::Bool(true));
    }
    assert_eq!(applied, 1, "exactly one changed the database");
    assert_eq!(stage.receipts().await.len(), 1);
    assert_eq!(stage.invoice("INV-3001").await[0].as_deref(), Some("0"));
}

#[tokio::test]
async fn sixteen_appliers_write_once_on_postgres() {
    race(Engine::Postgres).await;
}

#[tokio::test]
async fn sixteen_appliers_write_once_on_mariadb() {
    race(Engine::Mysql).await;
}

#[tokio::test]
async fn sixteen_appliers_write_once_on_sqlite() {
    race(Engine::Sqlite).await;
}

async fn stale_row(engine: Engine) {
    let stage = billing(engine).await;
    let id = stage.approved("INV-3002");
    let moved = match engine {
        Engine::Sqlite => "'2026-07-01T00:00:00.000Z'",
        Engine::Postgres => "now()",
        Engine::Mysql => "now(6)",
    };
    stage
        .db
        .execute(&format!("UPDATE invoices SET late_fee_cents = 1200, updated_at = {moved} WHERE id = 'INV-3002'"))
        .await;
    let output = stage.run(["apply", &id, "--json"]);
    assert_eq!(output.status, 3, "{}", output.stdout);
    let result = output.json();
    assert_eq!(result["receipt"]["safe_error_code"], "VERSION_CONFLICT", "{result}");
    assert!(result["receipt"]["reason"].as_str().unwrap().contains("updated_at"), "{result}");
    assert_eq!(stage.invoice("INV-3002").await[0].as_deref(), Some("1200"));
    assert!(stage.receipts().await.is_empty(), "a missed write leaves no receipt");
    // After a conflict a new proposal is possible at once, and it applies.
    let id = stage.approved("INV-3002");
    stage.run(["apply", &id]).expect(0);
    assert_eq!(stage.invoice("INV-3002").await[0].as_deref(), Some("0"));
}

#[tokio::test]
async fn a_changed_row_is_not_overwritten_on_postgres() {
    stale_row(Engine::Postgres).await;
}

#[tokio::test]
async fn a_changed_row_is_not_overwritten_on_mariadb() {
    stale_row(Engine::Mysql).await;
}

#[tokio::test]
async fn a_changed_row_is_not_overwritten_on_sqlite() {
    stale_row(Engine::Sqlite).await;
}

/// A change that leaves the version as it was is noticed all the same, where a patched value differs.
#[tokio::test]
async fn a_patched_value_that_changed_without_its_version_is_noticed() {
    for engine in Engine::ALL {
        let stage = billing(engine).await;
        let id = stage.approved("INV-3001");
        let keep = if engine == Engine::Mysql { ", updated_at = updated_at" } else { "" };
        stage.db.execute(&format!("UPDATE invoices SET late_fee_cents = 7{keep} WHERE id = 'INV-3001'")).await;
        let output = stage.run(["apply", &id, "--json"]);
        assert_eq!(output.status, 3, "{engine:?} {}", output.stdout);
        assert!(output.json()["receipt"]["reason"].as_str().unwrap().contains("late_fee_cents"));
        assert_eq!(stage.invoice("INV-3001").await[0].as_deref(), Some("7"));
    }
}

#[tokio::test]
async fn a_job_file_applies_as_exported_and_not_as_edited() {
    let stage = billing(Engine::Sqlite).await;
    let id = stage.approved("INV-3001");
    let exported = stage.run(["proposals", "writeback-job", &id]).json();
    let refused = |edit: &dyn Fn(&mut Value), digest: bool| {
        let mut job = exported.clone();
        edit(&mut job);
        if digest {
            // An editor who knows the format repairs the digest; the ledger still knows better.
            job.as_object_mut().unwrap().shift_remove("digest");
            let repaired = synapsor_core::digest::of(&job);
            job["digest"] = Value::from(repaired.as_str());
        }
        stage.env.write("edited.json", job.to_string());
        let output = stage.run(["apply", "--job", "edited.json"]);
        assert_eq!(output.status, 4, "{job} {}", output.stderr);
        assert!(output.stderr.contains("JOB_MISMATCH"), "{}", output.stderr);
    };
    for digest in [false, true] {
        refused(&|job| job["patch"]["late_fee_cents"] = Value::from(9999), digest);
        refused(&|job| job["target"]["primary_key"]["value"] = Value::from("INV-3002"), digest);
        refused(&|job| job["tenant_guard"]["value"] = Value::from("globex"), digest);
        refused(&|job| job["conflict_guard"]["expected_value"] = Value::from("2020-01-01"), digest);
        refused(&|job| job["lease"]["expires_at"] = Value::from("2099-01-01T00:00:00Z"), digest);
    }
    stage.env.write("broken.json", "{\"schema_version\":");
    stage.run(["apply", "--job", "broken.json"]).expect(2);
    assert!(stage.receipts().await.is_empty(), "no refused file wrote anything");

    stage.env.write("job.json", exported.to_string());
    stage.run(["validate", "--job", "job.json"]).expect(0);
    stage.run(["apply", "--job", "job.json"]).expect(0);
    assert_eq!(stage.invoice("INV-3001").await[0].as_deref(), Some("0"));
}

fn change_config(stage: &Stage, from: &str, to: &str) {
    let config = stage.env.read("synapsor.runner.json");
    assert!(config.contains(from), "{from} is in the configuration");
    stage.env.write("synapsor.runner.json", config.replace(from, to));
}

#[tokio::test]
async fn a_changed_capability_stops_approval_and_apply_and_says_what_changed() {
    let stage = billing(Engine::Sqlite).await;
    let pending = id_of(&stage.propose("INV-3002", "later"));
    let approved = stage.approved("INV-3001");
    change_config(&stage, "\"maximum\": 10000", "\"maximum\": 9000");
    for args in [vec!["proposals", "approve", pending.as_str(), "--yes"], vec!["apply", approved.as_str()]] {
        let output = stage.env.run(args);
        assert_eq!(output.status, 4, "{}", output.stderr);
        assert!(output.stderr.contains("CONTRACT_CHANGED"), "{}", output.stderr);
    }
    let output = stage.run(["apply", &approved]);
    assert!(output.stderr.contains("10000") && output.stderr.contains("9000"), "{}", output.stderr);
    // Descriptions are not reviewed parts; the new contract supersedes the old proposal.
    let again = stage.propose("INV-3001", "goodwill");
    assert_eq!(again["proposal"]["supersedes"], Value::from(approved.as_str()), "{again}");
    assert_eq!(stage.run(["proposals", "show", &approved, "--json"]).json()["proposal"]["state"], "canceled");
}

#[tokio::test]
async fn wording_may_change_without_stopping_anything() {
    let stage = billing(Engine::Sqlite).await;
    let id = stage.approved("INV-3001");
    change_config(&stage, "Propose to waive the late fee of one invoice. A person decides.", "Suggest a waiver.");
    stage.run(["apply", &id]).expect(0);
}

#[tokio::test]
async fn decisions_need_what_they_need() {
    let stage = billing(Engine::Sqlite).await;
    let id = id_of(&stage.propose("INV-3001", "goodwill"));
    let output = stage.run(["proposals", "approve", &id]);
    assert_eq!((output.status, output.stderr.contains("CONFIRMATION_REQUIRED")), (2, true), "{}", output.stderr);
    stage.run(["proposals", "reject", &id, "--yes"]).expect(2);
    stage.run(["proposals", "reject", &id, "--reason", " ", "--yes"]).expect(2);
    stage.run(["proposals", "reject", &id, "--reason", "not now", "--yes"]).expect(0);
    stage.run(["proposals", "approve", &id, "--yes"]).expect(4);
    stage.run(["apply", &id]).expect(4);
    let again = stage.propose("INV-3001", "goodwill");
    assert_ne!(id_of(&again), id, "after a rejection the same change may be proposed anew");
}

#[tokio::test]
async fn modes_refuse_what_they_are_not_for() {
    let stage = billing(Engine::Sqlite).await;
    let approved = stage.approved("INV-3001");
    change_config(&stage, "\"mode\": \"review\"", "\"mode\": \"read_only\"");
    let output = stage.run(["apply", &approved]);
    assert_eq!((output.status, output.stderr.contains("READ_ONLY_WRITEBACK_DISABLED")), (4, true), "{}", output.stderr);
    change_config(&stage, "\"mode\": \"read_only\"", "\"mode\": \"shadow\"");
    let shadow = stage.propose("INV-3002", "goodwill");
    assert_eq!(shadow["proposal"]["state"], "shadow_proposal_created", "{shadow}");
    let id = id_of(&shadow);
    change_config(&stage, "\"mode\": \"shadow\"", "\"mode\": \"review\"");
    let output = stage.run(["proposals", "approve", &id, "--yes"]);
    assert_eq!((output.status, output.stderr.contains("SHADOW_WRITEBACK_DISABLED")), (4, true), "{}", output.stderr);
    stage.run(["apply", &approved]).expect(0);
}

/// An applier is killed after it claimed. Nobody else may touch the claim until its lease has passed; then a fence finds
/// out that nothing was written, and the change is applied once.
async fn dead_applier(engine: Engine) {
    let stage = billing(engine).await;
    // The lease is connect + lock + statement + 5 s.
    let config = stage.env.read("synapsor.runner.json");
    stage.env.write("synapsor.runner.json", config.replace("_ms\": 20000", "_ms\": 2000"));
    let id = stage.approved("INV-3001");
    let session = stage.db.session().await;
    session.execute(if engine == Engine::Sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" }).await.unwrap();
    session.execute("UPDATE invoices SET customer_id = customer_id WHERE id = 'INV-3001'").await.unwrap();
    let mut applier = stage.env.command(["apply", &id]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let state = || {
        let shown = stage.run(["proposals", "show", &id, "--json"]).json();
        shown["proposal"]["state"].as_str().unwrap().to_owned()
    };
    while state() != "pending_worker" {
        assert!(applier.try_wait().unwrap().is_none(), "the applier ended before it was seen applying");
    }
    applier.kill().unwrap();
    applier.wait().unwrap();
    session.execute("ROLLBACK").await.unwrap();
    let early = stage.run(["reconcile", &id]);
    assert_eq!((early.status, early.stderr.contains("WRITEBACK_BUSY")), (5, true), "{}", early.stderr);

    let found = loop {
        let output = stage.run(["reconcile", &id, "--json"]);
        if output.status != 5 {
            break output;
        }
        std::thread::sleep(std::time::Duration::from_millis(250));
    };
    assert_eq!(found.status, 0, "{}{}", found.stdout, found.stderr);
    assert_eq!(found.json()["error"]["code"], "WRITEBACK_FENCED", "{}", found.stdout);
    assert_eq!(state(), "approved");
    stage.run(["apply", &id]).expect(0);
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
