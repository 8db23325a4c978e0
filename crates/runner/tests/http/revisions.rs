//! Every protocol revision on the one endpoint, and messages whose headers say something else.

use serde_json::{Value as Json, json};
use synapsor_testkit::http::{legacy, modern};
use synapsor_testkit::stdio::MODERN;

use crate::world::{ACME, INSPECT, PROPOSE, World, envelope};

#[test]
fn every_revision_is_served_side_by_side() {
    let world = World::new();
    let server = world.serve(&[]);
    let mut connection = server.connect();
    let bearer = format!("Bearer {ACME}");
    for revision in ["2025-06-18", "2025-11-25"] {
        let client = json!({ "name": "testkit", "version": "1" });
        let params = json!({ "protocolVersion": revision, "capabilities": {}, "clientInfo": client });
        let hello =
            connection.request("POST", "/mcp", &[("authorization", &bearer)], &legacy(1, "initialize", &params));
        assert_eq!(hello.json()["result"]["protocolVersion"], json!(revision), "{hello:?}");
        let session = hello.header("mcp-session-id").expect("a session").to_owned();
        let headers =
            [("authorization", bearer.as_str()), ("mcp-session-id", &session), ("mcp-protocol-version", revision)];
        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string();
        assert_eq!(connection.request("POST", "/mcp", &headers, &ready).status, 202);
        let list = connection.request("POST", "/mcp", &headers, &legacy(2, "tools/list", &json!({}))).json();
        let names: Vec<_> = list["result"]["tools"].as_array().unwrap().iter().map(|tool| &tool["name"]).collect();
        assert_eq!(names, [INSPECT, PROPOSE], "{revision}");
        assert_eq!(list["result"]["resultType"], Json::Null, "only the newest revision has that; {revision}: {list}");
        let call = legacy(3, "tools/call", &json!({ "name": INSPECT, "arguments": { "invoice_id": "INV-1" } }));
        assert_eq!(envelope(&connection.request("POST", "/mcp", &headers, &call))["ok"], json!(true));
    }
    let headers =
        [("authorization", bearer.as_str()), ("mcp-protocol-version", MODERN), ("mcp-method", "server/discover")];
    let discovered = connection.request("POST", "/mcp", &headers, &modern("server/discover", &json!({}))).json();
    let result = &discovered["result"];
    assert_eq!(result["supportedVersions"], json!(["2025-06-18", "2025-11-25", "2026-07-28"]), "{discovered}");
    assert_eq!(result["resultType"], json!("complete"));
    let list = modern("tools/list", &json!({}));
    let headers = [headers[0], headers[1], ("mcp-method", "tools/list")];
    let list = connection.request("POST", "/mcp", &headers, &list).json();
    assert_eq!(list["result"]["resultType"], json!("complete"), "{list}");
    assert!(list["result"]["ttlMs"].is_number() && list["result"]["cacheScope"].is_string(), "{list}");
}

#[test]
fn a_message_and_its_headers_say_the_same() {
    let world = World::new();
    let server = world.serve(&[]);
    let mut connection = server.connect();
    let bearer = format!("Bearer {ACME}");
    let call = modern("tools/call", &json!({ "name": INSPECT, "arguments": { "invoice_id": "INV-1" } }));
    let right = [("mcp-protocol-version", MODERN), ("mcp-method", "tools/call"), ("mcp-name", INSPECT)];
    let with =
        |name: &'static str, value: &'static str| right.map(|own| if own.0 == name { (name, value) } else { own });
    let without = |name: &str| right.into_iter().filter(|own| own.0 != name).collect::<Vec<_>>();
    let older = call.replace(MODERN, "2025-11-25");
    let future = call.replace(MODERN, "2099-01-01");
    let unknown = modern("tools/destroy", &json!({}));
    let bare = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": INSPECT } }).to_string();
    let cases = [
        ("another method", &call, with("mcp-method", "tools/list").to_vec(), 400, -32020),
        ("another name", &call, with("mcp-name", PROPOSE).to_vec(), 400, -32020),
        ("no method", &call, without("mcp-method"), 400, -32020),
        ("no name", &call, without("mcp-name"), 400, -32020),
        ("another revision", &older, right.to_vec(), 400, -32020),
        ("a revision of the future", &future, with("mcp-protocol-version", "2099-01-01").to_vec(), 400, -32022),
        ("no such method", &unknown, vec![right[0], ("mcp-method", "tools/destroy")], 404, -32601),
        ("no _meta", &bare, right.to_vec(), 400, -32602),
    ];
    for (what, body, mut headers, status, code) in cases {
        headers.push(("authorization", &bearer));
        let reply = connection.request("POST", "/mcp", &headers, body);
        assert_eq!((reply.status, &reply.json()["error"]["code"]), (status, &json!(code)), "{what}: {reply:?}");
        assert!(!reply.body.contains("acme-secret-note"), "{what}: {reply:?}");
    }
    let mut headers = right.to_vec();
    headers.push(("authorization", &bearer));
    assert_eq!(envelope(&connection.request("POST", "/mcp", &headers, &call))["ok"], json!(true));
}
