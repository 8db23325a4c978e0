//! The databases. Each opens connections and knows what its errors mean; nothing above knows a driver.

#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::time::Duration;

use serde_json::Value as Json;

use crate::error::{Misconfigured, TxError};
use crate::value::{Row, Value};

/// The databases that the SDK knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineName {
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
    /// SQLite.
    Sqlite,
}

impl EngineName {
    pub(crate) fn quote(self) -> char {
        if self == Self::Mysql { '`' } else { '"' }
    }

    /// A checked name, quoted.
    pub(crate) fn quoted(self, name: &str) -> Result<String, TxError> {
        let plain = synapsor_core::id::Ident::parse(name).is_ok() && name.len() <= 63;
        if !plain {
            return Err(TxError::misuse("a table or column name is not made of letters, digits and underscores"));
        }
        Ok(format!("{0}{name}{0}", self.quote()))
    }

    /// An expression for a quoted column as exact text.
    pub(crate) fn as_text(self, column: &str) -> String {
        match self {
            Self::Postgres => format!("{column}::text"),
            Self::Mysql => format!("CAST({column} AS CHAR)"),
            Self::Sqlite => format!("CAST({column} AS TEXT)"),
        }
    }

    pub(crate) fn for_update(self) -> &'static str {
        if self == Self::Sqlite { "" } else { " FOR UPDATE" }
    }

    /// Now, for the receipt table.
    pub(crate) fn now(self) -> &'static str {
        match self {
            Self::Postgres => "now()",
            Self::Mysql => "SYSDATE(6)",
            Self::Sqlite => "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
        }
    }
}

/// A column within a table, by plain names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) schema: Option<&'a str>,
    pub(crate) table: &'a str,
    pub(crate) column: &'a str,
}

/// What a column is, as far as its version can be moved and shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ColumnKind {
    /// Whole numbers and decimals.
    Number,
    /// A moment with a zone, to so many digits of a second, by the type's words.
    Instant(u32, String),
    /// A moment without a zone.
    Moment(u32, String),
    /// Anything else; on SQLite, whatever the row holds.
    Other,
}

pub(crate) enum Engine {
    #[cfg(feature = "postgres")]
    Postgres(Box<postgres::Postgres>),
    #[cfg(feature = "mysql")]
    Mysql(mysql::Mysql),
    #[cfg(feature = "sqlite")]
    Sqlite(sqlite::Sqlite),
}

/// One connection, within one transaction.
pub(crate) enum Session {
    #[cfg(feature = "postgres")]
    Postgres(postgres::Session),
    #[cfg(feature = "mysql")]
    Mysql(mysql::Session),
    #[cfg(feature = "sqlite")]
    Sqlite(sqlite::Session),
}

macro_rules! each {
    ($enum:ident, $of:expr, $bound:ident => $do:expr) => {
        match $of {
            #[cfg(feature = "postgres")]
            $enum::Postgres($bound) => $do,
            #[cfg(feature = "mysql")]
            $enum::Mysql($bound) => $do,
            #[cfg(feature = "sqlite")]
            $enum::Sqlite($bound) => $do,
        }
    };
}

impl Engine {
    /// The engine that a URL names.
    pub(crate) fn of(url: &str, lock_timeout: Duration) -> Result<Self, Misconfigured> {
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        match scheme {
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => {
                postgres::Postgres::new(url, lock_timeout).map(|engine| Self::Postgres(Box::new(engine)))
            }
            #[cfg(feature = "mysql")]
            "mysql" => mysql::Mysql::new(url, lock_timeout).map(Self::Mysql),
            #[cfg(feature = "sqlite")]
            "sqlite" | "file" => sqlite::Sqlite::new(url, lock_timeout).map(Self::Sqlite),
            _ => Err(Misconfigured::new(
                "the write URL starts with none of postgresql:, mysql: and sqlite:, or that feature is off",
            )),
        }
    }

    pub(crate) fn name(&self) -> EngineName {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => EngineName::Postgres,
            #[cfg(feature = "mysql")]
            Self::Mysql(_) => EngineName::Mysql,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => EngineName::Sqlite,
        }
    }

    /// Opens a connection and begins a transaction on it.
    pub(crate) async fn begin(&self) -> Result<Session, TxError> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(engine) => engine.begin().await.map(Session::Postgres),
            #[cfg(feature = "mysql")]
            Self::Mysql(engine) => engine.begin().await.map(Session::Mysql),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(engine) => engine.begin().await.map(Session::Sqlite),
        }
    }

    /// Ends the transaction and keeps the connection. A session that is dropped instead is closed, which undoes it.
    pub(crate) async fn end(&self, session: Session, keep: bool) -> Result<(), TxError> {
        let word = if keep { "COMMIT" } else { "ROLLBACK" };
        match (self, session) {
            #[cfg(feature = "postgres")]
            (Self::Postgres(engine), Session::Postgres(mut session)) => {
                session.command(word).await?;
                engine.take_back(session);
                Ok(())
            }
            #[cfg(feature = "mysql")]
            (Self::Mysql(_), Session::Mysql(mut session)) => session.command(word).await,
            #[cfg(feature = "sqlite")]
            (Self::Sqlite(_), Session::Sqlite(mut session)) => session.command(word),
            #[cfg(any(
                all(feature = "postgres", feature = "mysql"),
                all(feature = "postgres", feature = "sqlite"),
                all(feature = "mysql", feature = "sqlite")
            ))]
            _ => Ok(()),
        }
    }
}

