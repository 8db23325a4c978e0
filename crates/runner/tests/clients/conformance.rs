//! The protocol's conformance suite against the server over HTTP, as it is shipped, on the billing example.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use synapsor_testkit::NODE_MODULES;
use synapsor_testkit::stdio::{LEGACY, MODERN};

use crate::world::billing;

const SUITE: &str = "@modelcontextprotocol/conformance/dist/index.js";

#[test]
fn the_revision_with_sessions() {
    conforms(LEGACY, 33);
}

#[test]
fn the_newest_revision() {
    conforms(MODERN, 40);
}

/// Runs every scenario of a revision, of which there are so many, and checks that exactly the expected checks fall short.
/// The suite itself fails on any other shortfall, a warning too, and on an expected one that did not happen.
#[track_caller]
fn conforms(revision: &str, scenarios: usize) {
    let mut env = billing();
    // The suite has no credential to send.
    let server = env.unset("SYNAPSOR_RUNNER_HTTP_TOKEN").spawn_http(["--dev-no-auth"]);
    // Without a record, reading one would not be looked at.
    let read = server.connect().call("", "billing.inspect_invoice", &json!({ "invoice_id": "INV-3001" }));
    assert_eq!(read.json()["result"]["isError"], json!(false), "{read:?}");

    let (file, expected) = expected(revision);
    let suite = PathBuf::from(std::env::var_os(NODE_MODULES).unwrap()).join(SUITE);
    let (url, file) = (format!("http://{}/mcp", server.address()), file.to_str().unwrap());
    let args = ["server", "--url", &url, "--suite", "all", "--spec-version", revision, "--expected-failures", file];
    let output = env.node_client(&suite, args);
    assert_eq!(output.status, 0, "{}{}", output.stdout, output.stderr);

    let lines = |start: &'static str| output.stdout.lines().filter_map(move |line| line.strip_prefix(start));
    let failed: BTreeSet<String> = lines("  ~ ").map(str::to_owned).collect();
    assert_eq!(failed, expected, "an expected check was not made: {}", output.stdout);
    let counts: Vec<&str> = lines("✓ ").chain(lines("✗ ")).collect();
    assert_eq!(counts.len(), scenarios, "{}", output.stdout);
    // A scenario that looked at nothing has not passed.
    assert!(counts.iter().all(|count| !count.contains(": 0 passed")), "{counts:?}");
}

/// The file of the checks that are expected to fall short, and what it names: each after a comment that says why.
#[track_caller]
fn expected(revision: &str) -> (PathBuf, BTreeSet<String>) {
    let name = format!("tests/clients/expected-failures-{revision}.yaml");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let named = lines.windows(2).filter_map(|pair| {
        let check = pair[1].strip_prefix("  - ")?;
        assert!(pair[0].starts_with("  # "), "`{check}` has no reason");
        Some(check.to_owned())
    });
    let named = named.collect();
    (file, named)
}
