//! One story, on every engine, with the official Python client as the agent and the command line as the people.

use std::path::Path;

use serde_json::{Value, json};
use synapsor_testkit::database::Engine;

use crate::stage::{Stage, billing, id_of};

fn agent(stage: &Stage, mode: &str) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/loop/story.py");
    let output = stage.env.python_client(&script, [mode]).expect(0);
    serde_json::from_str(&output).unwrap_or_else(|e| panic!("{e}: {output}"))
}

async fn tell(engine: Engine, mode: &str) {
    let stage = billing(engine).await;
    let before = stage.invoice("INV-3001").await;
    let told = agent(&stage, mode);

    assert_eq!(
        told["tools"],
        json!([
            "support.inspect_ticket",
            "support.propose_plan_credit",
            "billing.inspect_invoice",
            "billing.propose_late_fee_waiver"
        ])
    );
    let inspected = &told["inspected"];
    assert_eq!((inspected["ok"].clone(), inspected["error"].clone()), (json!(true), Value::Null), "{inspected}");
    assert_eq!(inspected["data"]["late_fee_cents"], 5500, "{inspected}");
    assert_eq!(inspected["data"]["waiver_reason"], Value::Null);
    assert!(inspected["data"]["updated_at"].as_str().unwrap().starts_with("2026-06-20T14:31:08"), "{inspected}");
    assert!(inspected["data"]["updated_at"].as_str().unwrap().ends_with('Z'), "{inspected}");

    // Missing and foreign are one answer, but for the request and the id asked for.
    let plain = |answer: &Value, id: &str| {
        answer.to_string().replace(answer["_meta"]["request_id"].as_str().unwrap(), "R").replace(id, "ID")
    };
    assert_eq!(told["foreign"]["error"]["code"], "NOT_FOUND_IN_TENANT", "{}", told["foreign"]);
    assert_eq!(plain(&told["foreign"], "INV-9001"), plain(&told["missing"], "INV-0000"));
    assert_eq!(told["smuggled"]["error"]["code"], "INVALID_ARGUMENT");
    assert!(told["smuggled"]["error"]["message"].as_str().unwrap().contains("tenant_id"));
    assert_eq!(told["unknown"]["error"]["code"], "CAPABILITY_NOT_FOUND");

    let id = id_of(&told["proposed"]);
    assert_eq!(told["proposed"]["proposal"]["diff"]["late_fee_cents"], json!({ "before": 5500, "proposed": 0 }));
    assert_eq!((id_of(&told["again"]), told["again"]["proposal"]["deduplicated"].clone()), (id.clone(), json!(true)));
    assert_eq!(stage.invoice("INV-3001").await, before, "a proposal changes nothing");

    stage.run(["apply", &id]).expect(4);
    stage.run(["proposals", "approve", &id, "--yes"]).expect(0);
    let rehearsed = stage.run(["apply", &id, "--dry-run", "--json"]).json();
    assert_eq!(rehearsed["result"], "dry_run_passed", "{rehearsed}");
    assert_eq!(stage.invoice("INV-3001").await, before, "a dry run changes nothing");

    let applied = stage.run(["apply", &id, "--json"]).json();
    assert_eq!(
        (applied["result"].as_str(), applied["source_database_changed"].as_bool()),
        (Some("applied"), Some(true)),
        "{applied}"
    );
    let after = stage.invoice("INV-3001").await;
    assert_eq!(after[..2], [Some("0".to_owned()), Some("First late payment".to_owned())]);
    assert_ne!(after[2], before[2], "the version moved");
    assert!(applied["receipt"]["new_version"].as_str().unwrap() > "2026-06-20", "{applied}");

    let twice = stage.run(["apply", &id, "--json"]).json();
    assert_eq!(twice["result"], "already_applied", "{twice}");
    assert_eq!(stage.invoice("INV-3001").await, after);
    assert_eq!(stage.receipts().await, [[Some(format!("{id}:INV-3001")), Some("applied".to_owned())]]);

    let replayed = stage.run(["replay", "show", &id, "--json"]).json();
    assert_eq!(replayed["proposal"]["state"], "applied", "{replayed}");
    assert_eq!(replayed["receipts"].as_array().unwrap().len(), 1);
    stage.run(["store", "verify"]).expect(0);
}

#[tokio::test]
async fn the_loop_on_postgres() {
    tell(Engine::Postgres, "auto").await;
}

#[tokio::test]
async fn the_loop_on_mariadb() {
    tell(Engine::Mysql, "legacy").await;
}

#[tokio::test]
async fn the_loop_on_sqlite() {
    tell(Engine::Sqlite, "auto").await;
}
