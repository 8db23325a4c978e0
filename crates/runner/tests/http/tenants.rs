//! Two tenants on one server: nothing of one ever reaches the other.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::json;
use synapsor_testkit::http::{Connection, legacy, modern};
use synapsor_testkit::stdio::MODERN;

use crate::world::{ACME, GLOBEX, INSPECT, PROPOSE, World, begin, envelope, in_session};

const CALLERS: usize = 64;
const CALLS: usize = 10_000;

#[test]
fn ten_thousand_calls_of_two_tenants_never_cross() {
    let world = World::new();
    let server = world.serve(&[]);
    let done = AtomicUsize::new(0);
    thread::scope(|scope| {
        for number in 0..2 * CALLERS {
            let (own, foreign) = if number % 2 == 0 { (ACME, "globex") } else { (GLOBEX, "acme") };
            let (done, address) = (&done, server.address());
            scope.spawn(move || caller(address, (own, foreign), number / 2 % 2 == 0, done));
        }
    });
    assert!(done.load(Ordering::Relaxed) >= CALLS);
    let health = server.connect().request("GET", "/healthz", &[], "").json();
    assert_eq!(health["sessions"], json!(0), "sessions are left: {health}");
}

/// Calls until enough was called by everybody together: half of the callers in a session, half without.
fn caller(address: &str, (token, foreign): (&str, &str), in_a_session: bool, done: &AtomicUsize) {
    let mut connection = Connection::open(address);
    let bearer = format!("Bearer {token}");
    let session = in_a_session.then(|| begin(&mut connection, token));
    let arguments = json!({ "invoice_id": "INV-1" });
    let mut evidence = String::new();
    while done.fetch_add(1, Ordering::Relaxed) < CALLS {
        let reply = match &session {
            None => connection.call(token, INSPECT, &arguments),
            Some(id) => {
                let call = legacy(2, "tools/call", &json!({ "name": INSPECT, "arguments": arguments }));
                connection.request("POST", "/mcp", &in_session(&bearer, id), &call)
            }
        };
        let answer = envelope(&reply);
        assert_eq!(answer["ok"], json!(true), "{answer}");
        assert!(!reply.body.contains(foreign), "{} saw {}", token, reply.body);
        evidence = answer["evidence"]["bundle_id"].as_str().unwrap().to_owned();
    }
    // What it saw last is its own record.
    let uri = format!("synapsor://evidence/{evidence}");
    let read = modern("resources/read", &json!({ "uri": uri }));
    let headers = [
        ("authorization", bearer.as_str()),
        ("mcp-protocol-version", MODERN),
        ("mcp-method", "resources/read"),
        ("mcp-name", &uri),
    ];
    let own = connection.request("POST", "/mcp", &headers, &read);
    assert!(own.body.contains(&evidence) && !own.body.contains(foreign), "{own:?}");
    if let Some(id) = session {
        assert_eq!(connection.request("DELETE", "/mcp", &in_session(&bearer, &id), "").status, 202);
    }
}

#[test]
fn a_record_of_another_tenant_or_principal_looks_like_none() {
    let world = World::new();
    let server = world.serve(&[]);
    let mut connection = server.connect();
    let proposed = envelope(&connection.call(ACME, PROPOSE, &json!({ "invoice_id": "INV-1", "late_fee_cents": 0 })));
    let proposal = proposed["proposal"]["id"].as_str().unwrap().to_owned();
    let evidence = proposed["evidence"]["bundle_id"].as_str().unwrap().to_owned();
    let ask = |connection: &mut Connection, token: &str, method: &str, params: serde_json::Value| {
        let (bearer, name) = (format!("Bearer {token}"), params["uri"].as_str().unwrap_or_default().to_owned());
        let headers = [
            ("authorization", bearer.as_str()),
            ("mcp-protocol-version", MODERN),
            ("mcp-method", method),
            ("mcp-name", &name),
        ];
        let given = if name.is_empty() { &headers[..3] } else { &headers[..] };
        connection.request("POST", "/mcp", given, &modern(method, &params))
    };
    for (record, none) in [
        (format!("synapsor://proposals/{proposal}"), "synapsor://proposals/wrp_00000000000000000000"),
        (format!("synapsor://replay/replay_{proposal}"), "synapsor://replay/replay_wrp_00000000000000000000"),
        (format!("synapsor://evidence/{evidence}"), "synapsor://evidence/ev_00000000000000000000"),
    ] {
        let own = ask(&mut connection, ACME, "resources/read", json!({ "uri": record }));
        assert!(own.json()["result"].is_object(), "{own:?}");
        for other in [GLOBEX, crate::world::READER] {
            // What was asked for is all that may differ.
            let [foreign, missing] = [record.as_str(), none].map(|uri| {
                let mut error = ask(&mut connection, other, "resources/read", json!({ "uri": uri })).json();
                assert_eq!(error["error"]["data"]["uri"].take(), json!(uri));
                error
            });
            assert_eq!(foreign, missing, "{record}");
        }
    }
    for (token, listed) in [(ACME, true), (GLOBEX, false), (crate::world::READER, false)] {
        let list = ask(&mut connection, token, "resources/list", json!({}));
        assert_eq!(list.body.contains(&proposal), listed, "{list:?}");
    }
}
