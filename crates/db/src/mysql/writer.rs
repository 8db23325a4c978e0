//! The write transaction: a task owns its connection and takes orders.

use std::sync::Arc;
use std::time::Duration;

use mysql_async::consts::StatusFlags;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Error, Row};
use synapsor_core::sql::Sql;
use synapsor_core::value::Cell;
use synapsor_core::writeback::Violation;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::timeout;

use super::link::{Link, Stop};
use super::reader::Links;
use super::refusal;
use super::row::{self, Statement};
use crate::engine::Role;
use crate::fault::{Class, Fault};
use crate::tx::{Commit, Reject};

/// How long undoing may take.
const UNDOING: Duration = Duration::from_secs(5);

const BEGIN: &str = "START TRANSACTION READ WRITE";
const STATEMENT: &str = "a statement of the write transaction was refused";

/// An open write transaction. Dropping it ends what runs, undoes it and closes the connection.
///
/// The transaction starts with the first [`MysqlTx::execute`]; before that, and after a rollback, each fetch sees the
/// newest rows. So nothing read earlier makes a later look stale, not even under REPEATABLE READ.
pub(crate) struct MysqlTx {
    orders: mpsc::Sender<Order>,
}

enum Order {
    Execute(Statement, oneshot::Sender<Result<u64, Reject>>),
    Fetch(Statement, oneshot::Sender<Result<Vec<Vec<Cell>>, Reject>>),
    Rollback(oneshot::Sender<bool>),
    Commit(oneshot::Sender<Commit>),
}

impl MysqlTx {
    pub(super) async fn begin(links: Arc<Links>) -> Result<Self, Fault> {
        let permit = links.permit().await?;
        let link = links.server.connect(Role::Writer).await?;
        let (orders, inbox) = mpsc::channel(1);
        tokio::spawn(Clerk { links, link: Some(link), open: false, _permit: permit }.run(inbox));
        Ok(Self { orders })
    }

    /// Runs a statement; returns the rows it matched, changed or not.
    pub(crate) async fn execute(&mut self, sql: &Sql) -> Result<u64, Reject> {
        self.order(|reply| Order::Execute(sql.into(), reply)).await.unwrap_or_else(|| Err(lost()))
    }

    /// Tells times in UTC from here on. Every trigger of the change has run in the server's own zone by now, and the
    /// connection is not used again.
    pub(crate) async fn tell_utc(&mut self) -> Result<(), Reject> {
        self.execute(&Sql::fixed("SET time_zone = '+00:00'", Vec::new(), 0)).await.map(|_| ())
    }

    /// Runs a query.
    pub(crate) async fn fetch(&mut self, sql: &Sql) -> Result<Vec<Vec<Cell>>, Reject> {
        self.order(|reply| Order::Fetch(sql.into(), reply)).await.unwrap_or_else(|| Err(lost()))
    }

    /// Undoes everything; `false` if the connection is lost, which undoes it too.
    pub(crate) async fn rollback(&mut self) -> bool {
        self.order(Order::Rollback).await.unwrap_or(false)
    }

    /// Sends COMMIT, alone. It is never ended early.
    pub(crate) async fn commit(self) -> Commit {
        self.order(Order::Commit).await.unwrap_or(Commit::Unknown("the task of the write ended early"))
    }

    async fn order<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(order(reply)).await.ok()?;
        answer.await.ok()
    }
}

fn lost() -> Reject {
    let fault = Fault::new(Class::Unreachable, "the connection of the write transaction is lost");
    Reject::Refused(Violation::Transient, fault)
}

/// Owns the connection.
struct Clerk {
    links: Arc<Links>,
    /// `None` once it is lost or a statement on it was ended early.
    link: Option<Link>,
    /// Whether a transaction was started and neither committed nor undone.
    open: bool,
    _permit: OwnedSemaphorePermit,
}

impl Clerk {
    async fn run(mut self, mut inbox: mpsc::Receiver<Order>) {
        while let Some(order) = inbox.recv().await {
            match order {
                Order::Execute(statement, mut reply) => {
                    if let Some(outcome) = self.execute(&statement, &mut reply).await {
                        let _ = reply.send(outcome);
                    }
                }
                Order::Fetch(statement, mut reply) => {
                    if let Some(outcome) = self.fetch(&statement, &mut reply).await {
                        let _ = reply.send(outcome);
                    }
                }
                Order::Rollback(reply) => {
                    let _ = reply.send(self.rollback().await);
                }
                Order::Commit(reply) => {
                    let _ = reply.send(self.commit().await);
                    break;
                }
            }
        }
        self.rollback().await;
        if let Some(link) = self.link.take() {
            link.close().await;
        }
    }

