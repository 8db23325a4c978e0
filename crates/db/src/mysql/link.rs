//! One connection to a server: its session settings, and how a statement on it is ended early.
//!
//! The driver loses count of the server's answers when a query's future is dropped: the next query on that connection
//! would get the old one's rows. So one task owns a connection, a query's future is never dropped while the connection
//! lives, and a connection whose statement was ended early is never used again.

use std::future::Future;
use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Value};
use tokio::time::timeout;

use super::address::Address;
use super::refusal;
use crate::engine::Role;
use crate::fault::{Class, Fault};

/// How long a statement that was told to end may take to do so.
const ENDING: Duration = Duration::from_secs(2);
/// How much later than the server this side gives a statement up.
const SLACK: Duration = Duration::from_secs(1);
/// How long an idle reading connection is kept by the server.
const READER_IDLE: Duration = Duration::from_secs(60);

/// A server under one credential, with its limits.
pub(super) struct Server {
    pub(super) address: Address,
    pub(super) connect: Duration,
    pub(super) lock: Duration,
    pub(super) statement: Duration,
}

/// A connection in the state that its role needs.
pub(super) struct Link {
    pub(super) conn: Conn,
    pub(super) mark: Mark,
    /// What the pinned settings were right after they were set; a reader only.
    pins: Vec<Value>,
    maria: bool,
    /// Whether the server replicates statements, which READ COMMITTED forbids.
    pub(super) replicates_statements: bool,
}

/// Which connection of which server. Behind a proxy or an alias, another connection may end at another server.
#[derive(Clone, PartialEq)]
pub(super) struct Mark {
    id: u32,
    server: Vec<(String, String)>,
}

/// Why a statement was ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// Nobody waits for it any more.
    Gone,
    /// It ran over its time, and the server did not end it.
    Late,
}

const VARIABLES: &str = "SHOW SESSION VARIABLES WHERE Variable_name IN ('hostname', 'port', 'server_id', 'server_uid', \
                         'server_uuid', 'version', 'binlog_format', 'log_bin', 'max_statement_time')";

/// Settings of every session. A server's own defaults or `init_connect` may have set any of them otherwise.
const COMMON: &str = "SET SESSION character_set_client = 'utf8mb4', character_set_results = 'utf8mb4', \
                      collation_connection = 'utf8mb4_general_ci', autocommit = 1, completion_type = 0, sql_auto_is_null = 0, \
                      sql_safe_updates = 0, sql_select_limit = 18446744073709551615";

impl Server {
    /// Connects and sets the session up for a role, within the connect limit.
    pub(super) async fn connect(&self, role: Role) -> Result<Link, Fault> {
        let opening = async {
            let mut link = Link::new(self.address.dial().await?).await?;
            let done = match role {
                Role::Reader => self.set_reader(&mut link).await,
                Role::Writer => self.set_writer(&mut link).await,
            };
            done.map_err(|error| refusal::fault(error, "setting up a session failed"))?;
            Ok(link)
        };
        match timeout(self.connect, opening).await {
            Ok(link) => link,
            Err(_) => Err(Fault::new(Class::Timeout, "connecting to the source database took too long")),
        }
    }

    async fn set_reader(&self, link: &mut Link) -> mysql_async::Result<()> {
        let lock = whole_seconds(self.lock);
        let idle = READER_IDLE.as_secs();
        let settings = format!(
            "{COMMON}, time_zone = '+00:00', sql_mode = '', lock_wait_timeout = {lock}, wait_timeout = {idle}, {}",
            self.statement_limit(link.maria)
        );
        link.conn.query_drop(settings).await?;
        // MySQL lets a statement that commits by itself, such as CREATE TABLE, out of a read-only transaction.
        link.conn.query_drop("SET SESSION TRANSACTION READ ONLY").await?;
        link.pins = link.read_pins().await?;
        Ok(())
    }

    /// Keeps the server's own time zone: a write must leave what the application's own writes leave.
    async fn set_writer(&self, link: &mut Link) -> mysql_async::Result<()> {
        let lock = whole_seconds(self.lock);
        let idle = whole_seconds(self.lock + self.statement) + 5;
        // Strict, so that nothing is cut to fit; zero dates stay allowed where the table has them.
        let settings = format!(
            "{COMMON}, sql_mode = 'STRICT_TRANS_TABLES,STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', \
             foreign_key_checks = 1, unique_checks = 1, innodb_lock_wait_timeout = {lock}, lock_wait_timeout = {lock}, \
             wait_timeout = {idle}, {}",
            self.statement_limit(link.maria)
        );
        link.conn.query_drop(settings).await?;
        let isolation = if link.replicates_statements { "REPEATABLE READ" } else { "READ COMMITTED" };
        link.conn.query_drop(format!("SET SESSION TRANSACTION ISOLATION LEVEL {isolation}, READ WRITE")).await
    }

