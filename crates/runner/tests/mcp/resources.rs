//! Records as resources: only one's own, and only what the tools have shown.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use synapsor_testkit::stdio::StdioClient;

use crate::world::{HIDDEN, World, envelope};

pub(crate) fn read(client: &mut StdioClient, uri: &str) -> Result<Json, Json> {
    let result = client.request("resources/read", json!({ "uri": uri }))?;
    let content = &result["contents"][0];
    assert_eq!((&content["uri"], &content["mimeType"]), (&json!(uri), &json!("application/json")));
    Ok(serde_json::from_str(content["text"].as_str().unwrap()).unwrap())
}

/// Proposes a change that touches a hidden column; returns the proposal's and the evidence bundle's id.
pub(crate) fn propose(client: &mut StdioClient) -> (String, String) {
    let arguments = json!({"invoice_id": "INV-1", "late_fee_cents": 0, "reason": "goodwill"});
    let result = client.call_tool("billing.propose_late_fee", arguments);
    let envelope = envelope(&result);
    let text = |json: &Json| json.as_str().unwrap().to_owned();
    (text(&envelope["proposal"]["id"]), text(&envelope["evidence"]["bundle_id"]))
}

#[test]
fn templates_name_the_three_kinds() {
    let world = World::new();
    let mut client = world.serve(&[]);
    let list = client.request("resources/templates/list", json!({})).unwrap();
    insta::assert_snapshot!("templates", serde_json::to_string_pretty(&list["resourceTemplates"]).unwrap());
}

#[test]
fn a_record_shows_its_owner_what_the_tools_have_shown() {
    let world = World::new();
    let mut client = world.serve(&[]);
    let (proposal, evidence) = propose(&mut client);
    let replay = format!("replay_{proposal}");
    let uris = [
        format!("synapsor://proposals/{proposal}"),
        format!("synapsor://evidence/{evidence}"),
        format!("synapsor://replay/{replay}"),
        format!("synapsor://replay/{proposal}"),
    ];
    let records: Vec<Json> = uris.iter().map(|uri| read(&mut client, uri).unwrap()).collect();
    let (one, bundle, whole) = (&records[0], &records[1], &records[2]);
    assert_eq!(one["proposal"]["state"], json!("pending_review"));
    assert_eq!(one["proposal"]["change_set"]["before"]["waiver_reason"], json!("[not visible]"));
    assert_eq!(one["proposal"]["change_set"]["patch"]["waiver_reason"], json!("goodwill"));
    assert_eq!(one["events"][0]["kind"], json!("proposal_created"));
    assert_eq!(one["receipts"], json!([]));
    assert_eq!(bundle["items"][0]["item"]["visible_row"]["late_fee_cents"], json!(5500));
    assert_eq!(whole["replay_id"], json!(replay));
    assert_eq!(whole["evidence"][0]["evidence_bundle_id"], json!(evidence));
    assert_eq!(records[3]["replay_id"], json!(replay));
    for (uri, record) in uris.iter().zip(&records) {
        let text = record.to_string();
        let home = world.env.work_dir().display().to_string();
        for secret in [HIDDEN, "sha256:", "\"mac\"", "\"exact\"", "SELECT", "Northwind", &home, "BILLING_URL"] {
            assert!(!text.contains(secret), "{uri} shows `{secret}`: {text}");
        }
    }
}

#[test]
fn an_applied_proposal_shows_its_receipt() {
    let world = World::new();
    let mut client = world.serve(&[]);
    let (proposal, _) = propose(&mut client);
    world.sql(&world.env.run(["writeback", "migration", "--engine", "sqlite"]).stdout);
    for args in
        [vec!["proposals", "approve", &proposal, "--yes", "--reason", "known customer"], vec!["apply", &proposal]]
    {
        let output = world.env.run(&args);
        assert_eq!(output.status, 0, "{args:?}: {}{}", output.stdout, output.stderr);
    }
    let record = read(&mut client, &format!("synapsor://proposals/{proposal}")).unwrap();
    assert_eq!(record["proposal"]["state"], json!("applied"));
    assert_eq!(record["receipts"][0]["status"], json!("applied"));
    let kinds: Vec<&str> =
        record["events"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["proposal_created", "proposal_approved", "proposal_pending_worker", "writeback_applied"]);
    assert_eq!(record["events"][1]["payload"]["reason"], json!("known customer"));
    assert!(!record.to_string().contains(HIDDEN) && !record.to_string().contains("sha256:"), "{record}");
}

#[test]
fn recent_records_are_listed_in_pages() {
    let world = World::new();
    let mut client = world.serve(&[]);
    let (proposal, _) = propose(&mut client);
    for _ in 0..119 {
        envelope(&client.call_tool("support.inspect_ticket", json!({"ticket_id": "T-1"})));
    }
    let (mut pages, mut cursor, mut uris) = (0, Json::Null, Vec::new());
    loop {
        let params = if cursor.is_null() { json!({}) } else { json!({ "cursor": cursor }) };
        let page = client.request("resources/list", params).unwrap();
        uris.extend(page["resources"].as_array().unwrap().iter().map(|it| it["uri"].as_str().unwrap().to_owned()));
        pages += 1;
        cursor = page["nextCursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    let distinct: BTreeSet<&String> = uris.iter().collect();
    // One proposal with its evidence, and the reads.
    assert_eq!((pages, uris.len(), distinct.len()), (3, 121, 121));
    assert!(uris.contains(&format!("synapsor://proposals/{proposal}")));
    for uri in [&uris[0], &uris[60], &uris[120]] {
        read(&mut client, uri).unwrap();
    }
}

#[test]
fn a_ledger_that_is_gone_is_temporarily_unavailable() {
    let world = World::new();
    let mut client = world.serve(&[]);
    let (proposal, _) = propose(&mut client);
    for suffix in ["", "-wal", "-shm"] {
        let _not_all_are_there = std::fs::remove_file(world.env.path(format!(".synapsor/local.db{suffix}")));
    }
    let result = client.call_tool("billing.inspect_invoice", json!({"invoice_id": "INV-1"}));
    assert_eq!(envelope(&result)["error"]["code"], json!("TEMPORARILY_UNAVAILABLE"));
    let error = read(&mut client, &format!("synapsor://proposals/{proposal}")).unwrap_err();
    assert_eq!(error["code"], json!(-32603));
    assert_eq!(error["data"], json!({"code": "TEMPORARILY_UNAVAILABLE", "retryable": true}));
    let folder = world.env.work_dir().display().to_string();
    assert!(!error.to_string().contains(&folder) && !error.to_string().contains("local.db"), "{error}");
}
