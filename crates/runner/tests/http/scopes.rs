//! What a credential may be used for.

use serde_json::json;
use synapsor_testkit::http::{legacy, modern};
use synapsor_testkit::stdio::MODERN;

use crate::world::{ACME, INSPECT, PROPOSE, READER, World, begin, envelope, in_session};

#[test]
fn who_may_only_read_is_told_what_proposing_needs() {
    let world = World::new();
    let server = world.serve(&[]);
    let mut connection = server.connect();
    let read = envelope(&connection.call(READER, INSPECT, &json!({ "invoice_id": "INV-1" })));
    assert_eq!((&read["ok"], &read["_meta"]["principal"]), (&json!(true), &json!("reader.agent")));
    assert_eq!(read["_meta"]["provenance"], json!("http_token"));

    let arguments = json!({ "invoice_id": "INV-1", "late_fee_cents": 0 });
    let refused = connection.call(READER, PROPOSE, &arguments);
    assert_eq!((refused.status, refused.json()["error"].clone()), (403, json!("insufficient_scope")));
    let challenge = refused.header("www-authenticate").unwrap();
    assert_eq!(challenge, "Bearer error=\"insufficient_scope\", scope=\"propose\"");

    // In a session it is the same.
    let session = begin(&mut connection, READER);
    let bearer = format!("Bearer {READER}");
    let body = legacy(7, "tools/call", &json!({ "name": PROPOSE, "arguments": arguments }));
    assert_eq!(connection.request("POST", "/mcp", &in_session(&bearer, &session), &body).status, 403);

    let proposed = envelope(&connection.call(ACME, PROPOSE, &arguments));
    assert_eq!(proposed["proposal"]["state"], json!("review_required"));
}

#[test]
fn a_message_that_is_read_in_two_ways_opens_nothing() {
    let world = World::new();
    let server = world.serve(&[]);
    let mut connection = server.connect();
    let bearer = format!("Bearer {READER}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("mcp-protocol-version", MODERN),
        ("mcp-method", "tools/call"),
        ("mcp-name", PROPOSE),
    ];
    let arguments = json!({ "invoice_id": "INV-1", "late_fee_cents": 0 });
    let honest = modern("tools/call", &json!({ "name": PROPOSE, "arguments": arguments }));
    let tricks = [
        honest.replace("\"method\":\"tools/call\"", "\"method\":\"tools/call\",\"method\":\"ping\""),
        honest.replace("\"method\":\"tools/call\"", "\"method\":\"tools\\u002fcall\""),
        honest.replace(&format!("\"name\":\"{PROPOSE}\""), &format!("\"name\":\"{INSPECT}\",\"name\":\"{PROPOSE}\"")),
        format!("[{honest}]"),
        honest.replace("\"jsonrpc\":\"2.0\"", "\"jsonrpc\":\"2.0\",\"method\":\"ping\""),
    ];
    for trick in tricks {
        let reply = connection.request("POST", "/mcp", &headers, &trick);
        let said = format!("{reply:?}");
        assert!(!said.contains("review_required") && !said.contains("wrp_"), "{trick}: {said}");
    }
    let proposals = world.env.run(["proposals", "list", "--json"]);
    assert!(proposals.stdout.contains("[]"), "{}", proposals.stdout);
}
