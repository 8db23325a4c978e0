//! One open file, and how statements run on it. Everything here blocks: it is called on threads made for that.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{OpenFlags, Statement, params_from_iter};
use synapsor_core::sql::{Bind, Sql};
use synapsor_core::value::{Cell, Kind};

use super::error::fault;
use super::file::FileId;
use crate::fault::{Class, Fault};

/// Virtual machine steps between two looks at the brake: some tens of microseconds.
const STEPS_BETWEEN_LOOKS: i32 = 1000;

/// When a running statement must stop: past its deadline, or when nobody waits for it any more.
#[derive(Debug, Clone)]
pub(super) struct Brake {
    deadline: Instant,
    abandoned: Arc<AtomicBool>,
}

impl Brake {
    fn is_pulled(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed) || Instant::now() >= self.deadline
    }
}

/// Pulls the brake when the future that waits is dropped.
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs work on a thread that may block. `None` if it did not come to its end. Dropping the future pulls the brake.
pub(super) async fn blocking<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce(Brake) -> T + Send + 'static,
) -> Option<T> {
    let waiting = Waiting(Arc::default());
    let brake = Brake { deadline: Instant::now() + limit, abandoned: Arc::clone(&waiting.0) };
    tokio::task::spawn_blocking(move || work(brake)).await.ok()
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Reading; the open mode refuses anything else.
    Read,
    /// The guarded write.
    Write,
}

/// One open file.
pub(super) struct Connection {
    sqlite: rusqlite::Connection,
    file: FileId,
}

impl Connection {
    /// Opens the file that is there; never makes one.
    pub(super) fn open(path: &Path, purpose: Purpose, lock_timeout: Duration) -> Result<Self, Fault> {
        let file = FileId::at(path)?;
        let mode = match purpose {
            Purpose::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
            Purpose::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
        };
        let sqlite = rusqlite::Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(|error| fault(error, "the database file does not open"))?;
        if !file.is_at(path) {
            return Err(Fault::new(Class::Unreachable, "the database file was replaced while it was opened"));
        }
        configure(&sqlite, purpose, lock_timeout)
            .map_err(|error| fault(error, "the connection does not take its settings"))?;
        // SQLite falls back to reading when the file does not let itself be written.
        if purpose == Purpose::Write && sqlite.is_readonly("main").unwrap_or(true) {
            return Err(Fault::new(Class::Permission, "the database file may not be written"));
        }
        Ok(Self { sqlite, file })
    }

    /// Whether the path still leads to the file that is open.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        self.file.is_at(path)
    }

    /// Whether no transaction is open.
    pub(super) fn is_autocommit(&self) -> bool {
        self.sqlite.is_autocommit()
    }

    /// Runs a statement of this program that takes and returns nothing.
    pub(super) fn run(&self, text: &str) -> rusqlite::Result<()> {
        self.sqlite.execute_batch(text)
    }

    /// Runs a statement and says how many rows it changed itself, without those that triggers changed.
    pub(super) fn execute(&mut self, sql: &Sql, brake: Brake) -> rusqlite::Result<u64> {
        self.braked(brake, |sqlite| {
            let changed =
                sqlite.prepare_cached(sql.text())?.execute(params_from_iter(sql.binds().iter().map(bound)))?;
            Ok(u64::try_from(changed).unwrap_or(u64::MAX))
        })
    }

    /// Runs a statement and returns its rows.
    pub(super) fn fetch(&mut self, sql: &Sql, brake: Brake) -> rusqlite::Result<Vec<Vec<Cell>>> {
        self.braked(brake, |sqlite| {
            let mut statement = sqlite.prepare_cached(sql.text())?;
            cells(&mut statement, sql)
        })
    }

    /// Looks something up with statements of the caller's own.
    pub(super) fn look<T>(
        &mut self,
        brake: Brake,
        work: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.braked(brake, work)
    }

    fn braked<T>(
        &mut self,
        brake: Brake,
        work: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.sqlite.progress_handler(STEPS_BETWEEN_LOOKS, Some(move || brake.is_pulled()))?;
        let result = work(&self.sqlite);
        self.sqlite.progress_handler(0, None::<fn() -> bool>)?;
        result
    }
}

fn configure(sqlite: &rusqlite::Connection, purpose: Purpose, lock_timeout: Duration) -> rusqlite::Result<()> {
    sqlite.busy_timeout(lock_timeout)?;
    // The schema comes from whoever can write the file: it may not reach for functions with effects outside it.
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    match purpose {
        Purpose::Read => sqlite.pragma_update(None, "query_only", true),
        Purpose::Write => {
            sqlite.pragma_update(None, "foreign_keys", true)?;
            sqlite.pragma_update(None, "synchronous", "FULL")
        }
    }
}

fn cells(statement: &mut Statement<'_>, sql: &Sql) -> rusqlite::Result<Vec<Vec<Cell>>> {
    let width = statement.column_count();
    let mut rows = statement.query(params_from_iter(sql.binds().iter().map(bound)))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let cells = (0..width)
            .map(|index| Ok(cell(sql.outputs().get(index).unwrap_or(&Kind::Text), row.get_ref(index)?)))
            .collect::<rusqlite::Result<Vec<Cell>>>()?;
        found.push(cells);
    }
    Ok(found)
}

fn bound(bind: &Bind) -> ToSqlOutput<'_> {
    match bind {
        Bind::Null => ToSqlOutput::Owned(Value::Null),
        Bind::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        Bind::Int(number) => ToSqlOutput::Owned(Value::Integer(*number)),
        // No stored integer is that large; as text it equals none.
        Bind::Uint(number) => {
            ToSqlOutput::Owned(i64::try_from(*number).map_or_else(|_| Value::Text(number.to_string()), Value::Integer))
        }
        Bind::Real(number) => ToSqlOutput::Owned(Value::Real(*number)),
        Bind::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
    }
}

/// A value as it is stored: its own storage class decides what it is, whatever the column was declared as.
fn cell(kind: &Kind, value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::null(kind.clone()),
        ValueRef::Integer(number @ (0 | 1)) if *kind == Kind::Boolean => {
            Cell::new(Kind::Boolean, Some(number.to_string()))
        }
        ValueRef::Integer(number) => Cell::new(Kind::Integer, Some(number.to_string())),
        // The shortest digits that read back as the same number, always with a point or an exponent.
        ValueRef::Real(number) => Cell::new(Kind::Float, Some(format!("{number:?}"))),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => {
                let kind = if *kind == Kind::Json { Kind::Json } else { Kind::Text };
                Cell::new(kind, Some(text.to_owned()))
            }
            // Not readable as text, but shown exactly; as bytes it matches no guard, so it is never written over.
            Err(_) => bytes_cell(bytes),
        },
        ValueRef::Blob(bytes) => bytes_cell(bytes),
    }
}

fn bytes_cell(bytes: &[u8]) -> Cell {
    Cell::new(Kind::Bytes, Some(format!("\\x{}", hex::encode(bytes))))
}
