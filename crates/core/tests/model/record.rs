//! The ledger: events by subject, folded by core.
//!
//! Records are interned, so that a world holds a number for each, and each record is folded once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use synapsor_core::code::Code;
use synapsor_core::event::Event;
use synapsor_core::proposal::turn::{Begun, Turn};
use synapsor_core::proposal::{BadRecord, Proposal, Stage};
use synapsor_core::wire::receipt::ReceiptStatus;

use crate::papers::Papers;
use crate::world::{EventId, Held, Hour, NodeId};

/// All records that were ever reached.
#[derive(Default)]
pub struct Record {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    nodes: Vec<Arc<Node>>,
    by_content: HashMap<String, NodeId>,
    after: HashMap<(NodeId, EventId, bool), NodeId>,
    cuts: HashMap<(NodeId, usize, bool), NodeId>,
    events: Vec<Arc<Event>>,
    by_body: HashMap<(&'static str, String), EventId>,
    intents: HashMap<(NodeId, bool, Hour), Intent>,
}

/// A subject's record.
pub struct Node {
    pub proposal: u8,
    /// The events after its creation. Where records are merged, those of one of them.
    pub events: Vec<EventId>,
    /// What core makes of it.
    pub folded: Result<Proposal, BadRecord>,
    /// What a plain reading makes of it, which core has no part in.
    pub plain: Plain,
    /// What core says that the source database holds.
    pub says: Says,
    /// One bit for each job that is named in what still matters of it.
    pub jobs: u16,
}

/// What a plain reading of the events says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Plain {
    /// Whether somebody approved exactly this change.
    pub approved: bool,
    /// Whether it was rejected, canceled or expired.
    pub closed: bool,
    /// Whether a claim has not been released.
    pub claimed: bool,
    /// Whether a receipt was recorded.
    pub settled: bool,
}

/// What core says that the source database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    Nothing,
    Written,
    Unknown,
}

/// What core tells a process to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    Report,
    Wait,
    Fence(Held),
    Attempt,
    Refuse(Code),
}

impl Plain {
    /// Whether it may be claimed at that hour.
    pub fn may_claim(self, hour: Hour) -> bool {
        self.approved && !self.closed && !self.claimed && !self.settled && hour != Hour::Due
    }

    fn after(mut self, event: &Event, hash: &str) -> Self {
        match event {
            Event::ProposalApproved(decision) => self.approved = decision.proposal_hash == hash,
            Event::ProposalRejected(_) | Event::ProposalCanceled(_) | Event::ProposalExpired(_) => self.closed = true,
            Event::ProposalPendingWorker(_) => self.claimed = true,
            Event::WritebackReleased(_) => self.claimed = false,
            Event::WritebackSettled(_) => self.settled = true,
            _ => {}
        }
        self
    }
}

impl Node {
    pub fn stage(&self) -> Option<&Stage> {
        self.folded.as_ref().ok().map(Proposal::stage)
    }

    /// How it ended, and the job of the receipt.
    pub fn settled(&self, papers: &Papers) -> Option<(ReceiptStatus, u8)> {
        match self.stage()? {
            Stage::Settled { receipt } => Some((receipt.status, papers.job(&receipt.writeback_job_id))),
            _ => None,
        }
    }
}

impl Record {
    /// The record that holds only the proposal.
    pub fn created(&self, papers: &Papers, proposal: u8) -> NodeId {
        self.inner.lock().unwrap().intern(papers, proposal, Vec::new(), true)
    }

    pub fn node(&self, id: NodeId) -> Arc<Node> {
        self.inner.lock().unwrap().nodes[id as usize].clone()
    }

    pub fn event(&self, event: Event) -> EventId {
        self.inner.lock().unwrap().event(event)
    }

    /// The record with one more event. Unless it must be `exact`, records that read the same from here on are one.
    pub fn append(&self, papers: &Papers, to: NodeId, event: EventId, exact: bool) -> NodeId {
        let mut inner = self.inner.lock().unwrap();
        if let Some(known) = inner.after.get(&(to, event, exact)) {
            return *known;
        }
        let node = inner.nodes[to as usize].clone();
        let events = node.events.iter().copied().chain([event]).collect();
        let id = inner.intern(papers, node.proposal, events, exact);
        inner.after.insert((to, event, exact), id);
        id
    }

