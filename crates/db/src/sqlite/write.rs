//! An open write transaction on a connection of its own.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use synapsor_core::contract::Source;
use synapsor_core::sql::Sql;
use synapsor_core::value::Cell;
use synapsor_core::writeback::Violation;
use tokio::sync::OwnedSemaphorePermit;

use super::connection::{Brake, Connection, Purpose, blocking};
use super::error::{fault, is_busy, reject, violation};
use crate::fault::{Class, Fault};
use crate::tx::{Commit, Reject};

/// Between two tries to commit while readers are in the way.
const BUSY_PAUSE: Duration = Duration::from_millis(5);

/// An open write transaction; it owns its connection. Dropping it undoes it.
pub(crate) struct SqliteTx {
    /// `None` while a step runs, and for good if one was abandoned.
    connection: Option<Connection>,
    stage: Stage,
    path: PathBuf,
    lock_timeout: Duration,
    statement_timeout: Duration,
    /// Held until the transaction is over: one writer at a time, in this process too.
    turn: Option<OwnedSemaphorePermit>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    RolledBack,
}

impl SqliteTx {
    /// Takes the file's write lock.
    pub(super) async fn begin(path: PathBuf, source: &Source, turn: OwnedSemaphorePermit) -> Result<Self, Fault> {
        let (lock_timeout, statement_timeout) = (source.lock_timeout, source.statement_timeout);
        let at = path.clone();
        let connection = blocking(lock_timeout, move |_| {
            let connection = Connection::open(&at, Purpose::Write, lock_timeout)?;
            connection.run("BEGIN IMMEDIATE").map_err(|error| fault(error, "the write transaction does not start"))?;
            if !connection.is_at(&at) {
                return Err(Fault::new(Class::Unreachable, "the database file was replaced"));
            }
            Ok(connection)
        })
        .await
        .unwrap_or_else(|| Err(Fault::new(Class::Other, "the thread that opens the database broke")))?;
        Ok(Self {
            connection: Some(connection),
            stage: Stage::Open,
            path,
            lock_timeout,
            statement_timeout,
            turn: Some(turn),
        })
    }

    /// Runs a statement and says how many rows it changed itself.
    pub(crate) async fn execute(&mut self, sql: &Sql) -> Result<u64, Reject> {
        // After the rollback it would be a transaction of its own.
        if self.stage != Stage::Open {
            let fault = Fault::new(Class::Other, "the transaction takes no more statements");
            return Err(Reject::Refused(Violation::Other, fault));
        }
        let sql = sql.clone();
        self.step(move |connection, brake| connection.execute(&sql, brake)).await
    }

    /// Runs a statement and returns its rows.
    pub(crate) async fn fetch(&mut self, sql: &Sql) -> Result<Vec<Vec<Cell>>, Reject> {
        let sql = sql.clone();
        self.step(move |connection, brake| connection.fetch(&sql, brake)).await
    }

    /// Undoes everything; the connection may then be used to look. `false` if it is lost.
    pub(crate) async fn rollback(&mut self) -> bool {
        self.stage = Stage::RolledBack;
        let Some(connection) = self.connection.take() else { return false };
        self.connection =
            blocking(self.lock_timeout, move |_| roll_back(&connection).then_some(connection)).await.flatten();
        self.connection.is_some()
    }

    /// Sends COMMIT, alone. It runs to its end even if nobody waits.
    pub(crate) async fn commit(mut self) -> Commit {
        let Some(connection) = self.connection.take() else { return Commit::Undone(Violation::Transient) };
        let (path, patience, turn) = (self.path.clone(), self.lock_timeout, self.turn.take());
        blocking(patience, move |_| {
            let answer = commit(&connection, &path, patience);
            drop(connection);
            drop(turn);
            answer
        })
        .await
        .unwrap_or(Commit::Unknown("the thread that commits broke"))
    }

    async fn step<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Connection, Brake) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Reject> {
        let lost = |what| Reject::Refused(Violation::Transient, Fault::new(Class::Other, what));
        let Some(mut connection) = self.connection.take() else { return Err(lost("the connection is lost")) };
        let expected_open = self.stage == Stage::Open;
        let done = blocking(self.statement_timeout, move |brake| {
            // Some errors roll back silently; what follows would then commit by itself.
            if expected_open && connection.is_autocommit() {
                let fault = Fault::new(Class::Other, "sqlite closed the transaction by itself");
                return (connection, Err(Reject::Refused(Violation::Other, fault)));
            }
            let result = work(&mut connection, brake).map_err(reject);
            (connection, result)
        })
        .await;
        let Some((connection, result)) = done else { return Err(lost("the thread of a step broke")) };
        self.connection = Some(connection);
        result
    }
}

impl Drop for SqliteTx {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        let turn = self.turn.take();
        // Closing undoes what is open, which may wait for the disk.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn_blocking(move || {
                drop(connection);
                drop(turn);
            });
        }
    }
}

fn roll_back(connection: &Connection) -> bool {
    if !connection.is_autocommit()
        && let Err(error) = connection.run("ROLLBACK")
    {
        tracing::warn!(error = &error as &dyn std::error::Error, "a rollback failed; the connection is closed instead");
    }
    connection.is_autocommit()
}

fn commit(connection: &Connection, path: &std::path::Path, patience: Duration) -> Commit {
    if connection.is_autocommit() {
        return Commit::Undone(Violation::Other);
    }
    // Otherwise the change would go into a file that nobody reads any more.
    if !connection.is_at(path) {
        roll_back(connection);
        return Commit::Undone(Violation::Transient);
    }
    let deadline = Instant::now() + patience;
    let error = loop {
        match connection.run("COMMIT") {
            Ok(()) if connection.is_at(path) => return Commit::Done,
            Ok(()) => return Commit::Unknown("the database file was replaced while the change was written"),
            Err(error) if is_busy(&error) && !connection.is_autocommit() && Instant::now() < deadline => {
                std::thread::sleep(BUSY_PAUSE);
            }
            Err(error) => break error,
        }
    };
    tracing::warn!(error = &error as &dyn std::error::Error, "sqlite did not commit");
    // While the transaction is still open, nothing of it is in the file for others; undoing it is then certain.
    let still_open = !connection.is_autocommit();
    if still_open && roll_back(connection) {
        return Commit::Undone(violation(&error));
    }
    Commit::Unknown("sqlite answered COMMIT with an error and closed the transaction")
}

#[cfg(test)]
mod tests;
