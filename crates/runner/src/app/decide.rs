//! A person's decision, made outside the model.

use synapsor_core::code::Code;
use synapsor_core::event::{BODY_VERSION, Decision, Event};
use synapsor_core::id::ProposalId;
use synapsor_core::proposal::{Proposal, Stage};
use synapsor_core::refusal::Refusal;
use synapsor_db::ledger::{AppendError, NewEvent};

use super::{App, Stop};

/// What a person decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Who decides.
    pub actor: String,
    /// Yes or no.
    pub approve: bool,
    /// Why; a rejection needs one.
    pub reason: Option<String>,
    /// The change the person was shown; another one is refused.
    pub shown_hash: String,
}

impl App {
    /// Records a decision on exactly the change that was shown.
    pub async fn decide(&self, id: &ProposalId, verdict: &Verdict) -> Result<Proposal, Stop> {
        if !verdict.approve && verdict.reason.as_ref().is_none_or(|reason| reason.trim().is_empty()) {
            return Err(Refusal::new(Code::Usage, "rejecting needs a reason").with_fix("add `--reason \"…\"`").into());
        }
        let proposal = self.load(id).await?;
        let change_set = proposal.change_set();
        if verdict.shown_hash != change_set.integrity.proposal_hash {
            return Err(
                Refusal::new(Code::ProposalHashMismatch, "the change that was shown is not the recorded one").into()
            );
        }
        self.check_decidable(&proposal, verdict.approve)?;
        let head = self.ledger.head().await?;
        let decision = Decision {
            v: BODY_VERSION,
            actor: verdict.actor.clone(),
            proof: "unverified".to_owned(),
            role: change_set.approval.required_role.clone(),
            reason: verdict.reason.clone(),
            proposal_hash: change_set.integrity.proposal_hash.clone(),
            ledger_head: head.to_string(),
        };
        let event = if verdict.approve { Event::ProposalApproved(decision) } else { Event::ProposalRejected(decision) };
        let event = NewEvent { subject: id.as_str().to_owned(), seq: proposal.next_seq(), event };
        match self.ledger.append(vec![event], self.now().await?).await {
            Ok(_) => self.load(id).await,
            Err(AppendError::Fault(fault)) => Err(fault.into()),
            Err(AppendError::Stale { .. }) => {
                // Someone else moved it in between: say what is true now.
                let proposal = self.load(id).await?;
                self.check_decidable(&proposal, verdict.approve)?;
                Err(Refusal::new(Code::WritebackBusy, "the proposal changed in between; look at it again").into())
            }
        }
    }

    fn check_decidable(&self, proposal: &Proposal, approve: bool) -> Result<(), Refusal> {
        let id = &proposal.change_set().proposal_id;
        match (approve, proposal.stage()) {
            (_, Stage::Expired) => Err(Refusal::new(
                Code::ProposalExpired,
                format!("proposal {id} expired at {}", proposal.change_set().expires_at),
            )),
            (true, Stage::Pending) => proposal.current_contract(&self.contract).map(|_| ()),
            (false, Stage::Pending | Stage::Approved { .. }) => Ok(()),
            (true, stage) => Err(Refusal::new(
                Code::ProposalNotPendingReview,
                format!("proposal {id} is {}, not pending review", stage.state()),
            )),
            (false, stage) => Err(Refusal::new(
                Code::ProposalNotRejectable,
                format!("proposal {id} is {} and cannot be rejected", stage.state()),
            )),
        }
    }
}
