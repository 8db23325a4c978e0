//! One state of the world: what the ledger, the source database and every process hold.

/// A subject's record, interned: see [`crate::record::Record`].
pub type NodeId = u32;
/// An event, interned.
pub type EventId = u32;

/// Stands for a record that moved on, or was put back, since a process read it: the ledger will refuse what it appends.
pub const CUT: NodeId = NodeId::MAX;

/// Everything there is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    /// The ledger's record of each proposal.
    pub ledger: Vec<NodeId>,
    /// The source database.
    pub source: Source,
    /// The processes, sorted, since they are alike.
    pub procs: Vec<Proc>,
    /// What may still go wrong.
    pub left: Left,
    /// Told to nobody, for the properties only.
    pub truth: Truth,
}

/// What may still go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Left {
    pub foreign: u8,
    pub failovers: u8,
    pub restores: u8,
}

/// What only an onlooker knows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Truth {
    /// For each proposal, how often its write was committed, whether a failover lost it later or not.
    pub ever: Vec<u8>,
    /// One bit for the job of each claim that was made without a decision that was valid then.
    pub unfounded: u16,
    /// Someone fenced a claim that was live by their own clock.
    pub hasty: bool,
}

/// A claim: whose, which and on which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Held {
    pub proposal: u8,
    pub job: u8,
    pub server: u8,
}

/// A process. It may pause anywhere by taking no step, and crash anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Proc {
    /// It holds nothing, or was started again.
    Idle,
    /// It read that the proposal may be claimed, and looked at the receipt table on that server.
    Claiming { proposal: u8, seen: NodeId, server: u8, founded: bool },
    /// Its claim is recorded, and it is about to begin its transaction.
    Claimed(Held, NodeId),
    /// Its receipt is inserted, not committed.
    Inserted(Held, NodeId),
    /// Its update is made, not committed.
    Updated(Held, NodeId),
    /// Its COMMIT is on the wire.
    Sent(Held, NodeId),
    /// The server dealt with COMMIT, so or so, and the answer is on the wire.
    Answered(Held, NodeId, bool),
    /// A receipt was in the way; rolled back and about to look at it.
    Duplicate(Held, NodeId),
    /// It is about to fence this claim.
    Fencing(Held, NodeId),
    /// The COMMIT of its fence is on the wire.
    FenceSent(Held, NodeId),
    /// The server dealt with the fence's COMMIT, so or so, and the answer is on the wire.
    FenceAnswered(Held, NodeId, bool),
    /// It knows what to append.
    Recording { proposal: u8, event: EventId },
}

/// What a clock shows to whom it is asked by. Clocks are wrong as they like: every hour may follow every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hour {
    /// Every lease is running.
    Early,
    /// Every lease is over, no proposal has expired.
    Late,
    /// Every proposal has expired.
    Due,
}

/// The source database.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Source {
    /// Which server it is by now.
    pub server: u8,
    /// What was committed, oldest first while that can matter.
    pub log: Vec<Commit>,
    /// Transactions that hold locks, sorted.
    pub open: Vec<Tx>,
}

/// Something committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Commit {
    /// The change of a proposal with its receipt.
    Write(Held),
    /// The receipt of a fence.
    Fence(Held),
    /// A change by someone else.
    Foreign,
}

/// A transaction that is neither committed nor undone. It outlives the process that began it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tx {
    /// What it will be.
    pub what: Commit,
    /// Whether it holds the row.
    pub updated: bool,
    /// Whether its COMMIT is on the wire.
    pub sent: bool,
    /// Whether its process still listens.
    pub owned: bool,
}

/// How a proposal is closed without being applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Closing {
    /// A person withdraws it.
    Rejected,
    /// A newer proposal takes its place.
    Canceled,
    /// Its time runs out.
    Expired,
}

impl Source {
    /// How often the row changed: its version.
    pub fn version(&self) -> usize {
        self.log.iter().filter(|commit| !matches!(commit, Commit::Fence(_))).count()
    }

    /// How often the proposal's change is in the row.
    pub fn writes(&self, proposal: u8) -> usize {
        let ours = |commit: &&Commit| matches!(commit, Commit::Write(held) if held.proposal == proposal);
        self.log.iter().filter(ours).count()
    }

