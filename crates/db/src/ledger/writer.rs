//! The one thread that writes: whatever waits is committed together, and answered after.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use synapsor_core::code::Code;
use synapsor_core::contract::Durability;
use synapsor_core::digest::{self, Digest};
use synapsor_core::id::LedgerId;
use tokio::sync::oneshot;

use super::chain::{Batch, Leaf, Prepared, genesis, read_time};
use super::file::{Watch, read_id};
use super::{AppendError, Head, LedgerFault, project, sql};

/// Most groups in one commit: bounds how long the first of them waits.
const MOST_GROUPS: usize = 512;

/// How long the queue is empty before search is brought up to date, so that it does not compete with answers.
const IDLE: Duration = Duration::from_millis(100);

/// How far search may fall behind under load that never pauses, in events.
const MOST_LAG: usize = 2048;

/// From how many others on it is worth waiting for them; how long for each, and at most.
const MANY: usize = 4;
const PATIENCE_PER_OTHER: Duration = Duration::from_micros(20);
const PATIENCE: Duration = Duration::from_micros(400);

/// Something for the writer to do.
pub(super) enum Work {
    Append(Append),
    /// Anything else that needs the writer's connection.
    Task(Box<dyn FnOnce(&mut Writer) + Send>),
}

/// A group of events that are written together or not at all.
pub(super) struct Append {
    pub(super) group: Vec<Prepared>,
    pub(super) at: i64,
    pub(super) answer: oneshot::Sender<Result<Vec<u64>, AppendError>>,
}

/// What the thread owns.
pub(super) struct Writer {
    pub(super) conn: Connection,
    ledger: LedgerId,
    watch: Watch,
    durability: Durability,
    /// What the connection is set to.
    synced: Option<bool>,
    /// The newest batch that this process has seen; an older one later means that the file's content was put back.
    seen: u64,
    /// How many events were committed here since search was last known to be up to date.
    unsearched: usize,
    meter: Meter,
}

/// What the writer shares with the handles.
pub(super) struct Meter {
    pub(super) newest: Newest,
    /// How many have announced an append, those included that wait for their answer.
    pub(super) coming: Arc<AtomicUsize>,
}

/// The newest time that is known to be in the ledger.
#[derive(Clone)]
pub(super) struct Newest(Arc<AtomicI64>);

impl Default for Newest {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(i64::MIN)))
    }
}

impl Newest {
    pub(super) fn saw(&self, at: Option<i64>) {
        self.0.fetch_max(at.unwrap_or(i64::MIN), Ordering::AcqRel);
    }

    pub(super) fn seen(&self) -> Option<i64> {
        Some(self.0.load(Ordering::Acquire)).filter(|at| *at > i64::MIN)
    }
}

impl Writer {
    pub(super) fn new(conn: Connection, ledger: LedgerId, watch: Watch, durability: Durability, meter: Meter) -> Self {
        Self { conn, ledger, watch, durability, synced: None, seen: 0, unsearched: 0, meter }
    }

