//! A proposal's life: one enum of stages, one step, and replay as the same step folded over the record.

pub mod draft;
pub mod ready;
pub mod truth;
pub mod turn;

use jiff::Timestamp;

use crate::event::{Cancellation, Claim, Decision, Event};
use crate::wire::change_set::ChangeSet;
use crate::wire::receipt::{ExecutionReceipt, ReceiptStatus};

/// Where a proposal stands, with what is known there.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// It waits for review.
    Pending,
    /// It may be applied.
    Approved {
        /// By whom and on what.
        decision: Decision,
    },
    /// Someone is applying it, or nobody knows how that ended.
    Applying {
        /// The decision it rests on.
        decision: Decision,
        /// Who holds it.
        claim: Box<Claim>,
        /// Why the outcome is unknown, if it is.
        doubt: Option<String>,
    },
    /// An attempt ended for good.
    Settled {
        /// What it did.
        receipt: Box<ExecutionReceipt>,
    },
    /// Someone said no.
    Rejected {
        /// Who and why.
        decision: Decision,
    },
    /// Its time ran out.
    Expired,
    /// A newer proposal took its place.
    Canceled {
        /// Which.
        cancellation: Cancellation,
    },
}

/// An event that cannot follow the stage: the record is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{event}` cannot follow `{state}`")]
pub struct IllegalStep {
    /// The state's word.
    pub state: &'static str,
    /// The event's kind.
    pub event: &'static str,
}

impl Stage {
    /// The one vocabulary of states, for CLI and ledger.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match self {
            Self::Pending => "pending_review",
            Self::Approved { .. } => "approved",
            Self::Applying { doubt: None, .. } => "pending_worker",
            Self::Applying { doubt: Some(_), .. } => "unknown",
            Self::Settled { receipt } => match receipt.status {
                ReceiptStatus::Applied | ReceiptStatus::AlreadyApplied => "applied",
                ReceiptStatus::Conflict => "conflict",
                ReceiptStatus::Failed => "failed",
                ReceiptStatus::Canceled => "canceled",
            },
            Self::Rejected { .. } => "rejected",
            Self::Expired => "expired",
            Self::Canceled { .. } => "canceled",
        }
    }

    /// The only place where a stage changes.
    pub fn step(self, event: &Event) -> Result<Self, IllegalStep> {
        let illegal = |stage: &Self| IllegalStep { state: stage.state(), event: event.kind() };
        match (self, event) {
            (Self::Pending, Event::ProposalApproved(decision)) => Ok(Self::Approved { decision: decision.clone() }),
            (Self::Pending | Self::Approved { .. }, Event::ProposalRejected(decision)) => {
                Ok(Self::Rejected { decision: decision.clone() })
            }
            (Self::Pending | Self::Approved { .. }, Event::ProposalCanceled(cancellation)) => {
                Ok(Self::Canceled { cancellation: cancellation.clone() })
            }
            (Self::Pending | Self::Approved { .. }, Event::ProposalExpired(_)) => Ok(Self::Expired),
            (Self::Approved { decision }, Event::ProposalPendingWorker(claim)) => {
                Ok(Self::Applying { decision, claim: Box::new(claim.clone()), doubt: None })
            }
            (Self::Applying { decision, claim, .. }, Event::WritebackReleased(release))
                if release.job_id == claim.job_id =>
            {
                Ok(Self::Approved { decision })
            }
            (Self::Applying { decision, claim, .. }, Event::WritebackInDoubt(doubt))
                if doubt.job_id == claim.job_id =>
            {
                Ok(Self::Applying { decision, claim, doubt: Some(doubt.reason.clone()) })
            }
            (Self::Applying { claim, .. }, Event::WritebackSettled(receipt))
                if receipt.writeback_job_id == claim.job_id =>
            {
                Ok(Self::Settled { receipt: receipt.clone() })
            }
            (stage @ Self::Approved { .. }, Event::WritebackJobRecorded(_)) => Ok(stage),
            (stage, Event::ShadowHumanActionRecorded(_)) => Ok(stage),
            (stage, _) => Err(illegal(&stage)),
        }
    }
}

/// A proposal as its events tell it.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    change_set: ChangeSet,
    stage: Stage,
    next_seq: u64,
}

/// Why a subject's events do not make a proposal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRecord {
    /// The first event is no proposal.
    #[error("the record does not start with a proposal")]
    NoStart,
    /// An event does not fit.
    #[error("the record holds a step that cannot happen")]
    Step(#[from] IllegalStep),
    /// The content does not hash to what was recorded.
    #[error("the change does not hash to the recorded value")]
    Hash,
}

impl Proposal {
    /// Folds a proposal's events, oldest first.
    pub fn replay(events: impl IntoIterator<Item = Event>) -> Result<Self, BadRecord> {
        let mut events = events.into_iter();
        let Some(Event::ProposalCreated(change_set)) = events.next() else { return Err(BadRecord::NoStart) };
        if change_set.hash().as_str() != change_set.integrity.proposal_hash {
            return Err(BadRecord::Hash);
        }
        let mut proposal = Self { change_set: *change_set, stage: Stage::Pending, next_seq: 1 };
        for event in events {
            proposal = proposal.then(&event)?;
        }
        Ok(proposal)
    }

    /// The proposal after one more event.
    pub fn then(self, event: &Event) -> Result<Self, IllegalStep> {
        Ok(Self { stage: self.stage.step(event)?, next_seq: self.next_seq + 1, ..self })
    }

    /// The exact change.
    #[must_use]
    pub fn change_set(&self) -> &ChangeSet {
        &self.change_set
    }

    /// Where it stands.
    #[must_use]
    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    /// The sequence number that the next event must have.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// When it can no longer be decided or applied; `None` if the record holds no readable time.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.change_set.expires_at.parse().ok()
    }

    /// Whether its time ran out, though no event says so yet. An applying proposal does not expire.
    #[must_use]
    pub fn is_past_due(&self, now: Timestamp) -> bool {
        matches!(self.stage, Stage::Pending | Stage::Approved { .. })
            && self.change_set.mode != "shadow"
            && self.expires_at().is_none_or(|at| at <= now)
    }

    /// The word for its state now: as [`Stage::state`], but `expired` from the moment its time ran out.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> &'static str {
        if self.is_past_due(now) { "expired" } else { self.stage.state() }
    }

    /// The word for its state in an envelope.
    #[must_use]
    pub fn face(&self, now: Timestamp) -> &'static str {
        match self.state(now) {
            "pending_review" if self.change_set.mode == "shadow" => "shadow_proposal_created",
            "pending_review" => "review_required",
            "pending_worker" | "unknown" => "approved",
            other => other,
        }
    }
}

#[cfg(test)]
mod tests;
