//! Looking after the ledger's file.

use serde_json::json;
use synapsor_testkit::stdio::LEGACY;

use super::world::{STORE, World};

#[test]
fn stats_count() {
    let world = World::new();
    let stats = world.json("store stats");
    let counts = ["proposals", "evidence_bundles", "query_audit", "writeback_receipts", "approvals", "events"];
    assert_eq!(counts.map(|key| stats[key].as_u64().unwrap()), [2, 5, 5, 2, 2, 16]);
    assert_eq!(
        stats["approx_bytes"],
        json!(stats["page_count"].as_u64().unwrap() * stats["page_size"].as_u64().unwrap())
    );
    let size = world.json("store vacuum");
    assert!(size["after"].as_u64().unwrap() <= size["before"].as_u64().unwrap(), "{size}");
    assert!(world.text("store stats", 0).contains("Proposals: 2\n"));
}

#[test]
fn a_backup_is_whole_and_a_change_shows() {
    let world = World::new();
    let backup = world.json("store backup --output copy.db");
    let sound = world.json("store verify --store copy.db");
    assert_eq!((&sound["ok"], &sound["head"]), (&json!(true), &backup["head"]));
    assert_eq!(world.run("store backup --output copy.db").status, 2);
    assert!(world.text("store verify", 0).contains("self-consistent only"));

    world.sql(
        "copy.db",
        "DROP TRIGGER ledger_events_fixed; UPDATE ledger_events SET body = replace(body, 'billing_lead', 'somebody') WHERE event_id = 7;",
    );
    let text = world.text("store verify --store copy.db", 1);
    assert!(text.contains("event 7") && text.contains("the event's body was changed"), "{text}");
    let flawed = world.run("store verify --store copy.db --json");
    assert_eq!((flawed.status, &flawed.json()["ok"]), (1, &json!(false)));
    let read = world.run(&format!("replay {} --store copy.db", world.applied));
    assert_eq!(read.status, 1);
    assert!(read.stderr.contains("STORE_CORRUPT"), "{}", read.stderr);
    world.text("store reset --yes --store copy.db", 0);
    assert!(!world.env.path("copy.db").exists());
}

#[test]
fn a_reset_removes_the_ledger_and_nothing_else() {
    let world = World::new();
    let source = std::fs::read(world.env.path("synapsor-demo/billing.db")).unwrap();
    let asked = world.run("store reset");
    assert_eq!(asked.status, 2);
    assert!(asked.stderr.contains("--yes"), "{}", asked.stderr);
    let memory = world.run("store reset --yes --store :memory:");
    assert_eq!(memory.status, 2, "{}", memory.stderr);
    for other in ["synapsor-demo/billing.db", "synapsor-demo/synapsor.runner.json", "synapsor-demo"] {
        let refused = world.run(&format!("store reset --yes --force --store {other}"));
        assert_eq!(refused.status, 1, "{other}");
        assert!(world.env.path(other).exists(), "{other}");
    }
    let there: Vec<String> = ["", "-wal", "-shm", ".lease.json"]
        .map(|suffix| world.env.path(format!("{STORE}{suffix}")))
        .iter()
        .filter(|path| path.exists())
        .map(|path| path.display().to_string())
        .collect();
    let reset = world.json("store reset --yes");
    assert_eq!(reset["removed"], json!(there));
    assert_eq!((&reset["ok"], &reset["source_database_changed"]), (&json!(true), &json!(false)));
    assert!(!world.env.path(STORE).exists());
    assert_eq!(std::fs::read(world.env.path("synapsor-demo/billing.db")).unwrap(), source);
    assert_eq!(world.json("store reset --yes")["removed"], json!([]));
    assert_eq!(world.run("proposals list").status, 1);
}

#[test]
fn a_servers_ledger_is_not_reset() {
    let world = World::new();
    let mut server = world.env.spawn_stdio(["mcp", "serve"]);
    server.initialize(LEGACY);
    let refused = world.run("store reset --yes");
    assert_eq!(refused.status, 4);
    for part in ["STORE_IN_USE", "stdio", &server.pid().to_string(), "--force"] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    assert!(world.env.path(STORE).exists());
    let forced = world.run("store reset --yes --force --json");
    assert!(forced.stderr.contains("warning") && forced.stderr.contains("stdio"), "{}", forced.stderr);
    let removed = forced.json()["removed"].clone();
    assert!(removed[0].as_str().unwrap().ends_with("local.db"), "{removed}");
    assert!(!removed.to_string().contains("lease.json"), "{removed}");
    assert!(!world.env.path(STORE).exists());
    server.close_stdin();
    let _ended = server.wait();
}
