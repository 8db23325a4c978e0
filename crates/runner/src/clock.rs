//! The only place that asks for the time and for randomness; both are passed on as values.

use jiff::Timestamp;
use synapsor_core::id::{EvidenceId, JobId, LeaseId, ProposalId, RequestId};

/// Now, to the microsecond: finer digits would not survive every store.
#[must_use]
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}

/// Random bytes from the operating system.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // The system call fails only where the kernel has no randomness at all; ids without it could collide.
    if getrandom::fill(&mut bytes).is_err() {
        std::process::abort();
    }
    bytes
}

/// A new proposal id.
#[must_use]
pub fn proposal_id() -> ProposalId {
    ProposalId::from_random(random())
}

/// A new evidence id.
#[must_use]
pub fn evidence_id() -> EvidenceId {
    EvidenceId::from_random(random())
}

/// A new job id.
#[must_use]
pub fn job_id() -> JobId {
    JobId::from_random(random())
}

/// A new lease id.
#[must_use]
pub fn lease_id() -> LeaseId {
    LeaseId::from_random(random())
}

/// A new request id.
#[must_use]
pub fn request_id() -> RequestId {
    RequestId::from_random(random())
}
