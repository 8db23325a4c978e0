//! What is recorded of a proposal: once, in order, the same in every record, and nothing of what never was one.

use serde_json::{Value, json};
use synapsor_testkit::database::Engine;

use super::{WAIVER, billing_with, capability, change_config, inspect, propose, state};
use crate::stage::{Stage, billing, id_of};

fn deduplicated(envelope: &Value) -> (String, bool) {
    assert_eq!(envelope["ok"], json!(true), "{envelope}");
    (id_of(envelope), envelope["proposal"]["deduplicated"] == json!(true))
}

/// Weakness 10: the same change proposed again was an internal error, for ever, also after a person had said no.
#[tokio::test]
async fn weakness_10_a_change_proposed_again_is_the_same_proposal_until_that_has_ended() {
    for engine in Engine::ALL {
        let stage = billing(engine).await;
        let again = || deduplicated(&stage.propose("INV-3001", "goodwill"));
        let (first, known) = again();
        assert!(!known, "{engine:?}");
        assert_eq!(again(), (first.clone(), true), "{engine:?}: while it waits");
        stage.run(["proposals", "reject", &first, "--reason", "not now", "--yes"]).expect(0);
        let (second, known) = again();
        assert_eq!((second == first, known), (false, false), "{engine:?}: after a no");
        stage.run(["proposals", "approve", &second, "--yes"]).expect(0);
        assert_eq!(again(), (second.clone(), true), "{engine:?}: while it is approved");
        stage.run(["apply", &second]).expect(0);
        let (third, known) = again();
        assert_eq!((third == second, known), (false, false), "{engine:?}: after it was applied");
        // The row is another one by now, though the change is the same.
        stage.db.execute("UPDATE invoices SET late_fee_cents = 7 WHERE id = 'INV-3001'").await;
        stage.run(["proposals", "approve", &third, "--yes"]).expect(0);
        stage.run(["apply", &third]).expect(3);
        let (fourth, known) = again();
        assert_eq!((fourth == third, known), (false, false), "{engine:?}: after a conflict");
    }
}

/// Weakness 15: a receipt was taken in any state, so that a rejected change could become an applied one; and of two
/// tables of receipts one kept the first and the other the last.
#[tokio::test]
async fn weakness_15_no_state_is_skipped_and_all_records_agree() {
    for engine in Engine::ALL {
        let stage = billing(engine).await;
        let refused = |args: &[&str], code: &str| {
            let output = stage.env.run(args);
            assert_eq!((output.status, output.stderr.contains(code)), (4, true), "{args:?} {code}: {}", output.stderr);
        };
        let id = id_of(&stage.propose("INV-3001", "goodwill"));
        refused(&["apply", &id], "APPROVAL_REQUIRED");
        stage.run(["proposals", "reject", &id, "--reason", "no", "--yes"]).expect(0);
        refused(&["apply", &id], "PROPOSAL_CLOSED");
        refused(&["proposals", "approve", &id, "--yes"], "PROPOSAL_NOT_PENDING_REVIEW");
        let moved = stage.approved("INV-3002");
        stage.db.execute("UPDATE invoices SET updated_at = '2026-07-01 00:00:00' WHERE id = 'INV-3002'").await;
        stage.propose("INV-3002", "goodwill");
        assert_eq!(state(&stage, &moved), "canceled", "{engine:?}");
        refused(&["apply", &moved], "PROPOSAL_CLOSED");
        assert!(stage.receipts().await.is_empty(), "{engine:?}");
        assert_eq!(stage.run(["receipts", "list", "--json"]).json()["receipts"], json!([]), "{engine:?}");

        let id = stage.approved("INV-3001");
        let applied = stage.run(["apply", &id, "--json"]).json();
        for _ in 0..2 {
            assert_eq!(stage.run(["apply", &id, "--json"]).json()["receipt"], applied["receipt"], "{engine:?}");
        }
        refused(&["proposals", "approve", &id, "--yes"], "PROPOSAL_NOT_PENDING_REVIEW");
        refused(&["proposals", "reject", &id, "--reason", "no", "--yes"], "PROPOSAL_NOT_REJECTABLE");
        let receipt = &applied["receipt"];
        let shown = stage.run(["proposals", "show", &id, "--json"]).json();
        let replayed = stage.run(["replay", "show", &id, "--json"]).json();
        let listed = stage.run(["receipts", "list", "--proposal", &id, "--json"]).json()["receipts"].clone();
        for receipts in [&shown["receipts"], &replayed["receipts"], &listed] {
            assert_eq!(receipts.as_array().map(Vec::len), Some(1), "{engine:?} {receipts}");
            assert_eq!(receipts[0]["receipt"], *receipt, "{engine:?}");
        }
        let kept =
            stage.db.query_text("SELECT job_id, proposal_id, proposal_hash, status FROM synapsor_writeback_receipts");
        let text = |value: &Value| Some(value.as_str().unwrap().to_owned());
        let expected = [
            text(&receipt["writeback_job_id"]),
            text(&json!(id)),
            text(&shown["proposal"]["proposal_hash"]),
            text(&json!("applied")),
        ];
        assert_eq!(kept.await, [expected], "{engine:?}");
    }
}

