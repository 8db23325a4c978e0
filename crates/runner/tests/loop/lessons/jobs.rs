//! Job files, and the order of record and write: nothing is done that the ledger does not know of first.

use std::process::Stdio;

use serde_json::{Value, json};
use synapsor_testkit::database::Engine;

use super::{WAIVER, capability, change_config, held, state};
use crate::stage::{Stage, billing, configured};

/// An approved change as a job file, beside the ledger that knows of it.
async fn exported(engine: Engine) -> (Stage, Value) {
    let stage = billing(engine).await;
    let id = stage.approved("INV-3001");
    let job = stage.run(["proposals", "writeback-job", &id]).json();
    stage.env.write("job.json", job.to_string());
    (stage, job)
}

/// An editor who knows the format repairs the digest of what was edited; the ledger still knows better.
fn repair(job: &mut Value) {
    job.as_object_mut().unwrap().shift_remove("digest");
    let repaired = synapsor_core::digest::of(job);
    job["digest"] = Value::from(repaired.as_str());
}

async fn untouched(stage: &Stage) {
    assert_eq!(stage.invoice("INV-3001").await[0].as_deref(), Some("5500"));
    assert!(stage.receipts().await.is_empty(), "something was written");
}

/// Weakness 11: it compared a hash that stood in the job file with itself, and column names, so that every value in the
/// file could be edited.
#[tokio::test]
async fn weakness_11_a_job_file_applies_as_exported_and_not_as_edited() {
    let (stage, exported) = exported(Engine::Sqlite).await;
    let refused = |edit: &dyn Fn(&mut Value), digest: bool| {
        let mut job = exported.clone();
        edit(&mut job);
        assert_ne!(job, exported);
        if digest {
            repair(&mut job);
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
        refused(&|job| job["conflict_guard"] = json!({ "kind": "row_hash", "expected_hash": "sha256:0" }), digest);
        refused(&|job| job["lease"]["expires_at"] = Value::from("2099-01-01T00:00:00Z"), digest);
    }
    let mut unguarded = exported.clone();
    unguarded["conflict_guard"] = json!({ "kind": "none" });
    for no_job in ["{\"schema_version\":", &unguarded.to_string()] {
        stage.env.write("broken.json", no_job);
        stage.run(["apply", "--job", "broken.json"]).expect(2);
    }
    untouched(&stage).await;

    stage.run(["validate", "--job", "job.json"]).expect(0);
    stage.run(["apply", "--job", "job.json"]).expect(0);
    assert_eq!(stage.invoice("INV-3001").await[0].as_deref(), Some("0"));
}

/// Weakness 12: where it found no configuration, it ran any job file without a check, against whatever one variable named.
#[tokio::test]
async fn weakness_12_without_a_configuration_no_job_is_run() {
    for engine in Engine::ALL {
        let (mut stage, _) = exported(engine).await;
        let writer = stage.db.writer_url();
        stage.env.set("SYNAPSOR_DATABASE_URL", writer);
        std::fs::remove_file(stage.env.path("synapsor.runner.json")).unwrap();
        for args in [&["--store", ".synapsor/local.db"][..], &["--dry-run"], &["--config", "elsewhere.json"], &[]] {
            let output = stage.env.run([&["apply", "--job", "job.json"], args].concat());
            assert_eq!(output.status, 2, "{engine:?} {args:?} {}", output.stderr);
            assert!(output.stderr.contains("CONFIG_NOT_FOUND"), "{}", output.stderr);
        }
        untouched(&stage).await;
    }
}

/// Weakness 13: it wrote a change itself that the configuration gives to the application's own handler.
#[tokio::test]
async fn weakness_13_a_change_for_a_handler_is_never_written_directly() {
    let (stage, _) = exported(Engine::Sqlite).await;
    change_config(&stage, |config| {
        config["executors"] = json!({ "app": { "type": "http_handler", "url_env": "APP_URL" } });
        capability(config, WAIVER)["executor"] = json!("app");
    });
    for args in [&["apply", "--job", "job.json"][..], &["apply", "latest"]] {
        let output = stage.env.run(args);
        assert!(matches!(output.status, 2 | 4), "{args:?} {} {}", output.status, output.stderr);
    }
    untouched(&stage).await;
}

/// Weakness 14: it changed the database first and found out afterwards that its own store refused the record.
#[tokio::test]
async fn weakness_14_a_change_that_the_ledger_does_not_know_is_not_written() {
    for engine in Engine::ALL {
        let (stage, job) = exported(engine).await;
        let mut unknown = job.clone();
        unknown["writeback_job_id"] = json!("wbj_00000000000000000000");
        repair(&mut unknown);
        stage.env.write("unknown.json", unknown.to_string());
        // A job of this proposal that was never exported, and a ledger that never heard of the proposal.
        for (args, status, code) in [
            (&["apply", "--job", "unknown.json"][..], 4, "JOB_MISMATCH"),
            (&["apply", "--job", "job.json", "--store", "fresh.db"], 1, "STORE_MISSING"),
        ] {
            let output = stage.env.run(args);
            assert_eq!((output.status, output.stderr.contains(code)), (status, true), "{engine:?} {}", output.stderr);
        }
        stage
            .run(["smoke", "call", super::INSPECT, "--json", r#"{"invoice_id": "INV-3001"}"#, "--store", "fresh.db"])
            .expect(0);
        let output = stage.run(["apply", "--job", "job.json", "--store", "fresh.db"]);
        assert_eq!(output.status, 1, "{engine:?} {}", output.stderr);
        assert!(output.stderr.contains("PROPOSAL_NOT_FOUND"), "{engine:?} {}", output.stderr);
        untouched(&stage).await;
    }
}

/// Weakness 14, too: nothing ever looked for a change that was written and not recorded.
async fn lost_record(engine: Engine) {
    let stage = configured(engine, |config| {
        // The lease is connect + lock + statement + 5 s.
        let limits = "\"connect_timeout_ms\": 1500, \"lock_timeout_ms\": 1500, \"statement_timeout_ms\": 1500";
        config.replace("\"statement_timeout_ms\": 3000", limits)
    })
    .await;
    let id = stage.approved("INV-3001");
    let session = held(&stage, "INV-3001").await;
    let mut applier = stage.env.command(["apply", &id]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while state(&stage, &id) != "pending_worker" {
        assert!(applier.try_wait().unwrap().is_none(), "the applier did not wait");
    }
    // The ledger is taken away under an applier that waits to write.
    std::fs::rename(stage.env.path(".synapsor"), stage.env.path("away")).unwrap();
    session.execute("ROLLBACK").await.unwrap();
    assert!(!applier.wait().unwrap().success(), "it reported what it could not record");
    assert_eq!(stage.invoice("INV-3001").await[0].as_deref(), Some("0"));
    std::fs::rename(stage.env.path("away"), stage.env.path(".synapsor")).unwrap();
    let found = loop {
        let output = stage.run(["reconcile", &id, "--json"]);
        if output.status != 5 {
            break output;
        }
        std::thread::sleep(std::time::Duration::from_millis(250));
    };
    assert_eq!((found.status, state(&stage, &id).as_str()), (0, "applied"), "{}{}", found.stdout, found.stderr);
    assert_eq!(stage.run(["apply", &id, "--json"]).json()["result"], "already_applied");
    assert_eq!(stage.receipts().await, [[Some(format!("{id}:INV-3001")), Some("applied".to_owned())]]);
}

#[tokio::test]
async fn weakness_14_a_change_whose_record_was_lost_is_found_on_postgres() {
    lost_record(Engine::Postgres).await;
}

#[tokio::test]
async fn weakness_14_a_change_whose_record_was_lost_is_found_on_mariadb() {
    lost_record(Engine::Mysql).await;
}

#[tokio::test]
async fn weakness_14_a_change_whose_record_was_lost_is_found_on_sqlite() {
    lost_record(Engine::Sqlite).await;
}
