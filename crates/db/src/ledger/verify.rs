//! Recomputing everything: bodies, leaves, roots, the chain, every subject's order, and every proposal's life.

use rusqlite::{Connection, Row};
use synapsor_core::code::Code;
use synapsor_core::digest::{self, Digest};
use synapsor_core::event::Event;
use synapsor_core::id::LedgerId;
use synapsor_core::proposal::Proposal;

use super::chain::{Batch, Leaf, body_digest, genesis, read_event};
use super::{Head, LedgerFault, sql, writer};

/// Most flaws that are listed one by one.
const MOST_FLAWS: usize = 100;

/// What a recomputation of the whole ledger found. Without flaws the ledger agrees with itself; whether it is the newest and
/// the only copy shows only against a head that was kept elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// The ledger's own id.
    pub ledger_id: LedgerId,
    /// Where it ends; none if that does not read.
    pub head: Option<Head>,
    /// Batches looked at.
    pub batches: u64,
    /// Events looked at.
    pub events: u64,
    /// Subjects looked at.
    pub subjects: u64,
    /// Proposals replayed.
    pub proposals: u64,
    /// The first flaws, at most 100, in the order of the ledger.
    pub flaws: Vec<Flaw>,
    /// How many flaws there are in all.
    pub flaw_count: u64,
}

/// A place where the ledger does not agree with itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// What is wrong, in words.
    pub what: &'static str,
    /// In which batch.
    pub batch: Option<u64>,
    /// In which event.
    pub event_id: Option<u64>,
    /// In whose events.
    pub subject: Option<String>,
}

impl Verification {
    /// Whether no flaw was found.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.flaw_count == 0
    }

    fn flaw(&mut self, what: &'static str, place: At<'_>) {
        self.flaw_count += 1;
        if self.flaws.len() < MOST_FLAWS {
            let (batch, event_id, subject) = match place {
                At::File => (None, None, None),
                At::Batch(batch) => (Some(batch), None, None),
                At::Event(batch, event) => (batch, Some(event.event_id), Some(event.subject.clone())),
                At::Subject(subject) => (None, None, Some(subject.to_owned())),
            };
            self.flaws.push(Flaw { what, batch, event_id, subject });
        }
    }

    /// Records damage that stopped a pass over the ledger; anything else than damage is for the caller.
    fn stopped(&mut self, pass: Result<(), LedgerFault>) -> Result<(), LedgerFault> {
        match pass {
            Err(fault) if fault.code() == Code::StoreCorrupt => {
                self.flaw(fault.what(), At::File);
                Ok(())
            }
            other => other,
        }
    }
}

enum At<'a> {
    File,
    Batch(u64),
    Event(Option<u64>, &'a RawEvent),
    Subject(&'a str),
}

/// An event's columns as they are.
struct RawEvent {
    event_id: u64,
    subject: String,
    seq: u64,
    at: i64,
    kind: String,
    digest: String,
    body_digest: String,
    salt: Option<Vec<u8>>,
    body: Option<String>,
}

impl RawEvent {
    fn of(row: &Row<'_>) -> Result<Self, LedgerFault> {
        Ok(Self {
            event_id: row.get(0)?,
            subject: row.get(1)?,
            seq: row.get(2)?,
            at: row.get(3)?,
            kind: row.get(4)?,
            digest: row.get(5)?,
            body_digest: row.get(6)?,
            salt: row.get(7)?,
            body: row.get(8)?,
        })
    }

    /// What is wrong with the event by itself.
    fn own_flaw(&self) -> Option<&'static str> {
        let (Some(salt), Some(body)) = (&self.salt, &self.body) else { return Some("the event has no body") };
        if body_digest(salt, body).as_str() != self.body_digest {
            return Some("the event's body was changed");
        }
        let leaf = Leaf {
            event_id: self.event_id,
            subject: &self.subject,
            seq: self.seq,
            at: self.at,
            kind: &self.kind,
            body_digest: &self.body_digest,
        };
        (leaf.digest().as_str() != self.digest).then_some("the event's columns were changed")
    }

    fn event(&self) -> Option<Event> {
        read_event(&self.kind, self.body.as_deref()?).ok()
    }
}

/// Recomputes everything as of one moment.
pub(super) fn verify(conn: &mut Connection, ledger: &LedgerId) -> Result<Verification, LedgerFault> {
    let snapshot = conn.transaction()?;
    let mut found = Verification {
        ledger_id: ledger.clone(),
        head: None,
        batches: 0,
        events: 0,
        subjects: 0,
        proposals: 0,
        flaws: Vec::new(),
        flaw_count: 0,
    };
    let pages = pages(&snapshot, &mut found);
    found.stopped(pages)?;
    let chain = chain(&snapshot, &mut found);
    found.stopped(chain)?;
    let subjects = subjects(&snapshot, &mut found);
    found.stopped(subjects)?;
    let head = writer::head(&snapshot).and_then(writer::ChainEnd::public).map(|head| found.head = Some(head));
    found.stopped(head)?;
    Ok(found)
}

fn pages(conn: &Connection, found: &mut Verification) -> Result<(), LedgerFault> {
    let verdict: String = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        tracing::warn!(verdict, "SQLite's own check of the ledger file fell short");
        found.flaw("the file's pages or indexes are damaged", At::File);
    }
    Ok(())
}

