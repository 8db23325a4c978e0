//! A replay to read: Markdown made from the same record as the JSON.

use synapsor_core::event::Event;
use synapsor_core::wire::change_set::ChangeSet;

use super::story;
use crate::app::records::{self, Case};
use crate::cli::markdown::{code, fenced};
use crate::cli::print::clean;

const NOTE: &str = "This is what was captured when it happened. It is not a look into the past of the source database: \
rows may have changed since, and values that the runner masked stay masked.";

/// The whole story.
pub(super) fn replay(case: &Case) -> String {
    let change_set = case.proposed.change_set();
    let mut text = "# Synapsor Replay\n\n".to_owned();
    for (label, value) in [
        ("Proposal", change_set.proposal_id.as_str()),
        ("Replay", &records::replay_id(&change_set.proposal_id)),
        ("Capability", &change_set.action),
        ("Tenant", &change_set.scope.tenant_id),
        ("Object", &format!("{} {}", change_set.scope.business_object, change_set.scope.object_id)),
        ("Status", case.proposed.state(case.now)),
        ("Proposed", &change_set.created_at),
        ("Generated", &case.now.to_string()),
    ] {
        text.push_str(&bullet(label, value));
    }
    let mut section = |title: &str, body: &str| text.push_str(&format!("\n## {title}\n\n{}\n", body.trim_end()));
    section("What The Agent Requested", &requested(change_set));
    section("Trusted Context", &context(case));
    section("Evidence", &evidence(case));
    section("Proposed Diff", &diff(change_set));
    section("Approval", &approval(case));
    section("Guarded Writeback", &writeback(case));
    section("Query Audit", &blocks(case.evidence_history.iter().filter_map(records::audit)));
    section("Replay Note", NOTE);
    text
}

fn bullet(label: &str, value: &str) -> String {
    format!("- {label}: {}\n", code(value))
}

fn requested(change_set: &ChangeSet) -> String {
    let patch = serde_json::Value::Object(change_set.patch.clone());
    format!(
        "{} called {}. The change it asked for:\n\n{}",
        code(&change_set.principal.id),
        code(&change_set.action),
        fenced(&patch)
    )
}

fn context(case: &Case) -> String {
    let change_set = case.proposed.change_set();
    let mut text = bullet("Tenant", &change_set.scope.tenant_id);
    text.push_str(&bullet("Principal", &change_set.principal.id));
    text.push_str(&bullet("Where both came from", &change_set.principal.source));
    text.push_str(&bullet("Contract digest", &change_set.contract_digest));
    text
}

fn evidence(case: &Case) -> String {
    let change_set = case.proposed.change_set();
    let mut text = bullet("Bundle", &change_set.evidence.bundle_id);
    text.push_str(&bullet("Query fingerprint", &change_set.evidence.query_fingerprint));
    for stored in &case.evidence_history {
        let Event::EvidenceRecorded(evidence) = &stored.event else { continue };
        text.push_str(&bullet("Captured", &stored.at.to_string()));
        text.push_str(&format!("\nThe row as it was seen:\n\n{}", fenced(&evidence.visible_row.clone().into())));
    }
    text
}

fn diff(change_set: &ChangeSet) -> String {
    let lines = change_set.diff().into_iter().map(|(column, change)| {
        let part = |key: &str| code(&change.get(key).map(ToString::to_string).unwrap_or_default());
        format!("- {}: {} -> {}\n", code(&column), part("before"), part("proposed"))
    });
    lines.collect()
}

fn approval(case: &Case) -> String {
    let change_set = case.proposed.change_set();
    let mut text = format!("- {}\n", code(&story::decision(case)));
    text.push_str(&bullet("Required role", change_set.approval.required_role.as_deref().unwrap_or("none")));
    text.push_str(&bullet("Proposal hash", &change_set.integrity.proposal_hash));
    text
}

fn writeback(case: &Case) -> String {
    let mut text = format!("- {}\n", code(&clean(&story::writeback(case))));
    let receipts = records::receipts(&case.history);
    if !receipts.is_empty() {
        text.push_str(&format!("\n{}", blocks(receipts.into_iter())));
    }
    text
}

fn blocks(documents: impl Iterator<Item = serde_json::Value>) -> String {
    documents.map(|document| fenced(&document)).collect::<Vec<_>>().join("\n")
}
