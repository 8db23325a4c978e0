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