/// Weakness 23: it kept the role that must approve, and took any name for it. Proven operators are not in this version:
/// what stands in for them says that it proves nothing, and what would need them is refused.
#[tokio::test]
async fn weakness_23_a_decision_that_proves_nobody_says_so() {
    let stage = billing(Engine::Sqlite).await;
    let id = id_of(&stage.propose("INV-3001", "goodwill"));
    stage.run(["proposals", "approve", &id, "--actor", "billing_lead", "--yes"]).expect(0);
    let shown = stage.run(["proposals", "show", &id, "--json"]).json();
    let decision =
        shown["events"].as_array().unwrap().iter().find(|event| event["kind"] == "proposal_approved").unwrap();
    assert_eq!((&decision["actor"], &decision["payload"]["proof"]), (&json!("billing_lead"), &json!("unverified")));
    let config = stage.env.read("synapsor.runner.json");
    let refused = |code: &str| {
        let output = stage.run(["config", "validate", "--json"]);
        assert_eq!((output.status, output.stdout.contains(code)), (1, true), "{code}: {}", output.stdout);
        stage.run(["apply", &id]).expect(2);
        stage.env.write("synapsor.runner.json", &config);
    };
    change_config(&stage, |config| capability(config, WAIVER)["approval"]["quorum"] = json!(2));
    refused("QUORUM_NEEDS_OPERATORS");
    change_config(&stage, |config| {
        config["operators"] = json!({ "ann": { "keys": ["ssh-ed25519 AAAA"], "roles": ["billing_lead"] } })
    });
    refused("NOT_SUPPORTED_YET");
    change_config(&stage, |config| capability(config, WAIVER)["approval"]["mode"] = json!("auto"));
    refused("INVALID_APPROVAL_MODE");
}

/// Weakness 25: what a patched column held before was shown as null where the model may not see the column.
#[tokio::test]
async fn weakness_25_a_reviewer_sees_what_a_hidden_column_held() {
    for engine in Engine::ALL {
        let stage = billing_with(engine, |config| {
            let visible = capability(config, WAIVER)["visible_columns"].as_array_mut().unwrap();
            visible.retain(|column| column != "waiver_reason");
        })
        .await;
        stage.db.execute("UPDATE invoices SET waiver_reason = 'promised by phone' WHERE id = 'INV-3001'").await;
        let proposed = stage.propose("INV-3001", "goodwill");
        let diff = &proposed["proposal"]["diff"]["waiver_reason"];
        assert_eq!(*diff, json!({ "before": "[not visible]", "proposed": "goodwill" }), "{engine:?} {proposed}");
        assert!(!proposed.to_string().contains("promised"), "{engine:?} {proposed}");
        let shown = stage.run(["proposals", "show", &id_of(&proposed)]).expect(0).to_owned();
        assert!(shown.contains("waiver_reason: promised by phone -> goodwill"), "{engine:?} {shown}");
        // What was really null is shown as such.
        let other = id_of(&stage.propose("INV-3002", "goodwill"));
        let shown = stage.run(["proposals", "show", &other]).expect(0).to_owned();
        assert!(shown.contains("waiver_reason: null -> goodwill"), "{engine:?} {shown}");
    }
}