/// Walks batches and events side by side.
fn chain(conn: &Connection, found: &mut Verification) -> Result<(), LedgerFault> {
    let mut batches = conn.prepare(sql::ALL_BATCHES)?;
    let mut batches = batches.query([])?;
    let mut events = conn.prepare(sql::ALL_EVENTS)?;
    let mut events = events.query([])?;
    let mut waiting = events.next()?.map(RawEvent::of).transpose()?;

    let (mut last, mut next_event_id, mut prev, mut newest) = (0, 1, genesis().as_str().to_owned(), None);
    while let Some(row) = batches.next()? {
        let batch = Batch {
            batch: row.get(0)?,
            first_event_id: row.get(1)?,
            count: row.get(2)?,
            prev: row.get(3)?,
            root: row.get(4)?,
            at: row.get(6)?,
        };
        let digest: String = row.get(5)?;
        found.batches += 1;
        let at = || At::Batch(batch.batch);
        if batch.batch != last + 1 {
            found.flaw("a batch before this one is missing", at());
        }
        if batch.digest(&found.ledger_id).as_str() != digest {
            found.flaw("the batch was changed", at());
        }
        if batch.prev != prev {
            found.flaw("the batch does not follow from the one before", at());
        }
        if batch.first_event_id != next_event_id {
            found.flaw("the batch does not start where the one before ends", at());
        }
        let end = batch.first_event_id.saturating_add(batch.count);
        let mut leaves = Vec::new();
        while let Some(event) = waiting.take_if(|event| event.event_id < end) {
            found.events += 1;
            if event.event_id < batch.first_event_id {
                found.flaw("the event is outside every batch", At::Event(None, &event));
            } else {
                if let Some(what) = event.own_flaw() {
                    found.flaw(what, At::Event(Some(batch.batch), &event));
                }
                newest = newest.max(Some(event.at));
                leaves.extend(Digest::parse(&event.digest));
            }
            waiting = events.next()?.map(RawEvent::of).transpose()?;
        }
        if u64::try_from(leaves.len()) != Ok(batch.count) {
            found.flaw("an event of the batch is missing", at());
        } else if digest::merkle_root(&leaves).as_str() != batch.root {
            found.flaw("the batch's events are not those that were committed", at());
        }
        if newest != Some(batch.at) {
            found.flaw("the batch's time is not its events'", at());
        }
        (last, next_event_id, prev, newest) = (batch.batch, end, digest, Some(batch.at));
    }
    while let Some(event) = waiting {
        found.events += 1;
        found.flaw("the event is outside every batch", At::Event(None, &event));
        waiting = events.next()?.map(RawEvent::of).transpose()?;
    }
    Ok(())
}

/// A subject's events so far, in one pass over all of them.
#[derive(Default)]
struct Life {
    subject: String,
    next_seq: u64,
    last_event_id: u64,
    /// None once an event did not read: the first pass has said so.
    events: Option<Vec<Event>>,
}

fn subjects(conn: &Connection, found: &mut Verification) -> Result<(), LedgerFault> {
    let mut rows = conn.prepare(sql::ALL_BY_SUBJECT)?;
    let mut rows = rows.query([])?;
    let mut life: Option<Life> = None;
    while let Some(row) = rows.next()? {
        let raw = RawEvent::of(row)?;
        if let Some(ended) = life.take_if(|life| life.subject != raw.subject) {
            end_of_life(ended, found);
        }
        let life = life.get_or_insert_with(|| Life {
            subject: raw.subject.clone(),
            events: Some(Vec::new()),
            ..Life::default()
        });
        if raw.seq != life.next_seq {
            found.flaw("the subject's events do not follow each other", At::Event(None, &raw));
        }
        if raw.event_id <= life.last_event_id {
            found.flaw("the subject's events are out of order", At::Event(None, &raw));
        }
        (life.next_seq, life.last_event_id) = (raw.seq.saturating_add(1), raw.event_id);
        match raw.event() {
            Some(event) => {
                if let Some(what) = content_flaw(&raw.subject, &event) {
                    found.flaw(what, At::Event(None, &raw));
                }
                life.events = life.events.take().map(|mut events| {
                    events.push(event);
                    events
                });
            }
            None => {
                if raw.own_flaw().is_none() {
                    found.flaw("the event does not read", At::Event(None, &raw));
                }
                life.events = None;
            }
        }
    }
    if let Some(ended) = life {
        end_of_life(ended, found);
    }
    Ok(())
}

/// Whether an event's content agrees with the digests and names that it carries itself.
fn content_flaw(subject: &str, event: &Event) -> Option<&'static str> {
    match event {
        Event::ProposalCreated(change_set) => {
            (change_set.proposal_id != subject).then_some("the proposal's id is not its subject's")
        }
        Event::WritebackSettled(receipt) => {
            (receipt.hash() != receipt.receipt_hash).then_some("the receipt does not hash to its recorded value")
        }
        Event::ContractRecorded(contract) => (subject.strip_prefix("contract:")
            != Some(digest::of(&contract.capability).as_str()))
        .then_some("the contract does not hash to its subject"),
        _ => None,
    }
}

fn end_of_life(life: Life, found: &mut Verification) {
    found.subjects += 1;
    let Some(events) = life.events else { return };
    let is_proposal = !matches!(
        events.first(),
        None | Some(Event::EvidenceRecorded(_) | Event::ContractRecorded(_) | Event::SlotTaken(_))
    );
    if is_proposal {
        found.proposals += 1;
        if Proposal::replay(events).is_err() {
            found.flaw("the proposal does not replay", At::Subject(&life.subject));
        }
    }
}
