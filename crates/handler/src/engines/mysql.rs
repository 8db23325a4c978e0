//! MySQL and MariaDB.

use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Opts, OptsBuilder, Params, Pool, PoolConstraints, PoolOpts, Value as Stored};
use serde_json::Value as Json;

use crate::error::{Meaning, Misconfigured, TxError};
use crate::value::{Row, Value};

const LARGEST_POOL: usize = 10;

pub(crate) struct Mysql {
    pool: Pool,
}

pub(crate) struct Session {
    connection: Conn,
}

impl Mysql {
    pub(super) fn new(url: &str, lock_timeout: Duration) -> Result<Self, Misconfigured> {
        let bad = || Misconfigured::new("the write URL does not read as mysql://user:password@host:port/database");
        let opts = Opts::from_url(url).map_err(|_| bad())?;
        let constraints = PoolConstraints::new(0, LARGEST_POOL).ok_or_else(bad)?;
        let setup = format!(
            "SET time_zone = '+00:00', sql_mode = CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES'), \
             innodb_lock_wait_timeout = {}",
            lock_timeout.as_secs().max(1)
        );
        // A connection that comes back is reset, which undoes what a request that was given up had begun.
        let opts = OptsBuilder::from_opts(opts)
            .client_found_rows(true)
            .setup(vec![setup])
            .pool_opts(PoolOpts::default().with_constraints(constraints).with_reset_connection(true));
        Ok(Self { pool: Pool::new(opts) })
    }

    pub(super) async fn begin(&self) -> Result<Session, TxError> {
        let mut session = Session { connection: self.pool.get_conn().await.map_err(sorted)? };
        session.command("SET TRANSACTION ISOLATION LEVEL READ COMMITTED").await?;
        session.command("START TRANSACTION READ WRITE").await?;
        Ok(session)
    }
}

impl Session {
    pub(super) async fn command(&mut self, sql: &str) -> Result<(), TxError> {
        self.connection.query_drop(sql).await.map_err(sorted)
    }

    pub(super) async fn run(&mut self, sql: &str, values: &[Value]) -> Result<u64, TxError> {
        self.connection.exec_drop(sql, bound(values)).await.map_err(sorted)?;
        Ok(self.connection.affected_rows())
    }

    pub(super) async fn rows(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, TxError> {
        let rows: Vec<mysql_async::Row> = self.connection.exec(sql, bound(values)).await.map_err(sorted)?;
        Ok(rows.into_iter().map(shown_row).collect())
    }
}

fn bound(values: &[Value]) -> Params {
    if values.is_empty() {
        return Params::Empty;
    }
    let bound = |value: &Value| match value {
        Value::Bool(flag) => Stored::Int(i64::from(*flag)),
        Value::Int(number) => Stored::Int(*number),
        other => other.text().map_or(Stored::NULL, |text| Stored::Bytes(text.into_bytes())),
    };
    Params::Positional(values.iter().map(bound).collect())
}

fn shown_row(row: mysql_async::Row) -> Row {
    let names: Vec<String> = row.columns_ref().iter().map(|column| column.name_str().into_owned()).collect();
    names.into_iter().zip(row.unwrap().into_iter().map(shown)).collect()
}

fn shown(value: Stored) -> Json {
    match value {
        Stored::NULL => Json::Null,
        Stored::Bytes(bytes) => {
            String::from_utf8(bytes).map_or_else(|bad| Json::from(hex::encode(bad.into_bytes())), Json::from)
        }
        Stored::Int(number) => Json::from(number),
        Stored::UInt(number) => Json::from(number),
        Stored::Float(number) => Json::from(number),
        Stored::Double(number) => Json::from(number),
        Stored::Date(year, month, day, hour, minute, second, micros) => {
            let day = format!("{year:04}-{month:02}-{day:02}");
            Json::from(format!("{day} {hour:02}:{minute:02}:{second:02}.{micros:06}"))
        }
        Stored::Time(negative, days, hours, minutes, seconds, micros) => {
            let sign = if negative { "-" } else { "" };
            let hours = days * 24 + u32::from(hours);
            Json::from(format!("{sign}{hours:02}:{minutes:02}:{seconds:02}.{micros:06}"))
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "handed to `map_err`")]
fn sorted(error: mysql_async::Error) -> TxError {
    let meaning = match &error {
        mysql_async::Error::Server(said) => match said.code {
            1205 => Meaning::Busy,
            1040 | 1053 | 1213 | 1317 | 1927 => Meaning::Transient,
            1062 => Meaning::Duplicate,
            1146 | 1049 => Meaning::Missing,
            1292 | 1366 => Meaning::NotFound,
            _ => Meaning::Other,
        },
        mysql_async::Error::Io(_) | mysql_async::Error::Driver(_) => Meaning::Transient,
        _ => Meaning::Other,
    };
    TxError::new(meaning, error.to_string())
}
