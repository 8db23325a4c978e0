//! Finds out what became of an apply that nobody finished: a fence in the source database, never a guess.

mod handed;

use synapsor_core::code::Code;
use synapsor_core::event::Claim;
use synapsor_core::id::{Ident, ProposalId};
use synapsor_core::proposal::turn::Begun;
use synapsor_core::proposal::{Proposal, Stage};
use synapsor_core::refusal::Refusal;
use synapsor_core::sql::receipts::{self, Place};
use synapsor_core::writeback::{self, ClaimTerms, Fenced, Settlement};
use synapsor_db::crash::{Point, point};
use synapsor_db::engine::{Fence, ReceiptsState};

use super::outcome::{Applied, ApplyEnding, busy};
use super::{App, Stop, source};

/// Who finds out, and how far they go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finder {
    /// Which runner this is, for the record.
    pub runner_id: String,
    /// Whether a person vouches that the server which answers now holds all that the one before it committed.
    pub accept_new_server: bool,
}

impl App {
    /// Settles or releases an unfinished apply that nobody may go on with. Anything else is reported as it stands.
    pub async fn reconcile(&self, id: &ProposalId, finder: &Finder) -> Result<Applied, Stop> {
        let proposal = self.load(id).await?;
        let claim = match proposal.begun(self.now().await?)? {
            Begun::Report(receipt) => return Ok(Applied::before(&proposal, receipt)),
            Begun::Wait(claim) => return Err(busy(id, claim).into()),
            Begun::Fence(claim) => claim,
        };
        if let Some(found) = self.find_out(&proposal, claim, finder).await? {
            return Ok(found);
        }
        // Someone else found out first, and may have begun anew.
        let proposal = self.load(id).await?;
        let ending = match proposal.stage() {
            Stage::Settled { receipt } => return Ok(Applied::before(&proposal, receipt)),
            Stage::Applying { claim, doubt: None, .. } => return Err(busy(id, claim).into()),
            Stage::Applying { doubt: Some(doubt), .. } => ApplyEnding::InDoubt(doubt.clone()),
            _ => ApplyEnding::Released(Code::WritebackFenced),
        };
        Ok(Applied { proposal, ending })
    }

    /// Fences a claim and records what became of it. Nothing if someone else recorded it first.
    pub(super) async fn find_out(
        &self,
        proposal: &Proposal,
        claim: &Claim,
        finder: &Finder,
    ) -> Result<Option<Applied>, Stop> {
        point(Point::ReconcileFencing);
        let settlement = match &claim.executor {
            Some(executor) => handed::settle(self, proposal, claim, executor).await?,
            None => self.fence(proposal, claim, finder).await?,
        };
        // Who finds out is recorded on the event; the claim stays the first applier's.
        let claim = Claim { runner_id: finder.runner_id.clone(), ..claim.clone() };
        point(Point::ReconcileRecording);
        let recorded = self.record_settlement(proposal, &claim, settlement).await;
        point(Point::ReconcileRecorded);
        recorded
    }

    async fn fence(&self, proposal: &Proposal, claim: &Claim, finder: &Finder) -> Result<Settlement, Stop> {
        let change_set = proposal.change_set();
        // The source is found by its name alone: a changed capability must not keep an outcome unknown.
        let source = self.source_named(&change_set.source.source_id)?;
        let place = claimed_place(claim)?;
        let engine = self.sources.writer(source)?;
        match engine.receipts(&place).await? {
            ReceiptsState::Ready(_) => {}
            // A fence in a table that does not shut anybody out proves nothing.
            ReceiptsState::Unsafe { why } => return Err(source::receipts_unsafe(&place, &why).into()),
            ReceiptsState::Missing => {
                let fenced = Fenced::Unsure { reason: "the receipt table that was claimed is not there" };
                return Ok(writeback::settle_fence(change_set, &fenced));
            }
        }
        let head = self.ledger.head().await?.to_string();
        let terms = ClaimTerms { ledger_id: self.ledger.id().as_str(), ledger_head: &head };
        let keys = writeback::keys(change_set, claim, terms);
        let fence = Fence {
            identity: receipts::identity(source.engine, &place),
            insert: writeback::fence(source.engine, &place, &keys),
            by_job: receipts::by_job(source.engine, &place, &claim.job_id),
        };
        let mut claimed = writeback::claimed(claim);
        if finder.accept_new_server {
            claimed.server_id = None;
        }
        let fenced = engine.fence(&fence, &claimed).await?;
        Ok(writeback::settle_fence(change_set, &fenced))
    }
}

/// Where a claim says that its receipt is.
pub(super) fn claimed_place(claim: &Claim) -> Result<Place, Refusal> {
    match (Ident::parse(&claim.receipts_schema), Ident::parse(&claim.receipts_table)) {
        (Ok(schema), Ok(table)) => Ok(Place { schema, table }),
        _ => Err(Refusal::new(Code::StoreCorrupt, "the claim names no receipt table")),
    }
}
