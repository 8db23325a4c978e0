//! Reading: a bounded set of connections, each owned by the task that runs a statement on it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable as _;
use mysql_async::{Error, Row};
use synapsor_core::value::Cell;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;

use super::link::{Link, Server, Stop};
use super::refusal;
use super::row::{self, Statement};
use crate::engine::Role;
use crate::fault::{Class, Fault};

/// Connections that idled longer than this are not used again: something on the way may have forgotten them.
const IDLE_LIMIT: Duration = Duration::from_secs(30);
/// How long tidying a connection for its next use may take.
const TIDYING: Duration = Duration::from_secs(1);

type Rows = Vec<Vec<Cell>>;

/// The connections to one server under one credential.
pub(super) struct Links {
    pub(super) server: Server,
    most: u32,
    permits: Arc<Semaphore>,
    acquire: Duration,
    idle: Mutex<Vec<(Link, Instant)>>,
}

impl Links {
    pub(super) fn new(server: Server, max_connections: u32, acquire: Duration) -> Self {
        let most = max_connections.max(1);
        let permits = Arc::new(Semaphore::new(usize::try_from(most).unwrap_or(Semaphore::MAX_PERMITS)));
        Self { server, most, permits, acquire, idle: Mutex::new(Vec::new()) }
    }

    /// Waits for the right to one connection.
    pub(super) async fn permit(&self) -> Result<OwnedSemaphorePermit, Fault> {
        match timeout(self.acquire, Arc::clone(&self.permits).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(error)) => Err(Fault::new(Class::Other, "the connections are closed").because(error)),
            Err(_) => Err(Fault::new(Class::Busy, "every connection to the source database is in use")),
        }
    }

    /// Waits until no connection is in use.
    pub(super) async fn settled(&self) {
        let _all = self.permits.acquire_many(self.most).await;
    }

    /// Runs one statement in a read-only transaction. Dropping the future ends the statement on the server.
    pub(super) async fn read(self: &Arc<Self>, statement: Statement) -> Result<Rows, Fault> {
        let permit = self.permit().await?;
        let (reply, answer) = oneshot::channel();
        let links = Arc::clone(self);
        tokio::spawn(async move {
            links.serve(&statement, reply).await;
            drop(permit);
        });
        answer.await.unwrap_or_else(|_| Err(Fault::new(Class::Other, "the task of a read ended early")))
    }

    /// Reads for a caller who may leave at any time, then keeps the connection if it is clean.
    async fn serve(&self, statement: &Statement, mut reply: oneshot::Sender<Result<Rows, Fault>>) {
        let connecting = self.ready_link(&mut reply);
        let mut link = match connecting.await {
            Ok(Some(link)) => link,
            Ok(None) => return,
            Err(fault) => {
                let _ = reply.send(Err(fault));
                return;
            }
        };
        let mark = link.mark.clone();
        let asked = link.conn.exec::<Row, _, _>(&statement.text, statement.params.clone());
        let (outcome, usable) = match self.server.watched(&mark, Role::Reader, reply.closed(), asked).await {
            Ok(Ok(rows)) => (row::cells(rows, &statement.outputs), true),
            Ok(Err(error)) => {
                let usable = matches!(error, Error::Server(_));
                (Err(refusal::fault(error, "a read was refused")), usable)
            }
            Err(Stop::Gone) => return,
            Err(Stop::Late) => (Err(Fault::new(Class::Timeout, "a read took too long")), false),
        };
        let _ = reply.send(outcome);
        if usable && timeout(TIDYING, link.is_clean()).await.unwrap_or(false) {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push((link, Instant::now()));
        }
    }

    /// A connection inside a read-only transaction: one that idled, if it still answers, or a new one. `None` if the caller
    /// left meanwhile.
    async fn ready_link(&self, reply: &mut oneshot::Sender<Result<Rows, Fault>>) -> Result<Option<Link>, Fault> {
        while let Some(mut link) = self.idling() {
            let mark = link.mark.clone();
            let begun = link.conn.query_drop(BEGIN);
            match self.server.watched(&mark, Role::Reader, reply.closed(), begun).await {
                Ok(Ok(())) => return Ok(Some(link)),
                // The server or the way to it dropped the connection while it idled; nothing was asked yet.
                Ok(Err(_)) | Err(Stop::Late) => {}
                Err(Stop::Gone) => return Ok(None),
            }
        }
        let opening = async {
            let mut link = self.server.connect(Role::Reader).await?;
            let begun = timeout(self.server.patience(Role::Reader), link.conn.query_drop(BEGIN)).await;
            match begun {
                Ok(done) => done.map_err(|error| refusal::fault(error, "a read-only transaction was refused"))?,
                Err(_) => return Err(Fault::new(Class::Timeout, "beginning a read-only transaction took too long")),
            }
            Ok(link)
        };
        // Nothing runs on a new connection yet, so it may simply be dropped.
        tokio::select! {
            link = opening => link.map(Some),
            () = reply.closed() => Ok(None),
        }
    }

    fn idling(&self) -> Option<Link> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(_, since)| since.elapsed() < IDLE_LIMIT);
        idle.pop().map(|(link, _)| link)
    }
}

const BEGIN: &str = "START TRANSACTION READ ONLY";
