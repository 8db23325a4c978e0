//! What a settlement leaves in the ledger.

use jiff::Timestamp;

use super::{Outcome, Settlement};
use crate::code::Code;
use crate::event::{BODY_VERSION, Claim, Doubt, Event, Release};
use crate::proposal::{Proposal, Stage};
use crate::redact;
use crate::value::{Cell, Kind};
use crate::wire::change_set::ChangeSet;
use crate::wire::handler::{HandlerReceipt, HandlerStatus};
use crate::wire::job::idempotency_key;
use crate::wire::receipt::{self, ExecutionReceipt, ReceiptStatus};

/// The event that tells how a claim ended, by `finder`, who holds the claim or fenced it. `None` if there is nothing to
/// tell: whoever fenced the claim tells it, or told it already, so that `proposal` as it was loaded is not under this
/// claim any more; or the doubt is recorded already.
#[must_use]
pub fn record(proposal: &Proposal, finder: &Claim, settlement: &Settlement, now: Timestamp) -> Option<Event> {
    let doubt = match proposal.stage() {
        Stage::Applying { claim, doubt, .. } if claim.job_id == finder.job_id => doubt,
        _ => return None,
    };
    let (job_id, runner_id) = (finder.job_id.clone(), finder.runner_id.clone());
    match settlement {
        Settlement::ClaimLost => None,
        Settlement::Settled(outcome) => {
            Some(Event::WritebackSettled(Box::new(receipt(proposal.change_set(), finder, outcome, now))))
        }
        Settlement::Told(said) => {
            Some(Event::WritebackSettled(Box::new(told(proposal.change_set(), finder, said, now))))
        }
        Settlement::Released(code) => {
            Some(Event::WritebackReleased(Release { v: BODY_VERSION, job_id, runner_id, code: code.text().to_owned() }))
        }
        Settlement::InDoubt(_) if doubt.is_some() => None,
        Settlement::InDoubt(reason) => {
            Some(Event::WritebackInDoubt(Doubt { v: BODY_VERSION, job_id, runner_id, reason: (*reason).to_owned() }))
        }
    }
}

/// Makes the receipt of an outcome.
#[must_use]
pub fn receipt(change_set: &ChangeSet, claim: &Claim, outcome: &Outcome, now: Timestamp) -> ExecutionReceipt {
    let applied = outcome.status == ReceiptStatus::Applied;
    let version = |text: &String| match change_set.exact.version.as_ref().and_then(|exact| Kind::from_word(&exact.kind))
    {
        Some(kind) => Cell::new(kind, Some(text.clone())).json(),
        None => serde_json::Value::String(text.clone()),
    };
    ExecutionReceipt {
        schema_version: receipt::SCHEMA_VERSION.to_owned(),
        writeback_job_id: claim.job_id.clone(),
        proposal_id: change_set.proposal_id.clone(),
        runner_id: claim.runner_id.clone(),
        status: outcome.status,
        rows_affected: u64::from(applied),
        idempotency_key: idempotency_key(change_set),
        previous_version: change_set.exact.version.as_ref().map(|_| change_set.guards.expected_version.value.clone()),
        new_version: outcome.new_version.as_ref().map(version),
        source_database_mutated: applied,
        executed_at: now.to_string(),
        safe_error_code: outcome.code.map(|code| code.text().to_owned()),
        reason: outcome.reason.clone(),
        details: None,
        receipt_hash: String::new(),
    }
    .sealed()
}

/// Makes the receipt of what a handler said. Details that hold what looks like a secret are left out.
#[must_use]
pub fn told(change_set: &ChangeSet, claim: &Claim, said: &HandlerReceipt, now: Timestamp) -> ExecutionReceipt {
    let status = match said.status {
        HandlerStatus::Applied => ReceiptStatus::Applied,
        HandlerStatus::AlreadyApplied => ReceiptStatus::AlreadyApplied,
        HandlerStatus::Conflict => ReceiptStatus::Conflict,
        HandlerStatus::Canceled => ReceiptStatus::Canceled,
        HandlerStatus::Failed | HandlerStatus::Unknown => ReceiptStatus::Failed,
    };
    let applied = matches!(status, ReceiptStatus::Applied | ReceiptStatus::AlreadyApplied);
    let given = |version: &serde_json::Value| Some(version).filter(|version| is_plain(version)).cloned();
    let details = serde_json::Value::Object(said.details.clone());
    let details = if redact::holds_secret(&details) { serde_json::json!({ "redacted": true }) } else { details };
    let code = said.safe_error_code.clone();
    ExecutionReceipt {
        schema_version: receipt::SCHEMA_VERSION.to_owned(),
        writeback_job_id: claim.job_id.clone(),
        proposal_id: change_set.proposal_id.clone(),
        runner_id: claim.runner_id.clone(),
        status,
        rows_affected: if applied { said.rows_affected } else { 0 },
        idempotency_key: idempotency_key(change_set),
        previous_version: Some(change_set.guards.expected_version.value.clone()),
        new_version: given(&said.new_version).filter(|_| applied),
        source_database_mutated: applied && said.source_database_mutated,
        executed_at: now.to_string(),
        safe_error_code: code.or_else(|| (!applied).then(|| Code::HandlerFailed.text().to_owned())),
        reason: (!applied).then(|| "the app's handler says so".to_owned()),
        details: (!said.details.is_empty()).then_some(details),
        receipt_hash: String::new(),
    }
    .sealed()
}

fn is_plain(value: &serde_json::Value) -> bool {
    matches!(value, serde_json::Value::String(_) | serde_json::Value::Number(_))
}
