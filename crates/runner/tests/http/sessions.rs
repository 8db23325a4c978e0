//! Sessions of the older revisions: whose they are, how many, and how long.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;
use synapsor_testkit::http::legacy;
use synapsor_testkit::stdio::LEGACY;

use crate::world::{ACME, GLOBEX, INSPECT, World, begin, in_session};

#[test]
fn a_session_is_its_principals_alone() {
    let world = World::new();
    let server = world.serve(&[]);
    let mut connection = server.connect();
    let session = begin(&mut connection, ACME);
    let (acme, globex) = (format!("Bearer {ACME}"), format!("Bearer {GLOBEX}"));
    let call = legacy(2, "tools/call", &json!({ "name": INSPECT, "arguments": { "invoice_id": "INV-1" } }));
    let own = connection.request("POST", "/mcp", &in_session(&acme, &session), &call);
    assert_eq!(own.json()["result"]["structuredContent"]["data"]["note"], json!("acme-secret-note"));

    let unknown = "00000000-0000-4000-8000-000000000000";
    for method in ["POST", "GET", "DELETE"] {
        let body = if method == "POST" { &call } else { "" };
        let foreign = connection.request(method, "/mcp", &in_session(&globex, &session), body);
        let missing = connection.request(method, "/mcp", &in_session(&globex, unknown), body);
        assert_eq!((foreign.status, &foreign.body), (404, &missing.body), "{method}");
        assert_eq!((missing.status, missing.body.contains("session_not_found")), (404, true), "{method}");
    }
    // Its owner can still use it, and end it.
    assert_eq!(connection.request("POST", "/mcp", &in_session(&acme, &session), &call).status, 200);
    assert_eq!(connection.request("DELETE", "/mcp", &in_session(&acme, &session), "").status, 202);
    assert_eq!(connection.request("POST", "/mcp", &in_session(&acme, &session), &call).status, 404);
    assert_eq!(connection.request("GET", "/healthz", &[], "").json()["sessions"], json!(0));
}

#[test]
fn there_are_only_so_many_sessions_and_a_quarter_is_left_to_others() {
    let world = World::with(|config| config["http"]["limits"] = json!({ "sessions": 4 }));
    let server = world.serve(&[]);
    let mut connection = server.connect();
    let _own: Vec<String> = (0..3).map(|_| begin(&mut connection, ACME)).collect();
    let client = json!({ "name": "testkit", "version": "1" });
    let params = json!({ "protocolVersion": LEGACY, "capabilities": {}, "clientInfo": client });
    let hello = legacy(1, "initialize", &params);
    let full = |reply: synapsor_testkit::http::Reply| {
        assert_eq!((reply.status, reply.header("retry-after")), (503, Some("60")), "{reply:?}");
        assert_eq!(reply.json()["error"], json!("too_many_sessions"));
    };
    let bearer = format!("Bearer {ACME}");
    full(connection.request("POST", "/mcp", &[("authorization", &bearer)], &hello));
    begin(&mut connection, GLOBEX);
    let bearer = format!("Bearer {GLOBEX}");
    full(connection.request("POST", "/mcp", &[("authorization", &bearer)], &hello));
    // The newest revision needs no session.
    assert_eq!(connection.call(ACME, INSPECT, &json!({ "invoice_id": "INV-1" })).status, 200);
}

#[test]
fn an_idle_session_ends() {
    let world = World::with(|config| config["http"]["limits"] = json!({ "idle_s": 1 }));
    let server = world.serve(&[]);
    let mut connection = server.connect();
    let session = begin(&mut connection, ACME);
    let started = Instant::now();
    while connection.request("GET", "/healthz", &[], "").json()["sessions"] != json!(0) {
        assert!(started.elapsed() < Duration::from_secs(30), "the session does not end");
        sleep(Duration::from_millis(50));
    }
    let bearer = format!("Bearer {ACME}");
    let list = legacy(2, "tools/list", &json!({}));
    assert_eq!(connection.request("POST", "/mcp", &in_session(&bearer, &session), &list).status, 404);
}

#[test]
fn a_session_that_does_not_begin_is_not_kept() {
    let world = World::new();
    let server = world.serve(&[]);
    let mut connection = server.connect();
    let bearer = format!("Bearer {ACME}");
    let hello = legacy(1, "initialize", &json!({ "protocolVersion": LEGACY }));
    for (name, value) in [("accept", "application/json"), ("content-type", "text/plain"), ("x-none", "")] {
        let reply = connection.request("POST", "/mcp", &[("authorization", &bearer), (name, value)], &hello);
        assert!((400..500).contains(&reply.status), "{reply:?}");
    }
    assert_eq!(connection.request("GET", "/healthz", &[], "").json()["sessions"], json!(0));
}