    /// Whether a transaction holds the row.
    pub fn row_is_locked(&self) -> bool {
        self.open.iter().any(|tx| tx.updated)
    }

    /// The process of this transaction is gone.
    pub fn orphan(&mut self, what: Commit) {
        for tx in self.open.iter_mut().filter(|tx| tx.what == what && tx.owned) {
            tx.owned = false;
        }
    }

    /// Takes the process's own transaction off the server.
    pub fn end(&mut self, what: Commit) {
        self.open.retain(|tx| !(tx.what == what && tx.owned));
    }
}

impl Proc {
    /// The claim that it holds or fences.
    pub fn held(self) -> Option<Held> {
        match self {
            Self::Idle | Self::Claiming { .. } | Self::Recording { .. } => None,
            Self::Claimed(held, _)
            | Self::Inserted(held, _)
            | Self::Updated(held, _)
            | Self::Sent(held, _)
            | Self::Answered(held, _, _)
            | Self::Duplicate(held, _)
            | Self::Fencing(held, _)
            | Self::FenceSent(held, _)
            | Self::FenceAnswered(held, _, _) => Some(held),
        }
    }

    /// The transaction that it has open.
    pub fn transaction(self) -> Option<Commit> {
        match self {
            Self::Inserted(held, _) | Self::Updated(held, _) | Self::Sent(held, _) => Some(Commit::Write(held)),
            Self::FenceSent(held, _) => Some(Commit::Fence(held)),
            _ => None,
        }
    }

    /// The process after the ledger moved on under it: whatever it meant to append will be refused.
    pub fn overtaken(self, proposal: u8) -> Self {
        match self {
            Self::Claiming { proposal: of, .. } | Self::Recording { proposal: of, .. } if of == proposal => Self::Idle,
            _ if self.held().is_none_or(|held| held.proposal != proposal) => self,
            Self::Claimed(held, _) => Self::Claimed(held, CUT),
            Self::Inserted(held, _) => Self::Inserted(held, CUT),
            Self::Updated(held, _) => Self::Updated(held, CUT),
            Self::Sent(held, _) => Self::Sent(held, CUT),
            Self::Answered(held, _, committed) => Self::Answered(held, CUT, committed),
            Self::Duplicate(held, _) => Self::Duplicate(held, CUT),
            Self::Fencing(held, _) => Self::Fencing(held, CUT),
            Self::FenceSent(held, _) => Self::FenceSent(held, CUT),
            Self::FenceAnswered(held, _, committed) => Self::FenceAnswered(held, CUT, committed),
            Self::Idle | Self::Claiming { .. } | Self::Recording { .. } => self,
        }
    }
}

impl World {
    /// Brings worlds that differ in nothing that matters to one form. `recorded` has a bit for each job in the ledger.
    pub fn normal(mut self, recorded: u16) -> Self {
        let jobs = recorded | self.jobs(|commit| matches!(commit, Commit::Write(_)));
        // A fence matters while someone knows its job.
        let matters = |commit: &Commit| !matches!(commit, Commit::Fence(held) if jobs & (1 << held.job) == 0);
        self.source.log.retain(matters);
        self.source.open.retain(|tx| tx.owned || matters(&tx.what));
        self.procs.sort_unstable();
        self.source.open.sort_unstable();
        if self.left.failovers == 0 {
            self.source.log.sort_unstable();
        }
        self
    }

    /// One bit for each job that a process or the source database knows; in the latter, by commits that count.
    pub fn jobs(&self, counts: impl Fn(&Commit) -> bool) -> u16 {
        let commits = self.source.log.iter().chain(self.source.open.iter().map(|tx| &tx.what));
        let of_commit = |commit: &Commit| match commit {
            Commit::Write(held) | Commit::Fence(held) => Some(*held),
            Commit::Foreign => None,
        };
        let known = commits.filter(|commit| counts(commit)).filter_map(of_commit);
        let held = self.procs.iter().filter_map(|proc| proc.held());
        known.chain(held).fold(0, |jobs, held| jobs | 1 << held.job)
    }
}
