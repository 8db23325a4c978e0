//! One source database under one credential: read, describe, and the guarded write. A closed set of engines.

use std::path::PathBuf;

use jiff::Timestamp;
use synapsor_core::contract::{EngineKind, Source};
use synapsor_core::id::Ident;
use synapsor_core::privilege::{Relation, Rights};
use synapsor_core::sql::receipts::{Identity, Place};
use synapsor_core::sql::write::GuardedWrite;
use synapsor_core::sql::{Sql, Whose};
use synapsor_core::value::{Cell, Table};
use synapsor_core::wire::inspection::Inspection;
use synapsor_core::writeback::{Effect, Fenced, Violation};

use crate::fault::Fault;
use crate::link::LinkState;
use crate::mysql::Mysql;
use crate::postgres::Postgres;
use crate::sqlite::Sqlite;
use crate::tx::{self, Tx};

/// How to reach a source under one credential. `Debug` never prints the URL.
pub struct Access {
    /// The URL with its credential.
    pub url: String,
    /// Limits, pool and transport security.
    pub source: Source,
    /// What the credential is for.
    pub role: Role,
    /// What relative paths (SQLite files, `ca_file`) are relative to: the config file's folder.
    pub base: PathBuf,
}

/// What a credential is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Reads only; enforced by the transaction, on SQLite by the open mode.
    Reader,
    /// The guarded write, and what must be looked at for it.
    Writer,
}

/// One source database under one credential, with its pool. Opening it connects to nothing.
pub enum Engine {
    /// PostgreSQL.
    Postgres(Postgres),
    /// MySQL and MariaDB.
    Mysql(Mysql),
    /// SQLite.
    Sqlite(Sqlite),
}

/// What to look up in the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The schema.
    pub schema: Ident,
    /// The table.
    pub table: Ident,
    /// The columns; the answer holds those that exist, in catalog order.
    pub columns: Vec<Ident>,
}

/// What a receipt table is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceiptsState {
    /// It may be used; this is what a claim on it names.
    Ready(Identity),
    /// It, or its identity, is not there or not visible.
    Missing,
    /// It could let a change be applied twice.
    Unsafe {
        /// Why: "it has no unique key on `job_id`".
        why: String,
    },
}

/// Whether the database's own policies keep tenants apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowSecurity {
    /// None applies to this account: the table has none, or the account passes over them.
    Off,
    /// A stranger sees rows.
    Leaks,
    /// A stranger sees nothing.
    Holds,
}

/// How a guarded write ends when every step held.
#[derive(Clone, Copy)]
pub enum Ending<'a> {
    /// For real, if this still says, right before COMMIT, that the lease of the claim runs.
    Commit(&'a (dyn Fn() -> bool + Sync)),
    /// A dry run: everything is undone.
    Rollback,
}

/// How often a write that was chosen as a deadlock's victim is run again.
const DEADLOCK_RETRIES: usize = 3;

impl Engine {
    /// Prepares access. Only the URL is looked at.
    pub fn open(access: Access) -> Result<Self, Fault> {
        Ok(match access.source.engine {
            EngineKind::Postgres => Self::Postgres(Postgres::open(access)?),
            EngineKind::Mysql => Self::Mysql(Mysql::open(access)?),
            EngineKind::Sqlite => Self::Sqlite(Sqlite::open(access)?),
        })
    }

    /// Runs one reading statement in a read-only transaction, within the source's limits. Dropping the future cancels
    /// the statement on the server.
    pub async fn read(&self, sql: &Sql) -> Result<Vec<Vec<Cell>>, Fault> {
        match self {
            Self::Postgres(engine) => engine.read(sql).await,
            Self::Mysql(engine) => engine.read(sql).await,
            Self::Sqlite(engine) => engine.read(sql).await,
        }
    }

    /// Waits until no statement runs, those whose futures were dropped included: a process that ends before leaves them
    /// to run on.
    pub async fn settled(&self) {
        match self {
            Self::Postgres(engine) => engine.settled().await,
            Self::Mysql(engine) => engine.settled().await,
            // Its statements end with the process.
            Self::Sqlite(_) => {}
        }
    }

