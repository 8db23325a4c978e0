//! Reading beside the writer: a few connections, used off the async runtime.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, Row, ToSql};
use tokio::sync::{Semaphore, oneshot};

use super::chain::{Leaf, body_digest, read_event, read_time};
use super::file::{self, Watch};
use super::{LedgerFault, Stored};

/// Most connections that read at once.
const MOST: usize = 4;

/// The connections that are not in use. They are opened when first needed and stay.
pub(super) struct Readers {
    path: PathBuf,
    watch: Watch,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, watch: Watch) -> Self {
        Self { path, watch, idle: Mutex::new(Vec::new()), permits: Arc::new(Semaphore::new(MOST)) }
    }

    /// Runs a read on a connection of its own.
    pub(super) async fn run<T, F>(self: &Arc<Self>, read: F) -> Result<T, LedgerFault>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, LedgerFault> + Send + 'static,
    {
        let stopped = |_| LedgerFault::stopped();
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(stopped)?;
        let (answer, answered) = oneshot::channel();
        let readers = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            let result = readers.with_connection(read);
            // Before the answer: after it, the ledger may be closed, and the writer's connection shall be the last to go.
            drop((readers, permit));
            // The caller may be gone; the connection is kept all the same.
            let _gone = answer.send(result);
        });
        answered.await.map_err(|_| LedgerFault::stopped())?
    }

    fn with_connection<T>(
        &self,
        read: impl FnOnce(&mut Connection) -> Result<T, LedgerFault>,
    ) -> Result<T, LedgerFault> {
        self.watch.check()?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut conn = match idle {
            Some(conn) => conn,
            None => file::open_reader(&self.path)?,
        };
        let result = read(&mut conn);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
        result
    }
}

/// Every event a statement finds, in its order. Its columns are those of [`super::sql::SUBJECT`].
pub(super) fn stored(conn: &Connection, sql: &str, params: &[&dyn ToSql]) -> Result<Vec<Stored>, LedgerFault> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read_row(row)?);
    }
    Ok(found)
}

/// One event, refused unless it is exactly what its own digests cover. Whether those are what was committed, only the chain
/// can tell.
pub(super) fn read_row(row: &Row<'_>) -> Result<Stored, LedgerFault> {
    let (event_id, seq, at): (u64, u64, i64) = (row.get(0)?, row.get(2)?, row.get(3)?);
    let (subject, kind): (String, String) = (row.get(1)?, row.get(4)?);
    let (digest, recorded): (String, String) = (row.get(5)?, row.get(6)?);
    let (salt, body): (Option<Vec<u8>>, Option<String>) = (row.get(7)?, row.get(8)?);
    let (Some(salt), Some(body)) = (salt, body) else { return Err(LedgerFault::corrupt("an event has no body")) };
    if body_digest(&salt, &body).as_str() != recorded {
        return Err(LedgerFault::corrupt("an event's body was changed"));
    }
    let leaf = Leaf { event_id, subject: &subject, seq, at, kind: &kind, body_digest: &recorded };
    if leaf.digest().as_str() != digest {
        return Err(LedgerFault::corrupt("an event's columns were changed"));
    }
    let event = read_event(&kind, &body)?;
    Ok(Stored { event_id, subject, seq, at: read_time(at)?, event })
}
