//! What operators look at: health, readiness, metrics.

use std::fs;

use serde_json::json;
use synapsor_testkit::http::Connection;

use crate::world::{ACME, INSPECT, PROPOSE, World, begin};

#[test]
fn readiness_tells_which_kind_of_store_does_not_work() {
    let world = World::new();
    let server = world.serve(&[]);
    let ready = || server.connect().request("GET", "/readyz", &[], "");
    assert_eq!((ready().status, ready().json()), (200, json!({ "ok": true })));
    fs::remove_file(world.env.path(".synapsor/local.db")).unwrap();
    let started = std::time::Instant::now();
    while ready().status == 200 {
        assert!(started.elapsed().as_secs() < 30, "it stays ready without a ledger");
    }
    assert_eq!((ready().status, ready().json()), (503, json!({ "ok": false, "error": "ledger" })));
    // Whoever watches only whether the process lives is told that it does.
    assert_eq!(server.connect().request("GET", "/healthz", &[], "").status, 200);
    // And nobody gets a row that could not be recorded.
    let reply = server.connect().call(ACME, INSPECT, &json!({ "invoice_id": "INV-1" }));
    assert!(!reply.body.contains("acme-secret-note"), "{reply:?}");
    assert!(!reply.body.contains("local.db"), "{reply:?}");
}

#[test]
fn metrics_count_calls_answers_and_sessions() {
    let world = World::new();
    let mut server = world.serve(&["--metrics", "127.0.0.1:0"]);
    let said = server.until_said("metrics are shown at ");
    let url =
        said.split("metrics are shown at http://").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap();
    let metrics = url.strip_suffix("/metrics").unwrap();
    let mut connection = server.connect();
    begin(&mut connection, ACME);
    for _ in 0..3 {
        connection.call(ACME, INSPECT, &json!({ "invoice_id": "INV-1" }));
    }
    connection.call(ACME, INSPECT, &json!({ "invoice_id": "no-such-row" }));
    connection.call(ACME, PROPOSE, &json!({ "invoice_id": "INV-1", "late_fee_cents": 1 }));
    // A name that a model makes up does not become a series.
    connection.call(ACME, "made.up_name", &json!({}));
    connection.call("a-wrong-token", INSPECT, &json!({}));
    let text = Connection::open(metrics).request("GET", "/metrics", &[], "").body;
    for (name, labels, value) in [
        ("synapsor_calls_total", &["tool=\"billing.inspect_invoice\"", "outcome=\"OK\""][..], "3"),
        ("synapsor_calls_total", &["tool=\"billing.inspect_invoice\"", "outcome=\"NOT_FOUND_IN_TENANT\""], "1"),
        ("synapsor_calls_total", &["tool=\"billing.propose_late_fee\"", "outcome=\"OK\""], "1"),
        ("synapsor_call_duration_seconds_count", &["tool=\"billing.propose_late_fee\""], "1"),
        ("synapsor_http_responses_total", &["status=\"401\""], "1"),
        ("synapsor_sessions", &[], "1"),
        ("synapsor_calls_running", &[], "0"),
    ] {
        let line = text.lines().find(|line| {
            let (series, _) = line.rsplit_once(' ').unwrap_or_default();
            series.split('{').next() == Some(name) && labels.iter().all(|label| series.contains(label))
        });
        assert_eq!(line.and_then(|line| line.rsplit(' ').next()), Some(value), "{name} {labels:?} in\n{text}");
    }
    for secret in ["made.up_name", "acme", "INV-1", "note"] {
        assert!(!text.contains(secret), "metrics tell of {secret}:\n{text}");
    }
    // They are shown nowhere else, and nothing else is shown there.
    assert_eq!(connection.request("GET", "/metrics", &[], "").status, 404);
    assert_eq!(Connection::open(metrics).request("POST", "/mcp", &[], "{}").status, 404);
}
