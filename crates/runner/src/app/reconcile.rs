//! Finds out what became of an apply that nobody finished: a fence in the source database, never a guess.

use synapsor_core::code::Code;
use synapsor_core::event::Claim;
use synapsor_core::id::{Ident, ProposalId};
use synapsor_core::proposal::{Proposal, Stage};
use synapsor_core::refusal::Refusal;
use synapsor_core::sql::receipts::{self, Place};
use synapsor_core::writeback::{self, ClaimTerms, Settlement};
use synapsor_db::engine::Fence;

use super::apply::{Applied, ApplyEnding, is_live};
use super::{App, Stop};

impl App {
    /// Settles or releases an unfinished apply whose lease has passed. Anything else is reported as it stands.
    pub async fn reconcile(&self, id: &ProposalId, runner_id: &str) -> Result<Applied, Stop> {
        let proposal = self.load(id).await?;
        let (claim, doubt) = match proposal.stage() {
            Stage::Applying { claim, doubt, .. } => (claim.clone(), doubt.clone()),
            Stage::Settled { receipt } => {
                let ending = ApplyEnding::Settled { receipt: receipt.clone(), before: true };
                return Ok(Applied { proposal, ending });
            }
            stage => {
                return Err(Refusal::new(
                    Code::ProposalClosed,
                    format!("nothing to reconcile: proposal {id} is {}", stage.state()),
                )
                .with_fix("look at it with `synapsor-runner proposals show`")
                .into());
            }
        };
        if doubt.is_none() && is_live(&claim, self.now().await?) {
            return Err(Refusal::new(
                Code::WritebackBusy,
                format!("proposal {id} is being applied until {}", claim.lease_expires_at),
            )
            .into());
        }
        let settlement = self.fence(&proposal, &claim).await?;
        // Who finds out is recorded on the event; the claim stays the first applier's.
        let finder = Claim { runner_id: runner_id.to_owned(), ..claim.clone() };
        let ending = match settlement {
            // It is recorded as in doubt already: repeating it adds nothing.
            Settlement::InDoubt(reason) if doubt.is_some() => Some(ApplyEnding::InDoubt(reason.to_owned())),
            settlement => self.record_settlement(&proposal, &finder, settlement).await?,
        };
        let proposal = self.load(id).await?;
        let ending = match (ending, proposal.stage()) {
            (Some(ending), _) => ending,
            // Someone else found out first.
            (None, Stage::Settled { receipt }) => ApplyEnding::Settled { receipt: receipt.clone(), before: true },
            (None, Stage::Applying { doubt, .. }) => {
                ApplyEnding::InDoubt(doubt.clone().unwrap_or_else(|| "another process is applying it".to_owned()))
            }
            (None, _) => ApplyEnding::Released(Code::WritebackFenced),
        };
        Ok(Applied { proposal, ending })
    }

    async fn fence(&self, proposal: &Proposal, claim: &Claim) -> Result<Settlement, Stop> {
        let change_set = proposal.change_set();
        // The source is found by its name alone: a changed capability must not keep an outcome unknown.
        let source = Ident::parse(&change_set.source.source_id)
            .ok()
            .and_then(|name| self.contract.sources.get(&name))
            .ok_or_else(|| {
                Refusal::new(Code::ConfigInvalid, format!("source `{}` is not configured", change_set.source.source_id))
            })?;
        let place = match (Ident::parse(&claim.receipts_schema), Ident::parse(&claim.receipts_table)) {
            (Ok(schema), Ok(table)) => Place { schema, table },
            _ => return Err(Refusal::new(Code::StoreCorrupt, "the claim names no receipt table").into()),
        };
        let head = self.ledger.head().await?.to_string();
        let terms = ClaimTerms { ledger_id: self.ledger.id().as_str(), ledger_head: &head };
        let keys = writeback::keys(change_set, claim, terms);
        let fence = Fence {
            identity: receipts::identity(source.engine, &place),
            insert: writeback::fence(source.engine, &place, &keys),
            by_job: receipts::by_job(source.engine, &place, &claim.job_id),
        };
        let fenced = self.sources.writer(source)?.fence(&fence, &claim.receipts_id).await?;
        Ok(writeback::settle_fence(change_set, &fenced))
    }
}
