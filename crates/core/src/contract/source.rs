//! A source database: where it is, how it is reached, what a connection may cost.

use std::time::Duration;

use crate::id::{EnvName, Ident, SettingName};

/// A database engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EngineKind {
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
    /// SQLite.
    Sqlite,
}

impl EngineKind {
    /// The word in config and records.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Sqlite => "sqlite",
        }
    }

    /// Reads [`EngineKind::word`].
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Postgres, Self::Mysql, Self::Sqlite].into_iter().find(|kind| kind.word() == word)
    }
}

/// One source database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its name in the file.
    pub name: Ident,
    /// Its engine.
    pub engine: EngineKind,
    /// The variable that holds the reader's URL.
    pub read_url_env: EnvName,
    /// The variable that holds the writer's URL.
    pub write_url_env: Option<EnvName>,
    /// Whether direct SQL writeback is forbidden.
    pub read_only: bool,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait for a lock.
    pub lock_timeout: Duration,
    /// Longest run of a statement.
    pub statement_timeout: Duration,
    /// The connection pool.
    pub pool: Pool,
    /// Transport security.
    pub tls: Tls,
    /// Where the receipt table is.
    pub receipts: Receipts,
    /// What every transaction on its rows tells the database's own policies.
    pub session: Session,
}

/// Settings that carry the trusted scope to row-level security; PostgreSQL only.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Session {
    /// Set to the tenant.
    pub tenant_setting: Option<SettingName>,
    /// Set to the principal.
    pub principal_setting: Option<SettingName>,
}

/// A connection pool's bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// Most connections held to one source by one credential.
    pub max_connections: u32,
    /// Longest wait for a free connection.
    pub acquire_timeout: Duration,
}

/// Transport security to a source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// How much is demanded; `None` = the URL's `sslmode`, else `prefer`.
    pub mode: Option<TlsMode>,
    /// A PEM file of certificate authorities, in place of the system's.
    pub ca_file: Option<String>,
}

/// How much transport security is demanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsMode {
    /// Never.
    Disable,
    /// If the server offers it.
    #[default]
    Prefer,
    /// Encrypted, whoever answers.
    Require,
    /// Encrypted, by a server whose certificate a known authority signed.
    VerifyCa,
    /// As `VerifyCa`, and the certificate names the host.
    VerifyFull,
}

/// Where the receipt table is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipts {
    /// Its schema; `None` = the target's schema.
    pub schema: Option<Ident>,
    /// Its name.
    pub table: Ident,
}
