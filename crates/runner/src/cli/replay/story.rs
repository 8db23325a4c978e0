//! A case in sentences: what was asked, seen, decided and done.

use synapsor_core::event::{Decision, Event};
use synapsor_core::proposal::Stage;
use synapsor_core::wire::receipt::{ExecutionReceipt, ReceiptStatus};
use synapsor_db::ledger::Stored;

use crate::app::records::Case;
use crate::cli::print::clean;
use crate::cli::proposals::show::words;
use crate::cli::receipts::display_id;

/// What happened, in six sentences.
pub(super) fn six_lines(case: &Case) -> [String; 6] {
    let change_set = case.proposed.change_set();
    let (scope, principal) = (&change_set.scope, &change_set.principal.id);
    let columns = change_set.patch.keys().cloned().collect::<Vec<_>>().join(", ");
    let lines = [
        format!(
            "{principal} of {} called {} for {} {}",
            scope.tenant_id, change_set.action, scope.business_object, scope.object_id
        ),
        read(case),
        format!("the change of {columns} was recorded as {}; nothing was written", change_set.proposal_id),
        decision(case),
        writeback(case),
        outcome(case),
    ];
    lines.map(|line| clean(&line))
}

/// The receipt that ended the proposal, with its event.
pub(super) fn receipt(case: &Case) -> Option<(&Stored, &ExecutionReceipt)> {
    case.history.iter().rev().find_map(|stored| match &stored.event {
        Event::WritebackSettled(receipt) => Some((stored, &**receipt)),
        _ => None,
    })
}

fn read(case: &Case) -> String {
    match case.evidence_history.first() {
        Some(Stored { subject, event: Event::EvidenceRecorded(evidence), .. }) => {
            let rows = evidence.row_count;
            format!(
                "the runner read {rows} row(s) of {}.{} and kept them as {subject}",
                evidence.schema, evidence.table
            )
        }
        _ => format!("the evidence {} is not in this ledger", case.proposed.change_set().evidence.bundle_id),
    }
}

/// Who decided, when and why.
pub(super) fn decision(case: &Case) -> String {
    let decided = case.history.iter().rev().find_map(|stored| match &stored.event {
        Event::ProposalApproved(decision) => Some(said("approved", stored, decision)),
        Event::ProposalRejected(decision) => Some(said("rejected", stored, decision)),
        _ => None,
    });
    decided.unwrap_or_else(|| {
        if case.proposed.change_set().mode == "shadow" {
            return "shadow mode: nobody is asked to decide, and it is never applied".to_owned();
        }
        match case.proposed.state(case.now) {
            "expired" => format!("nobody decided before it expired at {}", case.proposed.change_set().expires_at),
            "canceled" => "nobody decided before a newer proposal took its place".to_owned(),
            _ => "nobody has decided yet".to_owned(),
        }
    })
}

fn said(word: &str, stored: &Stored, decision: &Decision) -> String {
    let reason = decision.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("{} {word} it outside MCP ({}) at {}{reason}", decision.actor, decision.proof, stored.at)
}

/// What became of applying it.
pub(super) fn writeback(case: &Case) -> String {
    let released = case.history.iter().filter(|stored| matches!(stored.event, Event::WritebackReleased(_))).count();
    let before = if released == 0 { String::new() } else { format!(", after {released} attempt(s) without effect") };
    match case.proposed.stage() {
        Stage::Settled { receipt } => {
            let why = receipt.safe_error_code.as_ref().map(|code| format!(": {code}")).unwrap_or_default();
            let what = match receipt.status {
                ReceiptStatus::Applied => {
                    format!("changed exactly {} row, under its guards{before}", receipt.rows_affected)
                }
                ReceiptStatus::AlreadyApplied => "found the change written before and wrote nothing again".to_owned(),
                ReceiptStatus::Conflict => format!("wrote nothing, because the row was not as reviewed{why}"),
                ReceiptStatus::Failed => format!("wrote nothing, because the change cannot be written{why}"),
                ReceiptStatus::Canceled => "wrote nothing; it was withdrawn".to_owned(),
            };
            format!("the guarded write of {} {what}", receipt.runner_id)
        }
        Stage::Applying { claim, doubt: Some(doubt), .. } => {
            format!("{} tried to apply it and the outcome is unknown: {doubt}", claim.runner_id)
        }
        Stage::Applying { claim, .. } => format!("{} is applying it{before}", claim.runner_id),
        _ => format!("nothing was written{before}"),
    }
}

fn outcome(case: &Case) -> String {
    let state = words(case.proposed.state(case.now));
    match receipt(case) {
        Some((stored, receipt)) if receipt.source_database_mutated => {
            format!("it ended {state}, with receipt {}; the source database was changed", display_id(stored.event_id))
        }
        Some((stored, _)) => {
            format!(
                "it ended {state}, with receipt {}; the source database was not changed",
                display_id(stored.event_id)
            )
        }
        None if matches!(case.proposed.stage(), Stage::Applying { .. }) => format!("it is now {state}"),
        None => format!("it is now {state}; the source database was not changed"),
    }
}
