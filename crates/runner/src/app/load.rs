//! Proposals as the ledger tells them.

use jiff::Timestamp;
use synapsor_core::code::Code;
use synapsor_core::event::{BODY_VERSION, Event, Expiry};
use synapsor_core::id::ProposalId;
use synapsor_core::proposal::Proposal;
use synapsor_core::refusal::Refusal;
use synapsor_db::ledger::{AppendError, NewEvent};

use super::{App, Stop};
use crate::clock;

impl App {
    /// The proposal's id from what a person typed: an id, or `latest`.
    pub async fn resolve(&self, typed: &str) -> Result<ProposalId, Stop> {
        resolve(&self.ledger, typed).await
    }

    /// The proposal as it stands. If its time ran out, that is recorded first.
    pub async fn load(&self, id: &ProposalId) -> Result<Proposal, Stop> {
        loop {
            let proposal = load(&self.ledger, id).await?;
            let now = self.now().await?;
            if !proposal.is_past_due(now) {
                return Ok(proposal);
            }
            let expiry = Expiry { v: BODY_VERSION, expired_at: proposal.change_set().expires_at.clone() };
            let event = NewEvent {
                subject: id.as_str().to_owned(),
                seq: proposal.next_seq(),
                event: Event::ProposalExpired(expiry),
            };
            match self.ledger.append(vec![event], now).await {
                Ok(_) | Err(AppendError::Stale { .. }) => {}
                Err(AppendError::Fault(fault)) => return Err(fault.into()),
            }
        }
    }
}

/// The later of the clock and the newest record.
pub async fn now(ledger: &synapsor_db::ledger::Ledger) -> Result<Timestamp, Stop> {
    Ok(clock::now().max(ledger.head().await?.newest_at.unwrap_or(Timestamp::MIN)))
}

/// The proposal's id from what a person typed: an id, or `latest`.
pub async fn resolve(ledger: &synapsor_db::ledger::Ledger, typed: &str) -> Result<ProposalId, Stop> {
    if typed == "latest" {
        return ledger
            .latest_proposal()
            .await?
            .ok_or_else(|| Refusal::new(Code::ProposalNotFound, "the ledger holds no proposals").into());
    }
    ProposalId::parse(typed).map_err(|why| {
        Refusal::new(Code::ProposalNotFound, format!("that is no proposal id: {why}"))
            .with_fix("run `synapsor-runner proposals list`, or use `latest`")
            .into()
    })
}

/// The proposal as its events tell it, without recording anything.
pub async fn load(ledger: &synapsor_db::ledger::Ledger, id: &ProposalId) -> Result<Proposal, Stop> {
    let events = ledger.load(id.as_str()).await?;
    if events.is_empty() {
        return Err(Refusal::new(Code::ProposalNotFound, format!("there is no proposal {id} in this ledger")).into());
    }
    Proposal::replay(events.into_iter().map(|stored| stored.event)).map_err(|bad| {
        Refusal::new(Code::StoreCorrupt, format!("the record of proposal {id} is damaged: {bad}")).into()
    })
}
