//! What can happen in a world: the steps of processes, of the server, of people, and of bad luck.

use crate::bounds::Bounds;
use crate::world::{Closing, Hour, Proc, World};

/// One thing that happens. `who` is a process's place in the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// A process loads a proposal and asks core what to do, to apply it or only to reconcile it.
    Look { who: usize, proposal: u8, applies: bool, hour: Hour },
    /// It does what comes next, and that works.
    Step { who: usize },
    /// It does what comes next in another database than the one that was claimed.
    Stray { who: usize },
    /// Something else than what comes next.
    Trouble { who: usize, trouble: Trouble },
    /// The server commits a transaction, or undoes it.
    Server { open: usize, commits: bool },
    /// A person approves, this change or another.
    Approve { proposal: u8, this: bool },
    /// A proposal is closed.
    Close { proposal: u8, closing: Closing },
    /// Someone else changes the row.
    Foreign,
    /// Another server takes over, with only the oldest commits.
    Failover { keep: usize },
    /// The ledger is put back to its oldest events.
    Restore { keep: usize },
}

/// What goes wrong for a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It dies; started again it knows nothing.
    Crash,
    /// The database cannot be reached, or the link breaks before COMMIT was sent.
    Unreachable,
    /// A lock is not given in time.
    LockTimeout,
    /// The lease is over by its clock, right before COMMIT.
    TooLate,
    /// No answer came to COMMIT.
    NoAnswer,
}

/// Everything that can be tried in a world; some of it comes to nothing.
pub fn all(bounds: &Bounds, world: &World, acts: &mut Vec<Act>) {
    for (who, proc) in world.procs.iter().enumerate() {
        // Processes that hold the same are alike.
        if who == 0 || world.procs[who - 1] != *proc {
            of_process(bounds, world, who, acts);
        }
    }
    for (open, tx) in world.source.open.iter().enumerate() {
        if tx.sent {
            acts.push(Act::Server { open, commits: true });
        }
        if tx.sent || !tx.owned {
            acts.push(Act::Server { open, commits: false });
        }
    }
    for proposal in 0..bounds.proposals {
        acts.push(Act::Approve { proposal, this: true });
        if bounds.other_decisions {
            acts.push(Act::Approve { proposal, this: false });
        }
        acts.extend(bounds.closings.iter().map(|closing| Act::Close { proposal, closing: *closing }));
    }
    if world.left.foreign > 0 && !world.source.row_is_locked() {
        acts.push(Act::Foreign);
    }
    if world.left.failovers > 0 {
        acts.extend((0..=world.source.log.len()).map(|keep| Act::Failover { keep }));
    }
    if world.left.restores > 0 {
        acts.extend((0..usize::from(u8::MAX)).map(|keep| Act::Restore { keep }).take(16));
    }
}

fn of_process(bounds: &Bounds, world: &World, who: usize, acts: &mut Vec<Act>) {
    let mut troubles = |of: &[Trouble]| acts.extend(of.iter().map(|trouble| Act::Trouble { who, trouble: *trouble }));
    let step = match world.procs[who] {
        Proc::Idle => {
            for proposal in 0..bounds.proposals {
                for hour in [Hour::Early, Hour::Late, Hour::Due] {
                    acts.extend([true, false].map(|applies| Act::Look { who, proposal, applies, hour }));
                }
            }
            return;
        }
        Proc::Claiming { .. } | Proc::Recording { .. } => true,
        Proc::Claimed(..) => {
            troubles(&[Trouble::Unreachable, Trouble::LockTimeout]);
            true
        }
        Proc::Inserted(..) => {
            troubles(&[Trouble::Unreachable, Trouble::LockTimeout]);
            true
        }
        Proc::Updated(..) => {
            troubles(&[Trouble::Unreachable, Trouble::TooLate]);
            true
        }
        Proc::Sent(..) | Proc::FenceSent(..) => {
            troubles(&[Trouble::NoAnswer]);
            false
        }
        Proc::Answered(..) | Proc::FenceAnswered(..) => {
            troubles(&[Trouble::NoAnswer]);
            true
        }
        Proc::Duplicate(..) => {
            troubles(&[Trouble::Unreachable]);
            true
        }
        Proc::Fencing(..) => {
            troubles(&[Trouble::LockTimeout]);
            true
        }
    };
    acts.push(Act::Trouble { who, trouble: Trouble::Crash });
    if step {
        acts.push(Act::Step { who });
    }
    if bounds.strays && matches!(world.procs[who], Proc::Claimed(..) | Proc::Fencing(..)) {
        acts.push(Act::Stray { who });
    }
}