impl Session {
    /// Runs a statement with `?` for values; how many rows it changed.
    pub(crate) async fn run(&mut self, sql: &str, values: &[Value]) -> Result<u64, TxError> {
        each!(Session, self, session => session.run(sql, values).await)
    }

    /// Runs a query with `?` for values.
    pub(crate) async fn rows(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, TxError> {
        each!(Session, self, session => session.rows(sql, values).await)
    }

    /// Runs a statement without values.
    pub(crate) async fn command(&mut self, sql: &str) -> Result<(), TxError> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(session) => session.command(sql).await,
            #[cfg(feature = "mysql")]
            Self::Mysql(session) => session.command(sql).await,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(session) => session.command(sql),
        }
    }

    pub(crate) async fn kind(&mut self, place: Place<'_>) -> Result<ColumnKind, TxError> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => Ok(ColumnKind::Other),
            #[cfg(any(feature = "postgres", feature = "mysql"))]
            session => {
                let (here, sql) = match session {
                    #[cfg(feature = "postgres")]
                    Self::Postgres(_) => ("current_schema()", "data_type AS kind, datetime_precision AS digits"),
                    #[cfg(any(feature = "mysql", feature = "sqlite"))]
                    _ => ("DATABASE()", "LOWER(data_type) AS kind, datetime_precision AS digits"),
                };
                let sql = format!(
                    "SELECT {sql} FROM information_schema.columns WHERE table_name = ? AND column_name = ? \
                     AND table_schema = COALESCE(?, {here})"
                );
                let values = [place.table.into(), place.column.into(), place.schema.into()];
                let rows = session.rows(&sql, &values).await?;
                let row = rows.first();
                let kind = row.and_then(|row| row.get("kind")).and_then(Json::as_str).unwrap_or_default();
                let digits = row.and_then(|row| row.get("digits")).and_then(Json::as_u64).unwrap_or(0);
                let digits = u32::try_from(digits).unwrap_or(0).min(6);
                Ok(match kind {
                    "smallint" | "integer" | "bigint" | "numeric" | "tinyint" | "mediumint" | "int" | "decimal" => {
                        ColumnKind::Number
                    }
                    "timestamp with time zone" | "timestamp" => ColumnKind::Instant(digits, kind.to_owned()),
                    "timestamp without time zone" | "datetime" => ColumnKind::Moment(digits, kind.to_owned()),
                    _ => ColumnKind::Other,
                })
            }
        }
    }
}

/// The next version of a quoted column, with its values; `None` if it cannot be moved. `held` is its text.
pub(crate) fn next_version(
    engine: EngineName,
    kind: &ColumnKind,
    column: &str,
    held: &str,
) -> Option<(String, Vec<Value>)> {
    let unit = |digits: u32| 10_u32.pow(6 - digits);
    match (engine, kind) {
        (_, ColumnKind::Number) => Some((format!("{column} + 1"), Vec::new())),
        (EngineName::Postgres, ColumnKind::Instant(digits, words) | ColumnKind::Moment(digits, words)) => {
            let now = format!("clock_timestamp()::{}", words.replacen(' ', &format!("({digits}) "), 1));
            Some((format!("greatest({now}, {column} + interval '{} microseconds')", unit(*digits)), Vec::new()))
        }
        (EngineName::Mysql, ColumnKind::Instant(digits, _) | ColumnKind::Moment(digits, _)) => {
            let now = format!("CAST(SYSDATE(6) AS DATETIME({digits}))");
            Some((format!("GREATEST({now}, {column} + INTERVAL {} MICROSECOND)", unit(*digits)), Vec::new()))
        }
        (EngineName::Sqlite, _) => {
            let now = jiff::Timestamp::now().as_microsecond();
            if let Some(next) = synapsor_core::value::moment::advance_text(held, now) {
                return Some(("?".to_owned(), vec![Value::Text(next)]));
            }
            held.parse::<i64>().ok()?;
            let next = format!("CASE typeof({column}) WHEN 'integer' THEN {column} + 1 ELSE {column} END");
            Some((next, Vec::new()))
        }
        _ => None,
    }
}

/// A version's text as JSON.
pub(crate) fn shown_version(engine: EngineName, kind: &ColumnKind, text: &str) -> Json {
    let whole = text.parse::<i64>().ok().filter(|number| number.unsigned_abs() < 1 << 53 && number.to_string() == text);
    match (engine, kind, whole) {
        (_, ColumnKind::Number, Some(number)) | (EngineName::Sqlite, _, Some(number)) => Json::from(number),
        (_, ColumnKind::Instant(..), _) => {
            Json::from(format!("{}Z", text.strip_suffix("+00").unwrap_or(text).replacen(' ', "T", 1)))
        }
        _ => Json::from(text),
    }
}
