//! The ledger: an append-only record of everything that happened, on SQLite.
//!
//! Every commit is a batch that points back at the one before it, so an edit, a hole or a deleted subject shows. One thread
//! writes and commits whatever waits together; other processes may write to the same file at the same time. Reading happens
//! on connections of its own, off the async runtime.

mod chain;
mod fault;
mod file;
mod lease;
mod project;
mod reader;
mod search;
mod sql;
mod upkeep;
mod verify;
mod writer;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};
use synapsor_core::code::Code;
use synapsor_core::contract::Durability;
use synapsor_core::digest::Digest;
use synapsor_core::event::Event;
use synapsor_core::id::{LedgerId, ProposalId};
use tokio::sync::oneshot;

pub use self::fault::{AppendError, LedgerFault};
pub use self::file::files;
pub use self::lease::{Holder, Lease, LeaseError};
pub use self::search::{EventFilter, Kind, Query, Record};
pub use self::upkeep::{Stats, Vacuumed};
pub use self::verify::{Flaw, Verification};

use self::chain::Prepared;
use self::file::{Place, Watch};
use self::reader::Readers;
use self::writer::{Append, Meter, Newest, Work, Writer};

/// An open ledger. Clones share it; the last one to go waits until everything submitted is written.
#[derive(Clone)]
pub struct Ledger {
    inner: Arc<Inner>,
}

/// How to open a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenOptions {
    /// Whether to make the ledger, and the folders it is in, if there is none.
    pub create: bool,
    /// How hard records are kept.
    pub durability: Durability,
}

/// An event to append.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// What it is about: a proposal's id, an evidence bundle's id, or one of the event's own.
    pub subject: String,
    /// Its place among the subject's events, from 0: the append is stale unless it is the next one.
    pub seq: u64,
    /// What happened.
    pub event: Event,
}

/// An event as the ledger keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Its place in the ledger, from 1, without gaps, in commit order.
    pub event_id: u64,
    /// What it is about.
    pub subject: String,
    /// Its place among the subject's events, from 0.
    pub seq: u64,
    /// When, to the microsecond.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// Where the ledger ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The newest batch; 0 before the first.
    pub batch: u64,
    /// Its digest, which covers everything before it.
    pub digest: Digest,
    /// The newest time of any event. `now` is the later of the clock and this.
    pub newest_at: Option<Timestamp>,
}

impl std::fmt::Display for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.batch, self.digest)
    }
}

/// Somebody who is about to append; until this is dropped, the writer may wait a moment for them.
#[must_use = "the writer waits for nobody whose announcement was dropped"]
pub struct Coming(Arc<AtomicUsize>);

impl Drop for Coming {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

struct Inner {
    id: LedgerId,
    coming: Arc<AtomicUsize>,
    newest: Newest,
    /// Present until the last handle goes.
    queue: Option<Sender<Work>>,
    thread: Option<JoinHandle<()>>,
    /// None for a ledger in memory: there the writer's connection is the only one.
    readers: Option<Arc<Readers>>,
}

impl Ledger {
    /// Opens the ledger at a path, or a new one in memory at `:memory:`. The cost does not depend on its size.
    pub fn open(path: &Path, options: OpenOptions) -> Result<Self, LedgerFault> {
        let place = Place::of(path);
        let (conn, id) = file::open(&place, options.create)?;
        let watch = Watch::on(&place)?;
        let readers = match place {
            Place::Memory => None,
            Place::File(path) => Some(Arc::new(Readers::new(path, watch.clone()))),
        };
        let newest = Newest::default();
        let coming = Arc::new(AtomicUsize::new(0));
        let meter = Meter { newest: newest.clone(), coming: Arc::clone(&coming) };
        let writer = Writer::new(conn, id.clone(), watch, options.durability, meter);
        let (queue, work) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || writer.run(&work))
            .map_err(|error| LedgerFault::new(Code::Internal, "no thread for the ledger").because(error))?;
        Ok(Self { inner: Arc::new(Inner { id, coming, newest, queue: Some(queue), thread: Some(thread), readers }) })
    }

    /// The ledger's own id, made with it.
    #[must_use]
    pub fn id(&self) -> &LedgerId {
        &self.inner.id
    }

    /// Says that an append will come soon, so that it can share its commit with others that are on their way. Nothing
    /// depends on it.
    pub fn coming(&self) -> Coming {
        self.inner.coming.fetch_add(1, Ordering::AcqRel);
        Coming(Arc::clone(&self.inner.coming))
    }

    /// Appends a group of events, all or none, and returns their ids. Once this was polled the events are written even if the
    /// caller goes away; when it returns they are durable.
    pub async fn append(&self, group: Vec<NewEvent>, at: Timestamp) -> Result<Vec<u64>, AppendError> {
        if group.is_empty() {
            return Ok(Vec::new());
        }
        let group = group.into_iter().map(Prepared::of).collect::<Result<Vec<_>, _>>()?;
        let (answer, answered) = oneshot::channel();
        self.submit(Work::Append(Append { group, at: chain::stored_time(at), answer }))?;
        answered.await.map_err(|_| LedgerFault::stopped())?
    }

