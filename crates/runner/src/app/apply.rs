//! Applies an approved proposal: claim, write, settle, record. Any number of processes may try; one writes.

mod attempt;
mod handed;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use synapsor_core::code::Code;
use synapsor_core::event::{Claim, Event};
use synapsor_core::id::ProposalId;
use synapsor_core::proposal::Proposal;
use synapsor_core::proposal::turn::{Begun, Turn};
use synapsor_core::refusal::Refusal;
use synapsor_db::crash::{Point, point};
use synapsor_db::ledger::{AppendError, NewEvent};

use super::outcome::{Applied, ApplyEnding, busy};
use super::reconcile::Finder;
use super::{App, Stop};
use attempt::Attempt;
use handed::Handed;

/// How a caller wants a proposal applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyOrder {
    /// Which runner this is, for the record.
    pub runner_id: String,
    /// Whether to undo everything at the end.
    pub dry_run: bool,
    /// Whether to wait for another process that applies it, to report what it came to.
    pub wait: bool,
}

/// How often a waiting applier looks whether the winner has settled.
const POLL: Duration = Duration::from_millis(50);

impl App {
    /// Applies a proposal, or says what became of it.
    pub async fn apply(&self, id: &ProposalId, order: &ApplyOrder) -> Result<Applied, Stop> {
        loop {
            let proposal = self.load(id).await?;
            point(Point::ApplyLoaded);
            match proposal.turn(&self.contract, self.now().await?)? {
                Turn::Begun(Begun::Report(receipt)) => return Ok(Applied::before(&proposal, receipt)),
                // A dry run says what would happen now, which hangs on the other's outcome.
                Turn::Begun(Begun::Wait(claim) | Begun::Fence(claim)) if order.dry_run => {
                    return Err(busy(id, claim).into());
                }
                Turn::Begun(Begun::Wait(claim)) if !order.wait => return Err(busy(id, claim).into()),
                Turn::Begun(Begun::Wait(_)) => tokio::time::sleep(POLL).await,
                Turn::Begun(Begun::Fence(claim)) => {
                    let finder = Finder { runner_id: order.runner_id.clone(), accept_new_server: false };
                    // Whatever was found, or if someone else found out first: what stands now is looked at again.
                    let found = self.find_out(&proposal, claim, &finder).await?;
                    if let Some(found) = found
                        && let ApplyEnding::InDoubt(_) = found.ending
                    {
                        return Ok(found);
                    }
                }
                Turn::Attempt(ready) => {
                    if let Some(executor) = self.contract.handler_of(ready.capability()) {
                        let handed = Handed::prepare(self, ready, executor).await?;
                        if order.dry_run {
                            return handed.rehearse(&order.runner_id).await;
                        }
                        if let Some(applied) = handed.run(&order.runner_id).await? {
                            return Ok(applied);
                        }
                        continue;
                    }
                    let attempt = Attempt::prepare(self, ready).await?;
                    if order.dry_run {
                        return attempt.rehearse(&order.runner_id).await;
                    }
                    // Nothing if someone else claimed it first, or settled our claim: what they come to is reported.
                    if let Some(applied) = attempt.run(&order.runner_id).await? {
                        return Ok(applied);
                    }
                }
            }
        }
    }
}

/// When a claim that is made now may be taken from its holder.
fn lease_end(now: Timestamp, lasting: Duration) -> String {
    let lasting = SignedDuration::try_from(lasting).unwrap_or(SignedDuration::from_secs(60));
    now.checked_add(lasting).unwrap_or(now).to_string()
}

/// Claims the proposal; the proposal under the claim, or `None` if someone else was first.
async fn claim_it(app: &App, proposal: &Proposal, claim: &Claim) -> Result<Option<Proposal>, Stop> {
    let event = Event::ProposalPendingWorker(claim.clone());
    let subject = proposal.change_set().proposal_id.clone();
    let new = NewEvent { subject, seq: proposal.next_seq(), event: event.clone() };
    match app.ledger.append(vec![new], app.now().await?).await {
        Ok(_) => {}
        Err(AppendError::Stale { .. }) => return Ok(None),
        Err(AppendError::Fault(fault)) => return Err(fault.into()),
    }
    let claimed = proposal
        .clone()
        .then(&event)
        .map_err(|bad| Refusal::new(Code::Internal, format!("the claim does not read back: {bad}")))?;
    Ok(Some(claimed))
}
