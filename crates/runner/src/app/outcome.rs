//! What an apply came to, whoever found out: its report, and its record.

use synapsor_core::code::{Code, Exit};
use synapsor_core::event::{Claim, Event};
use synapsor_core::id::ProposalId;
use synapsor_core::proposal::Proposal;
use synapsor_core::refusal::Refusal;
use synapsor_core::wire::handler::HandlerStatus;
use synapsor_core::wire::receipt::{ExecutionReceipt, ReceiptStatus};
use synapsor_core::writeback::{self, Outcome, Settlement};
use synapsor_db::ledger::{AppendError, NewEvent};

use super::{App, Stop};

/// What an apply came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// The proposal as it stands now.
    pub proposal: Proposal,
    /// What happened.
    pub ending: ApplyEnding,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum ApplyEnding {
    /// It ended for good, now or before; the receipt says how.
    Settled {
        /// The receipt.
        receipt: Box<ExecutionReceipt>,
        /// Whether it had ended before this call.
        before: bool,
    },
    /// A dry run passed every step; nothing was changed.
    Rehearsed,
    /// A dry run found that it would not apply.
    WouldNot(Outcome),
    /// It failed for a reason that can pass or be mended; the proposal is still approved.
    Released(Code),
    /// Nobody knows yet whether it was written.
    InDoubt(String),
}

impl Applied {
    /// The exit status that says it to a script.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match &self.ending {
            ApplyEnding::Settled { receipt, .. } => exit_of(receipt.status),
            ApplyEnding::Rehearsed => Exit::Done,
            ApplyEnding::WouldNot(outcome) => exit_of(outcome.status),
            ApplyEnding::Released(code) => code.exit(),
            ApplyEnding::InDoubt(_) => Exit::Unknown,
        }
    }

    /// The report of one that had ended before.
    pub(super) fn before(proposal: &Proposal, receipt: &ExecutionReceipt) -> Self {
        let ending = ApplyEnding::Settled { receipt: Box::new(receipt.clone()), before: true };
        Self { proposal: proposal.clone(), ending }
    }
}

fn exit_of(status: ReceiptStatus) -> Exit {
    match status {
        ReceiptStatus::Applied | ReceiptStatus::AlreadyApplied => Exit::Done,
        ReceiptStatus::Conflict => Exit::Conflict,
        ReceiptStatus::Failed | ReceiptStatus::Canceled => Exit::Failed,
    }
}

impl App {
    /// As [`App::record_settlement`] for who holds the claim: what was or may have been written, and could not be
    /// recorded, is in doubt.
    pub(super) async fn record_or_doubt(
        &self,
        claimed: &Proposal,
        claim: &Claim,
        settlement: Settlement,
    ) -> Result<Option<Applied>, Stop> {
        const UNRECORDED: &str = "the change was written, but the ledger could not record that";
        let written = match &settlement {
            Settlement::Settled(outcome) if outcome.status == ReceiptStatus::Applied => Some(UNRECORDED),
            Settlement::Told(said) if said.status == HandlerStatus::Applied => Some(UNRECORDED),
            Settlement::InDoubt(reason) => Some(*reason),
            _ => None,
        };
        match (self.record_settlement(claimed, claim, settlement).await, written) {
            (Err(stop), Some(reason)) => {
                let _ = stop.into_refusal(&claim.job_id);
                Ok(Some(Applied { proposal: claimed.clone(), ending: ApplyEnding::InDoubt(reason.to_owned()) }))
            }
            (recorded, _) => recorded,
        }
    }

    /// When the proposal was approved, RFC 3339 UTC.
    pub(super) async fn decided_at(&self, proposal_id: &str) -> Result<String, Stop> {
        let history = self.ledger.load(proposal_id).await?;
        let approved = history.iter().rev().find(|stored| matches!(stored.event, Event::ProposalApproved(_)));
        Ok(approved.map(|stored| stored.at.to_string()).unwrap_or_default())
    }

    /// Records what a claim came to, by `finder`: who holds it or fenced it. Nothing if someone else records it.
    pub(super) async fn record_settlement(
        &self,
        proposal: &Proposal,
        finder: &Claim,
        settlement: Settlement,
    ) -> Result<Option<Applied>, Stop> {
        let now = self.now().await?;
        let mut proposal = proposal.clone();
        if let Some(event) = writeback::record(&proposal, finder, &settlement, now) {
            let subject = proposal.change_set().proposal_id.clone();
            let new = NewEvent { subject, seq: proposal.next_seq(), event: event.clone() };
            match self.ledger.append(vec![new], now).await {
                Ok(_) => {}
                Err(AppendError::Stale { .. }) => return Ok(None),
                Err(AppendError::Fault(fault)) => return Err(fault.into()),
            }
            proposal = proposal
                .then(&event)
                .map_err(|bad| Refusal::new(Code::Internal, format!("the outcome does not read back: {bad}")))?;
            if let Event::WritebackSettled(receipt) = event {
                return Ok(Some(Applied { proposal, ending: ApplyEnding::Settled { receipt, before: false } }));
            }
        }
        Ok(match settlement {
            Settlement::Released(code) => Some(ApplyEnding::Released(code)),
            Settlement::InDoubt(reason) => Some(ApplyEnding::InDoubt(reason.to_owned())),
            Settlement::Settled(_) | Settlement::Told(_) | Settlement::ClaimLost => None,
        }
        .map(|ending| Applied { proposal, ending }))
    }
}

/// That someone else is applying it.
pub(super) fn busy(id: &ProposalId, claim: &Claim) -> Refusal {
    Refusal::new(
        Code::WritebackBusy,
        format!("proposal {id} is being applied; its applier has until {}", claim.lease_expires_at),
    )
}
