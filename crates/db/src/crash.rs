//! Named points of an apply and of a reconcile at which tests kill or stop the program.
//!
//! Only a build with the feature `faults` looks whether it is to die there; in every other build a point is nothing.

/// A point that tests can name. ARCHITECTURE.md says of each what a death there leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// The proposal was read.
    ApplyLoaded,
    /// The target and the receipt table were looked at; nothing is claimed.
    ApplyPrepared,
    /// The claim is recorded.
    ApplyClaimed,
    /// The connection of the write is there, and its transaction has been asked for.
    WriteBegun,
    /// The receipt is inserted.
    WriteReceipt,
    /// The row is changed.
    WriteUpdated,
    /// The after-image was as approved.
    WriteChecked,
    /// The receipt is complete.
    WriteFinished,
    /// The lease was found to hold: COMMIT is next.
    WriteCommitting,
    /// COMMIT was answered.
    WriteCommitted,
    /// What the write came to is known, and not yet recorded.
    ApplyRecording,
    /// What the write came to is recorded.
    ApplyRecorded,
    /// An unfinished apply was read, whose lease has passed.
    ReconcileFencing,
    /// The fence is inserted.
    FenceInserted,
    /// The COMMIT of the fence was answered.
    FenceCommitted,
    /// What became of the apply is known, and not yet recorded.
    ReconcileRecording,
    /// What became of the apply is recorded.
    ReconcileRecorded,
}

impl Point {
    /// All of them, in the order in which a program comes by.
    pub const ALL: [Self; 17] = [
        Self::ApplyLoaded,
        Self::ApplyPrepared,
        Self::ApplyClaimed,
        Self::WriteBegun,
        Self::WriteReceipt,
        Self::WriteUpdated,
        Self::WriteChecked,
        Self::WriteFinished,
        Self::WriteCommitting,
        Self::WriteCommitted,
        Self::ApplyRecording,
        Self::ApplyRecorded,
        Self::ReconcileFencing,
        Self::FenceInserted,
        Self::FenceCommitted,
        Self::ReconcileRecording,
        Self::ReconcileRecorded,
    ];

    /// Its name, as tests and ARCHITECTURE.md write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ApplyLoaded => "apply.loaded",
            Self::ApplyPrepared => "apply.prepared",
            Self::ApplyClaimed => "apply.claimed",
            Self::WriteBegun => "write.begun",
            Self::WriteReceipt => "write.receipt",
            Self::WriteUpdated => "write.updated",
            Self::WriteChecked => "write.checked",
            Self::WriteFinished => "write.finished",
            Self::WriteCommitting => "write.committing",
            Self::WriteCommitted => "write.committed",
            Self::ApplyRecording => "apply.recording",
            Self::ApplyRecorded => "apply.recorded",
            Self::ReconcileFencing => "reconcile.fencing",
            Self::FenceInserted => "fence.inserted",
            Self::FenceCommitted => "fence.committed",
            Self::ReconcileRecording => "reconcile.recording",
            Self::ReconcileRecorded => "reconcile.recorded",
        }
    }
}

/// The program comes by a point.
#[cfg(not(feature = "faults"))]
#[inline]
pub fn point(_: Point) {}

/// The program comes by a point, and dies or stops if the environment says so: `SYNAPSOR_CRASH_POINT=die:write.receipt`,
/// or `stop:` for a SIGSTOP the first time it comes by.
#[cfg(feature = "faults")]
#[expect(clippy::disallowed_methods, reason = "the test that starts the process says where it is to die")]
pub fn point(point: Point) {
    use std::sync::atomic::{AtomicBool, Ordering};
    static STOPPED: AtomicBool = AtomicBool::new(false);
    let Ok(order) = std::env::var("SYNAPSOR_CRASH_POINT") else { return };
    let Some((what, name)) = order.split_once(':') else { return };
    if name != point.name() {
        return;
    }
    if what == "die" {
        signal("KILL");
        std::process::abort();
    }
    if !STOPPED.swap(true, Ordering::SeqCst) {
        signal("STOP");
    }
}

/// Sends a signal to the process itself.
#[cfg(feature = "faults")]
fn signal(name: &str) {
    let pid = std::process::id().to_string();
    // A process that could not be killed aborts, and one that could not be stopped fails the test that waits for that.
    let _ = std::process::Command::new("kill").args([&format!("-{name}"), &pid]).status();
}
