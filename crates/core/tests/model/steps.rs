//! What each thing that happens does to a world. Everything that production decides in core is asked of core here too.

use synapsor_core::code::Code;
use synapsor_core::event::{BODY_VERSION, Cancellation, Event, Expiry};
use synapsor_core::sql::receipts::Elsewhere;
use synapsor_core::writeback::{self, Effect, Fenced, Settlement, Violation};

use crate::act::{Act, Trouble};
use crate::papers::{Papers, Row};
use crate::record::{Intent, Record};
use crate::sights::{Sight, Sights};
use crate::world::{CUT, Closing, Commit, Held, Hour, NodeId, Proc, Tx, World};

/// What a step needs beside the world.
#[derive(Clone, Copy)]
pub struct Steps<'a> {
    pub papers: &'a Papers,
    pub record: &'a Record,
    pub sights: Option<&'a Sights>,
    /// How many claims can be told apart.
    pub claims: u8,
}

/// How an insert into the receipt table goes.
enum Inserting {
    Free,
    Taken,
    Blocked,
}

impl Steps<'_> {
    /// The world after it; `None` if nothing comes of it.
    pub fn take(self, before: &World, act: Act) -> Option<World> {
        let mut world = before.clone();
        match act {
            Act::Look { who, proposal, applies, hour } => self.look(&mut world, who, (proposal, applies, hour))?,
            Act::Step { who } => self.step(&mut world, who)?,
            Act::Stray { who } => self.stray(&mut world, who),
            Act::Trouble { who, trouble } => self.trouble(&mut world, who, trouble)?,
            Act::Server { open, commits } => self.server(&mut world, open, commits),
            Act::Approve { proposal, this } => {
                let event = Event::ProposalApproved(self.papers.decision(proposal, this));
                self.person(&mut world, proposal, event)?;
            }
            Act::Close { proposal, closing } => self.close(&mut world, proposal, closing)?,
            Act::Foreign => {
                world.left.foreign -= 1;
                world.source.log.push(Commit::Foreign);
            }
            Act::Failover { keep } => self.failover(&mut world, keep),
            Act::Restore { keep } => self.restore(&mut world, keep)?,
        }
        let recorded = self.recorded(&world);
        let world = world.normal(recorded);
        (world != *before).then_some(world)
    }

    /// One bit for each job in the ledger.
    fn recorded(self, world: &World) -> u16 {
        world.ledger.iter().fold(0, |jobs, id| jobs | self.record.node(*id).jobs)
    }

    fn sight(self, sight: Sight) {
        if let Some(sights) = self.sights {
            sights.mark(sight);
        }
    }

    /// Loads the record and asks core.
    fn look(self, world: &mut World, who: usize, (proposal, applies, hour): (u8, bool, Hour)) -> Option<()> {
        let seen = world.ledger[usize::from(proposal)];
        let node = self.record.node(seen);
        world.procs[who] = match self.record.intent(self.papers, seen, (applies, hour)) {
            Intent::Report => return self.nothing(Sight::Reported),
            Intent::Wait => return self.nothing(Sight::Waited),
            Intent::Refuse(code) => return self.nothing(refused(code)?),
            Intent::Attempt => {
                let founded = node.plain.may_claim(hour);
                Proc::Claiming { proposal, seen, server: world.source.server, founded }
            }
            Intent::Fence(held) => {
                world.truth.hasty |= hour == Hour::Early && node.stage()?.state() != "unknown";
                Proc::Fencing(held, seen)
            }
        };
        Some(())
    }

    fn nothing(self, sight: Sight) -> Option<()> {
        self.sight(sight);
        None
    }

    /// What comes next for a process, when it works.
    fn step(self, world: &mut World, who: usize) -> Option<()> {
        world.procs[who] = match world.procs[who] {
            Proc::Idle | Proc::Sent(..) | Proc::FenceSent(..) => return None,
            Proc::Claiming { proposal, server, founded, .. } => self.claim(world, (proposal, server), founded)?,
            Proc::Claimed(held, seen) => self.begin(world, held, seen)?,
            Proc::Inserted(held, seen) => self.update(world, held, seen)?,
            Proc::Updated(held, seen) => {
                world.source.open.iter_mut().filter(|tx| tx.what == Commit::Write(held)).for_each(|tx| tx.sent = true);
                Proc::Sent(held, seen)
            }
            Proc::Answered(held, seen, true) => {
                self.effect(held, seen, &Effect::Committed { new_version: Some("2".to_owned()) })
            }
            Proc::Answered(held, seen, false) => self.effect(held, seen, &refused_by(Violation::Transient, "commit")),
            Proc::Duplicate(held, seen) => self.look_at_receipt(world, held, seen),
            Proc::Fencing(held, seen) => self.fence(world, held, seen)?,
            Proc::FenceAnswered(held, seen, true) => self.fenced(held, seen, &Fenced::Won),
            Proc::FenceAnswered(held, seen, false) => {
                self.fenced(held, seen, &Fenced::Unsure { reason: "the fence was undone" })
            }
            Proc::Recording { proposal, event } => {
                self.append(world, proposal, event);
                Proc::Idle
            }
        };
        Some(())
    }

    /// The ledger compares the position that was read with where the subject stands. Since it only grows, an append
    /// overtakes for good whoever read it before: they are told at once, so that worlds do not differ by when.
    fn append(self, world: &mut World, proposal: u8, event: u32) {
        let subject = &mut world.ledger[usize::from(proposal)];
        *subject = self.record.append(self.papers, *subject, event, world.left.restores > 0);
        self.overtake(world, proposal);
    }

    fn overtake(self, world: &mut World, proposal: u8) {
        for proc in &mut world.procs {
            let overtaken = proc.overtaken(proposal);
            match *proc {
                Proc::Claiming { .. } if overtaken == Proc::Idle => self.sight(Sight::StaleClaim),
                Proc::Recording { .. } if overtaken == Proc::Idle => self.sight(Sight::StaleRecord),
                _ => {}
            }
            *proc = overtaken;
        }
    }

    fn claim(self, world: &mut World, (proposal, server): (u8, u8), founded: bool) -> Option<Proc> {
        // A job that nobody and nothing knows any more is as good as a new one.
        let known = world.jobs(|_| true) | self.recorded(world);
        let job = (0..self.claims).find(|job| known & (1 << job) == 0)?;
        let held = Held { proposal, job, server };
        let event = self.record.event(Event::ProposalPendingWorker(self.papers.of(held).claim.clone()));
        self.append(world, proposal, event);
        world.truth.unfounded &= !(1 << job);
        if !founded {
            world.truth.unfounded |= 1 << job;
        }
        Some(Proc::Claimed(held, world.ledger[usize::from(proposal)]))
    }

    /// Looks which receipt table it is, and inserts the receipt.
    fn begin(self, world: &mut World, held: Held, seen: NodeId) -> Option<Proc> {
        if let Err(elsewhere) = self.admits(held, world.source.server, false) {
            if elsewhere == Elsewhere::Server {
                self.sight(Sight::WriteOnAnotherServer);
            }
            return Some(self.effect(held, seen, &Effect::Elsewhere(elsewhere)));
        }
        match self.inserting(world, &self.papers.of(held).receipt) {
            Inserting::Blocked => None,
            Inserting::Taken => Some(Proc::Duplicate(held, seen)),
            Inserting::Free => {
                world.source.open.push(Tx { what: Commit::Write(held), updated: false, sent: false, owned: true });
                Some(Proc::Inserted(held, seen))
            }
        }
    }

    fn admits(self, held: Held, server: u8, stray: bool) -> Result<(), Elsewhere> {
        writeback::claimed(&self.papers.of(held).claim).admits(Some(&self.papers.identity(server, stray)))
    }

    fn inserting(self, world: &World, row: &Row) -> Inserting {
        let clash = |commit: &Commit| self.row(*commit).is_some_and(|other| !row.stands_beside(other));
        if world.source.log.iter().any(clash) {
            Inserting::Taken
        } else if world.source.open.iter().any(|tx| clash(&tx.what)) {
            Inserting::Blocked
        } else {
            Inserting::Free
        }
    }

    /// The receipt row of a commit.
    fn row(&self, commit: Commit) -> Option<&Row> {
        match commit {
            Commit::Write(held) => Some(&self.papers.of(held).receipt),
            Commit::Fence(held) => Some(&self.papers.of(held).fence),
            Commit::Foreign => None,
        }
    }

    /// Updates the row if its version is still the one that was reviewed; else rolls back and looks.
    fn update(self, world: &mut World, held: Held, seen: NodeId) -> Option<Proc> {
        if world.source.row_is_locked() {
            return None;
        }
        if world.source.version() > 0 {
            world.source.end(Commit::Write(held));
            let columns = &self.papers.of(held).write.look_columns;
            let look = columns.iter().map(|column| column.as_str() != "updated_at").collect();
            return Some(self.effect(held, seen, &Effect::Missed { affected: 0, look: vec![look] }));
        }
        world.source.open.iter_mut().filter(|tx| tx.what == Commit::Write(held)).for_each(|tx| tx.updated = true);
        Some(Proc::Updated(held, seen))
    }

    fn look_at_receipt(self, world: &World, held: Held, seen: NodeId) -> Proc {
        let claimed = self.papers.of(held);
        let rows = || world.source.log.iter().filter_map(|commit| self.row(*commit));
        let by_key = rows().find(|row| claimed.finds_by_key(row)).map(Row::found);
        let by_job = rows().find(|row| claimed.finds_by_job(row)).map(Row::found);
        self.effect(held, seen, &Effect::Duplicate { by_key, by_job })
    }

    /// Inserts the fence and sends its COMMIT.
    fn fence(self, world: &mut World, held: Held, seen: NodeId) -> Option<Proc> {
        if let Err(elsewhere) = self.admits(held, world.source.server, false) {
            return Some(self.fence_elsewhere(held, seen, elsewhere));
        }
        let claimed = self.papers.of(held);
        match self.inserting(world, &claimed.fence) {
            Inserting::Blocked => None,
            Inserting::Taken => {
                let mut rows = world.source.log.iter().filter_map(|commit| self.row(*commit));
                let fenced = match rows.find(|row| claimed.finds_by_job(row)).map(Row::found) {
                    Some(found) => Fenced::Found(found),
                    None => Fenced::Unsure { reason: "the job's receipt did not read" },
                };
                Some(self.fenced(held, seen, &fenced))
            }
            Inserting::Free => {
                world.source.open.push(Tx { what: Commit::Fence(held), updated: false, sent: true, owned: true });
                Some(Proc::FenceSent(held, seen))
            }
        }
    }

    fn fence_elsewhere(self, held: Held, seen: NodeId, elsewhere: Elsewhere) -> Proc {
        self.sight(match elsewhere {
            Elsewhere::Receipts => Sight::FenceElsewhere,
            Elsewhere::Server => Sight::FenceOnAnotherServer,
        });
        self.fenced(held, seen, &Fenced::Unsure { reason: "not the database that was claimed" })
    }

    /// The configuration leads to another database.
    fn stray(self, world: &mut World, who: usize) {
        let (held, seen, fences) = match world.procs[who] {
            Proc::Claimed(held, seen) => (held, seen, false),
            Proc::Fencing(held, seen) => (held, seen, true),
            _ => return,
        };
        world.procs[who] = match self.admits(held, world.source.server, true) {
            Err(elsewhere) if fences => self.fence_elsewhere(held, seen, elsewhere),
            Err(elsewhere) => {
                self.sight(Sight::WriteElsewhere);
                self.effect(held, seen, &Effect::Elsewhere(elsewhere))
            }
            // Nobody knows this job there, so the fence wins; and what is written there is not this row.
            Ok(()) if fences => self.fenced(held, seen, &Fenced::Won),
            Ok(()) => self.effect(held, seen, &Effect::Committed { new_version: None }),
        };
    }

    fn trouble(self, world: &mut World, who: usize, trouble: Trouble) -> Option<()> {
        let proc = world.procs[who];
        let blocked = |row: &Row| matches!(self.inserting(world, row), Inserting::Blocked);
        let next = match (trouble, proc) {
            (Trouble::Crash, _) => Proc::Idle,
            (Trouble::Unreachable, Proc::Claimed(held, seen) | Proc::Duplicate(held, seen)) => {
                self.sight(Sight::Unreachable);
                self.conclude(held, seen, &Settlement::Released(Code::TemporarilyUnavailable))
            }
            (Trouble::Unreachable, Proc::Inserted(held, seen) | Proc::Updated(held, seen)) => {
                self.effect(held, seen, &refused_by(Violation::Transient, "update"))
            }
            (Trouble::LockTimeout, Proc::Claimed(held, seen)) => {
                // Before the insert, the identity was looked at.
                let there = self.admits(held, world.source.server, false).is_ok();
                if !there || !blocked(&self.papers.of(held).receipt) {
                    return None;
                }
                self.sight(Sight::WriteBlocked);
                self.effect(held, seen, &refused_by(Violation::Transient, "receipt"))
            }
            (Trouble::LockTimeout, Proc::Inserted(held, seen)) if world.source.row_is_locked() => {
                self.effect(held, seen, &refused_by(Violation::Transient, "update"))
            }
            (Trouble::LockTimeout, Proc::Fencing(held, seen)) => {
                let there = self.admits(held, world.source.server, false).is_ok();
                if !there || !blocked(&self.papers.of(held).fence) {
                    return None;
                }
                self.sight(Sight::FenceBlocked);
                self.fenced(held, seen, &Fenced::Unsure { reason: "the late transaction is still open" })
            }
            (Trouble::TooLate, Proc::Updated(held, seen)) => {
                self.sight(Sight::TooLate);
                world.source.end(Commit::Write(held));
                self.effect(held, seen, &Effect::TooLate)
            }
            (Trouble::NoAnswer, Proc::Sent(held, seen) | Proc::Answered(held, seen, _)) => {
                self.effect(held, seen, &Effect::InDoubt { reason: "no answer to COMMIT" })
            }
            (Trouble::NoAnswer, Proc::FenceSent(held, seen) | Proc::FenceAnswered(held, seen, _)) => {
                self.fenced(held, seen, &Fenced::Unsure { reason: "no answer to COMMIT" })
            }
            _ => return None,
        };
        if let Some(what) = proc.transaction() {
            world.source.orphan(what);
        }
        world.procs[who] = next;
        Some(())
    }

    /// The server commits a transaction, or undoes it, and answers whoever still listens.
    fn server(self, world: &mut World, open: usize, commits: bool) {
        let tx = world.source.open.remove(open);
        if commits {
            world.source.log.push(tx.what);
            if let Commit::Write(held) = tx.what {
                world.truth.ever[usize::from(held.proposal)] += 1;
                if !tx.owned {
                    self.sight(Sight::CommittedAfterItsProcessGaveUp);
                }
            }
        }
        if tx.owned
            && let Some(proc) = world.procs.iter_mut().find(|proc| proc.transaction() == Some(tx.what))
        {
            *proc = match *proc {
                Proc::Sent(held, seen) => Proc::Answered(held, seen, commits),
                Proc::FenceSent(held, seen) => Proc::FenceAnswered(held, seen, commits),
                other => other,
            };
        }
    }

    /// Someone decides on what stands in the record now; if it moved in between, they have to look again.
    fn person(self, world: &mut World, proposal: u8, event: Event) -> Option<()> {
        let node = self.record.node(world.ledger[usize::from(proposal)]);
        node.stage()?.clone().step(&event).ok()?;
        let event = self.record.event(event);
        self.append(world, proposal, event);
        Some(())
    }

    fn close(self, world: &mut World, proposal: u8, closing: Closing) -> Option<()> {
        let event = match closing {
            Closing::Rejected => Event::ProposalRejected(self.papers.decision(proposal, true)),
            Closing::Canceled => Event::ProposalCanceled(Cancellation {
                v: BODY_VERSION,
                actor: "reviewer".to_owned(),
                superseded_by: "another".to_owned(),
            }),
            Closing::Expired => {
                Event::ProposalExpired(Expiry { v: BODY_VERSION, expired_at: Hour::Due.now().to_string() })
            }
        };
        self.person(world, proposal, event)?;
        let still_writing = |proc: &Proc| proc.held().is_some_and(|held| held.proposal == proposal);
        if world.procs.iter().any(still_writing) {
            self.sight(Sight::ClosedUnderALateApplier);
        }
        Some(())
    }

    fn failover(self, world: &mut World, keep: usize) {
        world.left.failovers -= 1;
        world.source.server += 1;
        if world.source.log[keep..].iter().any(|commit| matches!(commit, Commit::Write(_))) {
            self.sight(Sight::LostByFailover);
        }
        world.source.log.truncate(keep);
        world.source.open.clear();
        // Whoever has a session loses it.
        for who in 0..world.procs.len() {
            let trouble = match world.procs[who] {
                Proc::Inserted(..) | Proc::Updated(..) | Proc::Duplicate(..) => Trouble::Unreachable,
                Proc::Sent(..) | Proc::FenceSent(..) => Trouble::NoAnswer,
                _ => continue,
            };
            let _moved = self.trouble(world, who, trouble);
        }
    }

    /// Every process that read the ledger before finds out that it was replaced when it next appends.
    fn restore(self, world: &mut World, keep: usize) -> Option<()> {
        let node = self.record.node(world.ledger[0]);
        if keep >= node.events.len() {
            return None;
        }
        world.left.restores -= 1;
        world.ledger[0] = self.record.cut(self.papers, world.ledger[0], keep, world.left.restores > 0);
        self.overtake(world, 0);
        Some(())
    }

    fn effect(self, held: Held, seen: NodeId, effect: &Effect) -> Proc {
        let claimed = self.papers.of(held);
        self.conclude(held, seen, &writeback::settle(&claimed.write, &claimed.keys, effect))
    }

    fn fenced(self, held: Held, seen: NodeId, fenced: &Fenced) -> Proc {
        let settlement = writeback::settle_fence(self.papers.change_set(held.proposal), fenced);
        match (fenced, &settlement) {
            (Fenced::Won, _) => self.sight(Sight::FenceWon),
            (Fenced::Found(_), Settlement::Settled(_)) => self.sight(Sight::AppliedFoundByFence),
            (Fenced::Found(_), _) => self.sight(Sight::FenceFoundFence),
            (Fenced::Unsure { .. }, _) => {}
        }
        self.conclude(held, seen, &settlement)
    }

    /// What a process records of a settlement, of the claim that it holds or fenced.
    fn conclude(self, held: Held, seen: NodeId, settlement: &Settlement) -> Proc {
        self.sight_of(settlement);
        if seen == CUT {
            return Proc::Idle;
        }
        let node = self.record.node(seen);
        let Ok(proposal) = &node.folded else { return Proc::Idle };
        match writeback::record(proposal, &self.papers.of(held).claim, settlement, Hour::Late.now()) {
            Some(event) => {
                let event = self.record.event(event);
                Proc::Recording { proposal: held.proposal, event }
            }
            None => {
                if let Settlement::InDoubt(_) = settlement {
                    self.sight(Sight::InDoubtTwice);
                }
                Proc::Idle
            }
        }
    }

    fn sight_of(self, settlement: &Settlement) {
        use synapsor_core::wire::receipt::ReceiptStatus;
        match settlement {
            Settlement::Settled(outcome) => match outcome.status {
                ReceiptStatus::Applied => self.sight(Sight::Applied),
                ReceiptStatus::AlreadyApplied => self.sight(Sight::AlreadyApplied),
                ReceiptStatus::Conflict => self.sight(Sight::Conflict),
                ReceiptStatus::Failed | ReceiptStatus::Canceled => {}
            },
            Settlement::Released(Code::WritebackBusy) => self.sight(Sight::ReceiptGone),
            // The model has no handlers.
            Settlement::Told(_) | Settlement::Released(_) => {}
            Settlement::InDoubt(_) => self.sight(Sight::InDoubt),
            Settlement::ClaimLost => self.sight(Sight::ClaimLost),
        }
    }
}

fn refused(code: Code) -> Option<Sight> {
    match code {
        Code::ApprovalRequired => Some(Sight::RefusedUnapproved),
        Code::ProposalExpired => Some(Sight::RefusedExpired),
        Code::ProposalClosed => Some(Sight::RefusedClosed),
        Code::ProposalHashMismatch => Some(Sight::RefusedOtherDecision),
        _ => None,
    }
}

fn refused_by(violation: Violation, step: &'static str) -> Effect {
    Effect::Rejected { violation, step }
}
