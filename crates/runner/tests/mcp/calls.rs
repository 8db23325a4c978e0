//! Tool lists and tool calls.

use std::time::Duration;

use serde_json::{Value as Json, json};
use synapsor_testkit::stdio::StdioClient;

use crate::world::{World, envelope, refused};

fn tools(client: &mut StdioClient) -> Vec<Json> {
    client.request("tools/list", json!({})).unwrap()["tools"].as_array().unwrap().clone()
}

fn names(client: &mut StdioClient) -> Vec<String> {
    tools(client).iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn tools_are_listed_as_reviewed() {
    let world = World::new();
    let mut client = world.serve(&[]);
    let tools = tools(&mut client);
    insta::assert_snapshot!("tools", serde_json::to_string_pretty(&tools).unwrap());
    for tool in &tools {
        for schema in ["inputSchema", "outputSchema"] {
            jsonschema::validator_for(&tool[schema]).expect("a JSON Schema");
        }
    }
    assert_eq!(client.request("tools/list", json!({"cursor": "x"})).unwrap_err()["code"], json!(-32602));
}

#[test]
fn aliases_are_listed_and_every_name_is_understood() {
    let world = World::new();
    let mut client = world.serve(&["--alias-mode", "openai"]);
    let listed = names(&mut client);
    assert_eq!(listed, ["billing__inspect_invoice", "billing__propose_late_fee", "support__inspect_ticket"]);
    for name in ["billing__inspect_invoice", "billing.inspect_invoice"] {
        let result = client.call_tool(name, json!({"invoice_id": "INV-1"}));
        assert_eq!(envelope(&result)["action"], json!("billing.inspect_invoice"));
    }
    drop(client);
    let mut client = world.serve(&["--alias-mode", "both"]);
    let listed = names(&mut client);
    assert_eq!(listed.len(), 6);
    assert_eq!(listed[..2], ["billing.inspect_invoice", "billing__inspect_invoice"]);
}

#[test]
fn read_only_lists_and_runs_no_proposals() {
    let world = World::new();
    let mut client = world.serve(&["--read-only"]);
    assert_eq!(names(&mut client), ["billing.inspect_invoice", "support.inspect_ticket"]);
    let arguments = json!({"invoice_id": "INV-1", "late_fee_cents": 0});
    refused(&client.call_tool("billing.propose_late_fee", arguments), "CAPABILITY_NOT_FOUND");
    refused(&client.call_tool("billing.propose_late_fee", json!([])), "CAPABILITY_NOT_FOUND");
}

#[test]
fn every_outcome_is_an_envelope_that_fits_its_schema() {
    let world = World::new();
    let mut client = world.serve(&[]);
    let schemas = tools(&mut client);
    let mut check = |name: &str, arguments: Json, code: Option<&str>| {
        let result = client.call_tool(name, arguments.clone());
        let envelope = envelope(&result);
        assert_eq!(envelope["error"]["code"].as_str(), code, "{name} {arguments}: {envelope}");
        let keys: Vec<&String> = envelope.as_object().unwrap().keys().collect();
        let all = [
            "ok",
            "summary",
            "action",
            "kind",
            "data",
            "proposal",
            "error",
            "evidence",
            "source_database_changed",
            "_meta",
        ];
        assert_eq!(keys, all);
        if let Some(tool) = schemas.iter().find(|tool| tool["name"] == json!(name)) {
            let schema = jsonschema::validator_for(&tool["outputSchema"]).unwrap();
            let problems: Vec<String> = schema.iter_errors(envelope).map(|error| error.to_string()).collect();
            assert!(problems.is_empty(), "{name} {arguments}: {problems:?}");
        }
        envelope.clone()
    };
    let read = "billing.inspect_invoice";
    let found = check(read, json!({"invoice_id": "INV-1"}), None);
    assert_eq!(found["data"]["late_fee_cents"], json!(5500));
    assert_eq!(found["_meta"]["tenant_id"], json!("acme"));
    check(read, json!({"invoice_id": "INV-404"}), Some("NOT_FOUND_IN_TENANT"));
    check(read, json!({"invoice_id": "INV-9"}), Some("NOT_FOUND_IN_TENANT"));
    check(read, json!({}), Some("INVALID_ARGUMENT"));
    check(read, Json::Null, Some("INVALID_ARGUMENT"));
    for no_object in [json!([]), json!([{"invoice_id": "INV-1"}]), json!("INV-1"), json!(7), json!(true)] {
        check(read, no_object.clone(), Some("INVALID_ARGUMENT"));
        check("billing.no_such_tool", no_object, Some("CAPABILITY_NOT_FOUND"));
    }
    let refused = check(read, json!({"invoice_id": "INV-1", "tenant_id": "globex"}), Some("INVALID_ARGUMENT"));
    assert!(refused["error"]["message"].as_str().unwrap().contains("`tenant_id`"), "{refused}");
    check(read, json!({"invoice_id": "INV-1", "extra": 1}), Some("INVALID_ARGUMENT"));
    check(read, json!({"invoice_id": 1}), Some("INVALID_ARGUMENT"));

    let propose = "billing.propose_late_fee";
    let proposed = check(propose, json!({"invoice_id": "INV-1", "late_fee_cents": 0, "reason": "goodwill"}), None);
    assert_eq!(proposed["proposal"]["state"], json!("review_required"));
    assert_eq!(proposed["proposal"]["diff"]["waiver_reason"]["before"], json!("[not visible]"));
    let again = check(propose, json!({"invoice_id": "INV-1", "late_fee_cents": 0, "reason": "goodwill"}), None);
    assert_eq!(again["proposal"]["id"], proposed["proposal"]["id"]);
    assert_eq!(again["proposal"]["deduplicated"], json!(true));
    check(propose, json!({"invoice_id": "INV-1", "late_fee_cents": 9500}), Some("POLICY_VIOLATION"));
    check(propose, json!({"invoice_id": "INV-1", "late_fee_cents": 10001}), Some("INVALID_ARGUMENT"));
    check(propose, json!({"invoice_id": "INV-1", "late_fee_cents": 1, "reason": "because"}), Some("INVALID_ARGUMENT"));
    let unknown = check(&"x".repeat(100_000), json!({}), Some("CAPABILITY_NOT_FOUND"));
    assert_eq!(unknown["action"].as_str().unwrap().len(), 128);
    assert!(unknown["kind"].is_null());
}

#[test]
fn a_database_that_is_gone_is_temporarily_unavailable_and_no_plumbing_shows() {
    let world = World::new();
    let mut client = world.serve(&[]);
    std::fs::remove_file(world.env.path("billing.db")).unwrap();
    let result = client.call_tool("billing.inspect_invoice", json!({"invoice_id": "INV-1"}));
    refused(&result, "TEMPORARILY_UNAVAILABLE");
    let folder = world.env.work_dir().display().to_string();
    assert!(!result.to_string().contains(&folder) && !result.to_string().contains("billing.db"), "{result}");
}

#[test]
fn the_other_formats_have_their_own_shapes() {
    let world = World::new();
    let mut client = world.serve(&["--result-format", "v1"]);
    assert!(tools(&mut client).iter().all(|tool| tool.get("outputSchema").is_none()));
    let read = client.call_tool("billing.inspect_invoice", json!({"invoice_id": "INV-1"}));
    assert_eq!(read["structuredContent"]["status"], json!("ok"));
    assert_eq!(read["isError"], json!(false));
    let unknown = client.call_tool("nothing", json!([]));
    assert_eq!(unknown["structuredContent"]["code"], json!("CAPABILITY_NOT_FOUND"));
    assert_eq!(unknown["isError"], json!(true));
    drop(client);
    let mut client = world.serve(&["--result-format", "v2-dual"]);
    let listed = tools(&mut client);
    let read = client.call_tool("billing.inspect_invoice", json!({"invoice_id": "INV-1"}));
    assert_eq!(envelope(&read)["legacy"]["status"], json!("ok"));
    assert!(jsonschema::is_valid(&listed[0]["outputSchema"], envelope(&read)));
}

#[test]
fn calls_run_side_by_side_and_each_gets_its_own_answer() {
    let world = World::new();
    let mut client = world.serve(&[]);
    let call = |key: &str| json!({"name": "billing.inspect_invoice", "arguments": {"invoice_id": key}});
    let sent: Vec<(u64, String)> = (0..64)
        .map(|number| {
            let key = format!("INV-{}", number % 8);
            (client.send("tools/call", call(&key)), key)
        })
        .collect();
    for (id, key) in sent.into_iter().rev() {
        let result = client.answer(id).unwrap();
        match key.as_str() {
            "INV-1" | "INV-2" => assert_eq!(envelope(&result)["data"]["id"], json!(key)),
            _ => assert!(refused(&result, "NOT_FOUND_IN_TENANT").contains(&key)),
        }
    }
    assert!(client.drain(Duration::from_millis(50)).is_empty(), "an answer too many");
}

#[test]
fn a_cancelled_call_is_never_answered_and_the_server_lives_on() {
    let world = World::new();
    let mut client = world.serve(&[]);
    // Learns the table, so that only the read itself has to wait for the lock.
    envelope(&client.call_tool("billing.inspect_invoice", json!({"invoice_id": "INV-1"})));
    let lock = crate::world::block_on(async {
        let url = format!("sqlite:{}", world.env.path("billing.db").display());
        let session = synapsor_testkit::database::Session::open(&url).await;
        session.execute("BEGIN EXCLUSIVE").await.unwrap();
        session
    });
    let call = json!({"name": "billing.inspect_invoice", "arguments": {"invoice_id": "INV-1"}});
    let id = client.send("tools/call", call);
    std::thread::sleep(Duration::from_millis(100));
    client.notify("notifications/cancelled", json!({"requestId": id, "reason": "the user changed their mind"}));
    client.request("ping", json!({})).unwrap();
    drop(lock);
    envelope(&client.call_tool("billing.inspect_invoice", json!({"invoice_id": "INV-2"})));
    let late = client.drain(Duration::from_millis(300));
    assert!(late.iter().all(|message| message["id"] != json!(id)), "{late:?}");
}
