//! What the server needs before it serves anybody.

use serde_json::json;
use synapsor_testkit::env::Output;

use crate::world::{ACME, INSPECT, World, config, envelope};

fn start(world: &World, args: &[&str]) -> Output {
    let all = ["mcp", "serve", "--transport", "streamable-http", "--port", "0"];
    world.env.run(all.iter().chain(args))
}

#[track_caller]
fn stopped(output: &Output, status: i32, code: &str) {
    assert_eq!(output.status, status, "{output:?}");
    assert!(output.stderr.contains(code) && output.stderr.contains("help: "), "{}", output.stderr);
    assert!(!output.stderr.contains(ACME), "a token is shown: {}", output.stderr);
}

#[test]
fn nothing_is_served_that_is_not_safe() {
    let open = |config: &mut serde_json::Value| {
        config["http"] = json!({});
        config["trusted_context"] = json!({
            "provider": "static_dev",
            "values": { "tenant_id": "acme", "principal": "dev" },
        });
    };
    let world = World::with(open);
    stopped(&start(&world, &[]), 2, "HTTP_AUTH_TOKEN_MISSING");
    stopped(&start(&world, &["--dev-no-auth", "--host", "0.0.0.0"]), 4, "HTTP_DEV_NO_AUTH_UNSAFE_HOST");
    let mut world = World::with(open);
    world.env.set("SYNAPSOR_RUNNER_HTTP_TOKEN", "one-token-for-all");
    stopped(&start(&world, &["--host", "0.0.0.0"]), 4, "HTTP_CLEARTEXT_UNSAFE_HOST");
    stopped(&start(&world, &["--host", "192.0.2.1", "--behind-tls-proxy"]), 1, "ADDRESS_UNAVAILABLE");
    stopped(&start(&world, &["--host", "no.such.host.invalid", "--behind-tls-proxy"]), 1, "ADDRESS_UNAVAILABLE");
    world.env.set("SYNAPSOR_RUNNER_HTTP_TOKEN", "with space");
    stopped(&start(&world, &[]), 2, "CREDENTIAL_INVALID");

    // A token that stands for two would give one of them the other's rows.
    let mut world = World::new();
    world.env.set("GLOBEX_TOKEN", ACME);
    stopped(&start(&world, &[]), 2, "CREDENTIAL_INVALID");
    world.env.unset("GLOBEX_TOKEN");
    stopped(&start(&world, &[]), 2, "CREDENTIAL_MISSING");
    // Nor can one that stands for nobody be used where clients must prove somebody.
    let mut world = World::new();
    world.env.set("SYNAPSOR_RUNNER_HTTP_TOKEN", "one-token-for-all");
    stopped(&start(&world, &[]), 2, "CONFIG_INVALID");
    world.env.unset("SYNAPSOR_RUNNER_HTTP_TOKEN");
    stopped(&start(&world, &["--dev-no-auth"]), 2, "CONFIG_INVALID");
    // On stdin nobody proves anything.
    stopped(&world.env.run(["mcp", "serve"]), 2, "TRUSTED_CONTEXT_MISSING");
    let called = world.env.run(["smoke", "call", INSPECT, "--json", r#"{"invoice_id":"INV-1"}"#]);
    assert!(called.stderr.contains("call it over HTTP"), "{called:?}");
    stopped(&world.env.run(["mcp", "serve", "--port", "1"]), 2, "USAGE");
}

#[test]
fn a_port_and_a_ledger_are_one_servers() {
    let world = World::new();
    let server = world.serve(&[]);
    stopped(&start(&world, &[]), 4, "STORE_IN_USE");
    let port = server.address().rsplit(':').next().unwrap();
    let other = ["mcp", "serve-streamable-http", "--store", "other.db", "--port", port];
    stopped(&world.env.run(other), 1, "ADDRESS_UNAVAILABLE");
    let lease = world.env.read(".synapsor/local.db.lease.json");
    assert!(lease.contains("streamable-http"), "{lease}");
}

#[test]
fn a_token_of_the_whole_server_is_served_as_the_contexts_say() {
    let mut world = World::with(|config| {
        config["trusted_context"] = json!({ "provider": "environment" });
    });
    world
        .env
        .set("SYNAPSOR_TENANT_ID", "globex")
        .set("SYNAPSOR_PRINCIPAL", "whole.server")
        .set("MY_TOKEN", "one-token-for-all");
    let server = world.serve(&["--auth-token-env", "MY_TOKEN"]);
    let mut connection = server.connect();
    let read = envelope(&connection.call("one-token-for-all", INSPECT, &json!({ "invoice_id": "INV-1" })));
    assert_eq!(read["_meta"]["tenant_id"], json!("globex"));
    assert_eq!(read["_meta"]["provenance"], json!("environment"));
    // A token that stands for somebody is theirs, whatever the environment says.
    let read = envelope(&connection.call(ACME, INSPECT, &json!({ "invoice_id": "INV-1" })));
    assert_eq!((&read["_meta"]["tenant_id"], &read["data"]["note"]), (&json!("acme"), &json!("acme-secret-note")));
    let audits = world.env.run(["query-audit", "list", "--json"]);
    for principal in ["whole.server", "acme.agent"] {
        assert!(audits.stdout.contains(principal), "{}", audits.stdout);
    }
}

#[test]
fn the_address_comes_from_the_configuration_and_the_command_line_wins() {
    let world = World::with(|config| {
        config["http"]["host"] = json!("localhost");
        config["http"]["port"] = json!(1);
    });
    let server = world.serve(&[]);
    assert!(!server.address().ends_with(":1"), "{}", server.address());
    assert_eq!(config()["http"]["host"], json!(null));
}
