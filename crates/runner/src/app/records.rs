//! Records as documents: what `show`, `export` and the MCP resources print, made from ledger events alone.

pub mod shared;

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};
use synapsor_core::code::Code;
use synapsor_core::event::{Event, Evidence};
use synapsor_core::id::ProposalId;
use synapsor_core::proposal::{Proposal, Stage};
use synapsor_core::refusal::Refusal;
use synapsor_core::wire::change_set::ChangeSet;
use synapsor_db::ledger::{Ledger, Stored};

use super::Stop;
use crate::clock;

/// A proposal with its state; the exact change is under `change_set`.
#[must_use]
pub fn proposal(proposal: &Proposal, history: &[Stored], now: Timestamp) -> Json {
    let change_set = proposal.change_set();
    let mutated = match proposal.stage() {
        Stage::Settled { receipt } => receipt.source_database_mutated,
        _ => false,
    };
    let updated_at = history.last().map_or_else(|| change_set.created_at.clone(), |newest| newest.at.to_string());
    json!({
        "proposal_id": change_set.proposal_id,
        "proposal_version": change_set.proposal_version,
        "proposal_hash": change_set.integrity.proposal_hash,
        "action": change_set.action,
        "state": proposal.state(now),
        "tenant_id": change_set.scope.tenant_id,
        "principal": change_set.principal.id,
        "capability": change_set.action,
        "business_object": change_set.scope.business_object,
        "object_id": change_set.scope.object_id,
        "source_kind": change_set.source.kind,
        "source_id": change_set.source.source_id,
        "source_schema": change_set.source.schema,
        "source_table": change_set.source.table,
        "source_database_mutated": mutated,
        "change_set": change_set,
        "created_at": change_set.created_at,
        "updated_at": updated_at,
    })
}

/// A proposal's events, oldest first.
#[must_use]
pub fn events(history: &[Stored]) -> Vec<Json> {
    history.iter().map(event).collect()
}

/// One event: `event_id`, `proposal_id` (null if it belongs to none), `kind`, `actor`, `payload`, `created_at`.
#[must_use]
pub fn event(stored: &Stored) -> Json {
    let payload = match &stored.event {
        // The proposal itself stands beside its events.
        Event::ProposalCreated(change_set) => json!({
            "proposal_hash": change_set.integrity.proposal_hash,
            "proposal_version": change_set.proposal_version,
            "evidence_bundle_id": change_set.evidence.bundle_id,
        }),
        event => event.body(),
    };
    json!({
        "event_id": stored.event_id,
        "proposal_id": stored.proposal_id(),
        "kind": stored.event.kind(),
        "actor": stored.event.actor(),
        "payload": payload,
        "created_at": stored.at.to_string(),
    })
}

/// A proposal's receipts, oldest first; `receipt_id` is the event that recorded it.
#[must_use]
pub fn receipts(history: &[Stored]) -> Vec<Json> {
    history.iter().filter_map(receipt).collect()
}

/// One receipt; `None` if the event is no receipt.
#[must_use]
pub fn receipt(stored: &Stored) -> Option<Json> {
    let Event::WritebackSettled(receipt) = &stored.event else { return None };
    Some(json!({
        "receipt_id": stored.event_id,
        "writeback_job_id": receipt.writeback_job_id,
        "proposal_id": receipt.proposal_id,
        "runner_id": receipt.runner_id,
        "status": receipt.status.word(),
        "idempotency_key": receipt.idempotency_key,
        "source_database_mutated": receipt.source_database_mutated,
        "receipt": receipt,
        "created_at": stored.at.to_string(),
    }))
}

/// An evidence bundle with its items and query audit; `None` if the event is no evidence. The change that was proposed from
/// it, where there is one, is its second item.
#[must_use]
pub fn evidence(stored: &Stored, proposed: Option<&ChangeSet>) -> Option<Json> {
    let Event::EvidenceRecorded(evidence) = &stored.event else { return None };
    let mut contents = vec![external_row(evidence)];
    contents.extend(proposed.map(|change_set| {
        json!({
            "kind": "proposal_evidence",
            "before": change_set.before,
            "patch": change_set.patch,
            "after": change_set.after,
        })
    }));
    let items: Vec<Json> = contents
        .into_iter()
        .zip(1_u64..)
        .map(|(item, number)| {
            json!({
                "evidence_item_id": number,
                "evidence_bundle_id": stored.subject,
                "item": item,
                "created_at": stored.at.to_string(),
            })
        })
        .collect();
    Some(json!({
        "evidence_bundle_id": stored.subject,
        "proposal_id": evidence.proposal_id,
        "tenant_id": evidence.tenant_id,
        "principal": evidence.principal,
        "capability": evidence.capability,
        "source_id": evidence.source_id,
        "source_table": format!("{}.{}", evidence.schema, evidence.table),
        "business_object": evidence.table,
        "object_id": evidence.object_id,
        "query_fingerprint": evidence.query_fingerprint,
        "payload": {
            "capability": evidence.capability,
            "source_id": evidence.source_id,
            "target": format!("{}.{}", evidence.schema, evidence.table),
            "principal": evidence.principal,
            "tenant_id": evidence.tenant_id,
            "binding_provenance": evidence.provenance,
            "source_database_changed": false,
        },
        "items": items,
        "query_audit": [audit(stored)],
        "created_at": stored.at.to_string(),
    }))
}

