//! A plain connection to a test's database, in text.

use std::fmt;
use std::path::Path;

use mysql_async::prelude::Queryable as _;
use rusqlite::types::ValueRef;
use tokio::sync::Mutex;
use tokio_postgres::{NoTls, SimpleQueryMessage};

/// Holds what a database said to a test's statement.
#[derive(Debug)]
pub struct SqlError(String);

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SqlError {}

/// Is one connection; statements run one after another, in one transaction if the test begins one.
pub struct Session(Connection);

enum Connection {
    Postgres(tokio_postgres::Client),
    Mysql(Mutex<mysql_async::Conn>),
    Sqlite(Mutex<rusqlite::Connection>),
}

impl Session {
    /// Connects to a URL with one of the schemes `postgres`, `mysql` and `sqlite`; panics if that fails.
    pub async fn open(url: &str) -> Session {
        match Session::connect(url).await {
            Ok(session) => session,
            Err(error) => panic!("cannot connect to a test database: {error}"),
        }
    }

    /// Connects to a URL with one of the schemes `postgres`, `mysql` and `sqlite`.
    pub async fn connect(url: &str) -> Result<Session, SqlError> {
        let connection = if let Some(path) = url.strip_prefix("sqlite:") {
            Connection::Sqlite(Mutex::new(rusqlite::Connection::open(Path::new(path))?))
        } else if url.starts_with("mysql:") {
            let options = mysql_async::Opts::from_url(url).map_err(|e| SqlError(e.to_string()))?;
            // By default the driver leaves a loopback connection for the server's socket, past any link in between.
            let options = mysql_async::OptsBuilder::from_opts(options).prefer_socket(false);
            Connection::Mysql(Mutex::new(mysql_async::Conn::new(options).await?))
        } else {
            let (client, driver) = tokio_postgres::connect(url, NoTls).await?;
            tokio::spawn(driver);
            Connection::Postgres(client)
        };
        Ok(Session(connection))
    }

    /// Runs statements separated by `;`.
    pub async fn execute(&self, sql: &str) -> Result<(), SqlError> {
        match &self.0 {
            Connection::Postgres(client) => client.batch_execute(sql).await?,
            Connection::Mysql(conn) => conn.lock().await.query_drop(sql).await?,
            Connection::Sqlite(conn) => conn.lock().await.execute_batch(sql)?,
        }
        Ok(())
    }

    /// Runs one query and returns every value in the database's own text form; bytes that are no text as `x'..'`.
    pub async fn query_text(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, SqlError> {
        match &self.0 {
            Connection::Postgres(client) => Ok(postgres_rows(&client.simple_query(sql).await?)),
            Connection::Mysql(conn) => {
                let rows: Vec<mysql_async::Row> = conn.lock().await.query(sql).await?;
                Ok(rows.into_iter().map(|row| row.unwrap().into_iter().map(mysql_text).collect()).collect())
            }
            Connection::Sqlite(conn) => Ok(sqlite_rows(&*conn.lock().await, sql)?),
        }
    }
}

fn postgres_rows(messages: &[SimpleQueryMessage]) -> Vec<Vec<Option<String>>> {
    let mut rows = Vec::new();
    for message in messages {
        if let SimpleQueryMessage::Row(row) = message {
            rows.push((0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect());
        }
    }
    rows
}

fn mysql_text(value: mysql_async::Value) -> Option<String> {
    match value {
        mysql_async::Value::NULL => None,
        mysql_async::Value::Bytes(bytes) => Some(text_or_hex(&bytes)),
        other => Some(other.as_sql(true)),
    }
}

fn sqlite_rows(conn: &rusqlite::Connection, sql: &str) -> rusqlite::Result<Vec<Vec<Option<String>>>> {
    let mut statement = conn.prepare(sql)?;
    let width = statement.column_count();
    let rows =
        statement.query_map([], |row| (0..width).map(|column| Ok(sqlite_text(row.get_ref(column)?))).collect())?;
    rows.collect()
}

fn sqlite_text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) => Some(text_or_hex(bytes)),
        ValueRef::Blob(bytes) => Some(hex(bytes)),
    }
}

fn text_or_hex(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| hex(bytes), str::to_owned)
}

fn hex(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("x'{digits}'")
}

impl From<tokio_postgres::Error> for SqlError {
    fn from(error: tokio_postgres::Error) -> SqlError {
        SqlError(error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string))
    }
}

impl From<mysql_async::Error> for SqlError {
    fn from(error: mysql_async::Error) -> SqlError {
        SqlError(error.to_string())
    }
}

impl From<rusqlite::Error> for SqlError {
    fn from(error: rusqlite::Error) -> SqlError {
        SqlError(error.to_string())
    }
}
