//! What a fence found out, and what that means.

use super::{FoundReceipt, Outcome, Settlement};
use crate::code::Code;
use crate::sql::receipts::Elsewhere;
use crate::wire::change_set::ChangeSet;
use crate::wire::receipt::ReceiptStatus;

/// Why a fence on another server proves nothing: what only a person can know.
pub const ANOTHER_SERVER: &str =
    "another server answers than the one that was written to, and may lack what that one committed";

/// What a fence found out about an expired claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fenced {
    /// The fence is in: the late applier can never commit.
    Won,
    /// The job's receipt was there first.
    Found(FoundReceipt),
    /// The source database could not say.
    Unsure {
        /// Why, in safe words.
        reason: &'static str,
    },
}

impl Fenced {
    /// A fence there would prove nothing about the claim.
    #[must_use]
    pub fn elsewhere(how: Elsewhere) -> Self {
        Self::Unsure {
            reason: match how {
                Elsewhere::Receipts => "the receipt table is not the one that was claimed",
                Elsewhere::Server => ANOTHER_SERVER,
            },
        }
    }
}

/// What a fence means for the proposal.
#[must_use]
pub fn settle_fence(change_set: &ChangeSet, fenced: &Fenced) -> Settlement {
    match fenced {
        Fenced::Won => Settlement::Released(Code::WritebackFenced),
        Fenced::Found(found) if found.status == "canceled" => Settlement::Released(Code::WritebackFenced),
        Fenced::Found(found)
            if found.status == "applied"
                && found.proposal_hash.as_deref() == Some(change_set.integrity.proposal_hash.as_str()) =>
        {
            Settlement::Settled(Outcome {
                status: ReceiptStatus::Applied,
                code: None,
                reason: None,
                new_version: found.new_version.clone(),
            })
        }
        Fenced::Found(_) => Outcome::ended(
            ReceiptStatus::Failed,
            Code::ReceiptMismatch,
            "the receipt table holds another change under this job",
        ),
        Fenced::Unsure { reason } => Settlement::InDoubt(reason),
    }
}