    /// The record's first events.
    pub fn cut(&self, papers: &Papers, id: NodeId, keep: usize, exact: bool) -> NodeId {
        let mut inner = self.inner.lock().unwrap();
        if let Some(known) = inner.cuts.get(&(id, keep, exact)) {
            return *known;
        }
        let node = inner.nodes[id as usize].clone();
        let cut = inner.intern(papers, node.proposal, node.events[..keep].to_vec(), exact);
        inner.cuts.insert((id, keep, exact), cut);
        cut
    }

    /// What core tells a process to do that applies, or only reconciles.
    pub fn intent(&self, papers: &Papers, id: NodeId, (applies, hour): (bool, Hour)) -> Intent {
        let mut inner = self.inner.lock().unwrap();
        if let Some(known) = inner.intents.get(&(id, applies, hour)) {
            return *known;
        }
        let node = inner.nodes[id as usize].clone();
        let intent = node.intent(papers, (applies, hour));
        inner.intents.insert((id, applies, hour), intent);
        intent
    }

    /// How many records were folded.
    pub fn len(&self) -> usize {
        self.inner.lock().unwrap().nodes.len()
    }
}

impl Node {
    fn intent(&self, papers: &Papers, (applies, hour): (bool, Hour)) -> Intent {
        let Ok(proposal) = &self.folded else { return Intent::Refuse(Code::StoreCorrupt) };
        let now = hour.now();
        let turn = if applies { proposal.turn(&papers.contract, now) } else { proposal.begun(now).map(Turn::Begun) };
        match turn {
            Ok(Turn::Begun(Begun::Report(_))) => Intent::Report,
            Ok(Turn::Begun(Begun::Wait(_))) => Intent::Wait,
            Ok(Turn::Begun(Begun::Fence(claim))) => Intent::Fence(papers.held(self.proposal, claim)),
            Ok(Turn::Attempt(_)) => Intent::Attempt,
            Err(refusal) => Intent::Refuse(refusal.code()),
        }
    }
}

impl Inner {
    fn event(&mut self, event: Event) -> EventId {
        let next = EventId::try_from(self.events.len()).unwrap();
        let id = *self.by_body.entry((event.kind(), event.body_text())).or_insert(next);
        if id == next {
            self.events.push(Arc::new(event));
        }
        id
    }

    fn intern(&mut self, papers: &Papers, proposal: u8, events: Vec<EventId>, exact: bool) -> NodeId {
        let bodies: Vec<Arc<Event>> = events.iter().map(|id| self.events[*id as usize].clone()).collect();
        let record = std::iter::once(papers.created(proposal)).chain(bodies.iter().map(|event| Event::clone(event)));
        let folded = Proposal::replay(record);
        let hash = &papers.change_set(proposal).integrity.proposal_hash;
        let plain = bodies.iter().fold(Plain::default(), |plain, event| plain.after(event, hash));
        let content = match &folded {
            Ok(folded) if !exact => format!("{proposal} {plain:?} {:?}", folded.stage()),
            _ => format!("{proposal} {events:?}"),
        };
        if let Some(known) = self.by_content.get(&content) {
            return *known;
        }
        let says = folded.as_ref().map_or(Says::Unknown, |folded| says(&folded.truth(Hour::Late.now())));
        let jobs = match folded.as_ref().map(Proposal::stage) {
            Ok(Stage::Applying { claim, .. }) if !exact => 1 << papers.job(&claim.job_id),
            Ok(Stage::Settled { receipt }) if !exact => 1 << papers.job(&receipt.writeback_job_id),
            Ok(_) if !exact => 0,
            _ => bodies.iter().filter_map(|event| claimed(event)).fold(0, |jobs, id| jobs | 1 << papers.job(id)),
        };
        let id = NodeId::try_from(self.nodes.len()).unwrap();
        self.nodes.push(Arc::new(Node { proposal, events, folded, plain, says, jobs }));
        self.by_content.insert(content, id);
        id
    }
}

fn claimed(event: &Event) -> Option<&str> {
    match event {
        Event::ProposalPendingWorker(claim) => Some(&claim.job_id),
        _ => None,
    }
}

fn says(truth: &str) -> Says {
    let begins = |word: &str| truth.starts_with(word);
    match () {
        () if begins("no; ") => Says::Nothing,
        () if begins("yes, once") => Says::Written,
        () => {
            assert!(begins("not known yet; "), "{truth}");
            Says::Unknown
        }
    }
}
