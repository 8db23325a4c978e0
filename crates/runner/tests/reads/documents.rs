//! What a script reads.

use serde_json::Value as Json;

use super::world::World;

fn keys(document: &Json) -> Vec<&str> {
    document.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn lists_hold_what_shows_show() {
    let world = World::new();
    let check = |list: &str, key: &str, id: &str, show: &str| {
        let listed = world.json(list);
        assert_eq!(keys(&listed), [key]);
        let items = listed[key].as_array().unwrap();
        assert!(items.len() > 1, "{list}");
        for item in items {
            let id = item[id].as_str().map_or_else(|| item[id].to_string(), str::to_owned);
            let shown = world.json(&format!("{show} {id}"));
            assert_eq!(shown.get("proposal").unwrap_or(&shown), item, "{show} {id}");
        }
    };
    check("proposals list", "proposals", "proposal_id", "proposals show");
    check("evidence list", "evidence", "evidence_bundle_id", "evidence show");
    check("query-audit list", "query_audit", "audit_id", "query-audit show");
    check("receipts list", "receipts", "receipt_id", "receipts show");
}

#[test]
fn documents_have_the_keys_that_were_promised() {
    let world = World::new();
    let check = |command: &str, pointer: &str, expected: &[&str]| {
        let document = world.json(command);
        assert_eq!(keys(document.pointer(pointer).unwrap()), expected, "{command}");
    };
    let proposal = [
        "proposal_id",
        "proposal_version",
        "proposal_hash",
        "action",
        "state",
        "tenant_id",
        "principal",
        "capability",
        "business_object",
        "object_id",
        "source_kind",
        "source_id",
        "source_schema",
        "source_table",
        "source_database_mutated",
        "change_set",
        "created_at",
        "updated_at",
    ];
    check("proposals list", "/proposals/0", &proposal);
    let replay = [
        "replay_id",
        "proposal_id",
        "created_at",
        "state",
        "tenant_id",
        "principal",
        "capability",
        "business_object",
        "object_id",
    ];
    check("replay list", "/replays/0", &replay);
    let parts = ["replay_id", "proposal", "events", "receipts", "query_audit", "evidence", "generated_at"];
    check("replay latest", "", &parts);
    check("replay show latest", "/proposal", &proposal);
    let event = ["event_id", "proposal_id", "kind", "actor", "payload", "created_at"];
    check("events tail", "/events/0", &event);
    let receipt = [
        "receipt_id",
        "writeback_job_id",
        "proposal_id",
        "runner_id",
        "status",
        "idempotency_key",
        "source_database_mutated",
        "receipt",
        "created_at",
    ];
    check("receipts list", "/receipts/0", &receipt);
}

#[test]
fn the_newest_events_come_oldest_first() {
    let world = World::new();
    let ids = |command: &str| -> Vec<u64> {
        let document = world.json(command);
        document["events"].as_array().unwrap().iter().map(|event| event["event_id"].as_u64().unwrap()).collect()
    };
    assert_eq!(ids("events tail"), (1..=16).collect::<Vec<_>>());
    assert_eq!(ids("events tail --limit 3"), [14, 15, 16]);
    assert_eq!(ids("events tail --actor billing_lead"), [7, 14]);
    assert_eq!(ids("events tail --kind writeback_applied"), [9]);
    assert_eq!(ids(&format!("events tail --proposal {}", world.stale)), [11, 13, 14, 15, 16]);
    assert_eq!(ids("events tail --from 2999-01-01"), Vec::<u64>::new());
}

#[test]
fn activity_tells_each_record_once() {
    let world = World::new();
    let kinds = |filters: &str| -> Vec<String> {
        let document = world.json(&format!("activity search{filters}"));
        let told = document["interactions"].as_array().unwrap().iter();
        told.map(|one| format!("{} {} {}", one["kind"].as_str().unwrap(), one["query_audit_ids"], one["receipt_ids"]))
            .collect()
    };
    let (applied, stale) = ("proposal [3] [9]", "proposal [11] [16]");
    let reads = ["evidence [10] []", "evidence [6] []", "evidence [1] []"];
    assert_eq!(kinds(""), [stale, reads[0], reads[1], applied, reads[2]]);
    assert_eq!(kinds(" --limit 2"), [stale, reads[0]]);
    assert_eq!(kinds(" --state applied"), [applied]);
    assert_eq!(kinds(" --status conflict"), [stale]);
    assert_eq!(kinds(&format!(" --replay replay_{}", world.applied)), [applied]);
    assert_eq!(kinds(" --receipt 16"), [stale]);
    assert_eq!(kinds(" --receipt rct_000009"), [applied]);
    assert_eq!(kinds(" --capability billing.inspect_invoice"), reads);
    assert!(world.run("activity search --limit 2").stderr.contains("only the newest 2"));
    assert_eq!(world.run("activity search --limit 5").stderr, "");
    let read = world.json("evidence list --capability billing.inspect_invoice --limit 1");
    let read = read["evidence"][0]["evidence_bundle_id"].as_str().unwrap();
    assert_eq!(kinds(&format!(" --evidence {read}")), [reads[0]]);
    for nothing in [
        " --receipt 1".to_owned(),
        " --receipt 999".to_owned(),
        " --evidence ev_00000000000000000000".to_owned(),
        format!(" --evidence {}", world.applied),
        format!(" --replay {}", world.applied),
        " --replay replay_wrp_00000000000000000000".to_owned(),
        format!(" --proposal {} --receipt 16", world.applied),
        format!(" --proposal {} --evidence {read}", world.applied),
    ] {
        assert_eq!(kinds(&nothing), Vec::<String>::new(), "{nothing}");
    }
}
