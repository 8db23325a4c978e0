//! PostgreSQL as a source database.
//!
//! Every statement binds text and returns text, so that nothing depends on the driver's idea of a type. Unless a link is
//! known to end at the server itself, statements are unnamed and settings last for one transaction, so that a pooler in
//! transaction mode may stand in between.

mod cancel;
mod catalog;
mod direct;
mod inspect;
mod kinds;
mod policy;
mod pool;
mod privileges;
mod run;
mod said;
mod tls;
mod write;

use std::sync::Arc;

use jiff::Timestamp;
use synapsor_core::contract::{EngineKind, Session};
use synapsor_core::sql::Sql;
use synapsor_core::sql::receipts::{Identity, Place, identity};
use synapsor_core::value::{Cell, Table};
use synapsor_core::wire::inspection::Inspection;

use crate::engine::{Access, Ask, ReceiptsState, Role};
use crate::fault::{Class, Fault};
use crate::link::LinkState;
use crate::tx::Commit;
use pool::Pool;
use run::{Rows, Times};
pub(crate) use write::PostgresTx;

/// Whether the link is encrypted, where it comes from, and what time it is.
const LINK: &str = "SELECT coalesce((SELECT s.ssl FROM pg_catalog.pg_stat_ssl s WHERE s.pid = pg_catalog.pg_backend_pid()), \
    false)::text, coalesce(pg_catalog.host(pg_catalog.inet_client_addr()), ''), \
    extract(epoch FROM pg_catalog.clock_timestamp())::text";

/// One source under one credential.
pub struct Postgres {
    pool: Arc<Pool>,
    times: Times,
    role: Role,
    session: Session,
}

impl Postgres {
    pub(crate) fn open(access: Access) -> Result<Self, Fault> {
        let target = tls::target(&access.url, &access.source.tls, &access.base)?;
        let times = Times::of(&access.source);
        // A writer's session stays as its administrator set it.
        let reading = (access.role == Role::Reader).then(|| times.reading_session());
        let pool = Pool::new(target, &access.source, reading);
        Ok(Self { pool, times, role: access.role, session: access.source.session })
    }

    pub(crate) async fn read(&self, sql: &Sql) -> Result<Vec<Vec<Cell>>, Fault> {
        match policy::settings(&self.session, sql) {
            None => {
                let [rows] = self.read_all([sql.clone()]).await?;
                Ok(rows)
            }
            Some(settings) => {
                let [_, rows] = self.read_all([settings, sql.clone()]).await?;
                Ok(rows)
            }
        }
    }

    pub(crate) async fn settled(&self) {
        self.pool.settled().await;
    }

    pub(crate) async fn describe(&self, ask: &Ask) -> Result<Option<Table>, Fault> {
        let [table, columns, types] = self.read_all(catalog::table(&ask.schema, &ask.table)).await?;
        catalog::read_table(ask, &table, &columns, &types)
    }

    pub(crate) async fn inspect(&self, schema: Option<&str>, at: Timestamp) -> Result<Inspection, Fault> {
        let answers = self.read_all(inspect::statements(schema)).await?;
        Ok(inspect::read(&answers, at))
    }

    pub(crate) async fn link_state(&self) -> Result<LinkState, Fault> {
        let [rows] = self.read_all([Sql::fixed(LINK, Vec::new(), 3)]).await?;
        let row = rows.first().map(Vec::as_slice).unwrap_or_default();
        let [encrypted, address, seconds] = [0, 1, 2].map(|index| catalog::text(row, index));
        LinkState::read(encrypted, address, seconds)
            .ok_or_else(|| Fault::new(Class::Other, "the server says nothing of the link"))
    }

    pub(crate) async fn receipts(&self, place: &Place) -> Result<ReceiptsState, Fault> {
        let [found] = self.read_all([catalog::receipts(place)]).await?;
        if let Some(state) = catalog::unfit_receipts(&found) {
            return Ok(state);
        }
        let rows = match self.read(&identity(EngineKind::Postgres, place)).await {
            Ok(rows) => rows,
            Err(fault) if fault.class() == Class::Missing => return Ok(ReceiptsState::Missing),
            Err(fault) => return Err(fault),
        };
        Ok(rows.first().and_then(|row| Identity::of_row(row)).map_or(ReceiptsState::Missing, ReceiptsState::Ready))
    }

    pub(crate) async fn migrate(&self, statements: &[String]) -> Result<(), Fault> {
        let mut tx = self.begin().await?;
        for statement in statements {
            if let Err(fault) = tx.define(statement).await {
                tx.rollback().await;
                return Err(fault);
            }
        }
        match tx.commit().await {
            Commit::Done => Ok(()),
            Commit::Undone(_) => Err(Fault::new(Class::Other, "the server undid the migration")),
            Commit::Unknown(reason) => Err(Fault::new(Class::Unreachable, reason)),
        }
    }

    pub(crate) async fn begin(&self) -> Result<PostgresTx, Fault> {
        if self.role != Role::Writer {
            return Err(Fault::new(Class::Permission, "the reading credential opens no write transaction"));
        }
        PostgresTx::begin(self.pool.lease().await?, self.times, self.session.clone()).await
    }

    async fn read_all<const N: usize>(&self, statements: [Sql; N]) -> Result<[Rows; N], Fault> {
        let rows = run::read(&self.pool, self.times, statements.into()).await?;
        rows.try_into().map_err(|_| Fault::new(Class::Other, "a read returned another number of results"))
    }
}
