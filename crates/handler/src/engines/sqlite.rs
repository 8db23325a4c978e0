//! SQLite. Its statements hold up the thread, so its transactions wait for one another here.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, params_from_iter};
use serde_json::Value as Json;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::error::{Meaning, Misconfigured, TxError};
use crate::value::{Row, Value};

pub(crate) struct Sqlite {
    path: PathBuf,
    lock_timeout: Duration,
    turn: Arc<Mutex<()>>,
}

pub(crate) struct Session {
    connection: Connection,
    _turn: OwnedMutexGuard<()>,
}

impl Sqlite {
    pub(super) fn new(url: &str, lock_timeout: Duration) -> Result<Self, Misconfigured> {
        let path = url.strip_prefix("sqlite:").or_else(|| url.strip_prefix("file:")).unwrap_or(url);
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path == ":memory:" {
            return Err(Misconfigured::new("the write URL names no database file"));
        }
        Ok(Self { path: path.into(), lock_timeout, turn: Arc::default() })
    }

    pub(super) async fn begin(&self) -> Result<Session, TxError> {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let connection = Connection::open(&self.path).map_err(sorted)?;
        connection.busy_timeout(self.lock_timeout).map_err(sorted)?;
        connection.execute_batch("PRAGMA foreign_keys = ON; BEGIN IMMEDIATE").map_err(sorted)?;
        Ok(Session { connection, _turn: turn })
    }
}

impl Session {
    pub(super) fn command(&mut self, sql: &str) -> Result<(), TxError> {
        self.connection.execute_batch(sql).map_err(sorted)
    }

    #[expect(clippy::unused_async, reason = "the other engines wait")]
    pub(super) async fn run(&mut self, sql: &str, values: &[Value]) -> Result<u64, TxError> {
        let changed = self.connection.execute(sql, params_from_iter(values.iter().map(bound))).map_err(sorted)?;
        Ok(u64::try_from(changed).unwrap_or(u64::MAX))
    }

    #[expect(clippy::unused_async, reason = "the other engines wait")]
    pub(super) async fn rows(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, TxError> {
        let mut statement = self.connection.prepare(sql).map_err(sorted)?;
        let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let rows = statement.query_map(params_from_iter(values.iter().map(bound)), |row| {
            names.iter().enumerate().map(|(at, name)| Ok((name.clone(), shown(row.get_ref(at)?)))).collect()
        });
        rows.map_err(sorted)?.collect::<Result<Vec<Row>, _>>().map_err(sorted)
    }
}

fn bound(value: &Value) -> rusqlite::types::Value {
    use rusqlite::types::Value as Stored;
    match value {
        Value::Null => Stored::Null,
        Value::Bool(flag) => Stored::Integer(i64::from(*flag)),
        Value::Int(number) => Stored::Integer(*number),
        Value::Float(number) => Stored::Real(*number),
        Value::Text(text) => Stored::Text(text.clone()),
    }
}

fn shown(value: ValueRef<'_>) -> Json {
    match value {
        ValueRef::Null => Json::Null,
        ValueRef::Integer(number) => Json::from(number),
        ValueRef::Real(number) => Json::from(number),
        ValueRef::Text(text) => Json::from(String::from_utf8_lossy(text)),
        ValueRef::Blob(bytes) => Json::from(hex::encode(bytes)),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "handed to `map_err`")]
fn sorted(error: rusqlite::Error) -> TxError {
    let meaning = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Meaning::Busy,
        _ if error.to_string().contains("no such table") => Meaning::Missing,
        _ => Meaning::Other,
    };
    TxError::new(meaning, error.to_string())
}
