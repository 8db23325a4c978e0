//! What a handler is asked.

use crate::event::{Claim, Decision};
use crate::proposal::Proposal;
use crate::wire::handler::{
    About, Ask, HandlerApproval, HandlerChange, HandlerEvidence, HandlerRequest, PROTOCOL_VERSION,
};
use crate::wire::job::idempotency_key;

/// What the shell adds to every request.
#[derive(Debug, Clone, Copy)]
pub struct Stamp<'a> {
    /// The handler's address.
    pub audience: &'a str,
    /// Now, RFC 3339 UTC.
    pub issued_at: &'a str,
    /// Random text.
    pub nonce: &'a str,
}

/// Who asks about a proposal.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// The ledger.
    pub ledger_id: &'a str,
    /// The claim that the request is made under.
    pub claim: &'a Claim,
}

/// What can you do?
#[must_use]
pub fn handshake(stamp: Stamp<'_>) -> HandlerRequest {
    stamped(Ask::Handshake, stamp, None)
}

/// Make the change, or with `dry_run` go through all of it and undo it.
#[must_use]
pub fn apply(
    proposal: &Proposal,
    decision: &Decision,
    decided_at: &str,
    asker: Asker<'_>,
    stamp: Stamp<'_>,
) -> HandlerRequest {
    let change_set = proposal.change_set();
    let about = About {
        change_set: Some(HandlerChange::of(change_set)),
        before: Some(change_set.before.clone()),
        approval: Some(HandlerApproval { approvers: vec![decision.actor.clone()], decided_at: decided_at.to_owned() }),
        evidence: Some(HandlerEvidence { bundle_id: change_set.evidence.bundle_id.clone() }),
        ..about(proposal, asker)
    };
    stamped(Ask::Apply, stamp, Some(about))
}

/// What became of the proposal's key, or with [`Ask::Fence`]: end it.
#[must_use]
pub fn inquire(ask: Ask, proposal: &Proposal, asker: Asker<'_>, stamp: Stamp<'_>) -> HandlerRequest {
    stamped(ask, stamp, Some(about(proposal, asker)))
}

fn about(proposal: &Proposal, asker: Asker<'_>) -> About {
    let change_set = proposal.change_set();
    About {
        ledger_id: asker.ledger_id.to_owned(),
        writeback_job_id: asker.claim.job_id.clone(),
        proposal_id: change_set.proposal_id.clone(),
        proposal_hash: change_set.integrity.proposal_hash.clone(),
        idempotency_key: idempotency_key(change_set),
        dry_run: false,
        change_set: None,
        before: None,
        approval: None,
        evidence: None,
    }
}

fn stamped(kind: Ask, stamp: Stamp<'_>, about: Option<About>) -> HandlerRequest {
    HandlerRequest {
        protocol_version: PROTOCOL_VERSION.to_owned(),
        kind,
        audience: stamp.audience.to_owned(),
        issued_at: stamp.issued_at.to_owned(),
        nonce: Some(stamp.nonce.to_owned()),
        about,
    }
}
