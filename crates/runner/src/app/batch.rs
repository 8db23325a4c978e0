//! Many proposals, one after another: which ones, and what they came to.

use synapsor_core::code::Exit;
use synapsor_core::id::ProposalId;
use synapsor_core::refusal::Refusal;
use synapsor_db::ledger::{Kind, Query};

use super::apply::ApplyOrder;
use super::outcome::Applied;
use super::reconcile::Finder;
use super::{App, Stop, lookup};

/// What becomes of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Apply what is approved.
    Apply(ApplyOrder),
    /// Find out about what nobody finished.
    Reconcile(Finder),
}

/// One proposal and what it came to.
#[derive(Debug)]
pub struct Done {
    /// The proposal.
    pub id: ProposalId,
    /// What it came to, or our no.
    pub result: Result<Applied, Refusal>,
}

impl Done {
    /// The exit status that it alone would have.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match &self.result {
            Ok(applied) => applied.exit(),
            Err(refusal) => refusal.code().exit(),
        }
    }
}

/// The exit status of many: of the one that needs a person most.
#[must_use]
pub fn exit(done: &[Done]) -> Exit {
    let worst = [Exit::Unknown, Exit::Failed, Exit::Conflict, Exit::Unavailable, Exit::Refused, Exit::Usage];
    worst.into_iter().find(|exit| done.iter().any(|one| one.exit() == *exit)).unwrap_or(Exit::Done)
}

impl Task {
    fn states(&self) -> &'static [&'static str] {
        match self {
            Self::Apply(_) => &["approved"],
            Self::Reconcile(_) => &["pending_worker", "unknown"],
        }
    }
}

impl App {
    /// The proposals that a task is about, oldest first.
    pub async fn due(&self, task: &Task) -> Result<Vec<ProposalId>, Stop> {
        let now = self.now().await?;
        let mut found = Vec::new();
        for state in task.states() {
            let query = Query { state: Some((*state).to_owned()), ..Query::new(Kind::Proposal, now) };
            found.extend(lookup::all(&self.ledger, query).await?);
        }
        found.sort_by_key(|record| record.stored.event_id);
        // One that changed its state in between may be found in both.
        found.dedup_by_key(|record| record.stored.event_id);
        Ok(found.iter().filter_map(|record| ProposalId::parse(&record.stored.subject).ok()).collect())
    }

    /// Does one of a batch. A fault of the ledger ends the batch: nothing after it could be recorded.
    pub async fn carry_out(&self, id: &ProposalId, task: &Task) -> Result<Done, Stop> {
        let result = match task {
            Task::Apply(order) => self.apply(id, order).await,
            Task::Reconcile(finder) => self.reconcile(id, finder).await,
        };
        let result = match result {
            Ok(applied) => Ok(applied),
            Err(stop @ Stop::Ledger(_)) => return Err(stop),
            Err(stop) => Err(stop.into_refusal(id.as_str())),
        };
        Ok(Done { id: id.clone(), result })
    }
}
