//! How serving begins and ends: the lease, the client that leaves, and the signals.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use synapsor_testkit::database::Session;
use synapsor_testkit::stdio::LEGACY;

use crate::world::{World, block_on, envelope, refused};

const LEASE: &str = ".synapsor/local.db.lease.json";

#[test]
fn every_way_to_end_is_clean() {
    let world = World::new();
    for how in ["eof", "INT", "TERM", "eof at once", "TERM at once"] {
        let mut client = world.spawn(&[]);
        if !how.ends_with("at once") {
            client.initialize(LEGACY);
            envelope(&client.call_tool("billing.inspect_invoice", json!({"invoice_id": "INV-1"})));
            let lease: Json = serde_json::from_str(&world.env.read(LEASE)).unwrap();
            assert_eq!(lease["pid"], json!(client.pid()), "{how}");
            assert_eq!(lease["transport"], json!("stdio"), "{how}");
        } else {
            wait_for_lease(&world);
        }
        match how.split(' ').next() {
            Some("eof") => client.close_stdin(),
            Some(signal) => client.signal(signal),
            None => {}
        }
        let output = client.wait();
        assert_eq!(output.status, 0, "{how}: {}", output.stderr);
        assert_eq!(output.stdout, "", "{how}");
        assert_eq!(output.stderr, "", "{how}");
        assert!(!world.env.path(LEASE).exists(), "{how}: the lease is still there");
    }
}

fn wait_for_lease(world: &World) {
    let started = Instant::now();
    while !world.env.path(LEASE).exists() {
        assert!(started.elapsed() < Duration::from_secs(10), "no lease");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn requests_that_arrived_before_the_end_are_answered() {
    let world = World::new();
    let mut client = world.serve(&[]);
    let call = json!({"name": "billing.inspect_invoice", "arguments": {"invoice_id": "INV-1"}});
    let sent: Vec<u64> = (0..20).map(|_| client.send("tools/call", call.clone())).collect();
    client.close_stdin();
    for id in sent {
        envelope(&client.answer(id).unwrap());
    }
    assert_eq!(client.wait().status, 0);
}

#[test]
fn a_call_in_flight_may_finish_after_a_signal() {
    let world = World::new();
    let mut client = world.serve(&[]);
    envelope(&client.call_tool("billing.inspect_invoice", json!({"invoice_id": "INV-1"})));
    let url = format!("sqlite:{}", world.env.path("billing.db").display());
    let lock = block_on(async {
        let session = Session::open(&url).await;
        session.execute("BEGIN EXCLUSIVE").await.unwrap();
        session
    });
    let call = json!({"name": "billing.inspect_invoice", "arguments": {"invoice_id": "INV-1"}});
    let id = client.send("tools/call", call);
    std::thread::sleep(Duration::from_millis(200));
    client.signal("TERM");
    // The lock is never given up: the call ends by its own time limit.
    refused(&client.answer(id).unwrap(), "TEMPORARILY_UNAVAILABLE");
    let output = client.wait();
    assert_eq!(output.status, 0, "{}", output.stderr);
    drop(lock);
}

#[test]
fn a_client_that_stops_reading_ends_the_session() {
    let world = World::new();
    let mut command = world.env.command(["mcp", "serve"]);
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut server = command.spawn().unwrap();
    drop(server.stdout.take());
    let mut stdin = server.stdin.take().unwrap();
    use std::io::Write as _;
    let line = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string();
    let started = Instant::now();
    while server.try_wait().unwrap().is_none() {
        assert!(started.elapsed() < Duration::from_secs(20), "the server talks to nobody");
        let _it_may_have_ended = stdin.write_all(format!("{line}\n").as_bytes());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(server.wait().unwrap().success());
}

#[test]
fn one_ledger_has_one_server() {
    let world = World::new();
    let mut first = world.serve(&[]);
    let second = world.env.run(["mcp", "serve"]);
    assert_eq!(second.status, 4, "{}", second.stderr);
    assert!(second.stderr.contains("STORE_IN_USE") || second.stderr.contains("another server"), "{}", second.stderr);
    assert!(second.stderr.contains(&first.pid().to_string()) && second.stderr.contains("--allow-concurrent-store"));
    let mut third = world.serve(&["--allow-concurrent-store"]);
    for client in [&mut first, &mut third] {
        envelope(&client.call_tool("billing.inspect_invoice", json!({"invoice_id": "INV-1"})));
    }
    third.close_stdin();
    assert_eq!(third.wait().status, 0);
    assert!(world.env.path(LEASE).exists(), "the lease is the first server's");
    first.signal("KILL");
    assert_ne!(first.wait().status, 0);
    // A killed server holds nothing.
    let mut fourth = world.serve(&[]);
    envelope(&fourth.call_tool("billing.inspect_invoice", json!({"invoice_id": "INV-1"})));
}
