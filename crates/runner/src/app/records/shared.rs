//! Records as a model may see them: what its own tools have shown it, by the capability as it is now.
//!
//! Every key is let through by name. Values before of columns it may not see, exact images, digests that cover them, SQL,
//! and the names of runners stay behind.

use serde_json::{Map, Value as Json, json};
use synapsor_core::answer::NOT_VISIBLE;
use synapsor_core::contract::Capability;
use synapsor_core::event::Event;
use synapsor_core::id::Ident;
use synapsor_core::wire::change_set::ChangeSet;
use synapsor_db::ledger::Stored;

use super::{Case, pick};

/// A proposal with its events and receipts: `{proposal, events, receipts}`.
#[must_use]
pub fn proposal(capability: &Capability, case: &Case) -> Json {
    json!({
        "proposal": stored_proposal(capability, case),
        "events": case.history.iter().map(event).collect::<Vec<_>>(),
        "receipts": case.history.iter().filter_map(receipt).collect::<Vec<_>>(),
    })
}

/// An evidence bundle; `None` if the event is no evidence.
#[must_use]
pub fn evidence(capability: &Capability, stored: &Stored) -> Option<Json> {
    let Event::EvidenceRecorded(evidence) = &stored.event else { return None };
    let mut cut = pick(&super::evidence(stored, None)?, &EVIDENCE);
    let mut item = pick(&super::external_row(evidence), &["kind", "primary_key", "tenant"]);
    item.insert("visible_row".to_owned(), Json::Object(visible(capability, &evidence.visible_row)));
    cut.insert("items".to_owned(), json!([{ "evidence_item_id": 1, "item": item }]));
    cut.insert("query_audit".to_owned(), json!([audit(stored)]));
    Some(Json::Object(cut))
}

/// Everything a model may know about a proposal.
#[must_use]
pub fn replay(capability: &Capability, case: &Case) -> Json {
    let read = &case.evidence_history;
    json!({
        "replay_id": super::replay_id(&case.proposed.change_set().proposal_id),
        "proposal": stored_proposal(capability, case),
        "events": case.history.iter().map(event).collect::<Vec<_>>(),
        "receipts": case.history.iter().filter_map(receipt).collect::<Vec<_>>(),
        "query_audit": read.iter().filter_map(audit).collect::<Vec<_>>(),
        "evidence": read.iter().filter_map(|stored| evidence(capability, stored)).collect::<Vec<_>>(),
        "generated_at": case.now.to_string(),
    })
}

const EVIDENCE: [&str; 8] = [
    "evidence_bundle_id",
    "proposal_id",
    "tenant_id",
    "principal",
    "capability",
    "business_object",
    "object_id",
    "created_at",
];
const PROPOSAL: [&str; 12] = [
    "proposal_id",
    "proposal_version",
    "action",
    "state",
    "tenant_id",
    "principal",
    "capability",
    "business_object",
    "object_id",
    "source_database_mutated",
    "created_at",
    "updated_at",
];
const CHANGE_SET: [&str; 12] = [
    "schema_version",
    "proposal_id",
    "proposal_version",
    "action",
    "mode",
    "principal",
    "scope",
    "approval",
    "source_database_mutated",
    "created_at",
    "expires_at",
    "supersedes",
];

fn stored_proposal(capability: &Capability, case: &Case) -> Json {
    let mut cut = pick(&super::proposal(&case.proposed, &case.history, case.now), &PROPOSAL);
    cut.insert("change_set".to_owned(), change_set(capability, case.proposed.change_set()));
    Json::Object(cut)
}

fn change_set(capability: &Capability, full: &ChangeSet) -> Json {
    let mut cut = pick(&serde_json::to_value(full).unwrap_or(Json::Null), &CHANGE_SET);
    // A model sees what it proposed, but only a reviewer sees what a hidden column held before.
    let mut before = visible(capability, &full.before);
    let mut after = visible(capability, &full.after);
    for (column, proposed) in &full.patch {
        before.entry(column.clone()).or_insert_with(|| Json::from(NOT_VISIBLE));
        after.insert(column.clone(), proposed.clone());
    }
    cut.insert("before".to_owned(), Json::Object(before));
    cut.insert("patch".to_owned(), Json::Object(full.patch.clone()));
    cut.insert("after".to_owned(), Json::Object(after));
    cut.insert("evidence".to_owned(), json!({ "bundle_id": full.evidence.bundle_id }));
    Json::Object(cut)
}

fn event(stored: &Stored) -> Json {
    let mut cut = pick(&super::event(stored), &["event_id", "proposal_id", "kind", "created_at"]);
    let body = stored.event.body();
    let (actor, payload) = match &stored.event {
        Event::ProposalApproved(_) | Event::ProposalRejected(_) => {
            (stored.event.actor(), pick(&body, &["role", "reason"]))
        }
        Event::ProposalCanceled(_) => (stored.event.actor(), pick(&body, &["superseded_by"])),
        Event::ProposalExpired(_) => (stored.event.actor(), pick(&body, &["expired_at"])),
        Event::ProposalCreated(_) | Event::ShadowHumanActionRecorded(_) => (stored.event.actor(), Map::new()),
        Event::WritebackReleased(_) => ("runner", pick(&body, &["code"])),
        Event::WritebackSettled(_) => ("runner", pick(&body, &RECEIPT)),
        Event::ProposalPendingWorker(_)
        | Event::WritebackInDoubt(_)
        | Event::WritebackJobRecorded(_)
        | Event::EvidenceRecorded(_)
        | Event::ContractRecorded(_)
        | Event::SlotTaken(_) => ("runner", Map::new()),
    };
    cut.insert("actor".to_owned(), Json::from(actor));
    cut.insert("payload".to_owned(), Json::Object(payload));
    Json::Object(cut)
}

const RECEIPT: [&str; 8] = [
    "status",
    "rows_affected",
    "previous_version",
    "new_version",
    "source_database_mutated",
    "executed_at",
    "safe_error_code",
    "reason",
];

fn receipt(stored: &Stored) -> Option<Json> {
    let Event::WritebackSettled(receipt) = &stored.event else { return None };
    let full = super::receipt(stored)?;
    let mut cut = pick(&full, &["receipt_id", "proposal_id", "status", "source_database_mutated", "created_at"]);
    cut.insert("receipt".to_owned(), Json::Object(pick(&serde_json::to_value(receipt).ok()?, &RECEIPT)));
    Some(Json::Object(cut))
}

fn audit(stored: &Stored) -> Option<Json> {
    let keys = ["audit_id", "proposal_id", "evidence_bundle_id", "capability", "object_id", "row_count", "created_at"];
    super::audit(stored).map(|full| Json::Object(pick(&full, &keys)))
}

/// The columns of a row that the capability shows today.
fn visible(capability: &Capability, row: &Map<String, Json>) -> Map<String, Json> {
    let columns = capability.read_columns();
    let shown = |column: &String| Ident::parse(column).is_ok_and(|column| columns.contains(&column));
    row.iter().filter(|(column, _)| shown(column)).map(|(column, value)| (column.clone(), value.clone())).collect()
}
