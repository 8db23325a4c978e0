//! One test for each known weakness of the reference program that concerns reading, deciding and writing, named after
//! what is done right here. Those of the tools as a model sees them stand in `tests/mcp/lessons.rs`; numbers that are in
//! neither are about parts that this version does not have. `cargo xtask test weakness_` runs all of them.

mod config;
mod jobs;
mod limits;
mod records;
mod values;
mod writes;

use serde_json::Value;
use synapsor_testkit::database::{Engine, Session};

use crate::stage::{Stage, configured, id_of};

const WAIVER: &str = "billing.propose_late_fee_waiver";
const INSPECT: &str = "billing.inspect_invoice";

/// The billing example under another configuration.
async fn billing_with(engine: Engine, edit: impl Fn(&mut Value)) -> Stage {
    configured(engine, |text| edited(&text, &edit)).await
}

/// A configuration after an edit, laid out as the stage expects it.
fn edited(config: &str, edit: impl Fn(&mut Value)) -> String {
    let mut config: Value = serde_json::from_str(config).unwrap();
    edit(&mut config);
    serde_json::to_string_pretty(&config).unwrap()
}

/// Edits the configuration of a stage that stands already.
fn change_config(stage: &Stage, edit: impl Fn(&mut Value)) {
    stage.env.write("synapsor.runner.json", edited(&stage.env.read("synapsor.runner.json"), edit));
}

/// One capability of a configuration.
fn capability<'a>(config: &'a mut Value, name: &str) -> &'a mut Value {
    let mut all = config["capabilities"].as_array_mut().unwrap().iter_mut();
    all.find(|capability| capability["name"] == name).unwrap_or_else(|| panic!("no {name}"))
}

fn propose(stage: &Stage, capability: &str, arguments: &Value) -> Value {
    stage.run(["propose", capability, "--json", &arguments.to_string()]).json()
}

/// Proposes and approves; gives back the proposal's id.
fn approved(stage: &Stage, capability: &str, arguments: &Value) -> String {
    let id = id_of(&propose(stage, capability, arguments));
    stage.run(["proposals", "approve", &id, "--yes"]).expect(0);
    id
}

/// A row as a model sees it.
fn inspect(stage: &Stage, id: &str) -> Value {
    let arguments = serde_json::json!({ "invoice_id": id }).to_string();
    stage.run(["smoke", "call", INSPECT, "--json", &arguments]).json()["result"].clone()
}

fn state(stage: &Stage, id: &str) -> String {
    let shown = stage.run(["proposals", "show", id, "--json"]).json();
    shown["proposal"]["state"].as_str().unwrap().to_owned()
}

/// Somebody else's transaction that has changed this invoice, and is still open.
async fn held(stage: &Stage, id: &str) -> Session {
    let (begin, moved) = match stage.db.engine() {
        Engine::Postgres => ("BEGIN", "now()"),
        Engine::Mysql => ("BEGIN", "now(6)"),
        Engine::Sqlite => ("BEGIN IMMEDIATE", "'2026-07-01T00:00:00.000Z'"),
    };
    let session = stage.db.session().await;
    session.execute(begin).await.unwrap();
    let sql = format!("UPDATE invoices SET late_fee_cents = 1200, updated_at = {moved} WHERE id = '{id}'");
    session.execute(&sql).await.unwrap();
    session
}
