//! The write transaction: READ COMMITTED, durable, in the server's own zone, and COMMIT alone on the wire.

use std::pin::pin;

use futures_util::future::join;
use synapsor_core::contract::Session;
use synapsor_core::sql::{Bind, Sql};
use synapsor_core::writeback::Violation;
use tokio::time::timeout;
use tokio_postgres::Error;

use super::pool::{Conn, Lease};
use super::run::{self, GRACE, PINS, Rows, Times};
use super::{policy, said};
use crate::fault::{Class, Fault};
use crate::tx::{Commit, Reject};

/// An open write transaction. It owns its connection; dropping it cuts the link, which undoes it.
pub(crate) struct PostgresTx {
    lease: Lease,
    times: Times,
    session: Session,
    state: State,
}

/// What is open on the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The transaction, and every answer so far was good.
    Open,
    /// The transaction, but a statement failed: only a rollback is left.
    Failed,
    /// Nothing: it was rolled back.
    Undone,
    /// Nobody knows, or something is under way: the link is not to be used again.
    Lost,
}

/// Why a statement gave no result.
enum Stopped {
    /// The server or the link said no.
    Said(Error),
    /// The client's own limit was hit; the statement was cancelled, and perhaps answered that.
    Late { answered: bool },
}

impl PostgresTx {
    pub(super) async fn begin(lease: Lease, times: Times, session: Session) -> Result<Self, Fault> {
        let mut tx = Self { lease, times, session, state: State::Lost };
        let conn = tx.lease.conn();
        let settings = settings(times);
        let work = async {
            let begin = conn.client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
            let (begun, set) = join(begin, run::execute(conn, &settings)).await;
            begun.and(set)
        };
        let done = limited(conn, times, work).await;
        match tx.leave(done) {
            Ok(_) => Ok(tx),
            Err(stopped) => {
                tx.rollback().await;
                Err(match stopped {
                    Stopped::Said(error) => said::begin_fault(error),
                    Stopped::Late { .. } => late(),
                })
            }
        }
    }

    pub(crate) async fn execute(&mut self, sql: &Sql) -> Result<u64, Reject> {
        self.enter()?;
        let conn = self.lease.conn();
        let settings = policy::settings(&self.session, sql);
        let done = limited(conn, self.times, told(conn, settings.as_ref(), run::execute(conn, sql))).await;
        self.leave(done).map_err(Stopped::reject)
    }

    /// Reads inside the transaction or, after a rollback, in a reading one.
    pub(crate) async fn fetch(&mut self, sql: &Sql) -> Result<Rows, Reject> {
        if self.state == State::Undone {
            return self.look(sql).await;
        }
        self.enter()?;
        let conn = self.lease.conn();
        let settings = policy::settings(&self.session, sql);
        let done = limited(conn, self.times, told(conn, settings.as_ref(), run::fetch(conn, sql))).await;
        self.leave(done).map_err(Stopped::reject)
    }

    /// Runs one statement of a migration.
    pub(super) async fn define(&mut self, statement: &str) -> Result<(), Fault> {
        self.batch(statement).await.map_err(Stopped::fault)
    }

    pub(crate) async fn constraints_now(&mut self) -> Result<(), Reject> {
        self.batch("SET CONSTRAINTS ALL IMMEDIATE").await.map_err(Stopped::reject)?;
        // Every trigger of the change has now run in the server's own zone and formats. What is left reads the row and
        // completes the receipt, and its texts must be those that reads give.
        self.batch(PINS).await.map_err(Stopped::reject)
    }

    pub(crate) async fn rollback(&mut self) -> bool {
        if matches!(self.state, State::Open | State::Failed) {
            self.state = State::Lost;
            let conn = self.lease.conn();
            if limited(conn, self.times, conn.client.batch_execute("ROLLBACK")).await.is_ok() {
                self.undone();
            }
        }
        self.state == State::Undone
    }

    pub(crate) async fn commit(mut self) -> Commit {
        // COMMIT of a failed transaction answers ROLLBACK, without an error, and the driver drops the word. But a
        // transaction fails only with an answer to a statement, and every answer was read before this.
        if self.state != State::Open {
            self.rollback().await;
            return Commit::Undone(Violation::Other);
        }
        self.state = State::Lost;
        let conn = self.lease.conn();
        conn.forget_warnings();
        let answer = timeout(self.times.patience(), conn.client.batch_execute("COMMIT")).await;
        match answer {
            Ok(Ok(())) if conn.warned() => Commit::Unknown("the database warned when it was told to commit"),
            Ok(Ok(())) => {
                self.undone();
                Commit::Done
            }
            Ok(Err(error)) => {
                let violation = said::undone(&error);
                let fault = said::fault(error);
                tracing::warn!(error = &fault as &dyn std::error::Error, "the database did not confirm a commit");
                violation.map_or(Commit::Unknown("the database answered the commit with an error"), Commit::Undone)
            }
            Err(_) => Commit::Unknown("the database did not answer the commit in time"),
        }
    }

