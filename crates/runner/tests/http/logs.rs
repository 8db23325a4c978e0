//! What is logged of calls, for people and for programs.

use serde_json::{Value as Json, json};
use synapsor_testkit::http::modern;
use synapsor_testkit::stdio::MODERN;

use crate::world::{ACME, INSPECT, PROPOSE, READER, World, envelope};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

#[test]
fn a_line_of_json_ties_a_call_to_its_request_and_its_trace() {
    let world = World::new();
    let mut server = world.serve(&["--log-format", "json"]);
    let mut connection = server.connect();
    let bearer = format!("Bearer {ACME}");
    let body = modern("tools/call", &json!({ "name": INSPECT, "arguments": { "invoice_id": "INV-1" } }));
    let mut call = |traceparent: &str| {
        let headers = [
            ("authorization", bearer.as_str()),
            ("mcp-protocol-version", MODERN),
            ("mcp-method", "tools/call"),
            ("mcp-name", INSPECT),
            ("traceparent", traceparent),
        ];
        envelope(&connection.request("POST", "/mcp", &headers, &body))["_meta"]["request_id"].clone()
    };
    let traced = call(&format!("00-{TRACE}-{PARENT}-01"));
    let untraced = ["", "junk", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "ff-1-2-3"].map(&mut call);
    connection.call("a-wrong-token-3c1f", INSPECT, &json!({}));
    connection.call(READER, PROPOSE, &json!({ "invoice_id": "INV-1", "late_fee_cents": 0 }));
    server.signal("TERM");
    assert_eq!(server.wait(), 0, "{}", server.stderr());

    let log = server.stderr();
    let lines: Vec<Json> = log.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    for line in &lines {
        assert!(["timestamp", "level", "message"].iter().all(|name| line[name].is_string()), "{line}");
    }
    let of = |request: &Json| {
        let line = lines.iter().find(|line| line["request_id"] == *request).expect("a line of the request");
        assert_eq!([&line["message"], &line["tool"], &line["outcome"]], ["call", INSPECT, "OK"], "{line}");
        assert_eq!(
            [&line["credential"], &line["tenant"], &line["principal"]],
            ["acme", "acme", "acme.agent"],
            "{line}"
        );
        assert!(line["took_us"].is_number(), "{line}");
        line
    };
    assert_eq!([&of(&traced)["trace_id"], &of(&traced)["parent_id"]], [TRACE, PARENT]);
    for request in &untraced {
        assert_eq!([&of(request)["trace_id"], &of(request)["parent_id"]], [&Json::Null; 2]);
    }
    let refused =
        |line: &&Json| line["message"].as_str().is_some_and(|text| text.starts_with("a bearer token was refused"));
    assert_eq!(lines.iter().filter(refused).count(), 1, "{log}");
    let lacking = lines.iter().find(|line| line["tool"] == PROPOSE).expect("a line of what lacked a scope");
    assert_eq!([&lacking["outcome"], &lacking["principal"]], ["INSUFFICIENT_SCOPE", "reader.agent"], "{lacking}");
    for secret in [ACME, READER, "a-wrong-token", "acme-secret-note", "INV-1", "billing.db", "SELECT"] {
        assert!(!log.contains(secret), "the log tells of {secret}: {log}");
    }
}

#[test]
fn refusals_and_remarks_are_lines_of_json_too() {
    let world = World::new();
    world.env.write("synapsor.runner.json", "{}");
    let output = world.env.run(["--log-format", "json", "mcp", "serve"]);
    assert_eq!((output.status, output.stdout.as_str()), (2, ""));
    let lines: Vec<Json> =
        output.stderr.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    let last = lines.last().expect("a line");
    assert_eq!([&last["level"], &last["code"]], ["ERROR", "CONFIG_INVALID"], "{last}");
    assert!(last["message"].is_string() && last["fix"].is_string(), "{last}");
}
