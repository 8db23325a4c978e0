//! The only place that asks for the time and for randomness; both are passed on as values.

use std::time::Duration;

use jiff::Timestamp;
use synapsor_core::id::{EvidenceId, JobId, LeaseId, ProposalId, RequestId};

/// Now, to the microsecond: finer digits would not survive every store.
#[must_use]
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}

/// A moment that others count on: it comes even while this machine sleeps or this process is stopped, and setting the
/// clock does not move it.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Duration);

impl Deadline {
    /// So far from now.
    #[must_use]
    pub fn after(span: Duration) -> Self {
        Self(since_boot().saturating_add(span))
    }

    /// Whether it is still to come.
    #[must_use]
    pub fn is_ahead(self) -> bool {
        since_boot() < self.0
    }
}

/// A moment for telling how old something is: it counts on while this machine sleeps, and setting the clock does not
/// move it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(Duration);

impl Moment {
    /// This moment.
    #[must_use]
    pub fn now() -> Self {
        Self(since_boot())
    }

    /// The moment so much later.
    #[must_use]
    pub fn later(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }

    /// How long ago an earlier moment was; nothing if it is still to come.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Time since the machine started, counted while it sleeps.
fn since_boot() -> Duration {
    // The others' monotonic clocks count sleep by themselves or have no other to offer.
    #[cfg(target_os = "linux")]
    const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Monotonic;
    let now = rustix::time::clock_gettime(CLOCK);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or_default())
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