    /// Works until the last handle is gone and the queue is empty.
    pub(super) fn run(mut self, queue: &Receiver<Work>) {
        let mut next = None;
        let mut pause = IDLE;
        loop {
            let work = match next.take() {
                Some(work) => Ok(work),
                None if self.unsearched > 0 => queue.recv_timeout(pause),
                None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            pause = IDLE;
            match work {
                Ok(Work::Task(task)) => task(&mut self),
                Ok(Work::Append(first)) => {
                    let mut appends = vec![first];
                    next = gather(queue, &mut appends);
                    if next.is_none() && self.wait_for_others(appends.len()) {
                        next = gather(queue, &mut appends);
                    }
                    self.commit(appends);
                    if self.unsearched > MOST_LAG {
                        self.catch_up_quietly();
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.catch_up_quietly();
                    pause = Duration::ZERO;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Takes search a step further and returns the newest event that it knows now.
    pub(super) fn catch_up(&mut self) -> Result<u64, LedgerFault> {
        self.watch.check()?;
        self.sync_commits(self.durability == Durability::Paranoid)?;
        let progress = project::advance(&mut self.conn)?;
        self.unsearched = if progress.done { 0 } else { self.unsearched.max(1) };
        Ok(progress.cursor)
    }

    fn catch_up_quietly(&mut self) {
        if let Err(fault) = self.catch_up() {
            // Nobody waits for it; a search tries again and tells whoever asked.
            tracing::warn!(error = &fault as &dyn std::error::Error, "search could not be brought up to date");
            self.unsearched = 0;
        }
    }

    /// Lets those who are on their way come along, if they are many: a commit costs the same for one as for all of them.
    fn wait_for_others(&self, here: usize) -> bool {
        let others = self.meter.coming.load(Ordering::Acquire).saturating_sub(here);
        if others < MANY {
            return false;
        }
        let others = u32::try_from(others).unwrap_or(u32::MAX);
        std::thread::sleep(PATIENCE_PER_OTHER.saturating_mul(others).min(PATIENCE));
        true
    }

    /// Commits what is not stale and answers everyone.
    fn commit(&mut self, appends: Vec<Append>) {
        let outcome = self.try_commit(&appends);
        for (place, append) in appends.into_iter().enumerate() {
            let answer = match &outcome {
                Ok(answers) => answers.get(place).cloned().unwrap_or_else(|| Err(LedgerFault::stopped().into())),
                Err(fault) => Err(AppendError::Fault(fault.clone())),
            };
            // A caller that has gone away does not undo what it asked for.
            let _gone = append.answer.send(answer);
        }
    }

    fn try_commit(&mut self, appends: &[Append]) -> Result<Vec<Result<Vec<u64>, AppendError>>, LedgerFault> {
        self.watch.check()?;
        let synced = self.durability == Durability::Paranoid
            || appends.iter().any(|append| append.group.iter().any(|event| event.synced));
        self.sync_commits(synced)?;
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let head = head(&tx)?;
        if head.batch < self.seen || read_id(&tx)? != self.ledger {
            return Err(LedgerFault::new(Code::StoreReplaced, "the ledger file's content was replaced"));
        }
        let (answers, leaves) = insert(&tx, head.next_event_id, appends)?;
        if leaves.is_empty() {
            return Ok(answers);
        }
        let newest =
            appends.iter().zip(&answers).filter(|(_, answer)| answer.is_ok()).map(|(append, _)| append.at).max();
        let batch = Batch {
            batch: head.batch + 1,
            first_event_id: head.next_event_id,
            count: u64::try_from(leaves.len()).unwrap_or(u64::MAX),
            prev: head.digest.as_str().to_owned(),
            root: digest::merkle_root(&leaves).as_str().to_owned(),
            at: newest.into_iter().chain(head.at).max().unwrap_or_default(),
        };
        tx.prepare_cached(sql::INSERT_BATCH)?.execute((
            batch.batch,
            batch.first_event_id,
            batch.count,
            &batch.prev,
            &batch.root,
            batch.digest(&self.ledger).as_str(),
            batch.at,
        ))?;
        tx.commit()?;
        self.meter.newest.saw(Some(batch.at));
        self.seen = batch.batch;
        self.unsearched = self.unsearched.saturating_add(leaves.len());
        Ok(answers)
    }

    /// Does what a commit does, but for the writing.
    pub(super) fn ready(&mut self) -> Result<(), LedgerFault> {
        self.watch.check()?;
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if head(&tx)?.batch < self.seen || read_id(&tx)? != self.ledger {
            return Err(LedgerFault::new(Code::StoreReplaced, "the ledger file's content was replaced"));
        }
        tx.rollback()?;
        Ok(())
    }

    /// Whether the next commits wait for the disk.
    fn sync_commits(&mut self, synced: bool) -> Result<(), LedgerFault> {
        if self.synced != Some(synced) {
            self.conn.pragma_update(None, "synchronous", if synced { "full" } else { "normal" })?;
            self.synced = Some(synced);
        }
        Ok(())
    }
}

/// Takes more appends that are waiting already; returns work of another kind that it came upon.
fn gather(queue: &Receiver<Work>, appends: &mut Vec<Append>) -> Option<Work> {
    while appends.len() < MOST_GROUPS {
        match queue.try_recv() {
            Ok(Work::Append(append)) => appends.push(append),
            Ok(other) => return Some(other),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => return None,
        }
    }
    None
}

/// Inserts every group whose subjects stand where it expects them, and gives each group its answer and the batch its leaves.
#[expect(clippy::type_complexity, reason = "answers by group, and all leaves; used once")]
fn insert(
    tx: &Transaction<'_>,
    first_event_id: u64,
    appends: &[Append],
) -> Result<(Vec<Result<Vec<u64>, AppendError>>, Vec<Digest>), LedgerFault> {
    let mut next_seq: HashMap<&str, u64> = HashMap::new();
    let mut leaves = Vec::new();
    let mut event_id = first_event_id;
    let mut answers = Vec::with_capacity(appends.len());
    for append in appends {
        if let Some(subject) = stale(tx, &mut next_seq, &append.group)? {
            answers.push(Err(AppendError::Stale { subject }));
            continue;
        }
        let mut ids = Vec::with_capacity(append.group.len());
        for event in &append.group {
            let body_digest = event.body_digest.as_str();
            let leaf = Leaf {
                event_id,
                subject: &event.subject,
                seq: event.seq,
                at: append.at,
                kind: event.kind,
                body_digest,
            }
            .digest();
            tx.prepare_cached(sql::INSERT_EVENT)?.execute((
                event_id,
                &event.subject,
                event.seq,
                append.at,
                event.kind,
                leaf.as_str(),
                body_digest,
                event.salt,
                &event.body,
            ))?;
            leaves.push(leaf);
            ids.push(event_id);
            event_id += 1;
        }
        answers.push(Ok(ids));
    }
    Ok((answers, leaves))
}

/// The first subject that does not stand where the group expects it. If there is none, the subjects move on.
fn stale<'a>(
    tx: &Transaction<'_>,
    next_seq: &mut HashMap<&'a str, u64>,
    group: &'a [Prepared],
) -> Result<Option<String>, LedgerFault> {
    let mut moved: HashMap<&str, u64> = HashMap::new();
    for event in group {
        let subject = event.subject.as_str();
        let next = match moved.get(subject).or_else(|| next_seq.get(subject)) {
            Some(next) => *next,
            None => tx.prepare_cached(sql::NEXT_SEQ)?.query_row([subject], |row| row.get(0))?,
        };
        if event.seq != next {
            return Ok(Some(event.subject.clone()));
        }
        moved.insert(subject, next + 1);
    }
    next_seq.extend(moved);
    Ok(None)
}

/// Where the chain ends, inside a transaction.
pub(super) struct ChainEnd {
    batch: u64,
    digest: Digest,
    at: Option<i64>,
    next_event_id: u64,
}

impl ChainEnd {
    pub(super) fn public(self) -> Result<Head, LedgerFault> {
        let newest_at = self.at.map(read_time).transpose()?;
        Ok(Head { batch: self.batch, digest: self.digest, newest_at })
    }
}

pub(super) fn head(conn: &Connection) -> Result<ChainEnd, LedgerFault> {
    let found = conn
        .prepare_cached(sql::HEAD)?
        .query_row([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    let Some((batch, digest, at, next_event_id)) = found else {
        return Ok(ChainEnd { batch: 0, digest: genesis(), at: None, next_event_id: 1 });
    };
    let digest = Digest::parse(&digest).map_err(|_| LedgerFault::corrupt("the newest batch's digest does not read"))?;
    Ok(ChainEnd { batch, digest, at: Some(at), next_event_id })
}
