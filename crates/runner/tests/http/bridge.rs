//! The JSON-RPC bridge: the reference program's shapes behind the same doors.

use serde_json::{Value as Json, json};
use synapsor_testkit::http::{Connection, HttpServer, Reply, legacy};

use crate::world::{ACME, GLOBEX, INSPECT, PROPOSE, READER, World};

fn serve(world: &World, command: &str) -> HttpServer {
    HttpServer::spawn(world.env.command(["mcp", command, "--port", "0"]))
}

fn ask(connection: &mut Connection, token: &str, body: &str) -> Reply {
    let bearer = format!("Bearer {token}");
    connection.request("POST", "/mcp", &[("authorization", &bearer)], body)
}

#[track_caller]
fn result(reply: &Reply, id: &Json) -> Json {
    let json = reply.json();
    assert_eq!((reply.status, &json["jsonrpc"], &json["id"]), (200, &json!("2.0"), id), "{reply:?}");
    assert!(json["error"].is_null(), "{json}");
    json["result"].clone()
}

#[test]
fn one_request_gets_one_answer_without_a_handshake() {
    let world = World::new();
    let server = serve(&world, "serve-bridge");
    assert!(server.stderr().contains("others should use `mcp serve-streamable-http`"), "{}", server.stderr());
    let mut connection = server.connect();
    let list = result(&ask(&mut connection, ACME, &legacy(1, "tools/list", &json!({}))), &json!(1));
    let tools = list["tools"].as_array().unwrap();
    assert_eq!(tools.iter().map(|tool| &tool["name"]).collect::<Vec<_>>(), [INSPECT, PROPOSE]);
    for tool in tools {
        assert_eq!(tool["inputSchema"]["type"], json!("object"), "no JSON Schema: {tool}");
        assert_eq!(tool["annotations"]["raw_sql_exposed"], json!(false));
        assert_eq!(tool["_meta"]["synapsor.model_controlled_tenant_authority"], json!(false));
    }
    // `args` is what the reference program's clients may say.
    for (word, id) in [("arguments", json!("a")), ("args", json!(7.5))] {
        let params = json!({ "name": INSPECT, word: { "invoice_id": "INV-1" } });
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params }).to_string();
        let called = result(&ask(&mut connection, ACME, &body), &id);
        assert_eq!(called["structuredContent"]["data"]["note"], json!("acme-secret-note"), "{called}");
    }
    let change = json!({ "name": PROPOSE, "arguments": { "invoice_id": "INV-1", "late_fee_cents": 0 } });
    let proposed = result(&ask(&mut connection, ACME, &legacy(3, "tools/call", &change)), &json!(3));
    let proposal = proposed["structuredContent"]["proposal"]["id"].as_str().unwrap().to_owned();
    let read = |connection: &mut Connection, token: &str, id: &str| {
        ask(connection, token, &legacy(4, "resources/read", &json!({ "uri": format!("synapsor://proposals/{id}") })))
    };
    let own = result(&read(&mut connection, ACME, &proposal), &json!(4));
    assert!(own["contents"][0]["text"].as_str().unwrap().contains(&proposal), "{own}");
    for token in [GLOBEX, READER] {
        let error = read(&mut connection, token, &proposal).json()["error"].clone();
        let none = read(&mut connection, token, "wrp_00000000000000000000").json()["error"].clone();
        assert_eq!([&error["code"], &error["message"]], [&none["code"], &none["message"]], "{error}");
    }
    // A model-supplied tenant is refused, not dropped.
    let foreign = json!({ "name": INSPECT, "arguments": { "invoice_id": "INV-1", "tenant_id": "globex" } });
    let refused = result(&ask(&mut connection, ACME, &legacy(5, "tools/call", &foreign)), &json!(5));
    assert_eq!((&refused["isError"], &refused["structuredContent"]["data"]), (&json!(true), &Json::Null), "{refused}");
    let audits = world.env.run(["query-audit", "list", "--json"]);
    assert!(audits.stdout.contains("acme.agent"), "{}", audits.stdout);
}

#[test]
fn what_is_no_request_is_answered_under_its_id() {
    let world = World::new();
    let server = serve(&world, "serve-bridge");
    let mut connection = server.connect();
    for (body, status, code, id) in [
        ("", 400, -32700, Json::Null),
        ("{", 400, -32700, Json::Null),
        ("[]", 400, -32600, Json::Null),
        ("7", 400, -32600, Json::Null),
        ("[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}]", 400, -32600, Json::Null),
        ("{\"jsonrpc\":\"2.0\",\"id\":9}", 400, -32600, json!(9)),
        ("{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"tools/list\"}", 400, -32600, Json::Null),
        ("{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"tools/list\",\"params\":[]}", 400, -32600, json!(9)),
        ("{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"initialize\"}", 200, -32601, json!(9)),
        ("{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"tools/call\",\"params\":{}}", 200, -32602, json!("x")),
        ("{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"resources/read\"}", 200, -32602, json!(9)),
    ] {
        let reply = ask(&mut connection, ACME, body);
        let json = reply.json();
        assert_eq!(
            (reply.status, &json["error"]["code"], &json["id"]),
            (status, &json!(code), &id),
            "{body}: {reply:?}"
        );
    }
    let unknown = legacy(1, "tools/call", &json!({ "name": "no.such_tool", "args": [] }));
    let unknown = result(&ask(&mut connection, ACME, &unknown), &json!(1));
    assert_eq!(unknown["isError"], json!(true), "{unknown}");
}

#[test]
fn its_doors_are_the_same() {
    let world = World::new();
    // Under the name that the reference program has for it.
    let mut server = serve(&world, "serve-http");
    let mut connection = server.connect();
    let list = legacy(1, "tools/list", &json!({}));
    let good = format!("Bearer {ACME}");
    let health = connection.request("GET", "/healthz", &[], "").json();
    assert_eq!(health, json!({ "ok": true, "transport": "http", "tools": 2, "mode": "review" }));
    assert_eq!(connection.request("GET", "/readyz", &[], "").status, 200);
    for (headers, status) in [
        (vec![], 401),
        (vec![("authorization", "Bearer wrong")], 401),
        (vec![("authorization", good.as_str()), ("host", "evil.example")], 403),
        (vec![("authorization", good.as_str()), ("origin", "http://evil.example")], 403),
    ] {
        let reply = connection.request("POST", "/mcp", &headers, &list);
        assert_eq!(reply.status, status, "{headers:?}: {reply:?}");
        assert!(!reply.body.contains("billing"), "{reply:?}");
    }
    for method in ["GET", "DELETE", "PUT"] {
        let reply = connection.request(method, "/mcp", &[("authorization", &good)], "");
        assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")), "{reply:?}");
        assert_eq!(reply.json(), json!({ "ok": false, "error": "method_not_allowed" }));
    }
    let change = json!({ "name": PROPOSE, "arguments": { "invoice_id": "INV-1", "late_fee_cents": 0 } });
    let refused = ask(&mut connection, READER, &legacy(2, "tools/call", &change));
    assert_eq!((refused.status, &refused.json()["error"]), (403, &json!("insufficient_scope")));
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(2 * 1024 * 1024));
    assert_eq!(ask(&mut server.connect(), ACME, &large).status, 413);
    // A session means nothing here.
    let headers = [("authorization", good.as_str()), ("mcp-session-id", "00000000-0000-4000-8000-000000000000")];
    assert_eq!(connection.request("POST", "/mcp", &headers, &list).status, 200);
    server.signal("TERM");
    assert_eq!(server.wait(), 0, "{}", server.stderr());
}
