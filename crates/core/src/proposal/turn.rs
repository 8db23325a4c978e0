//! What an applier does next with a proposal, decided from its record alone.

use jiff::Timestamp;

use super::ready::Ready;
use super::{Proposal, Stage};
use crate::code::Code;
use crate::contract::Contract;
use crate::event::Claim;
use crate::refusal::Refusal;
use crate::wire::receipt::ExecutionReceipt;

/// What an applier does next.
#[derive(Debug, Clone, Copy)]
pub enum Turn<'a> {
    /// Someone began to apply it.
    Begun(Begun<'a>),
    /// It may be claimed and written.
    Attempt(Ready<'a>),
}

/// What is done about an apply that someone began.
#[derive(Debug, Clone, Copy)]
pub enum Begun<'a> {
    /// It ended for good: report the receipt.
    Report(&'a ExecutionReceipt),
    /// Someone holds it and may still be writing: look again later.
    Wait(&'a Claim),
    /// Nobody may write under this claim any more, yet nobody knows what it wrote: fence it.
    Fence(&'a Claim),
}

impl Claim {
    /// Whether its holder may still be writing, so that nobody else may touch it.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.lease_expires_at.parse::<Timestamp>().is_ok_and(|until| now < until)
    }
}

impl Proposal {
    /// What an applier does next, or why there is nothing to do.
    pub fn turn<'a>(&'a self, contract: &'a Contract, now: Timestamp) -> Result<Turn<'a>, Refusal> {
        match &self.stage {
            Stage::Settled { .. } | Stage::Applying { .. } => self.begun(now).map(Turn::Begun),
            _ => self.ready(contract, now).map(Turn::Attempt),
        }
    }

    /// What is done about an apply that someone began, whatever the configuration says by now.
    pub fn begun(&self, now: Timestamp) -> Result<Begun<'_>, Refusal> {
        match &self.stage {
            Stage::Settled { receipt } => Ok(Begun::Report(receipt)),
            // Its holder said itself that it does not know: it will not write any more.
            Stage::Applying { claim, doubt: Some(_), .. } => Ok(Begun::Fence(claim)),
            Stage::Applying { claim, doubt: None, .. } if claim.is_live(now) => Ok(Begun::Wait(claim)),
            Stage::Applying { claim, .. } => Ok(Begun::Fence(claim)),
            stage => Err(Refusal::new(
                Code::ProposalClosed,
                format!("nothing to reconcile: proposal {} is {}", self.change_set.proposal_id, stage.state()),
            )
            .with_fix("look at it with `synapsor-runner proposals show`")),
        }
    }
}
