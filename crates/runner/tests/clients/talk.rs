//! Each client lists the tools, reads a row, asks for another tenant's, and proposes a change.

use std::path::Path;

use serde_json::{Value as Json, json};
use synapsor_testkit::env::TestEnv;
use synapsor_testkit::stdio::{LEGACY, MODERN};

use crate::world::billing;

#[test]
fn the_official_python_client() {
    check("client.py", "mcp", &[("auto", MODERN), ("legacy", LEGACY)]);
}

#[test]
fn the_openai_agents_sdk() {
    check("client.py", "agents", &[("default", MODERN)]);
}

#[test]
fn the_first_typescript_sdk() {
    check("client.cjs", "sdk", &[("default", LEGACY)]);
}

#[test]
fn the_second_typescript_client() {
    check("client.cjs", "client", &[("default", LEGACY), ("auto", MODERN)]);
}

#[test]
fn the_inspector() {
    check("inspector.cjs", "inspector", &[("default", LEGACY), ("modern", MODERN)]);
}

/// The examples do by themselves what a model would do.
#[test]
fn the_examples_of_the_openai_agents_sdk() {
    for over_http in [false, true] {
        let env = billing();
        let server = over_http.then(|| env.spawn_http(["--alias-mode", "openai"]));
        let folder = if over_http { "openai-agents-http" } else { "openai-agents-stdio" };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(folder).join("agent.py");
        let args: Vec<String> = server.iter().map(|server| format!("http://{}/mcp", server.address())).collect();
        let output = env.python_client(&script, &args);
        assert_eq!(output.status, 0, "{folder}: {}{}", output.stdout, output.stderr);
        assert!(output.stdout.contains("billing__propose_late_fee_waiver"), "{}", output.stdout);
        assert!(output.stdout.contains("\nproposed: "), "{}", output.stdout);
    }
}

/// Lets the script talk to the server in each era, over pipes and over HTTP, every time on a fresh ledger, and checks which
/// revision came of it.
#[track_caller]
fn check(script: &str, client: &str, eras: &[(&str, &str)]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script);
    for (era, revision) in eras {
        for over_http in [false, true] {
            let env = billing();
            let server = over_http.then(|| env.spawn_http::<&str>([]));
            let place = server.as_ref().map_or("stdio".to_owned(), |server| format!("http://{}/mcp", server.address()));
            let args = [client, era, &place, &calls().to_string()];
            let output =
                if script.ends_with(".py") { env.python_client(&path, args) } else { env.node_client(&path, args) };
            let row = format!("{client}, {era}, {place}");
            assert_eq!(output.status, 0, "{row}: {}{}", output.stdout, output.stderr);
            let said: Json = serde_json::from_str(&output.stdout).unwrap();
            assert_eq!([&said["revision"], &said["server"]], [revision, "synapsor-runner"], "{row}");
            was_served(&said, &row);
            was_kept(&env, &said, &row);
        }
    }
}

/// What a client calls, by the name under which it gives the result back.
fn calls() -> Json {
    json!({
        "read": ["billing.inspect_invoice", { "invoice_id": "INV-3001" }],
        "foreign": ["billing.inspect_invoice", { "invoice_id": "INV-9001" }],
        "proposed": ["billing.propose_late_fee_waiver", { "invoice_id": "INV-3001", "reason": "goodwill" }],
    })
}

/// Checks what is the same for every client: the tools, and an envelope that arrived whole for each call.
#[track_caller]
fn was_served(said: &Json, row: &str) {
    let tools = [
        "support.inspect_ticket",
        "support.propose_plan_credit",
        "billing.inspect_invoice",
        "billing.propose_late_fee_waiver",
    ];
    assert_eq!(said["tools"], json!(tools), "{row}");
    for (call, ok) in [("read", true), ("foreign", false), ("proposed", true)] {
        let result = &said[call];
        let envelope = &result["structuredContent"];
        assert_eq!(
            [&envelope["ok"], &result["isError"]],
            [ok, !ok].map(Json::from).each_ref(),
            "{row}, {call}: {result}"
        );
        let text: Json = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(text, *envelope, "{row}, {call}");
    }
    let read = &said["read"]["structuredContent"]["data"];
    assert_eq!([&read["customer_id"], &read["late_fee_cents"]], [&json!("cust_acme_1"), &json!(5500)]);
    let foreign = &said["foreign"]["structuredContent"];
    assert_eq!([&foreign["error"]["code"], &foreign["data"]], [&json!("NOT_FOUND_IN_TENANT"), &Json::Null]);
    let proposal = &said["proposed"]["structuredContent"]["proposal"];
    assert_eq!(proposal["state"], json!("review_required"));
    assert_eq!(proposal["diff"]["late_fee_cents"], json!({ "before": 5500, "proposed": 0 }));
}

/// Checks that the ledger holds the one proposal that the client was told of.
#[track_caller]
fn was_kept(env: &TestEnv, said: &Json, row: &str) {
    let ledger = env.run(["proposals", "list", "--json"]).json();
    assert_eq!(ledger["proposals"].as_array().map(Vec::len), Some(1), "{row}: {ledger}");
    let (kept, told) = (&ledger["proposals"][0], &said["proposed"]["structuredContent"]["proposal"]);
    assert_eq!([&kept["proposal_id"], &kept["state"]], [&told["id"], &json!("pending_review")], "{row}");
}