    async fn look(&mut self, sql: &Sql) -> Result<Rows, Reject> {
        self.state = State::Lost;
        self.lease.set_clean(false);
        let conn = self.lease.conn();
        let statements: Vec<Sql> = policy::settings(&self.session, sql).into_iter().chain([sql.clone()]).collect();
        let refused = |fault| Reject::Refused(Violation::Transient, fault);
        let Ok((clean, rows)) =
            timeout(self.times.patience(), run::read_transaction(conn, self.times, &statements)).await
        else {
            return Err(refused(Fault::new(Class::Timeout, "the server did not answer in time")));
        };
        if clean {
            self.undone();
        }
        rows.map(|mut rows| rows.pop().unwrap_or_default()).map_err(refused)
    }

    async fn batch(&mut self, text: &str) -> Result<(), Stopped> {
        if self.enter().is_err() {
            return Err(Stopped::Late { answered: false });
        }
        let conn = self.lease.conn();
        let done = limited(conn, self.times, conn.client.batch_execute(text)).await;
        self.leave(done)
    }

    /// Leaves the link for lost while a statement is under way: its future may be dropped.
    fn enter(&mut self) -> Result<(), Reject> {
        if self.state != State::Open {
            let fault = Fault::new(Class::Other, "the transaction takes no more statements");
            return Err(Reject::Refused(Violation::Other, fault));
        }
        self.state = State::Lost;
        Ok(())
    }

    fn leave<T>(&mut self, done: Result<T, Stopped>) -> Result<T, Stopped> {
        self.state = match &done {
            Ok(_) => State::Open,
            Err(Stopped::Said(error)) if error.as_db_error().is_some() => State::Failed,
            Err(Stopped::Late { answered: true }) => State::Failed,
            Err(Stopped::Said(_) | Stopped::Late { answered: false }) => State::Lost,
        };
        done
    }

    /// Nothing is open any more: the connection may serve the next user.
    fn undone(&mut self) {
        self.state = State::Undone;
        self.lease.set_clean(true);
    }
}

/// The settings of a write transaction. Its zone and formats stay the server's own: triggers, defaults and generated
/// columns must store what they store for the application. Durability is raised where the role lowered it.
fn settings(times: Times) -> Sql {
    let millis = times.settings().map(|(_, millis)| Bind::Text(millis.to_string()));
    Sql::fixed(
        "SELECT pg_catalog.set_config('statement_timeout', $1, true), \
         pg_catalog.set_config('lock_timeout', $2, true), \
         pg_catalog.set_config('idle_in_transaction_session_timeout', $3, true), \
         pg_catalog.set_config('array_nulls', 'on', true), \
         CASE WHEN pg_catalog.current_setting('synchronous_commit') IN ('off', 'local') \
         THEN pg_catalog.set_config('synchronous_commit', 'on', true) END",
        millis.into(),
        5,
    )
}

/// Runs a statement after the one that tells the database's policies whose rows it is about, in one flush.
async fn told<T>(
    conn: &Conn,
    settings: Option<&Sql>,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match settings {
        None => work.await,
        Some(settings) => {
            let (told, done) = join(run::execute(conn, settings), work).await;
            told.and(done)
        }
    }
}

/// Waits for an answer as long as the server's own limit allows and a little more; then cancels the statement on the
/// server and waits for it to say so. Dropping the future cancels too.
async fn limited<T>(conn: &Conn, times: Times, work: impl Future<Output = Result<T, Error>>) -> Result<T, Stopped> {
    let mut work = pin!(work);
    let mut under_way = UnderWay { conn: Some(conn) };
    let done = timeout(times.patience(), &mut work).await;
    under_way.conn = None;
    match done {
        Ok(done) => done.map_err(Stopped::Said),
        Err(_) => {
            // A cancellation still on its way could hit what runs there next.
            let (taken, answer) = join(conn.cancel(GRACE), timeout(GRACE, work)).await;
            let said = matches!(answer, Ok(Ok(_))) || matches!(answer, Ok(Err(error)) if error.code().is_some());
            Err(Stopped::Late { answered: taken && said })
        }
    }
}

/// A statement that the server may be running; dropped before its answer came, it is cancelled there.
struct UnderWay<'a> {
    conn: Option<&'a Conn>,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(conn) = self.conn {
            conn.cancel_and_part(GRACE);
        }
    }
}

impl Stopped {
    fn reject(self) -> Reject {
        match self {
            Self::Said(error) => said::reject(error),
            Self::Late { .. } => Reject::Refused(Violation::Transient, late()),
        }
    }

    fn fault(self) -> Fault {
        match self {
            Self::Said(error) => said::fault(error),
            Self::Late { .. } => late(),
        }
    }
}

fn late() -> Fault {
    Fault::new(Class::Timeout, "the server did not answer in time")
}

#[cfg(test)]
mod tests;
