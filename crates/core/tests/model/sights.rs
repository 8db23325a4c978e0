//! What a run has come across, so that a property cannot hold only because nothing happened.

use std::sync::atomic::{AtomicU64, Ordering};

/// Something worth meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    Applied,
    AppliedFoundByFence,
    AlreadyApplied,
    Conflict,
    InDoubt,
    InDoubtTwice,
    ClaimLost,
    FenceWon,
    FenceFoundFence,
    FenceBlocked,
    FenceElsewhere,
    FenceOnAnotherServer,
    WriteElsewhere,
    WriteOnAnotherServer,
    WriteBlocked,
    ReceiptGone,
    TooLate,
    Unreachable,
    StaleClaim,
    StaleRecord,
    Waited,
    Reported,
    CommittedAfterItsProcessGaveUp,
    ClosedUnderALateApplier,
    RefusedUnapproved,
    RefusedExpired,
    RefusedClosed,
    RefusedOtherDecision,
    LostByFailover,
}

/// What was met.
#[derive(Default)]
pub struct Sights(AtomicU64);

impl Sights {
    pub fn mark(&self, sight: Sight) {
        self.0.fetch_or(1 << sight as u8, Ordering::Relaxed);
    }

    pub fn missing(&self, wanted: &[Sight]) -> Vec<Sight> {
        let met = self.0.load(Ordering::Relaxed);
        wanted.iter().copied().filter(|sight| met & (1 << *sight as u8) == 0).collect()
    }
}
