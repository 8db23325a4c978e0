//! Statements on one connection: text in, text out. They are unnamed, so that a pooler in between may be in transaction
//! mode; only where there certainly is none, reads are prepared.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use futures_util::future::{join, join_all};
use synapsor_core::contract::Source;
use synapsor_core::sql::{Bind, Sql};
use synapsor_core::value::Cell;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_postgres::error::{DbError, Severity};
use tokio_postgres::types::Type;
use tokio_postgres::{Error, Row, RowStream, Statement};

use super::direct::Prepared;
use super::pool::{Conn, Lease, Pool};
use super::said;
use crate::fault::{Class, Fault};

/// How much longer than the server's own limit the client waits before it gives the link up.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// The rows of one statement.
pub(super) type Rows = Vec<Vec<Cell>>;

/// Settings under which a value's text is its identity; the session's own zone and formats are put aside until the
/// transaction ends.
pub(super) const PINS: &str = "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; \
     SET LOCAL IntervalStyle = 'iso_8601'; SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'; \
     SET LOCAL array_nulls = on";

const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// The limits of one source, in the server's words and ours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    statement: Duration,
    lock: Duration,
}

impl Times {
    pub(super) fn of(source: &Source) -> Self {
        Self { statement: source.statement_timeout, lock: source.lock_timeout }
    }

    /// How long the client waits for one reply.
    pub(super) fn patience(self) -> Duration {
        self.statement.saturating_add(GRACE)
    }