    /// `None` if the caller left meanwhile.
    async fn execute<T>(
        &mut self,
        statement: &Statement,
        reply: &mut oneshot::Sender<T>,
    ) -> Option<Result<u64, Reject>> {
        let was_open = std::mem::replace(&mut self.open, true);
        let Some(link) = self.link.as_mut() else { return Some(Err(lost())) };
        let mark = link.mark.clone();
        let working = async {
            if !was_open {
                link.conn.query_drop(BEGIN).await?;
            }
            link.conn.exec_drop(&statement.text, statement.params.clone()).await?;
            let inside = link
                .conn
                .last_ok_packet()
                .is_some_and(|ok| ok.status_flags().contains(StatusFlags::SERVER_STATUS_IN_TRANS));
            Ok((link.conn.affected_rows(), inside))
        };
        let done = self.links.server.watched(&mark, Role::Writer, reply.closed(), working).await;
        match self.settled(done)? {
            Ok((matched, true)) => Some(Ok(matched)),
            // A proxy may have taken another connection behind our back, or a trigger's work committed implicitly.
            Ok((_, false)) => {
                self.link = None;
                let fault = Fault::new(Class::Other, "the server is no longer inside the transaction");
                Some(Err(Reject::Refused(Violation::Other, fault)))
            }
            Err(reject) => Some(Err(reject)),
        }
    }

    /// `None` if the caller left meanwhile.
    async fn fetch<T>(
        &mut self,
        statement: &Statement,
        reply: &mut oneshot::Sender<T>,
    ) -> Option<Result<Vec<Vec<Cell>>, Reject>> {
        let Some(link) = self.link.as_mut() else { return Some(Err(lost())) };
        let mark = link.mark.clone();
        let asked = link.conn.exec::<Row, _, _>(&statement.text, statement.params.clone());
        let done = self.links.server.watched(&mark, Role::Writer, reply.closed(), asked).await;
        Some(self.settled(done)?.and_then(|rows| {
            row::cells(rows, &statement.outputs).map_err(|fault| Reject::Refused(Violation::Other, fault))
        }))
    }

    /// What a watched statement came to; the connection is given up where it can no longer be trusted.
    fn settled<T>(&mut self, done: Result<Result<T, Error>, Stop>) -> Option<Result<T, Reject>> {
        match done {
            Ok(Ok(value)) => Some(Ok(value)),
            Ok(Err(error)) => {
                if !matches!(error, Error::Server(_)) {
                    self.link = None;
                }
                Some(Err(refusal::reject(error, STATEMENT)))
            }
            Err(Stop::Late) => {
                self.link = None;
                let fault = Fault::new(Class::Timeout, "a statement of the write transaction took too long");
                Some(Err(Reject::Refused(Violation::Transient, fault)))
            }
            Err(Stop::Gone) => {
                self.link = None;
                None
            }
        }
    }

    /// A failed statement may have undone only itself, so this is always said in full.
    async fn rollback(&mut self) -> bool {
        let was_open = std::mem::replace(&mut self.open, false);
        let Some(link) = self.link.as_mut() else { return false };
        if !was_open {
            return true;
        }
        let undone = matches!(timeout(UNDOING, link.conn.query_drop("ROLLBACK")).await, Ok(Ok(())));
        if !undone {
            self.link = None;
        }
        undone
    }

    async fn commit(&mut self) -> Commit {
        let (true, Some(mut link)) = (self.open, self.link.take()) else {
            return Commit::Undone(Violation::Transient);
        };
        self.open = false;
        let patience = self.links.server.patience(Role::Writer);
        match timeout(patience, link.conn.query_drop("COMMIT")).await {
            Ok(Ok(())) if link.conn.get_warnings() == 0 => {
                self.link = Some(link);
                Commit::Done
            }
            Ok(Ok(())) => Commit::Unknown("COMMIT was answered with a warning"),
            Ok(Err(error)) => {
                let said = matches!(error, Error::Server(_));
                let fault = refusal::fault(error, "COMMIT got no clean answer");
                tracing::warn!(error = &fault as &dyn std::error::Error, "the outcome of a write is in doubt");
                Commit::Unknown(if said { "COMMIT was answered with an error" } else { "the link broke during COMMIT" })
            }
            Err(_) => Commit::Unknown("COMMIT was not answered in time"),
        }
    }
}
