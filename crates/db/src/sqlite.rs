//! SQLite as a source database: a file, opened anew for each write, and a few connections that can only read.

mod catalog;
mod connection;
mod error;
mod file;
mod inspect;
mod privileges;
mod write;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use synapsor_core::contract::Source;
use synapsor_core::privilege::Files;
use synapsor_core::sql::Sql;
use synapsor_core::sql::receipts::Place;
use synapsor_core::value::{Cell, Table};
use synapsor_core::wire::inspection::Inspection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::engine::{Access, Ask, ReceiptsState, Role};
use crate::fault::{Class, Fault};
use connection::{Brake, Connection, Purpose, blocking};
use error::fault;
pub(crate) use write::SqliteTx;

/// One source under one credential.
pub struct Sqlite {
    path: PathBuf,
    source: Box<Source>,
    role: Role,
    readers: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
    writer: Arc<Semaphore>,
}

impl Sqlite {
    pub(crate) fn open(access: Access) -> Result<Self, Fault> {
        let path = file::path(&access.url, &access.base)?;
        let readers = usize::try_from(access.source.pool.max_connections).unwrap_or(Semaphore::MAX_PERMITS).max(1);
        Ok(Self {
            path,
            readers: Arc::new(Semaphore::new(readers.min(Semaphore::MAX_PERMITS))),
            idle: Arc::default(),
            writer: Arc::new(Semaphore::new(1)),
            source: Box::new(access.source),
            role: access.role,
        })
    }

    /// Reads on a connection that cannot write, whatever the role.
    pub(crate) async fn read(&self, sql: &Sql) -> Result<Vec<Vec<Cell>>, Fault> {
        let sql = sql.clone();
        self.on_reader("the read failed", move |connection, brake| connection.fetch(&sql, brake)).await
    }

    pub(crate) async fn describe(&self, ask: &Ask) -> Result<Option<Table>, Fault> {
        let ask = ask.clone();
        self.on_reader("the schema does not read", move |connection, brake| {
            connection.look(brake, |sqlite| catalog::describe(sqlite, &ask))
        })
        .await
    }

    pub(crate) async fn inspect(&self, schema: Option<&str>, at: Timestamp) -> Result<Inspection, Fault> {
        let schema = schema.map(str::to_owned);
        self.on_reader("the schema does not read", move |connection, brake| {
            connection.look(brake, |sqlite| inspect::inspect(sqlite, schema.as_deref(), at))
        })
        .await
    }

    pub(crate) async fn receipts(&self, place: &Place) -> Result<ReceiptsState, Fault> {
        let place = place.clone();
        self.on_reader("the receipt table does not read", move |connection, brake| {
            connection.look(brake, |sqlite| catalog::receipts(sqlite, &place))
        })
        .await
    }

    pub(crate) async fn privileges(&self) -> Result<Files, Fault> {
        let path = self.path.clone();
        blocking(self.source.statement_timeout, move |_| privileges::files(&path))
            .await
            .unwrap_or_else(|| Err(Fault::new(Class::Other, "the thread of a look broke")))
    }

    /// Runs all statements or none.
    pub(crate) async fn migrate(&self, statements: &[String]) -> Result<(), Fault> {
        let turn = self.turn().await?;
        let (path, lock_timeout) = (self.path.clone(), self.source.lock_timeout);
        let script = format!("BEGIN IMMEDIATE; {} COMMIT;", statements.join("\n"));
        blocking(self.source.statement_timeout, move |_| {
            let connection = Connection::open(&path, Purpose::Write, lock_timeout)?;
            let done = connection.run(&script).map_err(|error| fault(error, "the migration failed"));
            drop(connection);
            drop(turn);
            done
        })
        .await
        .unwrap_or_else(|| Err(Fault::new(Class::Other, "the thread of the migration broke")))
    }

    pub(crate) async fn begin(&self) -> Result<SqliteTx, Fault> {
        let turn = self.turn().await?;
        SqliteTx::begin(self.path.clone(), &self.source, turn).await
    }

    /// Waits for this process's other writers; SQLite lets one in at a time and makes the rest poll.
    async fn turn(&self) -> Result<OwnedSemaphorePermit, Fault> {
        if self.role != Role::Writer {
            return Err(Fault::new(Class::Permission, "the reader does not write"));
        }
        let waited = tokio::time::timeout(self.source.lock_timeout, Arc::clone(&self.writer).acquire_owned()).await;
        match waited {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(Fault::new(Class::Busy, "another write of this process takes too long")),
        }
    }

    async fn on_reader<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce(&mut Connection, Brake) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Fault> {
        let wait = self.source.pool.acquire_timeout;
        let Ok(Ok(permit)) = tokio::time::timeout(wait, Arc::clone(&self.readers).acquire_owned()).await else {
            return Err(Fault::new(Class::Busy, "every connection to the database is in use"));
        };
        let (path, idle, lock_timeout) = (self.path.clone(), Arc::clone(&self.idle), self.source.lock_timeout);
        blocking(self.source.statement_timeout, move |brake| {
            let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut connection = match kept.filter(|connection| connection.is_at(&path)) {
                Some(connection) => connection,
                None => Connection::open(&path, Purpose::Read, lock_timeout)?,
            };
            let result = work(&mut connection, brake).map_err(|error| fault(error, what));
            if result.is_ok() {
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            }
            drop(permit);
            result
        })
        .await
        .unwrap_or_else(|| Err(Fault::new(Class::Other, "the thread of a read broke")))
    }
}