fn external_row(evidence: &Evidence) -> Json {
    let mut item = json!({
        "kind": "external_row",
        "source_id": evidence.source_id,
        "table": format!("{}.{}", evidence.schema, evidence.table),
        "primary_key": { "column": evidence.primary_key, "value": evidence.object_id },
    });
    if let Json::Object(item) = &mut item {
        if let Some(column) = &evidence.tenant_column {
            item.insert("tenant".to_owned(), json!({ "column": column, "value": evidence.tenant_id }));
        }
        item.insert("visible_row".to_owned(), Json::Object(evidence.visible_row.clone()));
    }
    item
}

/// The audit of the query behind an evidence bundle; `None` if the event is no evidence.
#[must_use]
pub fn audit(stored: &Stored) -> Option<Json> {
    let Event::EvidenceRecorded(evidence) = &stored.event else { return None };
    Some(json!({
        "audit_id": stored.event_id,
        "proposal_id": evidence.proposal_id,
        "evidence_bundle_id": stored.subject,
        "tenant_id": evidence.tenant_id,
        "principal": evidence.principal,
        "capability": evidence.capability,
        "business_object": evidence.table,
        "object_id": evidence.object_id,
        "primary_key_value": evidence.object_id,
        "source_id": evidence.source_id,
        "query_fingerprint": evidence.query_fingerprint,
        "table_name": format!("{}.{}", evidence.schema, evidence.table),
        "row_count": evidence.row_count,
        "payload": {
            "capability": evidence.capability,
            "columns": evidence.columns,
            "tenant_bound": evidence.tenant_column.is_some(),
            "statement_template": evidence.statement_template,
            "parameters_redacted": true,
            "request_id": evidence.request_id,
        },
        "created_at": stored.at.to_string(),
    }))
}

/// Everything that is known about a proposal, in one document: the captured record, not a look into the past of a database.
#[must_use]
pub fn replay(proposed: &Proposal, history: &[Stored], evidence_history: &[Stored], now: Timestamp) -> Json {
    let change_set = proposed.change_set();
    json!({
        "replay_id": replay_id(&change_set.proposal_id),
        "proposal": proposal(proposed, history, now),
        "events": events(history),
        "receipts": receipts(history),
        "query_audit": evidence_history.iter().filter_map(audit).collect::<Vec<_>>(),
        "evidence": evidence_history.iter().filter_map(|stored| evidence(stored, Some(change_set))).collect::<Vec<_>>(),
        "generated_at": now.to_string(),
    })
}

/// A proposal with everything that is recorded about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The proposal.
    pub proposed: Proposal,
    /// Its events, oldest first.
    pub history: Vec<Stored>,
    /// The recorded read it rests on.
    pub evidence_history: Vec<Stored>,
    /// When it was looked at: the later of the clock and the newest record.
    pub now: Timestamp,
}

impl Case {
    /// Reads a proposal's record. Records nothing: an expiry is only computed.
    pub async fn load(ledger: &Ledger, id: &ProposalId) -> Result<Self, Stop> {
        let history = ledger.load(id.as_str()).await?;
        if history.is_empty() {
            let message = format!("there is no proposal {id} in this ledger");
            return Err(Refusal::new(Code::ProposalNotFound, message).into());
        }
        let proposed = Proposal::replay(history.iter().map(|stored| stored.event.clone())).map_err(|bad| {
            Refusal::new(Code::StoreCorrupt, format!("the record of proposal {id} is damaged: {bad}"))
        })?;
        let evidence_history = ledger.load(&proposed.change_set().evidence.bundle_id).await?;
        let newest = ledger.head().await?.newest_at.unwrap_or(Timestamp::MIN);
        Ok(Self { proposed, history, evidence_history, now: clock::now().max(newest) })
    }

    /// Its replay, as [`replay`] makes it.
    #[must_use]
    pub fn replay(&self) -> Json {
        replay(&self.proposed, &self.history, &self.evidence_history, self.now)
    }
}

/// The id of a proposal's replay.
#[must_use]
pub fn replay_id(proposal_id: &str) -> String {
    format!("replay_{proposal_id}")
}

/// The named keys of a document, in its order.
fn pick(document: &Json, keys: &[&str]) -> Map<String, Json> {
    let named = document.as_object().into_iter().flatten().filter(|(key, _)| keys.contains(&key.as_str()));
    named.map(|(key, value)| (key.clone(), value.clone())).collect()
}