    /// MariaDB's limit covers every statement, MySQL's only reads; there the lock waits and this side's limit do the rest.
    fn statement_limit(&self, maria: bool) -> String {
        let millis = self.statement.as_millis().max(1);
        if maria {
            format!("max_statement_time = {}.{:03}", millis / 1000, millis % 1000)
        } else {
            format!("max_execution_time = {millis}")
        }
    }

    /// The longest that this side waits for a statement.
    pub(super) fn patience(&self, role: Role) -> Duration {
        match role {
            Role::Reader => self.statement + SLACK,
            Role::Writer => self.statement + Duration::from_secs(whole_seconds(self.lock)) + SLACK,
        }
    }

    /// Runs `work`, which uses the marked connection, to its end. If it runs over its time or `gone` is ready first, the
    /// statement is ended on the server and waited for; the connection must then be thrown away.
    pub(super) async fn watched<T>(
        &self,
        mark: &Mark,
        role: Role,
        gone: impl Future<Output = ()>,
        work: impl Future<Output = T>,
    ) -> Result<T, Stop> {
        tokio::pin!(work);
        let stop = tokio::select! {
            biased;
            done = &mut work => return Ok(done),
            () = gone => Stop::Gone,
            () = tokio::time::sleep(self.patience(role)) => Stop::Late,
        };
        // Both at once: the statement's end may be what the other connection waits for, and the other way round.
        let (killed, _) = tokio::join!(self.kill(mark), timeout(ENDING, &mut work));
        if let Err(fault) = killed {
            tracing::warn!(
                error = &fault as &dyn std::error::Error,
                "a statement could not be ended in the source database; it runs into its own limits"
            );
        }
        Err(stop)
    }

    /// Ends the statement that runs on the marked connection, over a second one.
    async fn kill(&self, mark: &Mark) -> Result<(), Fault> {
        let killing = async {
            let mut link = Link::new(self.address.dial().await?).await?;
            if link.mark.server != mark.server {
                return Err(Fault::new(Class::Unreachable, "another server answers under the same address"));
            }
            let ended = link.conn.query_drop(format!("KILL QUERY {}", mark.id)).await;
            ended.map_err(|error| refusal::fault(error, "ending a statement failed"))?;
            link.close().await;
            Ok(())
        };
        match timeout(self.connect, killing).await {
            Ok(done) => done,
            Err(_) => Err(Fault::new(Class::Timeout, "connecting to end a statement took too long")),
        }
    }
}

impl Link {
    async fn new(mut conn: Conn) -> Result<Self, Fault> {
        let variables: Vec<(String, String)> = conn
            .query(VARIABLES)
            .await
            .map_err(|error| refusal::fault(error, "reading the server's settings failed"))?;
        let is = |name: &str, value: &str| {
            variables.iter().any(|(found, set)| found == name && set.eq_ignore_ascii_case(value))
        };
        let replicates_statements = is("log_bin", "ON") && is("binlog_format", "STATEMENT");
        let maria = variables.iter().any(|(name, _)| name == "max_statement_time");
        let id = conn.id();
        let told_apart_by = ["hostname", "port", "server_id", "server_uid", "server_uuid", "version"];
        let server = variables.into_iter().filter(|(name, _)| told_apart_by.contains(&name.as_str())).collect();
        Ok(Self { conn, mark: Mark { id, server }, pins: Vec::new(), maria, replicates_statements })
    }

    /// Whether the server is MariaDB.
    pub(super) fn is_maria(&self) -> bool {
        self.maria
    }

    /// Ends the read-only transaction; whether the session is still as it was set up.
    pub(super) async fn is_clean(&mut self) -> bool {
        if self.conn.query_drop("ROLLBACK").await.is_err() {
            return false;
        }
        self.read_pins().await.is_ok_and(|pins| pins == self.pins)
    }

    async fn read_pins(&mut self) -> mysql_async::Result<Vec<Value>> {
        let own = if self.maria {
            "@@max_statement_time, @@tx_read_only"
        } else {
            "@@max_execution_time, @@transaction_read_only"
        };
        let pins: Option<mysql_async::Row> = self
            .conn
            .query_first(format!(
                "SELECT @@time_zone, @@sql_mode, @@character_set_client, @@character_set_results, @@collation_connection, \
                 @@autocommit, @@sql_auto_is_null, @@sql_select_limit, @@lock_wait_timeout, {own}"
            ))
            .await?;
        Ok(pins.map(mysql_async::Row::unwrap).unwrap_or_default())
    }

    /// Says goodbye and closes; a link that does not answer is just dropped.
    pub(super) async fn close(self) {
        let _ = timeout(SLACK, self.conn.disconnect()).await;
    }
}

/// Seconds, rounded up; at least one.
fn whole_seconds(duration: Duration) -> u64 {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    seconds.max(1)
}