    /// The server's settings and their values in milliseconds. An open transaction that hears nothing for as long as a
    /// statement and a lock may take is ended by the server, so that a stopped client blocks nobody for long.
    pub(super) fn settings(self) -> [(&'static str, u128); 3] {
        // Zero would mean no limit.
        let millis = |time: Duration| time.as_millis().clamp(1, i32::MAX as u128);
        [
            ("statement_timeout", millis(self.statement)),
            ("lock_timeout", millis(self.lock)),
            ("idle_in_transaction_session_timeout", millis(self.statement.saturating_add(self.lock))),
        ]
    }

    /// Opens a reading transaction in one message.
    fn begin_read(self) -> String {
        let mut text = format!("{BEGIN_READ}; {PINS}");
        for (setting, millis) in self.settings() {
            let _ = write!(text, "; SET LOCAL {setting} = {millis}");
        }
        text
    }

    /// Makes a whole session what a reading transaction otherwise is.
    pub(super) fn reading_session(self) -> String {
        let mut text = PINS.replace("SET LOCAL", "SET");
        text.push_str("; SET default_transaction_read_only = on");
        for (setting, millis) in self.settings() {
            let _ = write!(text, "; SET {setting} = {millis}");
        }
        text
    }
}

/// Runs reading statements in one read-only transaction and one flush. Dropping the future cancels them on the server.
pub(super) async fn read(pool: &Arc<Pool>, times: Times, statements: Vec<Sql>) -> Result<Vec<Rows>, Fault> {
    let mut reading = Reading(Some(pool.lease().await?));
    let work = async {
        let Some(lease) = &mut reading.0 else { return Err(Fault::new(Class::Other, "a read has no connection")) };
        let done = timeout(times.patience(), read_transaction(lease.conn(), times, &statements)).await;
        let (clean, rows) =
            done.unwrap_or_else(|_| (false, Err(Fault::new(Class::Timeout, "the server did not answer in time"))));
        lease.set_clean(clean);
        rows
    };
    let rows = work.await;
    // It is over: the connection goes back as it is.
    drop(reading.0.take());
    rows
}

/// A connection with a read under way on it, whatever becomes of the asker.
struct Reading(Option<Lease>);

impl Drop for Reading {
    fn drop(&mut self) {
        let (Some(mut lease), Ok(runtime)) = (self.0.take(), Handle::try_current()) else { return };
        runtime.spawn(async move {
            // The cancellation is for whatever runs there, so it must be over before the next user comes. Answers come in
            // the order of the questions: once the server has answered to nothing, everything before that has ended.
            let conn = lease.conn();
            let (taken, drained) = join(conn.cancel(GRACE), timeout(GRACE, conn.client.batch_execute(""))).await;
            lease.set_clean(taken && matches!(drained, Ok(Ok(()))));
        });
    }
}

/// Whether the connection is clean again, and the rows.
pub(super) async fn read_transaction(
    conn: &Conn,
    times: Times,
    statements: &[Sql],
) -> (bool, Result<Vec<Rows>, Fault>) {
    if let Some(prepared) = conn.prepared() {
        return read_directly(conn, times, prepared, statements).await;
    }
    let begin = times.begin_read();
    let queries = join_all(statements.iter().map(|sql| fetch(conn, sql)));
    let (clean, rows) = in_transaction(conn, &begin, queries).await;
    (clean, rows.map_err(said::fault))
}

/// As [`read_transaction`], on a link to the server itself. A session that is made for reading needs no settings in each
/// transaction.
async fn read_directly(
    conn: &Conn,
    times: Times,
    prepared: &Prepared,
    statements: &[Sql],
) -> (bool, Result<Vec<Rows>, Fault>) {
    let mut queries = Vec::with_capacity(statements.len());
    for sql in statements {
        match prepared.statement(&conn.client, sql).await {
            Ok(statement) => queries.push(fetch_prepared(conn, statement, sql)),
            Err(error) => return (error.as_db_error().is_some_and(still_linked), Err(said::fault(error))),
        }
    }
    let begin = if conn.is_reading() { Cow::Borrowed(BEGIN_READ) } else { times.begin_read().into() };
    let (clean, rows) = in_transaction(conn, &begin, join_all(queries)).await;
    // What was prepared may have become useless; another link prepares it anew.
    let useless = rows.as_ref().is_err_and(|error| error.as_db_error().is_some_and(|said| !still_prepared(said)));
    (clean && !useless, rows.map_err(said::fault))
}

/// Whether a statement that failed may be run again as it is prepared.
fn still_prepared(said: &DbError) -> bool {
    !matches!(said.code().code().get(..2), Some("0A" | "26"))
}

/// Whether the server said no and stays: it ends the link with what it says last.
fn still_linked(said: &DbError) -> bool {
    !matches!(said.parsed_severity(), Some(Severity::Fatal | Severity::Panic))
}

/// Runs queries between BEGIN and ROLLBACK, which also takes back what a function that a read called has set for the
/// session, such as its formats and limits. Each sends its message when first polled, and joined futures are polled in
/// order: one flush.
async fn in_transaction(
    conn: &Conn,
    begin: &str,
    queries: impl Future<Output = Vec<Result<Rows, Error>>>,
) -> (bool, Result<Vec<Rows>, Error>) {
    let (begun, (fetched, ended)) =
        join(conn.client.batch_execute(begin), join(queries, conn.client.batch_execute("ROLLBACK"))).await;
    let clean = begun.is_ok() && ended.is_ok();
    (clean, begun.and_then(|()| fetched.into_iter().collect()))
}

/// Runs a statement and reads its rows.
pub(super) async fn fetch(conn: &Conn, sql: &Sql) -> Result<Rows, Error> {
    read_rows(conn.client.query_typed_raw(sql.text(), params(sql)).await?, sql).await
}

async fn fetch_prepared(conn: &Conn, statement: Option<Statement>, sql: &Sql) -> Result<Rows, Error> {
    match statement {
        Some(statement) => {
            let binds = params(sql).into_iter().map(|(bind, _)| bind);
            read_rows(conn.client.query_raw(&statement, binds).await?, sql).await
        }
        None => fetch(conn, sql).await,
    }
}

async fn read_rows(rows: RowStream, sql: &Sql) -> Result<Rows, Error> {
    let mut rows = pin!(rows);
    let mut cells = Vec::new();
    while let Some(row) = rows.try_next().await? {
        cells.push(cells_of(&row, sql)?);
    }
    Ok(cells)
}

/// Runs a statement and counts the rows it touched.
pub(super) async fn execute(conn: &Conn, sql: &Sql) -> Result<u64, Error> {
    let rows = conn.client.query_typed_raw(sql.text(), params(sql)).await?;
    let mut rows = pin!(rows);
    while rows.try_next().await?.is_some() {}
    Ok(rows.rows_affected().unwrap_or(0))
}

fn params(sql: &Sql) -> Vec<(Option<Cow<'_, str>>, Type)> {
    let text = |bind| match bind {
        &Bind::Null => None,
        Bind::Text(text) => Some(Cow::Borrowed(text.as_str())),
        Bind::Int(number) => Some(Cow::Owned(number.to_string())),
        Bind::Uint(number) => Some(Cow::Owned(number.to_string())),
        Bind::Real(number) => Some(Cow::Owned(number.to_string())),
        Bind::Bytes(bytes) => {
            let mut text = "\\x".to_owned();
            for byte in bytes {
                let _ = write!(text, "{byte:02x}");
            }
            Some(Cow::Owned(text))
        }
    };
    sql.binds().iter().map(|bind| (text(bind), Type::TEXT)).collect()
}

fn cells_of(row: &Row, sql: &Sql) -> Result<Vec<Cell>, Error> {
    let cell = |(index, kind): (usize, &synapsor_core::value::Kind)| {
        let text: Option<&str> = row.try_get(index)?;
        Ok(Cell::new(kind.clone(), text.map(str::to_owned)))
    };
    sql.outputs().iter().enumerate().map(cell).collect()
}
