//! What an effect means for the proposal: the truth table.

use super::{Effect, FoundReceipt, Outcome, Settlement, Violation};
use crate::code::Code;
use crate::sql::receipts::{Elsewhere, ReceiptKeys};
use crate::sql::write::GuardedWrite;
use crate::wire::receipt::ReceiptStatus;

/// What an effect means: the truth table.
#[must_use]
pub fn settle(write: &GuardedWrite, keys: &ReceiptKeys, effect: &Effect) -> Settlement {
    match effect {
        Effect::Committed { new_version } => Settlement::Settled(Outcome {
            status: ReceiptStatus::Applied,
            code: None,
            reason: None,
            new_version: new_version.clone(),
        }),
        // A dry run is reported, never settled; nothing happened.
        Effect::Rehearsed => Settlement::Released(Code::ApprovalRequired),
        Effect::Duplicate { by_key, by_job } => duplicate(keys, by_key.as_ref(), by_job.as_ref()),
        Effect::Missed { affected, look } => missed(write, *affected, look),
        Effect::NotAsApproved { rows } => not_as_approved(write, rows),
        Effect::Rejected { violation, step } => rejected(*violation, step),
        Effect::Elsewhere(Elsewhere::Receipts) => Settlement::Released(Code::SourceChanged),
        // The server changed between the claim and the write: a new claim names the new one.
        Effect::Elsewhere(Elsewhere::Server) => Settlement::Released(Code::TemporarilyUnavailable),
        Effect::TooLate => Settlement::Released(Code::WritebackTooLate),
        Effect::InDoubt { reason } => Settlement::InDoubt(reason),
    }
}

fn duplicate(keys: &ReceiptKeys, by_key: Option<&FoundReceipt>, by_job: Option<&FoundReceipt>) -> Settlement {
    if by_job.is_some_and(|found| found.status == "canceled") {
        return Settlement::ClaimLost;
    }
    match by_key {
        Some(found)
            if found.status == "applied" && found.proposal_hash.as_deref() == Some(keys.proposal_hash.as_str()) =>
        {
            let ours = found.job_id == keys.job_id;
            Settlement::Settled(Outcome {
                status: if ours { ReceiptStatus::Applied } else { ReceiptStatus::AlreadyApplied },
                code: None,
                reason: None,
                new_version: found.new_version.clone(),
            })
        }
        Some(_) => Outcome::ended(
            ReceiptStatus::Failed,
            Code::ReceiptMismatch,
            "the receipt table holds another change under this proposal's key",
        ),
        // The row that was in the way is gone or belongs to a transaction that was undone.
        None => Settlement::Released(Code::WritebackBusy),
    }
}

fn missed(write: &GuardedWrite, affected: u64, look: &[Vec<bool>]) -> Settlement {
    if affected > 1 || look.len() > 1 {
        return Outcome::ended(
            ReceiptStatus::Failed,
            Code::MultiRowWriteBlocked,
            "the update would have changed more than one row",
        );
    }
    let Some(flags) = look.first() else {
        return Outcome::ended(
            ReceiptStatus::Conflict,
            Code::RowNotFound,
            "the row is no longer there for this tenant",
        );
    };
    let differing: Vec<&str> =
        write.look_columns.iter().zip(flags).filter(|(_, held)| !**held).map(|(column, _)| column.as_str()).collect();
    if differing.is_empty() {
        return Outcome::ended(
            ReceiptStatus::Failed,
            Code::WriteSuppressed,
            "every guard held, yet the database changed nothing",
        );
    }
    Outcome::ended(
        ReceiptStatus::Conflict,
        Code::VersionConflict,
        format!("changed since it was reviewed: {}", differing.join(", ")),
    )
}

fn not_as_approved(write: &GuardedWrite, rows: &[Vec<bool>]) -> Settlement {
    use crate::sql::write::AfterCheck;
    let [flags] = rows else {
        return Outcome::ended(
            ReceiptStatus::Failed,
            Code::AfterImageMismatch,
            "after the update the row was not found in its tenant",
        );
    };
    let failing: Vec<&AfterCheck> =
        write.after_checks.iter().zip(flags).filter(|(_, held)| !**held).map(|(check, _)| check).collect();
    let patched: Vec<&str> = failing
        .iter()
        .filter_map(|check| match check {
            AfterCheck::Patched(column) => Some(column.as_str()),
            AfterCheck::VersionMoved => None,
        })
        .collect();
    if patched.is_empty() {
        return Outcome::ended(ReceiptStatus::Failed, Code::VersionNotAdvanced, "the update did not move the version");
    }
    Outcome::ended(
        ReceiptStatus::Failed,
        Code::AfterImageMismatch,
        format!("not stored as approved: {}", patched.join(", ")),
    )
}

fn rejected(violation: Violation, step: &str) -> Settlement {
    let failed = |code, words: &str| Outcome::ended(ReceiptStatus::Failed, code, format!("{words} ({step})"));
    match violation {
        Violation::Constraint => failed(Code::ConstraintViolated, "a constraint of the table refuses the change"),
        Violation::Value => failed(Code::ValueRefused, "a value does not fit its column"),
        // A missing grant or table is mended by an operator; the approved change itself is still good.
        Violation::Permission => Settlement::Released(Code::PermissionDenied),
        Violation::Missing => Settlement::Released(Code::ObjectMissing),
        Violation::Deadlock | Violation::Transient => Settlement::Released(Code::TemporarilyUnavailable),
        Violation::Other => failed(Code::TransactionFailed, "the database refused the transaction"),
    }
}