    /// Looks a table up in the catalog; `None` if there is none that the role can see.
    pub async fn describe(&self, ask: &Ask) -> Result<Option<Table>, Fault> {
        match self {
            Self::Postgres(engine) => engine.describe(ask).await,
            Self::Mysql(engine) => engine.describe(ask).await,
            Self::Sqlite(engine) => engine.describe(ask).await,
        }
    }

    /// Looks at everything of which the account may read something: of one schema, or of all that are not the server's
    /// own. No row is read; on SQLite a table's first 10 000 are counted.
    pub async fn inspect(&self, schema: Option<&str>, at: Timestamp) -> Result<Inspection, Fault> {
        match self {
            Self::Postgres(engine) => engine.inspect(schema, at).await,
            Self::Mysql(engine) => engine.inspect(schema, at).await,
            Self::Sqlite(engine) => engine.inspect(schema, at).await,
        }
    }

    /// Asks the server about the link to it; `None` for a file.
    pub async fn link_state(&self) -> Result<Option<LinkState>, Fault> {
        match self {
            Self::Postgres(engine) => engine.link_state().await.map(Some),
            Self::Mysql(engine) => engine.link_state().await.map(Some),
            Self::Sqlite(_) => Ok(None),
        }
    }

    /// Looks at the receipt table.
    pub async fn receipts(&self, place: &Place) -> Result<ReceiptsState, Fault> {
        match self {
            Self::Postgres(engine) => engine.receipts(place).await,
            Self::Mysql(engine) => engine.receipts(place).await,
            Self::Sqlite(engine) => engine.receipts(place).await,
        }
    }

    /// Asks whether the database's policies hide a table's rows from a stranger. Only PostgreSQL has any.
    pub async fn row_security(&self, table: &Table, stranger: &Whose) -> Result<RowSecurity, Fault> {
        match self {
            Self::Postgres(engine) => engine.row_security(table, stranger).await,
            Self::Mysql(_) | Self::Sqlite(_) => Ok(RowSecurity::Off),
        }
    }

    /// Asks what the account may do, with these tables and beside.
    pub async fn privileges(&self, relations: &[Relation]) -> Result<Rights, Fault> {
        Ok(match self {
            Self::Postgres(engine) => Rights::Account(Box::new(engine.privileges(relations).await?)),
            Self::Mysql(engine) => Rights::Account(Box::new(engine.privileges(relations).await?)),
            Self::Sqlite(engine) => Rights::Files(engine.privileges().await?),
        })
    }

    /// Runs a guarded write where `claimed` says. A fault means that nothing was written; what was or may have been is an
    /// [`Effect`].
    pub async fn transact(
        &self,
        write: &GuardedWrite,
        claimed: &Identity,
        ending: Ending<'_>,
    ) -> Result<Effect, Fault> {
        let mut retries = DEADLOCK_RETRIES;
        loop {
            let effect = tx::guarded_write(self.begin().await?, write, claimed, ending).await?;
            let victim = matches!(effect, Effect::Rejected { violation: Violation::Deadlock, .. });
            if !victim || retries == 0 {
                return Ok(effect);
            }
            retries -= 1;
        }
    }

    /// Puts a fence in where `claimed` says, or finds what the job left.
    pub async fn fence(&self, fence: &Fence, claimed: &Identity) -> Result<Fenced, Fault> {
        tx::fence(self.begin().await?, fence, claimed).await
    }

    pub(crate) async fn begin(&self) -> Result<Tx, Fault> {
        Ok(match self {
            Self::Postgres(engine) => Tx::Postgres(engine.begin().await?),
            Self::Mysql(engine) => Tx::Mysql(engine.begin().await?),
            Self::Sqlite(engine) => Tx::Sqlite(engine.begin().await?),
        })
    }

    /// Runs statements of the receipt table's migration, one after another, outside any guarded write.
    pub async fn migrate(&self, statements: &[String]) -> Result<(), Fault> {
        match self {
            Self::Postgres(engine) => engine.migrate(statements).await,
            Self::Mysql(engine) => engine.migrate(statements).await,
            Self::Sqlite(engine) => engine.migrate(statements).await,
        }
    }
}

/// The statements of a fence.
#[derive(Debug, Clone, PartialEq)]
pub struct Fence {
    /// Reads the receipt table's identity.
    pub identity: Sql,
    /// Inserts the fence.
    pub insert: Sql,
    /// Finds what the job left.
    pub by_job: Sql,
}