    /// A subject's events, oldest first; none if there is no such subject.
    pub async fn load(&self, subject: &str) -> Result<Vec<Stored>, LedgerFault> {
        let subject = subject.to_owned();
        self.read(move |conn| reader::stored(conn, sql::SUBJECT, &[&subject])).await
    }

    /// Where the ledger ends now.
    pub async fn head(&self) -> Result<Head, LedgerFault> {
        let head = self.read(|conn| writer::head(conn)?.public()).await?;
        self.inner.newest.saw(head.newest_at.map(chain::stored_time));
        Ok(head)
    }

    /// The newest time of any event, as far as this process has written or asked: what it wrote itself is in it, and
    /// everything before that, whoever wrote it. Costs nothing.
    #[must_use]
    pub fn newest_seen(&self) -> Option<Timestamp> {
        self.inner.newest.seen().and_then(|at| chain::read_time(at).ok())
    }

    /// The newest proposal.
    pub async fn latest_proposal(&self) -> Result<Option<ProposalId>, LedgerFault> {
        self.read(|conn| {
            let found: Option<String> =
                conn.prepare_cached(sql::LATEST_PROPOSAL)?.query_row([], |row| row.get(0)).optional()?;
            found
                .map(|id| ProposalId::parse(&id).map_err(|_| LedgerFault::corrupt("a proposal has no proposal's id")))
                .transpose()
        })
        .await
    }

    /// Finds records, including all that were there when it was called.
    pub async fn search(&self, query: Query) -> Result<Vec<Record>, LedgerFault> {
        self.catch_up().await?;
        self.read(move |conn| search::search(conn, &query)).await
    }

    /// Lists events.
    pub async fn events(&self, filter: EventFilter) -> Result<Vec<Stored>, LedgerFault> {
        if filter.proposal.is_some() {
            self.catch_up().await?;
        }
        self.read(move |conn| search::events(conn, &filter)).await
    }

    /// Makes everything that search uses anew from the events.
    pub async fn rebuild_projections(&self) -> Result<(), LedgerFault> {
        self.write(|writer| project::forget(&mut writer.conn)).await?;
        self.catch_up().await
    }

    /// Recomputes everything that the ledger says about itself.
    pub async fn verify(&self) -> Result<Verification, LedgerFault> {
        let id = self.inner.id.clone();
        self.read(move |conn| verify::verify(conn, &id)).await
    }

    /// Whether records could be appended now, as far as can be told without appending one.
    pub async fn ready(&self) -> Result<(), LedgerFault> {
        self.write(Writer::ready).await
    }

    /// Numbers about the ledger.
    pub async fn stats(&self) -> Result<Stats, LedgerFault> {
        self.read(upkeep::stats).await
    }

    /// Copies the ledger to a new file while it is in use, and says where the copy ends.
    pub async fn backup(&self, to: &Path) -> Result<Head, LedgerFault> {
        let to = to.to_owned();
        self.read(move |conn| upkeep::backup(conn, &to)).await
    }

    /// Gives the file's unused space back. Appends wait for it.
    pub async fn vacuum(&self) -> Result<Vacuumed, LedgerFault> {
        self.write(|writer| upkeep::vacuum(&writer.conn)).await
    }

    /// Brings search up to date, in steps between which appends go on.
    async fn catch_up(&self) -> Result<(), LedgerFault> {
        let (newest, mut cursor) = self.read(|conn| project::lag(conn)).await?;
        while cursor < newest {
            cursor = self.write(Writer::catch_up).await?;
        }
        Ok(())
    }

    /// Runs a read beside the writer, or on its connection where there is no other.
    async fn read<T, F>(&self, read: F) -> Result<T, LedgerFault>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, LedgerFault> + Send + 'static,
    {
        match &self.inner.readers {
            Some(readers) => readers.run(read).await,
            None => self.write(|writer| read(&mut writer.conn)).await,
        }
    }

    /// Runs something on the writer's thread.
    async fn write<T, F>(&self, task: F) -> Result<T, LedgerFault>
    where
        T: Send + 'static,
        F: FnOnce(&mut Writer) -> Result<T, LedgerFault> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.submit(Work::Task(Box::new(move |writer| {
            // The caller may be gone; what it asked for is done all the same.
            let _gone = answer.send(task(writer));
        })))?;
        answered.await.map_err(|_| LedgerFault::stopped())?
    }

    fn submit(&self, work: Work) -> Result<(), LedgerFault> {
        let queue = self.inner.queue.as_ref().ok_or_else(LedgerFault::stopped)?;
        queue.send(work).map_err(|_| LedgerFault::stopped())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The last connection to close folds the write-ahead log into the file, which only the writer's may do.
        drop(self.readers.take());
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has nothing left to wait for.
            let _ended = thread.join();
        }
    }
}