/// What the ledger holds of reads and proposals.
fn recorded(stage: &Stage) -> [usize; 3] {
    [["evidence"; 2], ["query-audit", "query_audit"], ["proposals"; 2]]
        .map(|[command, key]| stage.run([command, "list", "--json"]).json()[key].as_array().unwrap().len())
}

/// Weakness 32: a refused proposal left evidence that belonged to nothing.
#[tokio::test]
async fn weakness_32_a_refused_proposal_leaves_nothing_behind() {
    let stage = billing(Engine::Sqlite).await;
    stage.propose("INV-3002", "goodwill");
    let before = recorded(&stage);
    assert_eq!(before, [1, 1, 1]);
    change_config(&stage, |config| {
        capability(config, WAIVER)["patch"]["late_fee_cents"] = json!({ "from_arg": "fee" });
        capability(config, WAIVER)["args"]["fee"] = json!({ "type": "number" });
    });
    for (id, fee, reason) in [
        ("INV-3001", 20_000, "goodwill"),
        ("INV-3001", 0, "Bearer 0123456789abcdefghijABCDEFGHIJ"),
        ("INV-9001", 0, "x"),
    ] {
        let refused = propose(&stage, WAIVER, &json!({ "invoice_id": id, "fee": fee, "reason": reason }));
        assert_eq!(refused["ok"], json!(false), "{refused}");
        assert_eq!(recorded(&stage), before, "{refused}");
    }
    stage.run(["store", "verify"]).expect(0);
}

/// Weakness 32, too: a read's record had no fingerprint.
#[tokio::test]
async fn weakness_32_a_read_is_recorded_with_the_fingerprint_of_its_query() {
    let stage = billing(Engine::Sqlite).await;
    for id in ["INV-3001", "INV-3002", "INV-3001"] {
        assert_eq!(inspect(&stage, id)["ok"], json!(true));
    }
    let audits = stage.run(["query-audit", "list", "--json"]).json()["query_audit"].clone();
    let prints: Vec<&str> =
        audits.as_array().unwrap().iter().map(|audit| audit["query_fingerprint"].as_str().unwrap()).collect();
    assert!(
        prints.len() == 3 && prints.iter().all(|print| print.starts_with("sha256:") && print == &prints[0]),
        "{prints:?}"
    );
}

/// The same document, every object's keys in the opposite order.
fn turned(value: Value) -> Value {
    match value {
        Value::Object(map) => map.into_iter().rev().map(|(key, value)| (key, turned(value))).collect(),
        Value::Array(items) => items.into_iter().map(turned).collect(),
        other => other,
    }
}

/// Weakness 32, too: its hashes were those of a text whose keys stood in the order they happened to come in.
#[tokio::test]
async fn weakness_32_no_hash_depends_on_the_order_of_keys() {
    let stage = billing(Engine::Sqlite).await;
    let id = stage.approved("INV-3001");
    let job = stage.run(["proposals", "writeback-job", &id]).json();
    let other = turned(job.clone());
    assert_ne!(other.to_string(), job.to_string());
    stage.env.write("job.json", other.to_string());
    change_config(&stage, |config| *config = turned(config.take()));
    stage.run(["apply", "--job", "job.json"]).expect(0);
    assert_eq!(stage.invoice("INV-3001").await[0].as_deref(), Some("0"));
}
