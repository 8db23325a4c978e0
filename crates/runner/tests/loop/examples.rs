//! The examples do what their pages say, and configurations of the reference program are served as they are.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use synapsor_core::contract::{Contract, TrustRule};
use synapsor_testkit::database::Engine;
use synapsor_testkit::env::TestEnv;
use synapsor_testkit::http::modern;
use synapsor_testkit::issuer::{Key, claims, set_of, with};
use synapsor_testkit::stdio::MODERN;

use crate::stage::{Stage, binary, id_of, stage};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Sets an example up under the variables that its configuration names.
async fn example(folder: &str, engine: Engine, variables: [&str; 2]) -> Stage {
    let name = engine.name();
    let file = |file: &str| read(&format!("examples/{folder}/{file}"));
    let config = file("synapsor.runner.json");
    let (schema, seed) = (file(&format!("schema.{name}.sql")), file(&format!("seed.{name}.sql")));
    let mut stage = stage(engine, &schema, &seed, &config).await;
    let (reader, writer) = (stage.db.reader_url(), stage.db.writer_url());
    stage.env.set(variables[0], reader).set(variables[1], writer);
    stage
}

/// Proposes, approves and applies, as the example's page does.
fn through(stage: &Stage, capability: &str, arguments: Value) -> Value {
    let proposed = stage.run(["propose", capability, "--json", &arguments.to_string()]).json();
    let id = id_of(&proposed);
    stage.run(["proposals", "approve", "latest", "--yes"]).expect(0);
    stage.run(["apply", "latest"]).expect(0);
    stage.run(["proposals", "show", &id, "--json"]).json()
}

#[tokio::test]
async fn the_reference_support_billing_app() {
    let variables = ["REFERENCE_POSTGRES_READ_URL", "REFERENCE_POSTGRES_WRITE_URL"];
    let stage = example("reference-support-billing-app", Engine::Postgres, variables).await;
    let resolution =
        json!({ "ticket_id": "T-1042", "next_status": "pending_review", "resolution_note": "Fee explained" });
    through(&stage, "support.propose_ticket_resolution", resolution);
    let skipped = json!({ "ticket_id": "T-1042", "next_status": "pending_review", "resolution_note": "again" });
    let refused = stage.run(["propose", "support.propose_ticket_resolution", "--json", &skipped.to_string()]).json();
    assert_eq!(refused["error"]["code"], "POLICY_VIOLATION", "pending_review may not become pending_review: {refused}");
    through(
        &stage,
        "support.propose_plan_credit",
        json!({ "customer_id": "cust_acme_1", "credit_cents": 5000, "reason": "outage" }),
    );
    through(&stage, "orders.propose_status_change", json!({ "order_id": "O-1001", "next_status": "shipped" }));
    let rows = stage.db.query_text("SELECT status FROM orders ORDER BY id").await;
    assert_eq!(rows, [[Some("shipped".to_owned())], [Some("paid".to_owned())]]);
}

#[tokio::test]
async fn the_mysql_refund_agent() {
    let stage = example("mysql-refund-agent", Engine::Mysql, ["APP_MYSQL_READ_URL", "APP_MYSQL_WRITE_URL"]).await;
    let refund = json!({ "order_id": "O-1001", "next_status": "refund_requested", "refund_cents": 2500, "reason": "Arrived broken" });
    through(&stage, "orders.propose_refund_review", refund);
    let rows = stage.db.query_text("SELECT status, refund_cents, refund_reason FROM orders WHERE id = 'O-1001'").await;
    assert_eq!(rows, [["refund_requested", "2500", "Arrived broken"].map(|text| Some(text.to_owned()))]);
}

#[tokio::test]
async fn raw_sql_and_reviewed_actions() {
    let stage = example("raw-sql-vs-synapsor", Engine::Sqlite, ["BILLING_READ_URL", "BILLING_WRITE_URL"]).await;
    assert_eq!(stage.propose("INV-9001", "please")["error"]["code"], "NOT_FOUND_IN_TENANT");
    through(
        &stage,
        "billing.propose_late_fee_waiver",
        json!({ "invoice_id": "INV-3001", "reason": "First late payment" }),
    );
    let fees = stage.db.query_text("SELECT late_fee_cents FROM invoices ORDER BY id").await;
    assert_eq!(fees, ["0", "2500", "9900"].map(|fee| vec![Some(fee.to_owned())]));
}

/// Configurations as the reference program's users have them: served unchanged, with the tools they name.
#[test]
fn configurations_of_the_reference_program_are_served_unchanged() {
    let folder = Path::new(ROOT).join("crates/core/tests/config/valid");
    let (mut by_pipe, mut by_http) = (0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let report = synapsor_core::config::read(&text, &synapsor_core::config::ReadOptions::default());
        let contract = report.contract.unwrap();
        let env = TestEnv::new(binary());
        env.write("synapsor.runner.json", &text);
        // On stdin nobody proves whose rows a call is about.
        let listed = if contract.capabilities.iter().any(|capability| capability.trust == TrustRule::HttpClaims) {
            by_http += 1;
            listed_over_http(&env, &contract)
        } else {
            by_pipe += 1;
            listed_over_stdio(&env)
        };
        let names: Vec<_> = contract.capabilities.iter().map(|capability| capability.name.as_str()).collect();
        assert_eq!(listed, names, "{}", path.display());
    }
    assert!(by_pipe > 2 && by_http > 0, "{by_pipe} and {by_http}");
}

fn listed_over_stdio(env: &TestEnv) -> Vec<String> {
    let mut client = env.spawn_stdio(["mcp", "serve", "--store", "local.db"]);
    client.initialize("2025-11-25");
    let listed = client.request("tools/list", json!({})).unwrap();
    client.close_stdin();
    assert_eq!(client.wait().status, 0);
    names(&listed)
}

fn listed_over_http(env: &TestEnv, contract: &Contract) -> Vec<String> {
    let jwt = contract.http.jwt.as_ref().unwrap();
    let key = Key::p256("p");
    env.write("jwks.json", set_of(&[&key]));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = with(with(claims(now.try_into().unwrap()), "iss", json!(jwt.issuer)), "aud", json!(jwt.audience));
    let token = key.sign(&key.header(), &with(claims, &jwt.tenant_claim, json!("acme")));
    let server = env.spawn_http(["--store", "local.db"]);
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("mcp-protocol-version", MODERN), ("mcp-method", "tools/list")];
    let reply = server.connect().request("POST", "/mcp", &headers, &modern("tools/list", &json!({})));
    assert_eq!(reply.status, 200, "{reply:?}");
    names(&reply.json()["result"])
}

fn names(listed: &Value) -> Vec<String> {
    listed["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}
