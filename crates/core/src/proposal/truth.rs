//! What is true of the source database, as far as the record knows, in one line.

use jiff::Timestamp;

use super::{Proposal, Stage};
use crate::wire::receipt::{ExecutionReceipt, ReceiptStatus};

impl Proposal {
    /// Whether the source database holds this change now: `yes`, `no` or `not known yet`, and why.
    #[must_use]
    pub fn truth(&self, now: Timestamp) -> String {
        match &self.stage {
            Stage::Pending
            | Stage::Approved { .. }
            | Stage::Rejected { .. }
            | Stage::Expired
            | Stage::Canceled { .. } => "no; nothing of this change was ever written".to_owned(),
            Stage::Applying { claim, doubt: None, .. } if claim.is_live(now) => {
                format!("not known yet; it may be written at this moment, until {}", claim.lease_expires_at)
            }
            Stage::Applying { doubt: None, .. } => {
                "not known yet; it was written completely or not at all, and its applier never said".to_owned()
            }
            Stage::Applying { doubt: Some(reason), .. } => {
                format!("not known yet; it was written completely or not at all: {reason}")
            }
            Stage::Settled { receipt } => told_by(receipt),
        }
    }
}

/// Whether the source database holds the change, by its receipt: `yes` or `no`, and why.
#[must_use]
pub fn told_by(receipt: &ExecutionReceipt) -> String {
    let at = &receipt.executed_at;
    match receipt.status {
        ReceiptStatus::Applied => format!("yes, once; recorded at {at}, and others may have changed the row since"),
        ReceiptStatus::AlreadyApplied => {
            format!("yes, once, by an earlier attempt; found at {at}, and others may have changed the row since")
        }
        ReceiptStatus::Conflict | ReceiptStatus::Failed | ReceiptStatus::Canceled => {
            format!("no; the attempt at {at} was undone")
        }
    }
}
